"""A tuning from its beginning to its end: the body, the label texts that take part, the plan, the steps.

Floor 1: knows the body, where it comes from and the tuning loop, and of floor 0 the batches and label texts.
"""

from __future__ import annotations

import copy
import os
import time
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import numpy as np
import torch
from numpy.typing import NDArray

from sksetfit._batches import balanced_batches, merge_duplicates, planned_steps
from sksetfit._body import Body
from sksetfit._body_source import chosen_device, identity, load_body
from sksetfit._body_state import body_to_state
from sksetfit._early_stopping import EarlyStopping
from sksetfit._finetune import finetune
from sksetfit._gradients import LossOfBatch, LossWithWeights
from sksetfit._label_texts import label_rows, names_are_informative
from sksetfit._labelled import Labelled
from sksetfit._losses import contrastive_loss
from sksetfit._memory import give_back_freed_memory
from sksetfit._tuning_cache import KeptBody, key_of, remembered
from sksetfit._validation import local_random_state
from sksetfit._version import versions
from sksetfit._windows import Tokens

WARM_SHARE = 3  # of the steps of a fresh fit are enough to go on from a body that is tuned
N_TEXTS_JUDGED = 512  # texts, of all classes alike, on which "auto" judges class names; more cost time and say no more


class Recipe(NamedTuple):
    """The parameters of `SetFitEncoder` that decide what becomes of a body."""

    model: str | os.PathLike[str]
    label_texts: Any
    loss: str
    max_steps: int | str
    batch_size: int
    learning_rate: float
    warmup_proportion: float
    weight_decay: float
    max_seq_length: int | None
    long_texts: str
    prompt: str | None
    precision: str
    device: str | None


class Tuned(NamedTuple):
    """What a tuning has made: the body, the label texts that took part, the loss of each step, and the scorings."""

    body: Any
    label_texts: dict[Any, list[str]]
    loss_curve: NDArray[np.float64]
    validation_steps: NDArray[np.int64]
    validation_scores: NDArray[np.float64]


class Watch(Protocol):
    """Who looks on while a body is tuned."""

    stopped: bool

    def start(self, body: Body, label_texts: dict[Any, list[str]], n_steps: int) -> None:
        """Take notice of what is going to be tuned."""

    def step(self, losses: list[float]) -> bool:
        """Take notice of the losses up to a step, and tell whether to stop."""

    def go_on(self) -> None:
        """Take notice that nobody wants to stop, and that another step follows."""


class TrainedHead(Protocol):
    """A head whose loss also tunes the body."""

    _key: Any

    def _loss_of(self, *args: Any, **kwargs: Any) -> LossWithWeights:
        """Return its loss, added to another one."""


@dataclass(frozen=True)
class Tuning:
    """A tuning that is to be made.

    Attributes
    ----------
    recipe : Recipe
    labelled : Labelled
        What is learned from.
    candidates : dict of {label: list of str}
        The label texts, of which "auto" may use none.
    seed : int or None
    early_stopping : EarlyStopping or None, default=None
    watch : Watch or None, default=None
        Who else looks on, and may stop it.
    head : TrainedHead or None, default=None
        Whose loss is added to the contrastive one.
    verbose : int, default=0
    """

    recipe: Recipe
    labelled: Labelled
    candidates: dict[Any, list[str]]
    seed: int | None
    early_stopping: EarlyStopping | None = None
    watch: Watch | None = None
    head: TrainedHead | None = None
    verbose: int = 0

    @torch.inference_mode(False)  # what is copied or loaded under it can never be tuned
    def run(self, start: Body | None = None) -> Tuned:
        """Load a body, or copy the one to start from, and tune it."""
        rng = local_random_state(self.seed)
        body = self._load() if start is None else self._copied(start)
        body.long_texts = self.recipe.long_texts
        label_texts = self._label_texts(body, rng)
        texts, indicator, weights = _with_label_texts(self.labelled, label_texts)
        windows = body.tokenize(texts)
        body.n_long_texts = windows.n_long
        precision = body.training_precision(self.recipe.precision)
        n_steps = self._n_steps(len(texts), warm=start is not None)
        batches = balanced_batches(indicator, n_steps, self.recipe.batch_size, rng)
        tokens, batches = windows.one_each(batches, rng)
        if self.verbose:
            n_label_texts = sum(map(len, label_texts.values()))
            print(f"[sksetfit] {n_label_texts} label texts of {len(label_texts)} classes take part")
            print(
                f"[sksetfit] {len(texts)} distinct texts in {indicator.shape[1]} classes, label texts included, "
                f"{windows.plan(body.long_texts, body.max_seq_length)}: {n_steps} tuning steps of at "
                f"most {self.recipe.batch_size} texts{' with the loss of the head' if self.head else ''} "
                f"in {precision} on {body.device}, about "
                f"{_expected_seconds(body, tokens[: self.recipe.batch_size], n_steps, precision)} s"
            )
        watches: list[Watch] = [each for each in (self.early_stopping, self.watch) if each is not None]
        for each in watches:
            each.start(body, label_texts, n_steps)
        loss_curve = finetune(
            body,
            tokens,
            batches,
            self._loss(body, indicator, weights),
            n_steps=n_steps,
            precision=precision,
            after_step=partial(_tell, watches, n_steps) if watches else None,
            progress=bool(self.verbose),
            **{name: getattr(self.recipe, name) for name in _OF_THE_LOOP},
        )
        scorings = ([], []) if self.early_stopping is None else self.early_stopping.end(loss_curve.tolist())
        give_back_freed_memory()
        return Tuned(body, label_texts, loss_curve, np.array(scorings[0], dtype=np.int64), np.array(scorings[1]))

    def run_once(self, memory: Any) -> Tuned:
        """Do what `run` does, unless the memory holds what the same tuning has made before.

        The same are texts and targets in the same order, parameters, seed, weights of the model as it comes, and
        versions of the libraries; not the containers and types that they came in.
        """
        recipe = self.recipe._replace(model=identity(self.recipe.model), label_texts=self.recipe.label_texts == "auto")
        plain = [value.item() if isinstance(value, np.generic) else value for value in recipe]
        examples = (self.labelled.texts, self.labelled.targets.indicator, self.labelled.weights, self.candidates)
        judge = None if self.early_stopping is None else self.early_stopping.key
        head = None if self.head is None else self.head._key
        key = key_of(plain, examples, self.seed, judge, head, versions())

        def compute() -> tuple[Tuned, bool]:
            tuned = self.run()
            named = {"name": tuned.body.name, "state": body_to_state(tuned.body)}
            return tuned._replace(body=named), not (self.watch is not None and self.watch.stopped)

        tuned = remembered(memory, key, compute)
        if self.verbose:
            print(f"[sksetfit] the body of {len(self.labelled.texts)} texts is kept in memory={memory!r}")
        if not isinstance(tuned, Tuned):
            raise ValueError(f"memory={memory!r} holds something else under the key of this tuning: clear it.")
        body = KeptBody(**tuned.body, device=chosen_device(self.recipe.device))
        curves: Any = [np.array(each) for each in tuned[2:]]  # copies, of what may be mapped from the memory's file
        return Tuned(body, tuned.label_texts, *curves)

    def _loss(self, body: Body, indicator: NDArray[np.bool_], weights: NDArray[np.float64] | None) -> LossOfBatch:
        loss = contrastive_loss(self.recipe.loss, indicator, weights)
        if self.head is None:
            return loss
        targets = self.labelled.targets
        both = self.head._loss_of(
            indicator,
            weights,
            targets.classes,
            n_dimensions=body.n_dimensions,
            multi_label=targets.multi_label,
            besides=loss,
        )
        return both.float().to(body.device)

    def _load(self) -> Body:
        return load_body(
            self.recipe.model,
            max_seq_length=self.recipe.max_seq_length,
            prompt=self.recipe.prompt,
            device=self.recipe.device,
            quiet=self.verbose < 2,
        )

    def _copied(self, start: Body) -> Body:
        body = copy.deepcopy(start, {id(start.exports): {}})  # without what OpenVINO made of the old one
        body.name = uuid4().hex
        return body.to(chosen_device(self.recipe.device))

    def _n_steps(self, n_texts: int, *, warm: bool) -> int:
        if self.recipe.max_steps != "auto":
            return int(self.recipe.max_steps)
        if self.labelled.names_only:
            if self.verbose:
                print('[sksetfit] max_steps="auto": all texts are made of class names, the body is left as it is')
            return 0
        n_steps = planned_steps(n_texts, self.recipe.batch_size)
        return n_steps // WARM_SHARE if warm else n_steps

    def _label_texts(self, body: Body, rng: np.random.RandomState) -> dict[Any, list[str]]:
        """Return the label texts, none of them where "auto" finds that they say nothing about the texts."""
        if self.recipe.label_texts != "auto" or not self.candidates:
            return self.candidates
        indicator = self.labelled.targets.indicator
        names, name_indicator = label_rows(self.candidates, self.labelled.targets.classes)
        (sample,) = balanced_batches(indicator, 1, N_TEXTS_JUDGED, rng)
        precision = body.training_precision(self.recipe.precision)
        by_texts = body.encode([self.labelled.texts[i] for i in sample], precision)
        by_names = body.encode(names, precision)
        if names_are_informative(by_texts, indicator[sample], by_names, name_indicator):
            return self.candidates
        if self.verbose:
            print('[sksetfit] label_texts="auto": the class names do not match the texts and are left out')
        return {}


_OF_THE_LOOP = ("learning_rate", "warmup_proportion", "weight_decay")


def _tell(watches: list[Watch], n_steps: int, losses: list[float]) -> bool:
    """Tell all of them of a step, and return whether one wants to stop."""
    if any([each.step(losses) for each in watches]):  # noqa: C419  (all are to be told)
        return True
    if len(losses) < n_steps:
        for each in watches:
            each.go_on()
    return False


def _with_label_texts(
    labelled: Labelled, label_texts: dict[Any, list[str]]
) -> tuple[list[str], NDArray[np.bool_], NDArray[np.float64] | None]:
    """Return the distinct texts, label texts included, the labels of each, and how much each counts."""
    names, name_indicator = label_rows(label_texts, labelled.targets.classes)
    rows = labelled.texts + names
    texts, indicator = merge_duplicates(rows, np.vstack([labelled.targets.indicator, name_indicator]))
    if labelled.weights is None:
        return texts, indicator, None
    weights = np.concatenate([labelled.weights, labelled.weights_of_labels(name_indicator)])
    place = {text: i for i, text in enumerate(texts)}
    of_row = [place[row] for row in rows]
    return (
        texts,
        indicator,
        np.bincount(of_row, weights) / np.bincount(of_row),
    )  # a text that is there twice counts once


def _expected_seconds(body: Body, some: Tokens, n_steps: int, precision: str) -> int:
    """Return about how many seconds the steps will take, judged by encoding some texts."""
    body.encode_tokens(some, precision)  # the first time takes longer
    started = time.perf_counter()
    body.encode_tokens(some, precision)
    return round(3 * n_steps * (time.perf_counter() - started))  # the way back costs twice the way there
