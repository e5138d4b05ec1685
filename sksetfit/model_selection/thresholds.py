"""MultiLabelThresholdClassifier: a decision threshold of its own for each label."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils import Tags, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, _raise_for_params, process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params, _num_samples, check_is_fitted, indexable

from sksetfit.inputs.scoring import TargetScoreMixin
from sksetfit.inputs.stratification import stratified_folds
from sksetfit.inputs.targets import Targets, check_targets
from sksetfit.inputs.texts import column_names, local_random_state, short_repr
from sksetfit.model_selection.held_out import HeldOutMixin, fit_and_predict

Rows = NDArray[np.intp]
Splits = list[tuple[Rows, Rows]]
Indicator = NDArray[np.bool_]
Probabilities = NDArray[np.float64]
Score = Callable[[Indicator, Indicator], float]

_MOST_CANDIDATES = 100  # per label: each is a call of the metric


class MultiLabelThresholdClassifier(HeldOutMixin, TargetScoreMixin, MetaEstimatorMixin, BaseEstimator):
    """Multi-label classifier that tunes the decision threshold of each label by cross-validation.

    `predict` of most classifiers answers with the labels whose probability is 0.5 or more, which a label of few rows
    seldom reaches. This one finds, label by label, the threshold at which a metric is best on rows that the classifier
    was not fitted on. `sklearn.model_selection.TunedThresholdClassifierCV` does so for two classes.

    Parameters
    ----------
    estimator : classifier
        Any multi-label classifier with `predict_proba`. A copy is fitted, so that the parameter stays as it is; with
        ``cv="prefit"`` it is used as it is.
    scoring : str or callable, default="f1"
        What is made best for each label: the name of a scorer of decisions ("f1", "balanced_accuracy", "jaccard"), or
        what `make_scorer` makes of a metric. Scorers of probabilities ("roc_auc") do not depend on a threshold. One
        that rewards one kind of error alone ("recall", "precision") gives thresholds at an end.
    cv : int, float, splitter, iterable or "prefit", default=None
        On which rows the thresholds are found. An int is a number of parts (None: 5) into which the rows of each label
        are spread evenly: each is held out once, so that so many copies are fitted and one more on all rows. A float is
        the share of a single part that is held out. Splitters and iterables of splits are used as they are. "prefit"
        takes ``estimator`` as fitted, on other rows than those given to `fit`, which are all for the thresholds; so do
        numbers around a `sklearn.frozen.FrozenEstimator`.
    smooth : float, default=20
        How strongly thresholds are drawn toward the median of all labels, as if each label had so many rows more that
        speak for it. 0 leaves the best threshold of each label as it is, which overfits where a label has few rows.
    n_jobs : int or None, default=None
        How many copies are fitted at a time. None is 1 unless in a `joblib.parallel_config` context, -1 all cores.
    random_state : int, RandomState instance or None, default=None
        Decides which rows stand together where ``cv`` is a number or None. None draws anew each time.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The labels: the column names where ``y`` is a DataFrame whose columns are named by words, else the column
        numbers.
    estimator_ : classifier
        The classifier fitted on all rows; with ``cv="prefit"`` ``estimator`` itself.
    thresholds_ : ndarray of shape (n_labels,), dtype float64
        From which probability on a row has the label.
    n_features_in_ : int
        The number of columns of ``X``. Only where ``estimator_`` has it.
    feature_names_in_ : ndarray of shape (n_features,)
        The names of the columns of ``X``. Only where ``estimator_`` has them.

    See Also
    --------
    sklearn.model_selection.TunedThresholdClassifierCV : The same for two classes.
    SetFitClassifier : A multi-label classifier of texts.

    Notes
    -----
    The probabilities of all rows that were held out are pooled, so that a part without a label does no harm. Candidates
    are the midpoints between neighbouring probabilities where a row without the label is below one that has it: no
    other can be the best of a metric that never falls when a decision becomes right. Of more than 100 of them 100 are
    tried. Of several that are equally good, the lowest is taken.

    A threshold is the mean of the label's own best and the median, with weights ``n : smooth`` where ``n`` is how many
    of the rows held out have the label or, if they are fewer, have it not.

    Thresholds fit how frequent labels are in the rows given to `fit`. Where rows were sought out for a label, they are
    too low for data in which it is rarer.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.metrics import f1_score
    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> from sksetfit import MultiLabelThresholdClassifier
    >>> X, y = make_multilabel_classification(300, n_classes=4, n_labels=1, random_state=0)
    >>> fixed = OneVsRestClassifier(LogisticRegression(C=0.01)).fit(X[:150], y[:150])
    >>> tuned = MultiLabelThresholdClassifier(fixed, random_state=0).fit(X[:150], y[:150])
    >>> for clf in (fixed, tuned):
    ...     print(round(f1_score(y[150:], clf.predict(X[150:]), average="macro"), 2))
    0.62
    0.7
    """

    __module__ = "sksetfit"  # the public place, so that saved files do not depend on this module

    classes_: NDArray[Any]
    estimator_: Any
    thresholds_: NDArray[np.float64]

    _parameter_constraints: dict[str, Any] = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "scoring": [StrOptions(set(get_scorer_names())), callable],
        "cv": ["cv_object", StrOptions({"prefit"}), Interval(RealNotInt, 0, 1, closed="neither")],
        "smooth": [Interval(Real, 0, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    _learned = {"classes_": np.ndarray, "estimator_": object, "thresholds_": np.ndarray}

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        scoring: str | Callable[..., Any] = "f1",
        cv: Any = None,
        smooth: float = 20,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.scoring = scoring
        self.cv = cv
        self.smooth = smooth
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any, **params: Any) -> Self:
        """Find the thresholds on rows that are held out, and fit the classifier on all of them.

        Parameters
        ----------
        X : array-like of shape (n_rows,) or (n_rows, n_features)
            Whatever the estimator takes: texts or numbers.
        y : indicator matrix of shape (n_rows, n_labels)
            0 and 1, dense, sparse or a DataFrame.
        **params : dict
            With metadata routing, what goes to `fit` of the estimator, `split` of the splitter and the scorer.

        Returns
        -------
        MultiLabelThresholdClassifier
            The fitted classifier itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter or a target is not what it must be, or a label has too few rows; before any training.
        NotFittedError
            If ``cv="prefit"`` and the estimator is not fitted.
        """
        self._validate_params()
        _raise_for_params(params, self, None)
        scorer = self._scorer()
        X, y = indexable(X, y)
        targets = _check_multi_label(y, _num_samples(X))
        y = targets.y if column_names(y) is None else y  # a column of rows is a matrix to no other estimator
        routed = process_routing(self, "fit", **params)
        if isinstance(self.cv, str):
            check_is_fitted(self.estimator)
            estimator, rows = self.estimator, np.arange(_num_samples(X))
            probabilities = _probabilities(estimator, X, len(targets.classes))
        else:
            splits = self._splits(X, y, targets, **routed.splitter.split)
            rows, probabilities = self._held_out(X, y, splits, len(targets.classes), **routed.estimator.fit)
            estimator = clone(self.estimator).fit(X, y, **routed.estimator.fit)
        # The scorer's function alone: it is called for hundreds of decisions on the same probabilities.
        sign, function, given = scorer._sign, scorer._score_func, scorer._kwargs  # noqa: SLF001
        params = {**given, **_check_method_params(X, routed.scorer.score, indices=rows)}
        thresholds = smoothed_thresholds(
            targets.indicator[rows],
            probabilities,
            lambda has_label, decided: sign * function(has_label, decided, **params),
            smooth=self.smooth,
        )
        # Only now: a fit that fails or is interrupted leaves the estimator as it was.
        self.classes_ = targets.classes
        self.estimator_ = estimator
        self.thresholds_ = thresholds
        return self

    def _scorer(self) -> Any:
        scorer = check_scoring(self.estimator, scoring=self.scoring)
        if getattr(scorer, "_response_method", None) != "predict":
            raise ValueError(
                f"scoring must score the decisions of a classifier, got {self.scoring!r}. Name such a scorer, e.g. "
                f"'f1' or 'balanced_accuracy', or make one of a metric: make_scorer(fbeta_score, beta=2)."
            )
        return scorer

    def _splits(self, X: Any, y: Any, targets: Targets, **params: Any) -> Splits:
        """Return which rows are fitted on and which are held out, each time with and without each label."""
        cv, rng = 5 if self.cv is None else self.cv, local_random_state(self.random_state)
        if isinstance(cv, Integral):
            part_of = stratified_folds(targets.indicator, np.full(cv, 1 / cv), rng)
            splits = [(np.flatnonzero(part_of != i), np.flatnonzero(part_of == i)) for i in np.unique(part_of)]
        elif isinstance(cv, Real):
            held_out = stratified_folds(targets.indicator, np.array([1 - cv, cv]), rng) == 1
            splits = [(np.flatnonzero(~held_out), np.flatnonzero(held_out))]
        else:
            splits = list(check_cv(cv).split(X, y, **params))
        for i, (train, _) in enumerate(splits):
            _check_both(targets, train, f"that split {i} fits on")
        _check_both(targets, np.concatenate([held_out for _, held_out in splits]), "that are held out")
        return splits

    def _held_out(self, X: Any, y: Any, splits: Splits, n_labels: int, **params: Any) -> tuple[Rows, Probabilities]:
        """Return the rows that are held out, and their probabilities by copies that were fitted on others."""
        answer = partial(_probabilities, n_labels=n_labels)
        probabilities = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_and_predict)(clone(self.estimator), X, y, train, held_out, params, answer)
            for train, held_out in splits
        )
        return np.concatenate([held_out for _, held_out in splits]), np.concatenate(probabilities)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return which row has which label.

        Parameters
        ----------
        X : array-like of shape (n_rows,) or (n_rows, n_features)
            Whatever the estimator takes.

        Returns
        -------
        ndarray of shape (n_rows, n_labels), dtype int64
            1 where the probability is at the threshold of the label or above.
        """
        return (self.predict_proba(X) >= self.thresholds_).astype(np.int64)

    def predict_proba(self, X: Any) -> Probabilities:
        """Return the probability of each label for each row, as the fitted estimator has it.

        Parameters
        ----------
        X : array-like of shape (n_rows,) or (n_rows, n_features)
            Whatever the estimator takes.

        Returns
        -------
        ndarray of shape (n_rows, n_labels)
            Columns as in ``classes_``.
        """
        check_is_fitted(self)
        return _probabilities(self.estimator_, X, len(self.thresholds_))

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what of the metadata given to `fit` goes where.

        Returns
        -------
        MetadataRouter
            To the `fit` of the estimator, the `split` of the splitter and the scorer.
        """
        scores = MethodMapping().add(caller="fit", callee="score")
        return super().get_metadata_routing().add(scorer=self._scorer(), method_mapping=scores)

    def _check_learned(self, state: dict[str, Any]) -> None:
        classes, thresholds = state["classes_"], state["thresholds_"]
        sound = classes.ndim == 1 and thresholds.shape == classes.shape and thresholds.dtype == np.float64
        if not sound or not np.isfinite(thresholds).all():
            raise ValueError(
                f"The saved MultiLabelThresholdClassifier's thresholds_ must be finite numbers, one for each of its "
                f"{classes.size} classes, got {thresholds.dtype} of shape {thresholds.shape}."
            )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        return tags


def smoothed_thresholds(
    indicator: Indicator, probabilities: Probabilities, score: Score, *, smooth: float
) -> NDArray[np.float64]:
    """Return the best threshold of each label, drawn toward the median of all the more, the fewer rows tell it."""
    columns = zip(indicator.T, probabilities.T, strict=True)
    best = np.array([_best_threshold(has_label, of_label, score) for has_label, of_label in columns])
    n_rows = np.minimum(indicator.sum(axis=0), (~indicator).sum(axis=0))
    thresholds: NDArray[np.float64] = (n_rows * best + smooth * np.median(best)) / (n_rows + smooth)
    return thresholds


def _best_threshold(has_label: NDArray[np.bool_], probabilities: NDArray[np.float64], score: Score) -> float:
    candidates = _candidates(has_label, probabilities)
    return float(candidates[np.argmax([score(has_label, probabilities >= candidate) for candidate in candidates])])


def _candidates(has_label: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the midpoints below rows that have the label and above rows that have not."""
    values, group_of = np.unique(probabilities, return_inverse=True)
    below = np.concatenate([[0.0], values[:-1]])  # so that one of them may give the label to all rows
    some_have = np.bincount(group_of, weights=has_label) > 0
    some_have_not = np.bincount(group_of, weights=~has_label) > 0
    candidates: NDArray[np.float64] = ((below + values) / 2)[some_have & np.concatenate([[True], some_have_not[:-1]])]
    if len(candidates) > _MOST_CANDIDATES:
        candidates = candidates[np.linspace(0, len(candidates) - 1, _MOST_CANDIDATES).round().astype(int)]
    return candidates


def _check_multi_label(y: Any, n_rows: int) -> Targets:
    one_column = getattr(y, "shape", (n_rows, None))[1:] == (1,)
    targets = None if one_column else check_targets(y, n_rows)
    if targets is None or not targets.multi_label:
        raise ValueError(
            "y must be an indicator matrix of several labels, got one label per row. For two classes there is "
            "sklearn.model_selection.TunedThresholdClassifierCV; MultiLabelBinarizer makes a matrix of lists of labels."
        )
    return targets


def _check_both(targets: Targets, rows: Rows, which: str) -> None:
    """Refuse rows that all have a label, or none of which has it."""
    for name, of_all in zip(targets.classes, targets.indicator.T, strict=True):
        n_with = int(of_all[rows].sum())
        if n_with in {0, len(rows)}:
            raise ValueError(
                f"Label {short_repr(name)} is on {n_with} of the {len(rows)} rows {which}, and on {int(of_all.sum())} "
                "of "
                f"all {len(of_all)}. A threshold needs rows with and without the label on both sides of a "
                f"split: add such rows, drop the label, or give another cv."
            )


def _probabilities(estimator: Any, X: Any, n_labels: int) -> Probabilities:
    """Return the probability of each label, of an estimator that gives one array or one of two columns per label."""
    answer = estimator.predict_proba(X)
    shapes = [np.shape(of_label) for of_label in answer] if isinstance(answer, list) else np.shape(answer)
    if shapes == [(_num_samples(X), 2)] * n_labels:
        answer = np.column_stack([of_label[:, 1] for of_label in answer])
    elif shapes != (_num_samples(X), n_labels):
        raise ValueError(
            f"{type(estimator).__name__}.predict_proba must give an array of {n_labels} columns, one per label of y, "
            f"or a list of {n_labels} arrays of two columns, got shapes {shapes}. Is it fitted on these labels?"
        )
    probabilities = np.asarray(answer, dtype=np.float64)
    if not np.isfinite(probabilities).all():
        raise ValueError(f"{type(estimator).__name__}.predict_proba gives values that are not finite.")
    return probabilities
