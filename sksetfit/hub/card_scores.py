"""What a model card says of a classifier's answers to test texts."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics import check_scoring, get_scorer_names, precision_recall_fscore_support

from sksetfit.encoder import encode_texts
from sksetfit.heads.on_embeddings import HeadOnEmbeddings
from sksetfit.heads.strategies import is_multi_label
from sksetfit.hub.card_text import Scores, one_line
from sksetfit.inputs.labels import plain_label
from sksetfit.inputs.targets import target_array
from sksetfit.inputs.texts import check_texts, column_names, short_repr


def both_given(X: Any, y: Any, name: str) -> bool:
    """Tell whether both are given, and refuse one without the other."""
    if (X is None) != (y is None):
        given, absent = ("X", "y") if y is None else ("y", "X")
        raise ValueError(f"{given}_{name} was given without {absent}_{name}. Pass both or neither.")
    return X is not None


def checked_scorer(clf: HeadOnEmbeddings, scoring: Any) -> tuple[Any, str]:
    """Return scikit-learn's scorer and what a single score of it is called; guess at names that it does not have."""
    scoring = "accuracy" if scoring is None else scoring
    names = [scoring] if isinstance(scoring, str) else scoring if isinstance(scoring, (list, tuple, set)) else []
    for name in names:
        if isinstance(name, str) and name not in get_scorer_names():
            guess = get_close_matches(name, get_scorer_names(), n=1)
            ask = f"Did you mean {guess[0]!r}? " if guess else ""
            raise ValueError(
                f"scoring has {name!r}, which scikit-learn does not know. {ask}Its names are in "
                f"sklearn.metrics.get_scorer_names()."
            )
    name_of_function = getattr(getattr(scoring, "_score_func", scoring), "__name__", "score")
    return check_scoring(clf, scoring=scoring), scoring if isinstance(scoring, str) else name_of_function


def evaluate(clf: HeadOnEmbeddings, X: Any, y: Any, scorer: Any, name: str) -> Scores:
    """Return the scores of a classifier; the texts are encoded once, whatever the scorers ask."""
    texts = check_texts(X, "X_test")
    _check_labels(clf, y, len(texts))
    y = y if is_multi_label(clf.head_) else target_array(y, name="y_test")
    ready: Any = object.__new__(type(clf))  # a shallow copy, without the checks of a saved one
    embeddings = encode_texts(clf.encoder_, texts, clf)
    ready.__dict__.update(
        vars(clf),
        _embeddings=lambda encoder, other: embeddings if other == texts else encode_texts(encoder, other, clf),
    )
    scores = scorer(ready, texts, y)
    scores = scores if isinstance(scores, Mapping) else {name: scores}
    labels = None if is_multi_label(clf.head_) else clf.classes_
    *shares, n_texts = precision_recall_fscore_support(y, ready.predict(texts), labels=labels, zero_division=0)
    columns = [column.tolist() for column in (clf.classes_, *shares, n_texts.astype(int))]
    of_labels = list(zip(*columns, strict=True))
    return Scores(len(texts), {one_line(name): float(score) for name, score in scores.items()}, of_labels)


def _check_labels(clf: HeadOnEmbeddings, y: Any, n_texts: int) -> None:
    """Refuse labels that scikit-learn would score, and score wrongly."""
    labels = y.toarray() if sparse.issparse(y) else np.asarray(y, dtype=object)
    known: list[Any] = clf.classes_.tolist()
    if len(labels) != n_texts:
        raise ValueError(f"X_test has {n_texts} texts, and y_test has {len(labels)} rows. Pass a label for each text.")
    if is_multi_label(clf.head_):
        if labels.shape[1:] != (len(known),):
            raise ValueError(f"y_test must have a column for each of {short_repr(known)}, got shape {labels.shape}.")
        names = column_names(y)
        if names and all(isinstance(name, str) for name in [*names, *known]) and names != known:
            raise ValueError(
                f"y_test must have the columns {short_repr(known)} in this order, got {short_repr(names)}."
            )
        return
    unknown = [label for label in dict.fromkeys(map(plain_label, labels.ravel().tolist())) if label not in known]
    if unknown:
        raise ValueError(
            f"y_test has labels that clf was not fitted on: {short_repr(unknown)}; those it knows are "
            f"{short_repr(known)}. Are "
            f"X_test and y_test swapped?"
        )
