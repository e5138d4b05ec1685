"""Class names as extra training texts: the candidates, and the check that they match the labelled texts.

At eight texts per class, class names are worth several labelled texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksetfit.inputs.templates import as_words, templated
from sksetfit.inputs.texts import check_label_texts

N_TEMPLATES = 3  # next to labelled texts more of them bring nothing
# Measured on six data sets: meaningful names are above in nearly all samples of two texts per class, meaningless ones
# below. Two classes differ in a single direction, so the measure is noisy, and the limit is lower.
MIN_ALIGNMENT, MIN_ALIGNMENT_OF_TWO = 0.05, 0.03


def candidate_label_texts(label_texts: Any, classes: NDArray[Any]) -> dict[Any, list[str]]:
    """Return ``{label: [texts]}`` for the parameter ``label_texts``.

    "auto" reads labels that are words (underscores and dashes become spaces), and leaves alone numbers, single
    letters, and names that differ by a number only.
    """
    if label_texts is None:
        return {}
    if isinstance(label_texts, Mapping):
        return check_label_texts(label_texts, classes.tolist())
    named = {label: _words(label) for label in classes.tolist()}
    if len({re.sub(r"[\W\d]", "", words) for words in named.values()} - {""}) < len(named):
        return {}
    return {label: templated(words)[:N_TEMPLATES] for label, words in named.items()}


def _words(label: Any) -> str:
    """Return a label as words, empty where it has none."""
    if not isinstance(label, str) or not re.search(r"[^\W\d_]{2}", label):
        return ""
    return as_words(label)


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
