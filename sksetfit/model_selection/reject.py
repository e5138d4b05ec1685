"""RejectClassifier: answers where it is sure enough, and says so where it is not."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import indexable
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils.metadata_routing import _raise_for_params, process_routing
from sklearn.utils.validation import _num_samples, check_is_fitted

from sksetfit.inputs.labels import plain_label
from sksetfit.inputs.targets import Targets
from sksetfit.inputs.texts import short_repr
from sksetfit.model_selection.held_out import HeldOutMixin, likeliest_labels
from sksetfit.model_selection.splits import check_one_label, single_label_splits
from sksetfit.model_selection.threshold_search import confidence_threshold


class RejectClassifier(HeldOutMixin, BaseEstimator):
    """Classifier that answers only where it is sure enough, and else with a label that says so.

    Its confidence is the largest probability of `predict_proba`. `fit` chooses the threshold below which it does not
    answer, from texts that the classifier was not fitted on, so that a share of the answers is right (``precision``)
    or a share of the texts is answered (``coverage``): give one of the two.

    Parameters
    ----------
    estimator : estimator instance
        The classifier, of one label per text, with `predict_proba`; `CalibratedClassifierCV` gives it to one without.
        It takes texts or numbers: ``X`` is handed on as it is.
    precision : float in (0, 1] or None, default=None
        Of the answers, the share that shall be right. The lowest threshold that reaches it is chosen.
    coverage : float in (0, 1] or None, default=None
        Of the texts, the share that shall be answered. The highest threshold that reaches it is chosen.
    confidence_level : float in (0, 1) or None, default=None
        How sure it shall be that ``precision`` is reached: then it is the lower confidence bound [3]_ of the share of
        right answers that must reach it, which costs coverage: 29 right of 29 answers are 0.9 at a level of 0.95. None
        takes the share as it was measured, which other texts miss about as often as they reach it.
    reject_label : str, int or None, default=None
        The answer where it is not sure: a word among words, a number among numbers, and none of the classes. None
        takes "not sure" or -1.
    cv : int, float, "prefit", cross-validation generator, iterable or None, default=None
        The texts that the threshold is chosen from. None, an int, a generator or an iterable of splits: those that are
        held out in each split, by default of 5 folds. A float: that share of them, held out once. "prefit": all, for
        the estimator is fitted already, on others. Unless "prefit", it is fitted for each split and once on all texts.
    n_jobs : int or None, default=None
        How many splits are fitted at once. None means 1 unless within a `joblib.parallel_backend`.
    random_state : int, RandomState instance or None, default=None
        Decides which texts are held out where ``cv`` is a float.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels of the classifier, without ``reject_label_``.
    coverage_ : float
        The share of held-out texts that ``threshold_`` answers.
    estimator_ : estimator instance
        The fitted classifier.
    feature_names_in_ : ndarray of shape (n_features,)
        Of the fitted classifier, where it has them.
    n_features_in_ : int
        Of the fitted classifier, where it has it.
    precision_ : float
        The share of these answers that is right.
    reject_label_ : str or int
        The answer where it is not sure.
    threshold_ : float
        The lowest confidence that is answered.

    See Also
    --------
    RiskCoverageDisplay : The share of wrong answers at each coverage, as a curve.
    sklearn.model_selection.TunedThresholdClassifierCV : The threshold between two classes.

    Notes
    -----
    This is Chow's rule [1]_ with a threshold by count [2]_, and counts of few texts are small: 19 right of 20 answers
    are a precision of 0.95. The lowest threshold that reaches it owes that partly to luck, which the confidence level
    bounds for each threshold, though not for the choice among them. At 8 and 16 texts per class of three sets,
    ``precision=0.9`` was reached on test texts in 6 of 18 samples (0.87 in the mean, at a coverage of 0.69), with
    ``confidence_level=0.95`` in 15 (0.93, at 0.48).

    `score`, like any accuracy, counts what is not answered as wrong. `predict_proba` is that of the classifier, for all
    texts. A text unlike all that was learned may be answered with confidence.

    References
    ----------
    .. [1] Chow (1970). "On Optimum Recognition Error and Reject Tradeoff". IEEE Transactions on Information Theory 16.
    .. [2] Geifman and El-Yaniv (2017). "Selective Classification for Deep Neural Networks". arXiv:1705.08500.
    .. [3] Clopper and Pearson (1934). "The Use of Confidence or Fiducial Limits Illustrated in the Case of the
       Binomial". Biometrika 26.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sksetfit import RejectClassifier, load_tickets
    >>> X, y = load_tickets(return_X_y=True)
    >>> clf = RejectClassifier(make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)), precision=0.9).fit(X, y)
    >>> print(clf.predict(["i was billed twice this month", "good morning"]))
    ['billing' 'not sure']
    >>> clf.precision_ >= 0.9
    True
    """

    __module__ = "sksetfit"  # the public place, so that saved files do not depend on this module

    classes_: NDArray[Any]
    coverage_: float
    estimator_: Any
    precision_: float
    reject_label_: str | int
    threshold_: float

    _parameter_constraints: dict[str, Any] = {
        "estimator": [HasMethods(["fit"])],
        "precision": [Interval(Real, 0, 1, closed="right"), None],
        "coverage": [Interval(Real, 0, 1, closed="right"), None],
        "confidence_level": [Interval(Real, 0, 1, closed="neither"), None],
        "reject_label": [str, Integral, None],
        "cv": ["cv_object", StrOptions({"prefit"}), Interval(RealNotInt, 0, 1, closed="neither")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    _learned = {
        "classes_": np.ndarray,
        "coverage_": float,
        "estimator_": object,
        "precision_": float,
        "reject_label_": object,
        "threshold_": float,
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        precision: float | None = None,
        coverage: float | None = None,
        confidence_level: float | None = None,
        reject_label: str | int | None = None,
        cv: Any = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.precision = precision
        self.coverage = coverage
        self.confidence_level = confidence_level
        self.reject_label = reject_label
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any, **params: Any) -> Self:
        """Choose the threshold, then fit the classifier on all texts.

        Parameters
        ----------
        X : array-like, or whatever the classifier takes, of shape (n_samples, ...)
            The texts; with ``cv="prefit"`` such that the classifier was not fitted on.
        y : array-like of shape (n_samples,)
            One label per text.
        **params : dict
            Metadata for the classifier's `fit` and for the splitter, where metadata routing is on.

        Returns
        -------
        RejectClassifier
            The fitted classifier itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter or ``y`` is not what it must be, or a split leaves a single class to fit on; before any
            training.
        NotFittedError
            If ``cv="prefit"`` and the estimator is not fitted.

        Warns
        -----
        UserWarning
            If no threshold reaches ``precision``. The one that comes closest is taken.
        """
        _raise_for_params(params, self, "fit")
        self._validate_params()
        self._check_targets_of_the_threshold()
        routed = process_routing(self, "fit", **params)
        X, y = indexable(X, y)
        known = self._classes_before()
        targets = check_one_label(y, _num_samples(X), known)
        self._check_classes(targets, known)
        splits = single_label_splits(
            self.cv, X, targets, self.random_state, is_fitted=known is not None, **routed.splitter.split
        )
        fit_params, answer = routed.estimator.fit, likeliest_labels
        estimator, rows, (answers, confidence) = self._fit_and_answer(X, targets.y, splits, fit_params, answer)
        wanted = {"precision": self.precision, "coverage": self.coverage, "confidence_level": self.confidence_level}
        threshold, coverage, precision = confidence_threshold(confidence, answers == targets.y[rows], **wanted)
        reject_label = _reject_label(self.reject_label, estimator.classes_)
        # Only now: a fit that fails or is interrupted leaves the estimator as it was.
        self.estimator_, self.classes_, self.reject_label_ = estimator, estimator.classes_, reject_label
        self.threshold_, self.coverage_, self.precision_ = threshold, coverage, precision
        return self

    def _check_targets_of_the_threshold(self) -> None:
        if (self.precision is None) == (self.coverage is None):
            raise ValueError(
                f"Give one of precision and coverage, e.g. precision=0.95 for 95 of 100 answers to be right or "
                f"coverage=0.8 for 80 of 100 texts to be answered; got precision={self.precision}, "
                f"coverage={self.coverage}."
            )
        if self.confidence_level is not None and self.precision is None:
            raise ValueError(
                f"confidence_level says how sure precision shall be, and there is none: got coverage={self.coverage}, "
                f"confidence_level={self.confidence_level}. Leave it out, or give precision instead of coverage."
            )
        if not hasattr(self.estimator, "predict_proba"):
            raise TypeError(
                f"estimator must have predict_proba, got {self.estimator!r}, which has none. Wrap it: "
                f"CalibratedClassifierCV gives any classifier predict_proba."
            )

    def _check_classes(self, targets: Targets, known: Any) -> None:
        """Check the reject label against the classes that there will be; a fitted one may have classes beyond y."""
        classes = targets.classes if known is None else known
        if set(classes.tolist()).isdisjoint(targets.classes.tolist()):
            raise ValueError(
                f"y holds no label that the fitted estimator knows: got {short_repr(targets.y[0])} at row 0, and its "
                f"classes are {short_repr(classes.tolist())}."
            )
        _reject_label(self.reject_label, classes)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each text, or ``reject_label_`` where the classifier is not sure.

        Parameters
        ----------
        X : array-like, or whatever the classifier takes, of shape (n_samples, ...)
            The texts.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels of ``classes_``, or ``reject_label_``.
        """
        check_is_fitted(self)
        answers, confidence = likeliest_labels(self.estimator_, X)
        if answers.dtype.kind == "u":  # beside -1 numpy would make floats of them
            answers = answers.astype(np.int64)
        return np.where(confidence >= self.threshold_, answers, np.asarray(self.reject_label_))

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Return the classifier's probability of each class for each text, whether it is answered or not.

        Parameters
        ----------
        X : array-like, or whatever the classifier takes, of shape (n_samples, ...)
            The texts.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns as in ``classes_``.
        """
        check_is_fitted(self)
        proba: NDArray[np.floating] = self.estimator_.predict_proba(X)
        return proba

    def _check_learned(self, state: dict[str, Any]) -> None:
        label, classes = state["reject_label_"], state["classes_"]
        if classes.ndim != 1 or type(label) not in {str, int} or not np.isfinite(state["threshold_"]):
            raise ValueError(
                f"The saved RejectClassifier must have a list of classes_, a finite threshold_ and a str or int as "
                f"reject_label_, got shape {classes.shape}, {state['threshold_']} and {type(label).__name__}."
            )


def _reject_label(given: str | int | None, classes: NDArray[Any]) -> str | int:
    """Return the label for what is not answered, of the classes' own kind."""
    are_words = all(isinstance(label, str) for label in classes.tolist())
    label = ("not sure" if are_words else -1) if given is None else plain_label(given)
    kind, example = ("a str", "not sure") if are_words else ("a whole number", -1)
    if isinstance(label, str) != are_words:
        raise TypeError(
            f"reject_label must be {kind}, as the labels of y are, so that predict answers in one type: got "
            f"{short_repr(label)} beside {short_repr(classes.tolist())}. For example {example!r}."
        )
    if label in classes.tolist():
        raise ValueError(
            f"reject_label must be none of the classes, got {short_repr(label)}{' (the default)' * (given is None)} "
            f"beside {short_repr(classes.tolist())}. Choose another."
        )
    return str(label) if are_words else int(label)
