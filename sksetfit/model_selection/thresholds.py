"""MultiLabelThresholdClassifier: a decision threshold of its own for each label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, _raise_for_params, process_routing
from sklearn.utils.validation import _check_method_params, _num_samples, check_is_fitted, indexable

from sksetfit.inputs.targets import Targets, align_columns, target_array, targets_of
from sksetfit.inputs.texts import column_names, local_random_state
from sksetfit.model_selection.held_out import HeldOutMixin, label_probabilities
from sksetfit.model_selection.scoring import check_scorer
from sksetfit.model_selection.splits import message_of_few, multi_label_splits
from sksetfit.model_selection.threshold_search import Probabilities, smoothed_thresholds
from sksetfit.utils.warn import warn_caller


class MultiLabelThresholdClassifier(HeldOutMixin, BaseEstimator):
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
        "scoring": [str, callable],
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
            0 and 1, dense, sparse or a DataFrame, whose columns a fitted estimator finds by their names.
        **params : dict
            With metadata routing, what goes to `fit` of the estimator, `split` of the splitter and the scorer.

        Returns
        -------
        MultiLabelThresholdClassifier
            The fitted classifier itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter or a target is not what it must be, or a split lacks a label; before any training.
        NotFittedError
            If ``cv="prefit"`` and the estimator is not fitted.

        Warns
        -----
        UserWarning
            If a label has too few rows for a threshold, so that it gets the median of the others.
        """
        self._validate_params()
        _raise_for_params(params, self, None)
        scorer = self._scorer()
        X, y = indexable(X, y)
        known = self._classes_before()
        y = y if known is None else align_columns(y, known, "y")
        targets = _named_by(known, _check_multi_label(y, _num_samples(X)))
        y = _as_numbers(y, targets.y)
        routed = process_routing(self, "fit", **params)
        rng = local_random_state(self.random_state)
        splits, few = multi_label_splits(self.cv, X, y, targets, rng, **routed.splitter.split)
        if few.any():
            warn_caller(message_of_few(targets.classes[few]))
        answer = partial(label_probabilities, n_labels=len(targets.classes))
        estimator, rows, (probabilities,) = self._fit_and_answer(X, y, splits, routed.estimator.fit, answer)
        # The scorer's function alone: it is called for hundreds of decisions on the same probabilities.
        sign, function, given = scorer._sign, scorer._score_func, scorer._kwargs  # noqa: SLF001
        params = {**given, **_check_method_params(X, routed.scorer.score, indices=rows)}
        thresholds = smoothed_thresholds(
            targets.indicator[rows],
            probabilities,
            lambda has_label, decided: sign * function(has_label, decided, **params),
            smooth=self.smooth,
            few=few,
        )
        # Only now: a fit that fails or is interrupted leaves the estimator as it was.
        self.classes_, self.estimator_, self.thresholds_ = targets.classes, estimator, thresholds
        return self

    def _scorer(self) -> Any:
        scorer = check_scorer(self.estimator, self.scoring)
        if getattr(scorer, "_response_method", None) != "predict":
            raise ValueError(
                f"scoring must score the decisions of a classifier, got {self.scoring!r}. Name such a scorer, e.g. "
                f"'f1' or 'balanced_accuracy', or make one of a metric: make_scorer(fbeta_score, beta=2)."
            )
        return scorer

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
        return label_probabilities(self.estimator_, X, len(self.thresholds_))[0]

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
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        return tags


def _named_by(known: Any, targets: Targets) -> Targets:
    """Return the targets with the labels of the fitted estimator, where these are words, one for each column."""
    words = known is not None and all(isinstance(label, str) for label in known)
    return replace(targets, classes=np.asarray(known)) if words and len(known) == len(targets.classes) else targets


def _as_numbers(y: Any, values: NDArray[np.int64]) -> Any:
    """Return the values, in a frame of the kind and the columns of ``y`` if that is one of them.

    Other estimators do not read the objects, booleans or lists that `target_array` does.
    """
    names = column_names(y)
    if names is None or len(names) != values.shape[1]:
        return values
    make = getattr(type(y), "from_pydict", type(y))  # pyarrow's
    return make(dict(zip(names, values.T, strict=True)))


def _check_multi_label(y: Any, n_rows: int) -> Targets:
    values = target_array(y, n_rows, warn=False)
    if values.ndim == 1:
        raise ValueError(
            "y must be an indicator matrix of several labels, got one label per row. For two classes there is "
            "sklearn.model_selection.TunedThresholdClassifierCV; MultiLabelBinarizer makes a matrix of lists of labels."
        )
    return targets_of(values, column_names(y))
