"""SetFitClassifier: a tuned encoder and a head on its embeddings.

Floor 3: knows floor 2 and below.
"""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from sksetfit._encoder import SetFitEncoder
from sksetfit._heads import STRATEGIES, build_head, check_head, default_head, head_method, one_array
from sksetfit._label_texts import label_rows
from sksetfit._validation import Targets, check_targets, check_texts


class SetFitClassifier(ClassifierMixin, BaseEstimator):
    __module__ = "sksetfit"  # the public place, so that saved files outlive a move of this room

    _parameter_constraints: dict[str, list[Any]] = {
        **SetFitEncoder._parameter_constraints,
        "multi_target_strategy": [StrOptions(set(STRATEGIES))],
    }

    def __init__(
        self,
        model: str | os.PathLike[str] = "sentence-transformers/all-MiniLM-L6-v2",
        *,
        head: BaseEstimator | None = None,
        multi_target_strategy: str = "one-vs-rest",
        label_texts: Any = "auto",
        loss: str = "supcon",
        max_steps: int | str = "auto",
        batch_size: int = 24,
        learning_rate: float = 2e-4,
        warmup_proportion: float = 0.1,
        weight_decay: float = 0.01,
        max_seq_length: int | None = None,
        prompt: str | None = None,
        precision: str = "auto",
        device: str | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.model = model
        self.head = head
        self.multi_target_strategy = multi_target_strategy
        self.label_texts = label_texts
        self.loss = loss
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.warmup_proportion = warmup_proportion
        self.weight_decay = weight_decay
        self.max_seq_length = max_seq_length
        self.prompt = prompt
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Tune the Sentence Transformer on labelled texts, then fit the head on their embeddings.

        Parameters
        ----------
        X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, of shape (n_texts,)
            The texts.
        y : array-like of shape (n_texts,) or indicator matrix of shape (n_texts, n_labels)
            One label per text (str, int, bool or object), or several as a matrix of 0 and 1 (dense, sparse or
            DataFrame).

        Returns
        -------
        SetFitClassifier
            The fitted classifier itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, the head, a text or a target is not what it must be; before any training.
        """
        self._validate_params()
        check_head(self.head)
        texts = check_texts(X)
        targets = check_targets(y, len(texts))
        encoder = SetFitEncoder(**self._encoder_params())._fit(texts, targets)
        head = self._fit_head(encoder, texts, targets)
        # Only now: a fit that fails or is interrupted leaves the estimator as it was.
        self.classes_ = targets.classes
        self.encoder_ = encoder
        self.head_ = head
        return self

    def _encoder_params(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in SetFitEncoder._get_param_names()}

    def _fit_head(self, encoder: SetFitEncoder, texts: list[str], targets: Targets) -> BaseEstimator:
        """Fit a copy of the head on the embeddings of the training texts and of the label texts."""
        label_texts, label_indicator = label_rows(encoder.label_texts_, targets.classes)
        embeddings = encoder._encode(texts + label_texts)
        y = np.concatenate([targets.y, targets.as_y(label_indicator)])
        head = build_head(self.head, self.multi_target_strategy, multi_label=targets.multi_label)
        return head.fit(embeddings, y)

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
        """
        answer = self._head_answer("predict", X)
        return answer.astype(np.int64) if answer.ndim == 2 else answer

    @head_method
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
        return self._head_answer("predict_proba", X)

    @head_method
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
        return self._head_answer("decision_function", X)

    def _head_answer(self, method: str, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        return one_array(getattr(self.head_, method)(self.encoder_.transform(X)))

    def set_params(self, **params: Any) -> Self:
        """Set parameters of this classifier, and of its head as ``head__<name>``.

        With ``head=None``, ``head__C=10`` first puts the default head in its place, so that a grid over the head
        needs none to be built.

        Parameters
        ----------
        **params : dict
            Parameter names and values.

        Returns
        -------
        SetFitClassifier
            The classifier itself.
        """
        if params.get("head", self.head) is None and any(name.startswith("head__") for name in params):
            params = params | {"head": default_head()}
        super().set_params(**params)
        return self

    @property
    def n_steps_(self) -> int:
        """The number of tuning steps that were made."""
        return self.encoder_.n_steps_

    @property
    def loss_curve_(self) -> NDArray[np.float64]:
        """The loss of each tuning step, of shape (n_steps_,)."""
        return self.encoder_.loss_curve_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "head_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.classifier_tags.multi_label = True
        tags.target_tags.two_d_labels = True
        return tags
