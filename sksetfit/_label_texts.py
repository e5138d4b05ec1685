"""Class names as extra training texts: which ones there are, and whether they tell anything.

Floor 0: knows numpy. At eight texts per class the names of the classes are worth as much as several labelled texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksetfit._validation import check_label_texts

TEMPLATES = ("{}", "This sentence is about {}")


def candidate_label_texts(label_texts: Any, classes: NDArray[Any]) -> dict[Any, list[str]]:
    """Return ``{label: [texts]}`` for the parameter ``label_texts``.

    "auto" reads labels that are words (underscores and dashes become spaces) and leaves numbers alone.
    """
    if label_texts is None:
        return {}
    if isinstance(label_texts, Mapping):
        return check_label_texts(label_texts, classes.tolist())
    named = {label: _words(label) for label in classes.tolist()}
    if not all(named.values()):
        return {}
    return {label: [template.format(words) for template in TEMPLATES] for label, words in named.items()}


def _words(label: Any) -> str:
    """Return a label as words, empty where it has none."""
    if not isinstance(label, str) or not re.search(r"[^\W\d_]{2}", label):
        return ""
    return re.sub(r"[_\-\s]+", " ", label).strip()


def label_rows(label_texts: Mapping[Any, list[str]], classes: NDArray[Any]) -> tuple[list[str], NDArray[np.bool_]]:
    """Return the label texts as rows like those of the training data: texts, and an indicator matrix."""
    place = {label: i for i, label in enumerate(classes.tolist())}
    rows = [(text, place[label]) for label, texts in label_texts.items() for text in texts]
    indicator = np.zeros((len(rows), len(classes)), dtype=bool)
    indicator[np.arange(len(rows)), [column for _, column in rows]] = True
    return [text for text, _ in rows], indicator


def names_tell(
    embeddings: NDArray[np.float32],
    indicator: NDArray[np.bool_],
    label_embeddings: NDArray[np.float32],
    label_indicator: NDArray[np.bool_],
) -> bool:
    """Tell whether the label texts say something about the texts, judged on the body before tuning."""
    centred = embeddings - embeddings.mean(axis=0)
    of_class = label_indicator.T.astype(np.float32) @ (label_embeddings - label_embeddings.mean(axis=0))
    nearest = (centred @ of_class.T).argmax(axis=1)
    return bool(indicator[np.arange(len(nearest)), nearest].mean() > indicator.mean())
