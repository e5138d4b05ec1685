"""What a classifier answers with a head on the embeddings of an encoder, and what its saved state must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.multioutput import MultiOutputClassifier
from sklearn.utils import InputTags, Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sksetfit.encoder import SetFitEncoder, body_of, encoded_chunks
from sksetfit.heads.saved import check_fitted_head
from sksetfit.heads.strategies import is_multi_label, stack_label_proba
from sksetfit.inputs.scoring import TargetScoreMixin
from sksetfit.inputs.texts import check_texts, side_by_side
from sksetfit.inputs.unread import naming_rows
from sksetfit.persistence.estimator_state import PlainStateMixin, checked_state, plain_state

Method = TypeVar("Method", bound=Callable[..., Any])


def _available_if_head_has(method: Method) -> Method:
    """Return a method that exists where the head has one of its name."""
    name = method.__name__

    def head_has(classifier: Any) -> bool:
        head = _own_head(classifier)
        if head is None or hasattr(head, name):
            return True
        other = "head=LogisticRegression()"
        if name == "predict_proba":
            other += ", or with CalibratedClassifierCV around this head"
        elif isinstance(head, MultiOutputClassifier):
            other = "multi_target_strategy='one-vs-rest'"
        raise AttributeError(f"The head, {head!r}, has no {name}. Fit a SetFitClassifier with {other}.")

    available: Method = available_if(head_has)(method)
    return available


def _own_head(classifier: Any) -> Any:
    """Return the fitted head or, before a fit, the one to be fitted or the teacher's; None where that is open."""
    if hasattr(classifier, "teacher") and not hasattr(classifier, "head_"):
        return _own_head(classifier.teacher)
    return getattr(classifier, "head_", getattr(classifier, "head", None))


def _answer(head: Any, method: str, embeddings: NDArray[np.float32]) -> NDArray[Any]:
    """Return what a method of the head answers, in the types that a classifier gives."""
    answer = stack_label_proba(getattr(head, method)(embeddings))
    if method == "predict" and answer.ndim == 2:
        return answer.astype(np.int64)
    if method == "predict_proba" and answer.dtype == np.float32:
        exact = answer.astype(np.float64)  # of which log_loss, and what averages them, expects exact sums
        return exact if is_multi_label(head) else exact / exact.sum(axis=1, keepdims=True)
    return answer


def _in_rows(parts: Iterable[NDArray[Any]], rows: NDArray[np.intp]) -> NDArray[Any]:
    """Return answers in one array, each in its row of ``rows``, and hold no more than one part of them besides."""
    answers: NDArray[Any] = np.empty(0)
    start = 0
    for part in parts:
        if start == 0:
            answers = np.empty((len(rows), *part.shape[1:]), part.dtype)
        elif part.dtype != answers.dtype:  # a head may give labels as text of the length of the longest
            answers = answers.astype(np.promote_types(answers.dtype, part.dtype))
        answers[rows[start : start + len(part)]] = part
        start += len(part)
    return answers


class HeadOnEmbeddings(PlainStateMixin, TargetScoreMixin):
    """A classifier of texts whose fit leaves ``classes_``, ``encoder_`` and ``head_``."""

    _learned: dict[str, Any]  # the names of all that it leaves, and of which type each is
    _warns = True  # of texts that cannot be read, at predictions
    precision: str
    device: str | None

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each text.

        Parameters
        ----------
        X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, of shape (n_texts,)
            The texts.

        Returns
        -------
        ndarray of shape (n_texts,) or (n_texts, n_labels)
            Labels of ``classes_``; for multi-label targets an indicator matrix, dtype int64.

        Warns
        -----
        UserWarning
            If some texts consist mostly of tokens that the model does not know, as texts in other scripts or emoji
            can. The other methods warn as well.
        """
        return self._predict_with_head("predict", X)

    @_available_if_head_has
    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Return the probability of each class for each text.

        Parameters
        ----------
        X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, of shape (n_texts,)
            The texts.

        Returns
        -------
        ndarray of shape (n_texts, n_classes)
            Columns as in ``classes_``; for multi-label targets the probability of each label, whatever the strategy.
        """
        return self._predict_with_head("predict_proba", X)

    @_available_if_head_has
    def decision_function(self, X: Any) -> NDArray[np.floating]:
        """Return the head's decision function.

        Parameters
        ----------
        X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, of shape (n_texts,)
            The texts.

        Returns
        -------
        ndarray of shape (n_texts,) or (n_texts, n_classes)
            As the head has it: one column less dimension for two classes.
        """
        return self._predict_with_head("decision_function", X)

    def _predict_with_head(self, method: str, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        encoder, head = self.encoder_, self.head_  # both at once: another thread may be fitting
        texts = check_texts(X)
        ordered, rows = side_by_side(texts)  # so that a text is encoded once, although not all are at once in memory
        chunks = self._encoded_chunks(encoder, ordered)
        with naming_rows(texts):
            return _in_rows((_answer(head, method, embeddings) for embeddings in chunks), rows)

    def _encoded_chunks(self, encoder: SetFitEncoder, texts: list[str]) -> Iterable[NDArray[np.float32]]:
        # Not transform: under set_config(transform_output=...) its frames have names that the head does not know.
        return encoded_chunks(encoder, texts, self, report=self._warns)

    def __getstate__(self) -> dict[str, Any]:
        return plain_state(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = checked_state(self, state, self._learned)
        if "head_" in state:
            encoder = state["encoder_"]
            check_fitted_head(state["head_"], state["classes_"], body_of(encoder).n_dimensions)

            from sksetfit.body.devices import available_device
            from sksetfit.body.prediction import place

            place(vars(encoder)["_tuned"], state["device"], available_device)  # it may differ from the encoder's
        super().__setstate__(state)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "head_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = InputTags(one_d_array=True, two_d_array=False, string=True)
        tags.classifier_tags.multi_label = True
        return tags
