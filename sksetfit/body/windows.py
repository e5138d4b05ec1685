"""Texts that are longer than a body reads at once: windows of their tokens, whose embeddings are averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from sksetfit.body.contexts import is_panic
from sksetfit.inputs.unread import unreadable

# Per text, so that the time that one text takes has a bound: 25,600 tokens at 256 per window, about 19,000 words.
MAX_WINDOWS = 100

Tokens = list[NDArray[np.int32]]


def encodings_of(encode: Callable[[list[str]], list[Encoding]], texts: Sequence[str], prompt: str) -> list[Encoding]:
    """Return what a tokenizer makes of texts behind a prompt.

    Raises
    ------
    UnreadableTextError
        If it fails at one. Its errors are of no kind of their own, and its panics, which would end the program, are
        no Exception.
    """
    try:
        return encode([prompt + text for text in texts])
    except BaseException as error:
        if not (is_panic(error) or type(error) is Exception):
            raise
        if len(texts) == 1:
            raise unreadable(texts[0]) from error
    return [encodings_of(encode, [text], prompt)[0] for text in texts]


class Windows:
    """Tokenised texts, each in one window or in several.

    Attributes
    ----------
    tokens : list of ndarray
        The token numbers of each window, prompt and special tokens included. Windows of one text are neighbours.
    rows : list of range
        The windows of each text.
    n_long : int
        The number of texts of more tokens than the body reads at once.
    cut : list of int
        The texts whose last tokens are in no window.
    unknown : list of int
        The texts of which most tokens are unknown.
    """

    def __init__(self) -> None:
        self.tokens: Tokens = []
        self.rows: list[range] = []
        self.n_long = 0
        self.cut: list[int] = []
        self.unknown: list[int] = []
        self._n_text_tokens: list[int] = []

    def add(
        self,
        windows: Sequence[Sequence[int]],
        n_text_tokens: Sequence[int],
        *,
        is_long: bool,
        is_cut: bool,
        is_unknown: bool,
    ) -> None:
        """Add a text: the token numbers of its windows, and how many of them are tokens of the text."""
        start = len(self.tokens)
        self.tokens += [np.asarray(ids, dtype=np.int32) for ids in windows]
        self.cut += [len(self.rows)] if is_cut else []
        self.unknown += [len(self.rows)] if is_unknown else []
        self.rows.append(range(start, len(self.tokens)))
        self._n_text_tokens += n_text_tokens
        self.n_long += is_long

    def keys(self) -> list[bytes | None]:
        """Return the tokens of each text as bytes, None for a text that is cut."""
        cut = set(self.cut)
        whole = (b"|".join(self.tokens[row].tobytes() for row in rows) for rows in self.rows)
        return [None if text in cut else key for text, key in enumerate(whole)]

    @property
    def n_cut(self) -> int:
        """The number of texts whose last tokens are in no window."""
        return len(self.cut)

    @property
    def split(self) -> list[int]:
        """Which texts have several windows."""
        return [text for text, rows in enumerate(self.rows) if len(rows) > 1]

    def plan(self, long_texts: str, width: int) -> str:
        """Return how many texts are longer than a window, and what becomes of them."""
        if long_texts == "truncate":
            return f"{self.n_cut} of them cut at {width} tokens (max_seq_length)"
        n_windows = sum(len(self.rows[text]) for text in self.split)
        parts = [
            f"{self.n_long} of them longer than {width} tokens (max_seq_length)",
            *([f"split into {n_windows} windows"] if n_windows else []),
            *([f"{self.n_cut} of them cut after {MAX_WINDOWS} windows"] if self.n_cut else []),
        ]
        return ", ".join(parts)

    def means(self, embeddings: NDArray[np.float32], *, normalize: bool) -> NDArray[np.float32]:
        """Return the embedding of each text: the mean of those of its windows, weighted by their text tokens.

        Parameters
        ----------
        embeddings : ndarray of shape (n_windows, n_dimensions)
        normalize : bool
            Whether means get unit length, as embeddings of single windows have it.
        """
        if not (split := self.split):
            return embeddings
        means = embeddings[[rows.start for rows in self.rows]]
        for text in split:
            rows = slice(self.rows[text].start, self.rows[text].stop)
            mean = np.average(embeddings[rows], axis=0, weights=self._n_text_tokens[rows])
            means[text] = mean / max(float(np.linalg.norm(mean)), 1e-12) if normalize else mean
        return means

    def one_each(
        self, batches: Iterable[NDArray[np.intp]], rng: np.random.RandomState
    ) -> tuple[Tokens, Iterator[NDArray[np.intp]]]:
        """Return one window of each text, and the batches.

        Each batch that is taken puts another window of its texts into the list. A text goes through its windows in a
        random order, and through all of them before one is repeated. Texts of one window draw nothing from ``rng``.
        """
        tokens = [self.tokens[rows.start] for rows in self.rows]
        left: dict[int, list[int]] = {text: [] for text in self.split}

        def batches_with_next_windows() -> Iterator[NDArray[np.intp]]:
            for batch in batches:
                for text in batch.tolist():
                    if text not in left:
                        continue
                    left[text] = left[text] or rng.permutation(self.rows[text]).tolist()
                    tokens[text] = self.tokens[left[text].pop()]
                yield batch

        return tokens, batches_with_next_windows()


def unknown_token(tokenizer: Tokenizer) -> int | None:
    """Return the token that stands for what a tokenizer does not know, None where it has none."""
    name: str | None = getattr(tokenizer.model, "unk_token", None)
    names = ["<unk>", "[UNK]"] if name is None else [name]  # a Unigram model does not name it
    return next((token for token in map(tokenizer.token_to_id, names) if token is not None), None)


def is_mostly_unknown(tokenizer: Tokenizer, unknown: int, pieces: Sequence[Encoding], n_prompt_characters: int) -> bool:
    """Tell whether a text has more unknown tokens than such with a letter or digit, prompt and special ones aside."""
    n_unknown = n_known = 0
    for piece in pieces:
        for id_, special, (_, end) in zip(piece.ids, piece.special_tokens_mask, piece.offsets, strict=True):
            if special or end <= n_prompt_characters != 0:
                continue
            n_unknown += id_ == unknown
            n_known += id_ != unknown and any(map(str.isalnum, tokenizer.id_to_token(id_) or ""))
    return n_unknown > n_known


def in_order(pieces: list[Encoding], direction: str) -> list[Encoding]:
    """Return what a tokenizer keeps of a text and what it cuts off, in the order of the text."""
    return pieces if direction == "right" else pieces[::-1]


def split_into_windows(
    pieces: list[Encoding], direction: str, width: int, n_prompt_characters: int
) -> tuple[list[list[int]], list[int], bool]:
    """Split a text into windows of nearly equal length, each with prompt and special tokens.

    Parameters
    ----------
    pieces : list of Encoding
        What the tokenizer keeps of prompt and text, and then what it cuts off; each piece has special tokens around it.
    direction : {"right", "left"}
        Where a text that is too long is cut.
    width : int
        The most tokens of a window.
    n_prompt_characters : int
        Characters of the prompt before the text.

    Returns
    -------
    windows : list of list of int
        The token numbers of each window.
    n_text_tokens : list of int
        How many of them are tokens of the text.
    is_cut : bool
        Whether the text has more tokens than `MAX_WINDOWS` windows take.
    """
    pieces = in_order(pieces, direction)
    if direction == "right":
        pieces = pieces[: MAX_WINDOWS + 1]  # a piece holds as much of a text as a window or, with a prompt, more
    before, after = _special_tokens(pieces[0])
    own = [
        id_
        for piece in pieces
        for id_, special in zip(piece.ids, piece.special_tokens_mask, strict=True)
        if not special
    ]
    n_prompt = 0
    if n_prompt_characters:
        ends = (
            end
            for piece in pieces
            for (_, end), special in zip(piece.offsets, piece.special_tokens_mask, strict=True)
            if not special
        )
        n_prompt = sum(1 for _ in takewhile(lambda end: end <= n_prompt_characters, ends))
    n_prompt = min(n_prompt, width - len(before) - len(after) - 1)
    before, text = before + own[:n_prompt], own[n_prompt:]
    n_taken = width - len(before) - len(after)
    n_windows = min(-(-len(text) // n_taken), MAX_WINDOWS)
    is_cut = len(text) > n_windows * n_taken
    n_read = n_windows * n_taken
    parts = np.array_split(text[:n_read] if direction == "right" else text[-n_read:], n_windows)
    return [[*before, *part.tolist(), *after] for part in parts], [len(part) for part in parts], is_cut


def _special_tokens(piece: Encoding) -> tuple[list[int], list[int]]:
    """Return the special tokens before and after what is a piece of a text."""
    own = np.flatnonzero(np.array(piece.special_tokens_mask) == 0)
    return piece.ids[: own[0]], piece.ids[own[-1] + 1 :]
