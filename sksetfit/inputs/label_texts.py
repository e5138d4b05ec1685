"""Class names as extra training texts: the candidates, and the check that they match the labelled texts.

At eight texts per class, class names are worth several labelled texts.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksetfit.inputs.labels import check_labels_known, plain_keys
from sksetfit.inputs.templates import as_words, templated
from sksetfit.inputs.texts import check_texts

N_TEMPLATES = 3  # next to labelled texts more of them bring nothing
# Measured on six data sets: meaningful names are above in nearly all samples of two texts per class, meaningless ones
# below. Two classes differ in a single direction, so the measure is noisy, and the limit is lower.
MIN_ALIGNMENT, MIN_ALIGNMENT_OF_TWO = 0.05, 0.03


def candidate_label_texts(label_texts: Any, classes: NDArray[Any]) -> dict[Any, list[str]]:
    """Return ``{label: [texts]}`` for the parameter ``label_texts``, with those labels only that are in ``classes``.

    "auto" reads labels that are words (underscores and dashes become spaces). Labels without a word, such as numbers
    and single letters, get no texts, nor do labels that differ by a number, case or punctuation only.
    """
    if label_texts is None:
        return {}
    if isinstance(label_texts, Mapping):
        return check_label_texts(label_texts, classes.tolist())
    named = {label: as_words(label) for label in classes.tolist() if isinstance(label, str) and _has_word(label)}
    letters = {label: "".join(_letters(words)).casefold() for label, words in named.items()}
    n_labels = Counter(letters.values())
    return {label: templated(words)[:N_TEMPLATES] for label, words in named.items() if n_labels[letters[label]] == 1}


def check_label_texts(label_texts: Mapping[Any, Any], classes: list[Any]) -> dict[Any, list[str]]:
    """Return ``{label: [texts]}`` for labels that are in ``classes``, each with at least one text.

    Raises
    ------
    ValueError
        If a label is unknown while another has no texts, or a label has no text or an empty one.
    TypeError
        If the texts of a label are no texts.
    """
    label_texts = plain_keys(label_texts)
    check_labels_known(label_texts, classes, "label_texts")
    checked = {
        label: check_texts([texts] if isinstance(texts, str) else texts, f"label_texts[{label!r}]")
        for label, texts in label_texts.items()
    }
    for label, texts in checked.items():
        if empty := [row for row, text in enumerate(texts) if not text.strip()]:
            raise ValueError(
                f"label_texts[{label!r}] has an empty text at row {empty[0]}. Say what the class is about, or leave "
                f"the label out of the dict."
            )
    return {label: texts for label, texts in checked.items() if label in classes}


def _is_letter(character: str) -> bool:
    """Tell whether a character is a letter or, as the vowels of many scripts are, a mark on one."""
    return unicodedata.category(character)[0] in "LM"


def _letters(text: str) -> list[str]:
    return list(filter(_is_letter, unicodedata.normalize("NFKC", text)))


def _has_word(label: str) -> bool:
    """Tell whether a label holds two letters side by side, or one that is a word or syllable, as in Chinese."""
    for is_word, run in groupby(unicodedata.normalize("NFKC", label), _is_letter):
        characters = list(run)
        if is_word and (len(characters) > 1 or unicodedata.east_asian_width(characters[0]) == "W"):
            return True
    return False


def label_rows(label_texts: Mapping[Any, list[str]], classes: NDArray[Any]) -> tuple[list[str], NDArray[np.bool_]]:
    """Return the label texts as rows like those of the training data: texts, and an indicator matrix."""
    place = {label: i for i, label in enumerate(classes.tolist())}
    rows = [(text, place[label]) for label, texts in label_texts.items() for text in texts]
    indicator = np.zeros((len(rows), len(classes)), dtype=bool)
    indicator[np.arange(len(rows)), [column for _, column in rows]] = True
    return [text for text, _ in rows], indicator


def names_are_informative(
    embeddings: NDArray[np.float32],
    indicator: NDArray[np.bool_],
    label_embeddings: NDArray[np.float32],
    label_indicator: NDArray[np.bool_],
) -> bool:
    """Return whether the label texts match the labelled texts, measured on the frozen body.

    They match if texts and label texts separate the classes in similar directions: the centred class means of the texts
    and those of the label texts have a cosine above a small minimum. Meaningless names have a cosine near 0, names of
    the wrong classes a negative one.

    Parameters
    ----------
    embeddings : ndarray of shape (n_texts, n_dimensions)
    indicator : ndarray of shape (n_texts, n_classes), dtype bool
    label_embeddings : ndarray of shape (n_label_texts, n_dimensions)
    label_indicator : ndarray of shape (n_label_texts, n_classes), dtype bool
    """
    present = indicator.any(axis=0) & label_indicator.any(axis=0)
    by_texts = _centred_class_means(embeddings, indicator[:, present])
    by_names = _centred_class_means(label_embeddings, label_indicator[:, present])
    norm = np.linalg.norm(by_texts) * np.linalg.norm(by_names)
    minimum = MIN_ALIGNMENT if len(by_texts) > 2 else MIN_ALIGNMENT_OF_TWO
    return bool(np.vdot(by_texts, by_names) > minimum * norm)


def _centred_class_means(embeddings: NDArray[np.float32], indicator: NDArray[np.bool_]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = indicator.T @ embeddings.astype(np.float64) / indicator.sum(axis=0)[:, None]
    means -= means.mean(axis=0)
    return means
