"""A smaller body that learns to give the embeddings of a larger one."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers.sentence_transformer.modules import Dense
from torch import Tensor, nn

from sksetfit.body.contexts import building, threads
from sksetfit.body.devices import chosen_device
from sksetfit.body.layers import with_fewer_layers
from sksetfit.body.loading.load import load_body
from sksetfit.body.model import Body
from sksetfit.body.static import STATIC, StaticBody, last_normalize, of_seen_tokens, static_body_of
from sksetfit.body.windows import Tokens
from sksetfit.inputs.texts import distinct
from sksetfit.inputs.unread import UnreadTexts
from sksetfit.training.callbacks import ProgressBar, TrainingCallback, TrainingResult, TrainingState
from sksetfit.training.gradients import LossOfBatch
from sksetfit.training.loop import run_steps
from sksetfit.training.plan import STATIC_LEARNING_RATE, Plan, steps_for
from sksetfit.training.sampler import balanced_batches
from sksetfit.utils.memory import trim_memory
from sksetfit.utils.warn import warn_caller

# Vectors of tokens take a higher rate and more passes, which cost next to nothing.
PASSES, LEARNING_RATE = 3, 5e-4
STATIC_PASSES = 6
MIN_STEPS, MAX_STEPS = 50, 1000
RIDGE = 0.3  # in shares of the mean square: measured between 60 and 1,000 texts of 384 dimensions
MIN_TEXTS = 1000  # from which the map of another model is learned, however few the steps


@torch.inference_mode(False)  # what is built under it can never be tuned
def distill(
    teacher: Body,
    texts: Sequence[str],
    *,
    model: str | os.PathLike[str] | None,
    revision: str | None = None,
    n_layers: int | None,
    max_steps: int | str,
    batch_size: int,
    learning_rate: float | str,
    precision: str,
    device: str | None,
    rng: np.random.RandomState,
    verbose: int,
) -> TrainingResult:
    """Return a student that gives, of texts like these, nearly the embeddings of its teacher.

    The loss is the mean squared distance of both embeddings, in shares of the mean square of the teacher's.
    """
    texts, _ = distinct(texts)
    with threads():
        student = _student(teacher, texts, model, revision, n_layers, device, precision, quiet=verbose < 2)
        passes = STATIC_PASSES if isinstance(student, StaticBody) else PASSES
        n_steps = steps_for(passes * len(texts), batch_size, MIN_STEPS, MAX_STEPS)
        n_steps = n_steps if max_steps == "auto" else int(max_steps)
        if len(texts) > n_steps * batch_size:  # the others would be encoded for nothing
            n_texts = min(len(texts), max(n_steps * batch_size, MIN_TEXTS))
            texts = [texts[row] for row in rng.choice(len(texts), n_texts, replace=False)]
        if verbose:
            print(
                f"[sksetfit] {len(texts)} distinct texts: {n_steps} steps of {batch_size} of them on {student.device}"
            )
        student.long_texts = teacher.long_texts
        tokens, wanted = _same_tokens(teacher, student, model, texts)
        _initialize_student(teacher, student, model, tokens, wanted)
        rate = _own_rate(student, wanted) if learning_rate == "auto" else float(learning_rate)
        state = TrainingState(student, {}, Plan(batch_size, n_steps, rate, student.training_precision(precision)))
        batches = balanced_batches(np.zeros((len(tokens), 1), dtype=bool), n_steps, batch_size, rng)
        distance = partial(_distance, torch.from_numpy(wanted).to(student.device))
        _learn(state, tokens, batches, distance, [ProgressBar()] if verbose else [])
    trim_memory()
    return state.result()


def _same_tokens(
    teacher: Body, student: Body, model: str | os.PathLike[str] | None, texts: list[str]
) -> tuple[Tokens, NDArray[np.float32]]:
    """Return what the student is tuned on, and the teacher's embeddings of the same tokens.

    With the teacher's tokenizer these are windows. A static student reads whole texts. A student of another model has
    other windows than its teacher, so that both read the beginning of each text.
    """
    windows = student.tokenize(texts, None if model in (None, STATIC) else "truncate")
    student.n_long_texts = windows.n_long
    unread = UnreadTexts()
    unread.add(texts, windows.unknown, windows.cut)
    if unread.message is not None:
        warn_caller(unread.message)
    if model is None:
        return windows.tokens, teacher.encode_tokens(windows.tokens)
    if model == STATIC:
        return windows.tokens, teacher.encode(texts)
    return windows.tokens, teacher.encode_tokens(teacher.tokenize(texts, "truncate").tokens)


def _student(
    teacher: Body,
    texts: list[str],
    model: str | os.PathLike[str] | None,
    revision: str | None,
    n_layers: int | None,
    device: str | None,
    precision: str,
    *,
    quiet: bool,
) -> Body:
    """Return a body that has not learned yet."""
    target = chosen_device(device)
    if revision is not None and model in (None, STATIC):
        raise ValueError(
            f"revision={revision!r} is for a model on the Hub, and model={model!r} is made of the teacher."
        )
    if model is None:
        return with_fewer_layers(teacher, n_layers).to(target)
    if model == STATIC:
        return static_body_of(teacher, texts, teacher.training_precision(precision)).to(target)
    return load_body(model, revision=revision, device=device, quiet=quiet)


def _distance(wanted: Tensor, embeddings: Tensor, texts: NDArray[np.intp]) -> Tensor:
    goal = wanted[torch.from_numpy(texts).to(wanted.device)]
    return (embeddings - goal).square().sum() / goal.square().sum().clamp(min=1e-12)


def _own_rate(student: Body, wanted: NDArray[np.float32]) -> float:
    """Return the rate that suits a student: that of vectors is in their own size, which is 1 behind a Normalize."""
    if not isinstance(student, StaticBody):
        return LEARNING_RATE
    return STATIC_LEARNING_RATE * float(np.sqrt(np.square(wanted).sum(axis=1).mean()))


def _learn(
    state: TrainingState,
    tokens: Tokens,
    batches: Iterable[NDArray[np.intp]],
    distance: LossOfBatch,
    callbacks: list[TrainingCallback],
) -> None:
    """Tune the student; of a table the vectors of those tokens that there are."""
    tune = partial(
        run_steps, batches=batches, loss=distance, warmup_proportion=0.1, weight_decay=0.01, callbacks=callbacks
    )
    student = state.body
    if not isinstance(student, StaticBody):
        tune(state, tokens)
        return
    part, tokens, seen = of_seen_tokens(student, tokens)
    tune(replace(state, body=part), tokens)  # the losses are those of the state, too
    with torch.no_grad():
        student.transformer.weight[torch.from_numpy(seen).long()] = part.transformer.weight


def _initialize_student(teacher: Body, student: Body, model: Any, tokens: Tokens, wanted: NDArray[np.float32]) -> None:
    """Bring a student near to its teacher, where it does not begin there."""
    if model not in (None, STATIC):
        _append_projection(teacher, student, student.encode_tokens(tokens), wanted)
    elif model == STATIC and not student.normalizes:
        _fit_scale_and_shift(student, student.encode_tokens(tokens), wanted)


@torch.no_grad()
def _fit_scale_and_shift(student: Body, embeddings: NDArray[np.float32], wanted: NDArray[np.float32]) -> None:
    """Give the vectors of a table the size that makes their means nearest to these embeddings, and add what is left."""
    own, goal = embeddings - embeddings.mean(axis=0), wanted - wanted.mean(axis=0)
    size = float((own * goal).sum() / max(np.square(own).sum(), 1e-12))
    shift = wanted.mean(axis=0) - size * embeddings.mean(axis=0)
    student.transformer.weight.mul_(size).add_(torch.from_numpy(shift).to(student.device))


def _append_projection(
    teacher: Body, student: Body, embeddings: NDArray[np.float32], wanted: NDArray[np.float32]
) -> None:
    """Add the linear map that brings a student's embeddings near to those of its teacher.

    It is held back (ridge regression): few texts would be mapped exactly, and others at random.
    """
    products = embeddings.T @ embeddings
    ridge = RIDGE * products.diagonal().mean() * np.eye(len(products), dtype=np.float32)
    weight = np.linalg.solve(products + ridge, embeddings.T @ wanted)
    with building():
        dense = Dense(weight.shape[0], weight.shape[1], bias=False, activation_function=nn.Identity())
    with torch.no_grad():
        dense.linear.weight.copy_(torch.from_numpy(weight.T))
    student.tail.append(dense.float().to(student.device))
    student.tail.extend(copy.deepcopy(last_normalize(teacher)))
