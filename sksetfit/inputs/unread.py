"""What a body cannot read of texts: counted where they are tokenised, and said once per call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from sksetfit.inputs.texts import short_repr
from sksetfit.utils.warn import warn_caller

# Shares of the distinct texts. Large data sets have a few texts of emoji, and a few labelled differently that differ
# in case only: 0.01 and 0.08 % of them at most in eight public sets, read by MiniLM.
MIN_SHARE_OF_UNKNOWN, MIN_SHARE_OF_SAME_TOKENS = 0.001, 0.02
MULTILINGUAL = "model='sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2'"


class UnreadTexts:
    """Counts of the distinct texts of a call.

    Attributes
    ----------
    n_texts : int
        All of them.
    n_unknown : int
        Those of which most tokens are unknown.
    n_cut : int
        Those whose last tokens are not read.
    """

    def __init__(self) -> None:
        self.n_texts = self.n_unknown = self.n_cut = 0
        self._examples: list[str] = []

    def add(self, texts: Sequence[str], unknown: Sequence[int], cut: Sequence[int]) -> None:
        """Count texts that have been tokenised, given which of them are mostly unknown and which are cut."""
        self.n_texts += len(texts)
        self.n_unknown += len(unknown)
        self.n_cut += len(cut)
        self._examples += [texts[text] for text in unknown[: 2 - len(self._examples)]]

    @property
    def message(self) -> str | None:
        """What to warn of, None where all texts can be read."""
        if not self.n_unknown or self.n_unknown < MIN_SHARE_OF_UNKNOWN * self.n_texts:
            return None
        return (
            f"{self.n_unknown} of {self.n_texts} distinct texts consist mostly of tokens that the model does not know, "
            f"for example {_listed(self._examples)}. Their embeddings, and what is predicted from them, say little. "
            f"Take a model whose tokenizer has these characters: a multilingual one such as {MULTILINGUAL}, or one "
            f"that was trained on such texts."
        )

    def report(self, verbose: int) -> None:
        """Warn of texts that are mostly unknown, and with ``verbose`` print how many are cut."""
        if verbose and self.n_cut:
            print(f"[sksetfit] {self.n_cut} of {self.n_texts} distinct texts are cut: the model reads less than all")
        if self.message is not None:
            warn_caller(self.message)


def same_tokens_message(
    texts: Sequence[str], tokens: Sequence[bytes | None], indicator: NDArray[np.bool_]
) -> str | None:
    """Return what to warn of where distinct texts of different classes become the same tokens, else None.

    Parameters
    ----------
    texts : sequence of str
        Distinct texts.
    tokens : sequence of bytes or None
        The token numbers of each; None leaves a text out.
    indicator : ndarray of shape (n_texts, n_classes), dtype bool
    """
    first_of: dict[bytes, int] = {}
    same: dict[int, int] = {}  # a text, and the first of another class with its tokens
    for text, key in enumerate(tokens):
        if key is None:
            continue
        first = first_of.get(key, text)
        first_of[key] = first
        if first != text and (indicator[first] != indicator[text]).any():
            same[text] = first
    n_same = len(same.keys() | same.values())
    if n_same < max(2, MIN_SHARE_OF_SAME_TOKENS * len(texts)):
        return None
    pairs = [(texts[first], texts[text]) for text, first in same.items()]
    not_blank = [pair for pair in pairs if all(map(str.strip, pair))]
    if not_blank:
        way = (
            f"Take a model whose tokenizer keeps the difference: a multilingual one such as {MULTILINGUAL} for capital "
            f"letters, accents and other scripts."
        )
    else:
        way = "Drop the texts that are empty or white space."
    return (
        f"{n_same} of {len(texts)} distinct texts become the same tokens as a text of another class, for example "
        f"{_listed((not_blank or pairs)[0])}: no classifier can tell them apart. {way}"
    )


def _listed(texts: Sequence[str]) -> str:
    return " and ".join(map(short_repr, texts))


class UnreadableTextError(ValueError):
    """The tokenizer has failed at this text."""

    text: str


def unreadable(text: str, where: str = "") -> UnreadableTextError:
    """Return the error of a text. An exception whose ``__init__`` has other parameters could not be unpickled."""
    advice = "Leave the text out, or take another model."
    error = UnreadableTextError(f"The model's tokenizer fails at the text {short_repr(text)}{where}. {advice}")
    error.text = text
    return error


@contextmanager
def naming_rows(texts: Sequence[str]) -> Iterator[None]:
    """Name the row of a text at which the tokenizer fails; label texts have none."""
    try:
        yield
    except UnreadableTextError as error:
        if error.text not in texts:
            raise
        raise unreadable(error.text, f" at row {texts.index(error.text)}") from error
