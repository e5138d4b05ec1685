"""Scores of a fitted classifier on test texts, for its model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from sksetfit.encoder import encode_texts, encoded_chunks
from sksetfit.heads.on_embeddings import HeadOnEmbeddings
from sksetfit.heads.strategies import is_multi_label
from sksetfit.hub.card_facts import one_line
from sksetfit.inputs.targets import align_columns, target_array
from sksetfit.inputs.texts import check_texts, short_repr, side_by_side


class Scores(NamedTuple):
    """Scores of a classifier on test texts."""

    n_texts: int
    scores: dict[str, float]
    of_labels: list[tuple[Any, ...]]  # label, precision, recall, F1, number of texts


def evaluate(clf: HeadOnEmbeddings, X: Any, y: Any, scorer: Any, scoring: Any) -> Scores:
    """Return the scores of a classifier; the texts are encoded once, whatever the scorers ask."""
    texts = check_texts(X, "X_test")
    y = align_columns(y, clf.classes_, "y_test") if is_multi_label(clf.head_) else y
    y = target_array(y, len(texts), "y_test")
    _check_labels(clf, y)
    ready: Any = object.__new__(type(clf))  # a shallow copy, without the checks of a saved one
    ordered, _ = side_by_side(texts)
    embeddings = encode_texts(clf.encoder_, ordered, clf)
    ready.__dict__.update(
        vars(clf),
        _encoded_chunks=lambda encoder, other: (
            [embeddings] if other == ordered else encoded_chunks(encoder, other, clf)
        ),
    )
    scores = scorer(ready, texts, y)
    if not isinstance(scores, Mapping):
        function = getattr(scoring, "_score_func", scoring)
        scores = {scoring if isinstance(scoring, str) else getattr(function, "__name__", "score"): scores}
    labels = None if is_multi_label(clf.head_) else clf.classes_
    *shares, n_texts = precision_recall_fscore_support(y, ready.predict(texts), labels=labels, zero_division=0)
    columns = [column.tolist() for column in (clf.classes_, *shares, n_texts.astype(int))]
    of_labels = list(zip(*columns, strict=True))
    return Scores(len(texts), {one_line(name): float(score) for name, score in scores.items()}, of_labels)


def _check_labels(clf: HeadOnEmbeddings, y: NDArray[Any]) -> None:
    """Refuse targets of another shape or other labels than those that the classifier was fitted on."""
    known: list[Any] = clf.classes_.tolist()
    if is_multi_label(clf.head_):
        if y.shape[1:] != (len(known),):
            raise ValueError(f"y_test must have a column for each of {short_repr(known)}, got shape {y.shape}.")
        return
    if y.ndim > 1:
        raise ValueError(f"y_test must hold one label per text, as y of the fit does, got shape {y.shape}.")
    if unknown := [label for label in dict.fromkeys(y.tolist()) if label not in known]:
        raise ValueError(
            f"y_test has labels that clf was not fitted on: {short_repr(unknown)}; those it knows are "
            f"{short_repr(known)}. Are X_test and y_test swapped?"
        )
