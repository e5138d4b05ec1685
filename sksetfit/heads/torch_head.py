"""TorchHead: a linear classifier of any loss of torch, whose loss also tunes the body that it stands on.

torch is imported inside the methods that need it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import softmax
from sklearn.utils.validation import check_is_fitted, validate_data

from sksetfit.heads.default import resolve
from sksetfit.heads.torch_head_loss import check_torch_head, loss_of_head
from sksetfit.inputs.scoring import TargetScoreMixin
from sksetfit.inputs.targets import target_array, targets_of
from sksetfit.inputs.texts import column_names
from sksetfit.inputs.training_data import check_sample_weight
from sksetfit.persistence.estimator_state import PlainStateMixin, checked_state, plain_state

_LEARNED = {
    "classes_": np.ndarray,
    "coef_": np.ndarray,
    "intercept_": np.ndarray,
    "multilabel_": bool,
    "n_features_in_": Integral,
    "n_iter_": Integral,
}


class TorchHead(PlainStateMixin, TargetScoreMixin, BaseEstimator):
    """Linear classifier of any loss of torch, which as a head tunes the body as well.

    As the ``head`` of a `SetFitClassifier`, its loss is added to the contrastive one while the body is tuned: in each
    step, a linear layer answers the embeddings of the batch, and both learn from its answers. The head that is kept is
    then fitted on the final embeddings, as any other. On its own it is a classifier of rows of numbers.

    Parameters
    ----------
    loss : {"cross_entropy", "focal"} or callable, default="cross_entropy"
        What is to be small. "focal" [1]_ counts less what is answered well. A callable, a function or a module of
        torch, is called as ``loss(logits, target)`` with logits of shape (n_texts, n_classes), and class numbers of
        shape (n_texts,) and int64, or for several labels a floating indicator of shape (n_texts, n_classes). It gives
        a Tensor: one number, or one per element of the target (``reduction="none"``), without which no weights can be
        applied.
    end_to_end : bool, default=True
        Whether the body is tuned by this loss, too. Read only where this is the ``head`` of a `SetFitClassifier`
        itself, not a part of it.
    C : float or "auto", default="auto"
        The inverse of the strength of the penalty on the squared weights, as in `LogisticRegression`. "auto" is what
        the default head of `SetFitClassifier` takes.
    class_weight : "auto", "balanced", dict of {label: weight} or None, default="auto"
        How much each class counts; for several labels per text, the two sides of each label, 0 and 1. "auto" is
        "balanced" for several labels, and None otherwise.
    learning_rate : float, default=0.03
        The highest rate of AdamW for the linear layer while the body is tuned. It follows the schedule of the body's.
    max_iter : int, default=1000
        The most iterations of L-BFGS on the final embeddings.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; for several labels per row the column names of a frame where they are str, else the
        column numbers.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        The weights; one row for two classes.
    feature_names_in_ : ndarray of shape (n_features,)
        The names of the columns of ``X``, where all are str.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        What is added.
    multilabel_ : bool
        Whether it gives several labels per text.
    n_features_in_ : int
        The number of columns of ``X``.
    n_iter_ : int
        The number of iterations that were made.

    See Also
    --------
    SetFitClassifier : Takes it as its ``head``.

    Notes
    -----
    On rows that stay as they are it is, with "cross_entropy", `LogisticRegression`, or one per label. A text that
    stands in the data under different labels tunes the body under the first of them.

    Only ``loss``, ``class_weight`` and ``learning_rate`` decide what becomes of the body: in a ``memory``, a grid over
    ``head__C`` finds it again. A file has the names of losses, not their code: what `load` gives answers as before, and
    where its loss was a callable, wants it to be set before it is fitted again.

    References
    ----------
    .. [1] Lin et al. (2017). "Focal Loss for Dense Object Detection". arXiv:1708.02002.

    Examples
    --------
    >>> from sksetfit import SetFitClassifier, TorchHead
    >>> X = ["my card was charged twice", "wrong amount on the bill", "cannot sign in", "forgot my password"]
    >>> y = ["billing", "billing", "login", "login"]
    >>> clf = SetFitClassifier(head=TorchHead(), random_state=0).fit(X, y)
    >>> print(clf.predict(["the invoice is wrong", "the password is not accepted"]))
    ['billing' 'login']
    """

    __module__ = "sksetfit"  # the public place, so that saved files do not depend on this module

    classes_: NDArray[Any]
    coef_: NDArray[np.float64]
    feature_names_in_: NDArray[np.object_]
    intercept_: NDArray[np.float64]
    multilabel_: bool
    n_features_in_: int
    n_iter_: int

    _takes_several_labels = True  # by itself, without a strategy around it

    _parameter_constraints: dict[str, Any] = {
        "loss": [StrOptions({"cross_entropy", "focal"}), callable],
        "end_to_end": ["boolean"],
        "C": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "class_weight": [StrOptions({"auto", "balanced"}), dict, None],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        loss: str | Callable[..., Any] = "cross_entropy",
        *,
        end_to_end: bool = True,
        C: float | str = "auto",
        class_weight: str | dict[Any, Any] | None = "auto",
        learning_rate: float = 0.03,
        max_iter: int = 1000,
    ) -> None:
        self.loss = loss
        self.end_to_end = end_to_end
        self.C = C
        self.class_weight = class_weight
        self.learning_rate = learning_rate
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the linear layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of numbers, such as embeddings.
        y : array-like of shape (n_samples,) or indicator matrix of shape (n_samples, n_labels)
            One label per row, or several as a matrix of 0 and 1.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each row counts; one of weight 0 is left out. None: all count alike.

        Returns
        -------
        TorchHead
            The fitted classifier itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, ``X``, ``y`` or a weight is not what it must be, or the loss is not finite.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` iterations are not enough.
        """
        self._validate_params()
        head = clone(self)  # which knows X while this one stays as it was
        X = validate_data(head, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        labels, names = target_array(y, len(X)), column_names(y)
        if (weights := check_sample_weight(sample_weight, len(X))) is not None:
            counted = weights > 0  # a row of weight 0 is as one that is not there
            X, labels, weights = X[counted], labels[counted], weights[counted]
        targets = targets_of(labels, names)
        multi_label, classes, indicator = targets.multi_label, targets.classes, targets.indicator
        n_rows = len(X) if weights is None else weights.sum()
        resolve(head, multi_label=multi_label, n_texts=n_rows, n_classes=len(classes))
        check_torch_head(head, len(classes), multi_label=multi_label, weighted=weights is not None)

        from sksetfit.heads.head_loss import fit_layer

        loss = loss_of_head(head, indicator, weights, classes, n_dimensions=X.shape[1], multi_label=multi_label)
        n_iter = fit_layer(loss, X, C=head.C, max_iter=self.max_iter)
        if n_iter == self.max_iter:
            warnings.warn(
                f"TorchHead did not converge in max_iter={n_iter} iterations. Raise it, or scale X.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update({name: value for name, value in vars(head).items() if name.endswith("_in_")})
        self.classes_, self.multilabel_, self.n_iter_ = classes, multi_label, n_iter
        self.coef_, self.intercept_ = (part.detach().double().numpy() for part in (loss.coef, loss.intercept))
        return self

    def decision_function(self, X: Any) -> NDArray[np.floating]:
        """Return the logit of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of numbers.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes that of the second only.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        logits: NDArray[np.floating] = X @ self.coef_.T + self.intercept_
        return logits.ravel() if self._has_one_row else logits

    @property
    def _has_one_row(self) -> bool:
        return len(self.classes_) == 2 and not self.multilabel_

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of numbers.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels of ``classes_``; for several labels per row an indicator matrix.
        """
        logits = self.decision_function(X)
        if self.multilabel_:
            return (logits > 0).astype(np.int64)
        codes = (logits > 0).astype(np.intp) if self._has_one_row else logits.argmax(axis=1)
        labels: NDArray[Any] = self.classes_[codes]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of numbers.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns as in ``classes_``, each for itself where a row has several labels. What a loss other than the
            cross-entropy makes small is something else than a distance of probabilities: calibrate them where they
            matter.
        """
        logits = self.decision_function(X)
        probabilities: NDArray[np.floating]
        if self.multilabel_:
            probabilities = (1 + np.tanh(logits / 2)) / 2
        else:
            probabilities = softmax(np.column_stack([-logits, logits]) / 2 if self._has_one_row else logits)
        return probabilities

    def __getstate__(self) -> dict[str, Any]:
        state = plain_state(super().__getstate__())
        if callable(self.loss):  # in a file there is no code; no fit takes what stands there instead
            name = getattr(self.loss, "__name__", type(self.loss).__name__)
            state["loss"] = f"{name}, a callable that is not in the file"
        return state

    def __reduce__(self) -> tuple[Any, ...]:
        restored, (state, of_the_session) = super().__reduce__()
        return restored, (state, of_the_session | {"loss": self.loss})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(checked_state(self, state, _LEARNED))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
