"""What a classifier of texts is made of: one encoder, a classifier of its embeddings, and a rule of decision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sksetfit.encoder import SetFitEncoder
from sksetfit.heads.on_embeddings import HeadOnEmbeddings
from sksetfit.heads.strategies import is_multi_label
from sksetfit.model_selection.reject import RejectClassifier
from sksetfit.model_selection.thresholds import MultiLabelThresholdClassifier


class Decision(NamedTuple):
    """How labels follow from probabilities."""

    classes: NDArray[Any]
    multi_label: bool
    thresholds: list[float] | None  # of the labels; None is 0.5
    reject: dict[str, Any] | None  # the threshold of the largest probability and the label below it

    def config(self) -> dict[str, Any]:
        """Return it as what a JSON file can hold."""
        return {
            "labels": self.classes.tolist(),
            "labels_dtype": self.classes.dtype.str,
            "multi_label": self.multi_label,
            "thresholds": self.thresholds,
            "reject": self.reject,
        }


def encoder_of(clf: Any) -> tuple[SetFitEncoder, Any]:
    """Return the fitted encoder that a classifier of texts stands on, and whose ``precision`` and ``backend`` count.

    Raises
    ------
    TypeError
        If it is no classifier of texts that can be taken apart.
    ValueError
        If it has several encoders.
    NotFittedError
        If it is not fitted.
    """
    found = list(_encoders(clf))
    if len({id(vars(encoder)["_tuned"]) for encoder, _ in found}) > 1:
        raise ValueError(
            f"This {type(clf).__name__} has {len(found)} tuned bodies, and the folder holds one. Calibrate one that is "
            f"fitted: CalibratedClassifierCV(FrozenEstimator(clf)), or with ensemble=False."
        )
    return found[0]


def _encoders(estimator: Any) -> Iterator[tuple[SetFitEncoder, Any]]:
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(
            f"write_onnx(clf, folder) writes a fitted classifier of texts, got {type(estimator).__name__}. Give the "
            f"classifier first, then the folder; texts to compare go into texts=."
        )
    if isinstance(estimator, Pipeline):
        first, *others = (step for _, step in estimator.steps)
        first = first.estimator if isinstance(first, FrozenEstimator) else first
        if isinstance(first, SetFitEncoder) and others:
            check_is_fitted(estimator)
            yield first, first
            return
        if not others:
            yield from _encoders(first)
            return
    elif isinstance(estimator, HeadOnEmbeddings):
        check_is_fitted(estimator)
        yield estimator.encoder_, estimator
        return
    elif isinstance(estimator, CalibratedClassifierCV):
        check_is_fitted(estimator)
        for each in estimator.calibrated_classifiers_:
            yield from _encoders(each.estimator)
        return
    elif (inner := _wrapped(estimator)) is not None:
        yield from _encoders(inner)
        return
    raise TypeError(
        f"write_onnx cannot write a {type(estimator).__name__}. It writes a SetFitClassifier or a "
        f"DistilledSetFitClassifier, a Pipeline of a SetFitEncoder and a classifier, and a RejectClassifier, "
        f"MultiLabelThresholdClassifier, CalibratedClassifierCV, FrozenEstimator or fitted search around one of them."
    )


def _wrapped(estimator: Any) -> Any:
    """Return the fitted classifier that a wrapper asks for probabilities, None of what is no wrapper."""
    if isinstance(estimator, FrozenEstimator):
        return estimator.estimator
    name = "best_estimator_" if isinstance(estimator, BaseSearchCV) else "estimator_"
    if isinstance(estimator, (BaseSearchCV, RejectClassifier, MultiLabelThresholdClassifier)):
        check_is_fitted(estimator, name)
        return getattr(estimator, name)
    return None


def inner_of(estimator: Any) -> Any:
    """Return the classifier of embeddings whose probabilities are those of a classifier, without wrappers."""
    while True:
        if isinstance(estimator, HeadOnEmbeddings):
            estimator = estimator.head_
        elif isinstance(estimator, Pipeline) and len(estimator.steps) == 1:
            estimator = estimator.steps[0][1]
        elif isinstance(estimator, Pipeline) and _is_encoder(estimator.steps[0][1]):
            estimator = Pipeline(estimator.steps[1:])
        elif (inner := _wrapped(estimator)) is not None:
            estimator = inner
        else:
            return estimator


def _is_encoder(step: Any) -> bool:
    return isinstance(step.estimator if isinstance(step, FrozenEstimator) else step, SetFitEncoder)


def decision_of(clf: Any) -> Decision:
    """Return how the labels of a classifier follow from its probabilities.

    Raises
    ------
    ValueError
        If a label is none that JSON has.
    """
    inner = inner_of(clf)
    answering = inner.steps[-1][1] if isinstance(inner, Pipeline) else inner
    multi_label = is_multi_label(answering)
    classes = getattr(clf, "classes_", None)
    if isinstance(classes, list):  # one array for each label, as some strategies have
        if not all(set(np.ravel(each).tolist()) <= {0, 1} for each in classes) or not multi_label:
            raise ValueError(f"{type(answering).__name__} answers several targets that are not 0 and 1 of labels.")
        classes = np.arange(len(classes))
    classes = np.asarray(classes)
    if not all(isinstance(label, (str, int, float)) for label in classes.tolist()):
        kinds = sorted({type(label).__name__ for label in classes.tolist()})
        raise ValueError(f"Labels must be str, int, bool or float to be written as JSON, got {kinds}.")
    thresholds = reject = None
    for wrapper in _wrappers(clf):
        if isinstance(wrapper, MultiLabelThresholdClassifier):
            thresholds = wrapper.thresholds_.tolist()
        elif isinstance(wrapper, RejectClassifier):
            reject = {"threshold": float(wrapper.threshold_), "label": wrapper.reject_label_}
    return Decision(classes, multi_label, thresholds, reject)


def _wrappers(estimator: Any) -> Iterator[Any]:
    """Yield a classifier and, where its predictions are theirs, those that it is around."""
    while estimator is not None:
        yield estimator
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, (RejectClassifier, MultiLabelThresholdClassifier)):
            return
        else:
            estimator = _wrapped(estimator)
