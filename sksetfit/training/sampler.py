"""Which texts a training step sees: class-balanced batches of distinct texts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


class _Deck:
    """Deals items in random order; reshuffles when all have been dealt, so that each is dealt equally often."""

    def __init__(self, items: NDArray[np.intp], rng: np.random.RandomState) -> None:
        self._items = items
        self._rng = rng
        self._pile: list[int] = []

    def __len__(self) -> int:
        return len(self._items)

    def deal(self, n: int, without: set[int]) -> list[int]:
        """Deal up to ``n`` distinct items that are not in ``without``; fewer where the deck has no more."""
        hand: list[int] = []
        put_back: list[int] = []
        for _ in range(2 * len(self._items)):  # what is left of the pile and one reshuffle hold every item
            if len(hand) == n:
                break
            if not self._pile:
                self._pile = self._rng.permutation(self._items).tolist()
            item = self._pile.pop()
            (put_back if item in without or item in hand else hand).append(item)
        self._pile += [item for item in dict.fromkeys(put_back) if item not in self._pile]  # still due, and first
        return hand


def balanced_batches(
    indicator: NDArray[np.bool_], n_batches: int, batch_size: int, rng: np.random.RandomState
) -> Iterator[NDArray[np.intp]]:
    """Yield batches of distinct texts in which every drawn class has the same share.

    A batch holds all classes where at least two texts of each fit into it; otherwise the classes take turns, two
    texts each, so that every text has a partner. What a class of few texts cannot fill is shared by the others. Texts
    without any label form a separate class; a multi-label text can be drawn for each of its labels.

    Parameters
    ----------
    indicator : ndarray of shape (n_texts, n_classes), dtype bool
        Which text has which label.
    n_batches : int
        The number of batches.
    batch_size : int
        The largest number of texts in a batch. It is smaller where all classes have few texts.
    rng : RandomState
        Decides the order.

    Yields
    ------
    ndarray of shape (at most batch_size,)
        Indices into the rows of ``indicator``.
    """
    groups = [np.flatnonzero(column) for column in indicator.T]
    groups.append(np.flatnonzero(~indicator.any(axis=1)))
    decks = [_Deck(group, rng) for group in groups if len(group)]
    classes = _Deck(np.arange(len(decks)), rng)
    n_drawn = min(len(decks), max(batch_size // 2, 1))
    for _ in range(n_batches):
        batch: set[int] = set()
        drawn = sorted(classes.deal(n_drawn, without=set()), key=lambda deck: len(decks[deck]))
        for place, deck in enumerate(drawn):  # the smallest first: what they cannot fill is shared by the others
            share = (batch_size - len(batch)) // (n_drawn - place)
            batch.update(decks[deck].deal(share, without=batch))
        yield np.fromiter(sorted(batch), dtype=np.intp)
