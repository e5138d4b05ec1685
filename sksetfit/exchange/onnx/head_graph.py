"""A fitted classifier of embeddings as a graph of ONNX: linear ones by hand, others by skl2onnx."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.multiclass import OneVsRestClassifier, _ConstantPredictor
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import Pipeline

from sksetfit.exchange.onnx.nodes import Nodes
from sksetfit.exchange.onnx.unwrap import inner_of
from sksetfit.heads.default import LogisticRegressionHead
from sksetfit.heads.strategies import is_multi_label
from sksetfit.heads.torch_head import TorchHead

_SMALLEST = 1e-30  # what takes the place of a probability of 0 in a logarithm


def add_head(nodes: Nodes, classifier: Any, embedding: Any, *, multi_label: bool) -> tuple[Any, Any]:
    """Add a classifier of embeddings to a graph.

    Parameters
    ----------
    nodes : Nodes
    classifier : classifier
        Fitted on embeddings, or a classifier of texts around such a one, whose encoder is passed over.
    embedding : onnx_ir.Value
    multi_label : bool

    Returns
    -------
    logits, probabilities : onnx_ir.Value
        Of shape (n_texts, n_classes). The softmax of the logits, for several labels per text the sigmoid, are the
        probabilities.

    Raises
    ------
    ValueError
        If a part of it cannot be converted.
    """
    probabilities = _probabilities(nodes, classifier, embedding)
    logits = nodes.log(probabilities, _SMALLEST)
    if multi_label:
        logits = nodes.op("Sub", logits, nodes.log(nodes.op("Sub", nodes.number(1), probabilities), _SMALLEST))
    return logits, probabilities


def _probabilities(nodes: Nodes, classifier: Any, x: Any) -> Any:
    """Return the probabilities of the classes or labels, of shape (n_texts, n_classes)."""
    classifier = inner_of(classifier)
    for kinds, build in _BUILDERS:
        if isinstance(classifier, kinds) and (found := build(nodes, classifier, x)) is not None:
            return found
    return nodes.converted(classifier, x)


# -- linear classifiers


def _scores(nodes: Nodes, classifier: Any, x: Any) -> Any:
    """Return the decision function of a linear classifier, of shape (n_texts, 1) for two classes; None of another."""
    classifier = inner_of(classifier)
    if not isinstance(classifier, (LinearClassifierMixin, TorchHead)):
        return None
    coef = classifier.coef_.toarray() if hasattr(classifier.coef_, "toarray") else classifier.coef_
    return _linear(nodes, coef, classifier.intercept_, x)


def _linear(nodes: Nodes, coef: NDArray[Any], intercept: Any, x: Any) -> Any:
    intercepts = np.broadcast_to(np.ravel(intercept), len(coef))
    return nodes.op("Add", nodes.op("MatMul", x, nodes.array(coef.T)), nodes.array(intercepts))


def _logistic(nodes: Nodes, classifier: Any, x: Any) -> Any:
    scores = _scores(nodes, classifier, x)
    if getattr(classifier, "multilabel_", False):
        return nodes.op("Sigmoid", scores)
    if len(classifier.classes_) == 2:
        return nodes.both_sides(nodes.op("Sigmoid", scores))
    return _one_against_all(nodes, scores) if _is_one_against_all(classifier) else nodes.softmax(scores)


def _is_one_against_all(classifier: Any) -> bool:
    return getattr(classifier, "solver", "") == "liblinear" or getattr(classifier, "multi_class", "") == "ovr"


def _one_against_all(nodes: Nodes, scores: Any) -> Any:
    return nodes.shares(nodes.op("Sigmoid", scores))


def _stochastic(nodes: Nodes, classifier: Any, x: Any) -> Any:
    if classifier.loss != "log_loss":
        return None
    scores = _scores(nodes, classifier, x)
    if len(classifier.classes_) == 2:
        return nodes.both_sides(nodes.op("Sigmoid", scores))
    return _one_against_all(nodes, scores)


# -- several labels


def _one_vs_rest(nodes: Nodes, classifier: Any, x: Any) -> Any:
    return _columns(nodes, classifier.estimators_, x) if is_multi_label(classifier) else None


def _multi_output(nodes: Nodes, classifier: Any, x: Any) -> Any:
    return _columns(nodes, classifier.estimators_, x)


def _columns(nodes: Nodes, estimators: Sequence[Any], x: Any) -> Any:
    """Return the probability of 1 by each of some classifiers of 0 and 1."""
    if all(type(each) is LogisticRegression and len(each.classes_) == 2 for each in estimators):
        coef = np.concatenate([each.coef_ for each in estimators])
        intercept = np.concatenate([np.broadcast_to(np.ravel(each.intercept_), 1) for each in estimators])
        return nodes.op("Sigmoid", _linear(nodes, coef, intercept, x))
    return nodes.joined([_second(nodes, each, x) for each in estimators])


def _second(nodes: Nodes, classifier: Any, x: Any) -> Any:
    """Return the probability of the second of two classes; of 1 where a classifier has seen one class only."""
    classes = getattr(classifier, "classes_", (0, 1))
    if len(classes) == 1:
        return nodes.constant_row([float(classes[0])], x)
    return nodes.column(_probabilities(nodes, classifier, x), 1)


def _chain(nodes: Nodes, classifier: Any, x: Any) -> Any:
    """Return the probabilities of a chain, each of whose links sees what those before it have answered."""
    seen: list[Any] = []
    found: list[Any] = []
    for link in classifier.estimators_:
        own = nodes.joined([x, *seen])
        found.append(_second(nodes, link, own))
        method = getattr(classifier, "chain_method_", "predict")
        if method == "predict":
            answer = nodes.as_float(nodes.op("Greater", found[-1], nodes.number(0.5)))
        elif method == "predict_proba":
            answer = found[-1]
        else:
            answer = _scores(nodes, link, own)
            if answer is None:
                return None
        seen.append(answer)
    return nodes.joined([found[place] for place in np.argsort(classifier.order_)])


# -- others


def _constant(nodes: Nodes, classifier: Any, x: Any) -> Any:
    if classifier.strategy not in {"constant", "prior"}:
        return None
    return nodes.constant_row(classifier.predict_proba(np.zeros((1, 1)))[0], x)


def _constant_of_label(nodes: Nodes, classifier: Any, x: Any) -> Any:
    """Return what `OneVsRestClassifier` puts in the place of a classifier of a label that all texts had, or none."""
    has_label = float(np.ravel(classifier.y_)[0])
    return nodes.constant_row([1 - has_label, has_label], x)


def _calibrated(nodes: Nodes, classifier: Any, x: Any) -> Any:
    """Return the mean of the calibrated classifiers."""
    parts = [_calibrated_once(nodes, each, x) for each in classifier.calibrated_classifiers_]
    if any(part is None for part in parts):
        return None
    return nodes.times(nodes.total(parts), 1 / len(parts))


def _calibrated_once(nodes: Nodes, part: Any, x: Any) -> Any:
    is_two = len(part.classes) == 2
    scores = _scores(nodes, part.estimator, x)
    if scores is None:
        if hasattr(inner_of(part.estimator), "decision_function"):
            return None  # by which it is calibrated, and which only skl2onnx has
        probabilities = _probabilities(nodes, part.estimator, x)
        if part.method == "temperature":
            return nodes.softmax(nodes.times(nodes.log(probabilities, 1e-12), part.calibrators[0].beta_))
        scores = nodes.column(probabilities, 1) if is_two else probabilities
    if part.method == "temperature":
        both = nodes.joined([nodes.op("Neg", scores), scores]) if is_two else scores
        return nodes.softmax(nodes.times(both, part.calibrators[0].beta_))
    if len(part.calibrators) != (1 if is_two else len(part.classes)):  # a fold that lacked a class
        return None
    calibrate = _isotonic if part.method == "isotonic" else _sigmoid
    columns = [calibrate(nodes, each, nodes.column(scores, i)) for i, each in enumerate(part.calibrators)]
    return nodes.both_sides(columns[0]) if is_two else nodes.shares(nodes.joined(columns))


def _sigmoid(nodes: Nodes, curve: Any, score: Any) -> Any:
    return nodes.op("Sigmoid", nodes.op("Sub", nodes.times(score, -curve.a_), nodes.number(curve.b_)))


def _isotonic(nodes: Nodes, curve: Any, score: Any) -> Any:
    """Return the sum of the lowest value and what each piece of a curve adds, up to the place of the score."""
    places, values = curve.X_thresholds_, curve.y_thresholds_
    lengths = np.diff(places)
    if not len(lengths):
        return nodes.constant_row(values[:1], score)
    within = nodes.op("Max", nodes.op("Sub", score, nodes.array(places[:-1])), nodes.number(0))
    added = nodes.op("Min", nodes.op("Div", within, nodes.array(lengths)), nodes.number(1))
    return nodes.op("Add", nodes.op("MatMul", added, nodes.array(np.diff(values)[:, None])), nodes.number(values[0]))


def _voting(nodes: Nodes, classifier: Any, x: Any) -> Any:
    """Return the mean of the members, without those that are dropped."""
    weights = np.ones(len(classifier.estimators)) if classifier.weights is None else np.asarray(classifier.weights)
    weights = weights[[member != "drop" for _, member in classifier.estimators]]
    parts = [
        nodes.times(_probabilities(nodes, member, x), weight / weights.sum())
        for member, weight in zip(classifier.estimators_, weights, strict=True)
    ]
    return nodes.total(parts)


def _default(nodes: Nodes, classifier: Any, x: Any) -> Any:
    return _probabilities(nodes, classifier.estimator_, x)


def _pipeline(nodes: Nodes, classifier: Any, x: Any) -> Any:
    """Convert the transformers before a classifier, which need not be one that skl2onnx knows."""
    steps = [step for _, step in classifier.steps[:-1] if step not in (None, "passthrough")]
    for step in steps:
        x = nodes.transformed(step, x)
    return _probabilities(nodes, classifier.steps[-1][1], x)


_LOGISTIC = (LogisticRegression, LogisticRegressionCV, LinearDiscriminantAnalysis, TorchHead)
_BUILDERS: list[tuple[Any, Callable[[Nodes, Any, Any], Any]]] = [
    (_LOGISTIC, _logistic),
    (SGDClassifier, _stochastic),
    (LogisticRegressionHead, _default),
    (OneVsRestClassifier, _one_vs_rest),
    (MultiOutputClassifier, _multi_output),
    (ClassifierChain, _chain),
    (CalibratedClassifierCV, _calibrated),
    (VotingClassifier, _voting),
    (DummyClassifier, _constant),
    (_ConstantPredictor, _constant_of_label),
    (Pipeline, _pipeline),
]
