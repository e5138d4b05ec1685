"""A tuning from its beginning to its end: the body, the label texts that take part, the plan, the steps."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import numpy as np
import torch
from numpy.typing import NDArray

from sksetfit._version import versions
from sksetfit.body.loading import chosen_device, identity, load_body
from sksetfit.body.model import Body
from sksetfit.body.state import body_to_state
from sksetfit.inputs.label_texts import label_rows, names_are_informative
from sksetfit.inputs.texts import local_random_state, merge_duplicates
from sksetfit.inputs.training_data import Labelled
from sksetfit.training.cache import KeptBody, key_of, remembered
from sksetfit.training.callbacks import EarlyStopping
from sksetfit.training.gradients import LossOfBatch, LossWithWeights
from sksetfit.training.loop import check_not_collapsed, finetune, spread
from sksetfit.training.losses import Anchors, contrastive_loss
from sksetfit.training.plan import Plan, Recipe, described, plan_of
from sksetfit.training.sampler import balanced_batches
from sksetfit.utils.memory import give_back_freed_memory

N_CLASSES_CHECKED = 8  # for embeddings that have become equal
N_TEXTS_JUDGED = 512  # texts, of all classes alike, on which "auto" judges class names; more cost time and say no more


class Tuned(NamedTuple):
    """What a tuning has made: body, label texts that took part, plan, loss of each step, and scorings."""

    body: Any
    label_texts: dict[Any, list[str]]
    plan: Plan
    loss_curve: NDArray[np.float64]
    validation_steps: NDArray[np.int64]
    validation_scores: NDArray[np.float64]


class Watch(Protocol):
    """Who looks on while a body is tuned."""

    stopped: bool

    def start(self, body: Body, label_texts: dict[Any, list[str]], plan: Plan) -> None:
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
        label_texts, anchors = self._label_texts(body, rng)
        texts, indicator, weights = _with_label_texts(self.labelled, label_texts)
        windows = body.tokenize(texts)
        body.n_long_texts = max(body.n_long_texts, windows.n_long)  # a warm start has seen others
        plan = plan_of(self.recipe, body, *indicator.shape, warm=start is not None, names_only=self.labelled.names_only)
        batches = balanced_batches(indicator, plan.n_steps, plan.batch_size, rng)
        tokens, batches = windows.one_each(batches, rng)
        if self.verbose:
            lines = described(
                plan, self.recipe, body, windows, indicator.shape[1], label_texts, with_head=self.head is not None
            )
            print("\n".join(f"[sksetfit] {line}" for line in lines))
        watches: list[Watch] = [each for each in (self.early_stopping, self.watch) if each is not None]
        for each in watches:
            each.start(body, label_texts, plan)
        some = [windows.tokens[windows.rows[text].start] for text in _one_of_each_class(indicator)]
        spread_before = spread(body, some)
        loss_curve = finetune(
            body,
            tokens,
            batches,
            self._loss(body, indicator, weights, anchors),
            n_steps=plan.n_steps,
            learning_rate=plan.learning_rate,
            warmup_proportion=self.recipe.warmup_proportion,
            weight_decay=self.recipe.weight_decay,
            precision=plan.precision,
            after_step=partial(_tell, watches, plan.n_steps) if watches else None,
            progress=bool(self.verbose),
        )
        scorings = ([], []) if self.early_stopping is None else self.early_stopping.end(loss_curve.tolist())
        check_not_collapsed(spread_before, spread(body, some), plan.learning_rate)
        give_back_freed_memory()
        steps, scores = np.array(scorings[0], dtype=np.int64), np.array(scorings[1])
        return Tuned(body, label_texts, plan, loss_curve, steps, scores)

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
        curves: Any = [np.array(each) for each in tuned[3:]]  # copies, of what may be mapped from the memory's file
        return Tuned(body, tuned.label_texts, tuned.plan, *curves)

    def _loss(
        self,
        body: Body,
        indicator: NDArray[np.bool_],
        weights: NDArray[np.float64] | None,
        anchors: Anchors | None,
    ) -> LossOfBatch:
        loss = contrastive_loss(self.recipe.loss, indicator, weights, anchors)
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

    def _label_texts(self, body: Body, rng: np.random.RandomState) -> tuple[dict[Any, list[str]], Anchors | None]:
        """Return the label texts and their embeddings, none where "auto" finds that they do not match the texts."""
        anchored = self.recipe.loss == "supcon"
        if not self.candidates or (self.recipe.label_texts != "auto" and not anchored):
            return self.candidates, None
        names, name_indicator = label_rows(self.candidates, self.labelled.targets.classes)
        precision = body.training_precision(self.recipe.precision)
        by_names = body.encode(names, precision)
        if self.recipe.label_texts == "auto":
            indicator = self.labelled.targets.indicator
            (sample,) = balanced_batches(indicator, 1, N_TEXTS_JUDGED, rng)
            by_texts = body.encode([self.labelled.texts[i] for i in sample], precision)
            if not names_are_informative(by_texts, indicator[sample], by_names, name_indicator):
                if self.verbose:
                    print('[sksetfit] label_texts="auto": the class names do not match the texts and are left out')
                return {}, None
        return self.candidates, Anchors.of(by_names, name_indicator, body.device) if anchored else None


def _one_of_each_class(indicator: NDArray[np.bool_]) -> list[int]:
    """Return the first text of each class, of a few classes where there are many."""
    rows: list[int] = np.unique(indicator[:, :N_CLASSES_CHECKED].argmax(axis=0)).tolist()
    return rows


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
