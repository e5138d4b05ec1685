"""The default head: logistic regression whose parameters follow from the data."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils import Tags, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from sksetfit.inputs.labels import plain_keys
from sksetfit.inputs.scoring import TargetScoreMixin
from sksetfit.inputs.targets import target_array, targets_of
from sksetfit.persistence.estimator_state import checked_state
from sksetfit.persistence.fitted.checks import check_fitted

# Over six data sets of 8 to 512 texts in 2 to 77 classes; the best C of each has a log loss that is lower by 0.005.
C_TIMES_TEXTS_PER_CLASS = 25


_LEARNED = {"classes_": np.ndarray, "estimator_": LogisticRegression, "n_features_in_": Integral, "n_iter_": np.ndarray}


class LogisticRegressionHead(TargetScoreMixin, BaseEstimator):
    """Logistic regression on embeddings of tuned texts: what ``SetFitClassifier(head=None)`` fits.

    C follows from the number of texts and classes, class weights and intercept from the kind of targets. The ``head_``
    of a fitted classifier is a plain `LogisticRegression` with the values found, within the strategy for multi-label
    targets. By itself it is a classifier of any rows of numbers, with one label each.

    Parameters
    ----------
    C : float or "auto", default="auto"
        Inverse of the regularisation strength. "auto" is 25 times the number of classes divided by the rows per class,
        or by their weights; within a `SetFitClassifier` label texts do not count, and for multi-label targets it is 10.
        Embeddings of tuned texts lie closer together than those of new ones, the more so the more texts there are, so
        that a constant C which suits few texts gives too high probabilities at many.
    class_weight : dict, "balanced", None or "auto", default="auto"
        Weights of the classes. "auto" is None, and within a `SetFitClassifier` "balanced" for multi-label targets, of
        which each label is on few texts.
    fit_intercept : bool or "auto", default="auto"
        Whether there is an intercept. "auto" is True, and within a `SetFitClassifier` False where all texts are made of
        class names (`make_templated_texts`), which do not say how frequent the classes are.
    max_iter : int, default=1000
        The most iterations of the solver; scikit-learn's 100 are too few for some data.
    random_state : int, RandomState instance or None, default=None
        Seed of the solvers that shuffle the rows; "lbfgs" does not.
    solver : str, default="lbfgs"
        The solver of `LogisticRegression`, whose default it is.
    tol : float, default=1e-4
        The tolerance at which the solver stops; the default of `LogisticRegression`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    estimator_ : LogisticRegression
        The fitted model.
    n_iter_ : ndarray of shape (1,), dtype int32
        The number of iterations that the solver made.
    n_features_in_ : int
        The number of columns seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        The names of the columns, where they had some that are strings.

    See Also
    --------
    TorchHead : A linear head whose loss also tunes the body.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sksetfit import LogisticRegressionHead, SetFitClassifier
    >>> search = GridSearchCV(SetFitClassifier(), {"head__C": ["auto", 1.0, 10.0]}, cv=2)
    >>> SetFitClassifier().set_params(head__C=1.0).head
    LogisticRegressionHead(C=1.0)
    >>> LogisticRegressionHead().fit([[0.0], [0.1], [0.9], [1.0]], ["low", "low", "high", "high"]).predict([[0.8]])
    array(['high'], dtype='<U4')
    """

    __module__ = "sksetfit"  # the public place, so that saved files do not depend on this module

    classes_: NDArray[Any]
    estimator_: LogisticRegression
    feature_names_in_: NDArray[np.object_]
    n_features_in_: int
    n_iter_: NDArray[np.int32]

    _parameter_constraints: dict[str, Any] = {
        "C": [StrOptions({"auto"}), Interval(Real, 0, None, closed="right")],
        "class_weight": [StrOptions({"auto", "balanced"}), dict, None],
        "fit_intercept": [StrOptions({"auto"}), "boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
        "solver": [StrOptions({"lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        C: float | str = "auto",
        class_weight: str | dict[Any, Any] | None = "auto",
        fit_intercept: bool | str = "auto",
        max_iter: int = 1000,
        random_state: int | np.random.RandomState | None = None,
        solver: str = "lbfgs",
        tol: float = 1e-4,
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.random_state = random_state
        self.solver = solver
        self.tol = tol

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the logistic regression.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of numbers, such as embeddings.
        y : array-like of shape (n_samples,)
            One label per row.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each row counts. None: all count alike.

        Returns
        -------
        LogisticRegressionHead
            The fitted classifier itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, ``X``, ``y`` or a weight is not what it must be.
        """
        self._validate_params()
        head = clone(self)  # which knows X while this one stays as it was
        X = validate_data(head, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        y = column_or_1d(target_array(y, X.shape[0]))
        n_rows = float(len(y))
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
            counted = sample_weight > 0  # a row of weight 0 is as one that is not there
            X, y, sample_weight = X[counted], y[counted], sample_weight[counted]
            n_rows = float(sample_weight.sum())
        model = resolve(self, multi_label=False, n_texts=n_rows, n_classes=len(targets_of(y).classes))
        model.fit(X, y, sample_weight)
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update({name: value for name, value in vars(head).items() if name.endswith("_in_")})
        self.estimator_, self.classes_, self.n_iter_ = model, model.classes_, model.n_iter_
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of numbers.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels of ``classes_``.
        """
        answer: NDArray[Any] = self._of_model("predict", X)
        return answer

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of numbers.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns as in ``classes_``.
        """
        return self._of_model("predict_proba", X)

    def decision_function(self, X: Any) -> NDArray[np.floating]:
        """Return the logit of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of numbers.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes that of the second only.
        """
        return self._of_model("decision_function", X)

    def _of_model(self, method: str, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        answer: NDArray[Any] = getattr(self.estimator_, method)(X)
        return answer

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = checked_state(self, state, _LEARNED)
        if "estimator_" in state:
            model, classes = state["estimator_"], state["classes_"]
            fitted = type(model) is LogisticRegression and np.array_equal(getattr(model, "classes_", ()), classes)
            if not (fitted and model.n_features_in_ == state["n_features_in_"]):
                raise ValueError("The saved LogisticRegressionHead's estimator_ is no fitted model of its classes.")
            check_fitted(model)
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def resolve(head: Any, *, multi_label: bool, n_texts: float, n_classes: int, names_only: bool = False) -> Any:
    """Put values in the place of "auto", and return the head; of `LogisticRegressionHead` the plain model.

    ``class_weight`` becomes "balanced" for multi-label targets: each label is rare, and an unweighted head would
    predict no label for most texts. For single-label targets it becomes None.

    ``C`` becomes a number at which probabilities are calibrated. The embeddings of training texts are closer together
    than those of new texts, and more so with more texts. The larger the data, the more regularisation the head needs,
    while a constant C of LogisticRegression regularises less. With many classes it needs less regularisation. For
    multi-label targets, with one head per label, it is 10.

    ``fit_intercept`` becomes False if all texts are templates of class names, because they contain no class
    frequencies.
    """
    parameters = head.get_params()
    resolved: dict[str, Any] = {}
    if isinstance(class_weight := parameters.get("class_weight"), dict):
        resolved["class_weight"] = plain_keys(class_weight)
    elif class_weight == "auto":
        resolved["class_weight"] = "balanced" if multi_label else None
    if parameters.get("fit_intercept") == "auto":
        resolved["fit_intercept"] = not names_only
    if parameters.get("C") == "auto":
        resolved["C"] = 10.0 if multi_label else C_TIMES_TEXTS_PER_CLASS * n_classes**2 / n_texts
    if type(head) is LogisticRegressionHead:
        return LogisticRegression(**parameters | resolved)
    return head.set_params(**resolved)
