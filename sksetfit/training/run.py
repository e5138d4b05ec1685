"""A training from its beginning to its end: the body, the label texts that take part, the plan, the steps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sksetfit._version import versions
from sksetfit.body.devices import chosen_device
from sksetfit.body.loading.load import load_body
from sksetfit.body.loading.source import model_fingerprint
from sksetfit.body.model import Body
from sksetfit.body.saving.state import body_to_state
from sksetfit.body.windows import Windows
from sksetfit.inputs.label_texts import candidate_label_texts, label_rows, names_are_informative
from sksetfit.inputs.texts import distinct, local_random_state, merge_duplicates
from sksetfit.inputs.training_data import TrainingData
from sksetfit.inputs.unread import UnreadTexts, naming_rows, same_tokens_message
from sksetfit.training.cache import LazyBody, cached_call, key_of
from sksetfit.training.callbacks import ProgressBar, TrainingCallback, TrainingResult, TrainingState
from sksetfit.training.gradients import LossOfBatch
from sksetfit.training.loop import check_not_collapsed, run_steps, spread
from sksetfit.training.losses import Anchors, contrastive_loss
from sksetfit.training.plan import TrainingConfig, described, leave_one_out_accuracy, plan_of
from sksetfit.training.sampler import balanced_batches
from sksetfit.utils.memory import trim_memory
from sksetfit.utils.warn import warn_caller

N_CLASSES_CHECKED = 8  # for embeddings that have become equal
MAX_FROZEN_TEXTS = 512  # of all classes alike, on which "auto" scores names and body; more cost time and say no more


class BodyHeadLoss(Protocol):
    """The loss of a head, by which the body is trained as well."""

    @property
    def key(self) -> Any:
        """What of the head decides the result, for the cache."""

    def added_to(
        self,
        loss: LossOfBatch,
        indicator: NDArray[np.bool_],
        weights: NDArray[np.float64] | None,
        n_dimensions: int,
    ) -> Any:
        """Return the sum of another loss and this one."""


def train_body(
    config: TrainingConfig,
    data: TrainingData,
    *,
    initial_body: Body | None = None,
    callbacks: Sequence[TrainingCallback] = (),
    head_loss: BodyHeadLoss | None = None,
) -> TrainingResult:
    """Train a body on labelled texts.

    Parameters
    ----------
    config : TrainingConfig
        With a ``memory``, the result comes from there if the same training has been made before.
    data : TrainingData
    initial_body : Body or None, default=None
        The body of a warm start, of which a copy is trained. None loads ``config.model``.
    callbacks : sequence of TrainingCallback, default=()
        Called in this order at the beginning, after each step and at the end.
    head_loss : BodyHeadLoss or None, default=None
        Added to the contrastive loss.
    """
    candidates = candidate_label_texts(config.label_texts, data.targets.classes)
    if config.memory is None or initial_body is not None:
        return _train(config, data, candidates, initial_body, callbacks, head_loss)
    return _train_cached(config, data, candidates, callbacks, head_loss)


@torch.inference_mode(False)  # what is copied or loaded under it can never be tuned
def _train(
    config: TrainingConfig,
    data: TrainingData,
    candidates: dict[Any, list[str]],
    initial_body: Body | None,
    callbacks: Sequence[TrainingCallback],
    head_loss: BodyHeadLoss | None,
) -> TrainingResult:
    rng = local_random_state(config.seed)
    body = _loaded(config) if initial_body is None else _copied(initial_body, config.device)
    body.long_texts = config.long_texts
    frozen = _FrozenSample(config, data, body, rng)
    label_texts, anchors = _chosen_label_texts(config, data, candidates, frozen)
    texts, indicator, weights = _with_label_texts(data, label_texts)
    with naming_rows(data.texts):
        windows = body.tokenize(texts)
    n_own = len(set(data.texts)) if config.label_texts == "auto" else len(texts)  # the others are made of names
    messages = _warn_of_unread(texts, windows, indicator, n_own)
    body.n_long_texts = max(body.n_long_texts, windows.n_long)  # a warm start has seen others
    warm = initial_body is not None
    n_classes = indicator.shape[1]
    plan = plan_of(config, body, len(texts), n_classes, frozen.accuracy, warm=warm, names_only=data.names_only)
    tokens, batches = windows.one_each(balanced_batches(indicator, plan.n_steps, plan.batch_size, rng), rng)
    loss: LossOfBatch = contrastive_loss(config.loss, indicator, weights, anchors)
    if head_loss is not None:
        loss = head_loss.added_to(loss, indicator, weights, body.n_dimensions).float().to(body.device)
    if config.verbose:
        with_head = head_loss is not None
        lines = described(plan, config, body, windows, data.targets.classes, label_texts, with_head=with_head)
        print("\n".join(f"[sksetfit] {line}" for line in lines))
        callbacks = [*callbacks, ProgressBar()]
    some = [windows.tokens[windows.rows[text].start] for text in _one_of_each_class(indicator)]
    spread_before = spread(body, some, plan.precision) if plan.n_steps else 0.0
    state = TrainingState(body, label_texts, plan)
    run_steps(
        state,
        tokens,
        batches,
        loss,
        warmup_proportion=config.warmup_proportion,
        weight_decay=config.weight_decay,
        callbacks=callbacks,
    )
    if plan.n_steps:
        check_not_collapsed(spread_before, spread(body, some, plan.precision), plan.learning_rate)
    trim_memory()
    return state.result()._replace(warnings=messages)


def _train_cached(
    config: TrainingConfig,
    data: TrainingData,
    candidates: dict[Any, list[str]],
    callbacks: Sequence[TrainingCallback],
    head_loss: BodyHeadLoss | None,
) -> TrainingResult:
    """Do what `_train` does, unless the memory holds the result of the same training.

    The same are texts and targets in the same order, parameters, seed, weights of the model as it comes, and
    versions of the libraries; not the containers and types that they came in.
    """
    of_result = config._replace(
        model=model_fingerprint(config.model, config.revision),
        revision=None,
        label_texts=config.label_texts == "auto",
        memory=None,
        verbose=0,
    )
    plain = [value.item() if isinstance(value, np.generic) else value for value in of_result]
    examples = (data.texts, data.targets.indicator, data.weights, candidates)
    of_callbacks = [callback.key for callback in callbacks if callback.key is not None]
    others = of_callbacks, None if head_loss is None else head_loss.key
    key = key_of(plain, examples, others, versions())
    is_new = []

    def compute() -> tuple[TrainingResult, bool]:
        is_new.append(True)
        result = _train(config, data, candidates, None, callbacks, head_loss)
        described_body = {"name": result.body.name, "state": body_to_state(result.body)}
        return result._replace(body=described_body), not any(callback.stopped for callback in callbacks)

    result = cached_call(config.memory, key, compute)
    if config.verbose:
        print(f"[sksetfit] the body of {len(data.texts)} texts is kept in memory={config.memory!r}")
    if not isinstance(result, TrainingResult):
        raise ValueError(f"memory={config.memory!r} holds something else under the key of this tuning: clear it.")
    body = LazyBody(**result.body, device=chosen_device(config.device))
    for message in () if is_new else result.warnings:
        warn_caller(message)
    curves: Any = (result.loss_curve, result.validation_steps, result.validation_scores)
    curves = map(np.array, curves)  # copies, of what may be mapped from the memory's file
    return TrainingResult(body, result.label_texts, result.plan, *curves)


def _warn_of_unread(texts: list[str], windows: Windows, indicator: NDArray[np.bool_], n_own: int) -> tuple[str, ...]:
    """Warn of the caller's texts that the body cannot read, and of any it cannot tell apart; return the warnings."""
    unread = UnreadTexts()
    unread.add(texts[:n_own], [text for text in windows.unknown if text < n_own], windows.cut)
    messages = tuple(filter(None, [unread.message, same_tokens_message(texts, windows.keys(), indicator)]))
    for message in messages:
        warn_caller(message)
    return messages


def _loaded(config: TrainingConfig) -> Body:
    return load_body(
        config.model,
        revision=config.revision,
        max_seq_length=config.max_seq_length,
        prompt=config.prompt,
        device=config.device,
        quiet=config.verbose < 2,
    )


def _copied(body: Body, device: str | None) -> Body:
    copied = copy.deepcopy(body)
    copied.weights_changed()
    return copied.to(chosen_device(device))


class _FrozenSample:
    """Some training texts of all classes alike, and their embeddings before the tuning, made when first needed."""

    def __init__(self, config: TrainingConfig, data: TrainingData, body: Body, rng: np.random.RandomState) -> None:
        self.body, self.precision = body, body.training_precision(config.precision)
        self._data, self._rng = data, rng

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        (rows,) = balanced_batches(self._data.targets.indicator, 1, MAX_FROZEN_TEXTS, self._rng)
        return rows

    @property
    def indicator(self) -> NDArray[np.bool_]:
        return self._data.targets.indicator[self.rows]

    @cached_property
    def embeddings(self) -> NDArray[np.float32]:
        with naming_rows(self._data.texts):
            return self.body.encode([self._data.texts[i] for i in self.rows], self.precision)

    def accuracy(self) -> float:
        """Return the accuracy of a linear model on them, leaving one out."""
        return leave_one_out_accuracy(self.embeddings, self.indicator)


def _chosen_label_texts(
    config: TrainingConfig,
    data: TrainingData,
    candidates: dict[Any, list[str]],
    frozen: _FrozenSample,
) -> tuple[dict[Any, list[str]], Anchors | None]:
    """Return the label texts and their embeddings, none where "auto" finds that they do not match the texts."""
    anchored = config.loss == "supcon"
    if not candidates or (config.label_texts != "auto" and not anchored):
        return candidates, None
    names, name_indicator = label_rows(candidates, data.targets.classes)
    by_names = frozen.body.encode(names, frozen.precision)
    if config.label_texts == "auto" and not names_are_informative(
        frozen.embeddings, frozen.indicator, by_names, name_indicator
    ):
        if config.verbose:
            print('[sksetfit] label_texts="auto": the class names do not match the texts and are left out')
        return {}, None
    return candidates, Anchors.of(by_names, name_indicator, frozen.body.device) if anchored else None


def _one_of_each_class(indicator: NDArray[np.bool_]) -> list[int]:
    """Return the first text of each class, of a few classes where there are many."""
    rows: list[int] = np.unique(indicator[:, :N_CLASSES_CHECKED].argmax(axis=0)).tolist()
    return rows


def _with_label_texts(
    data: TrainingData, label_texts: dict[Any, list[str]]
) -> tuple[list[str], NDArray[np.bool_], NDArray[np.float64] | None]:
    """Return the distinct texts, label texts included, the labels of each, and how much each counts."""
    names, name_indicator = label_rows(label_texts, data.targets.classes)
    rows = data.texts + names
    texts, indicator = merge_duplicates(rows, np.vstack([data.targets.indicator, name_indicator]))
    if data.weights is None:
        return texts, indicator, None
    weights = np.concatenate([data.weights, data.weights_of_labels(name_indicator)])
    _, of_row = distinct(rows)  # a text that is there twice counts once
    return texts, indicator, np.bincount(of_row, weights) / np.bincount(of_row)
