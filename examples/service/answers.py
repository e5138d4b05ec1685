"""
A classifier from a file, and its answers
=========================================

What ``service.py`` serves. :func:`~sksetfit.load` runs nothing that is in the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel

from sksetfit import RejectClassifier, load

Label = str | bool | int | float


class Likely(BaseModel):
    label: Label
    probability: float


class Answer(BaseModel):
    label: Label | None  # where it is not sure
    not_sure: bool
    probability: float  # of the likeliest label
    likeliest: list[Likely]


class Model:
    """A classifier from a file, warmed up, and how sure it must be.

    Parameters
    ----------
    file : Path
        What `sksetfit.dump` wrote: any classifier of texts with `predict_proba` and one label per text.
    min_confidence : float or None
        The lowest probability that is answered. None: the threshold of a `RejectClassifier`, else 0.
    """

    def __init__(self, file: Path, min_confidence: float | None) -> None:
        if min_confidence is not None and not 0 <= min_confidence <= 1:
            raise ValueError(f"min_confidence must be a probability, between 0 and 1, got {min_confidence}.")
        self.classifier = load(file)
        if not hasattr(self.classifier, "predict_proba"):
            raise ValueError(f"it holds a {type(self.classifier).__name__}, which has no predict_proba.")
        if np.ndim(self.classifier.predict(["the first texts take longer than all others"])) != 1:
            raise ValueError("it holds a classifier of several labels per text, and the service answers with one.")
        learned = self.classifier.threshold_ if isinstance(self.classifier, RejectClassifier) else 0.0
        self.threshold = learned if min_confidence is None else min_confidence
        self.labels = self.classifier.classes_.tolist()
        self.answer(["a short one", "one as long as many are, " * 20] * 4)

    def answer(self, texts: list[str]) -> list[Answer]:
        """Return the answer to each text."""
        probabilities = self.classifier.predict_proba(texts)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :3]
        return [self._answer(row[columns], columns) for row, columns in zip(probabilities, best, strict=True)]

    def _answer(self, probabilities: np.ndarray, columns: np.ndarray) -> Answer:
        likeliest = [
            Likely(label=self.labels[column], probability=round(float(probability), 4))
            for column, probability in zip(columns, probabilities, strict=True)
        ]
        sure = bool(probabilities[0] >= self.threshold)
        label = likeliest[0].label if sure else None
        return Answer(label=label, not_sure=not sure, probability=likeliest[0].probability, likeliest=likeliest)
