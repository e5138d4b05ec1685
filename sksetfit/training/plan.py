"""The plan of a tuning: batch size, number of steps, learning rate and its schedule, precision, and its description."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from sksetfit.body.model import Body
from sksetfit.body.windows import Tokens, Windows

PASSES, MIN_STEPS, MAX_STEPS = 3, 24, 1000
MIN_BATCH_SIZE, MAX_BATCH_SIZE = 24, 64
LEARNING_RATE, WIDTH = 1e-4, 384  # the rate that measured best on all-MiniLM-L6-v2, and the width of its embeddings
STATIC_LEARNING_RATE = 3e-3  # of static embeddings whose vectors, one per token, have a root mean square length of 1


def batch_size_of(n_classes: int) -> int:
    """Return the batch size: two texts of each class, within bounds."""
    return int(np.clip(2 * n_classes, MIN_BATCH_SIZE, MAX_BATCH_SIZE))


def planned_steps(
    n_texts: int, batch_size: int, passes: int = PASSES, least: int = MIN_STEPS, most: int = MAX_STEPS
) -> int:
    """Return how many steps tune well: a few passes over the texts, within bounds."""
    return int(np.clip(round(passes * n_texts / batch_size), least, most))


def learning_rate_of(width: int) -> float:
    """Return the learning rate for a transformer whose hidden states have ``width`` dimensions.

    It falls in inverse proportion to the width, the rule for Adam of Yang et al. (2022), "Tensor Programs V",
    arXiv:2203.03466. Narrower transformers than the one that was measured keep its rate.
    """
    return LEARNING_RATE * min(1.0, WIDTH / width)


def warmup_then_linear(n_steps: int, warmup_proportion: float) -> Callable[[int], float]:
    """Return the factor of the learning rate at each step: it rises to 1, then falls linearly towards 0."""
    n_warmup = max(1, round(warmup_proportion * n_steps))

    def factor(step: int) -> float:
        return min((step + 1) / n_warmup, (n_steps - step) / max(n_steps - n_warmup, 1), 1.0)

    return factor


WARM_SHARE = 3  # of the steps of a fresh fit are enough to go on from a body that is tuned


class Recipe(NamedTuple):
    """The parameters of `SetFitEncoder` that decide what becomes of a body."""

    model: str | os.PathLike[str]
    label_texts: Any
    loss: str
    max_steps: int | str
    batch_size: int | str
    learning_rate: float | str
    warmup_proportion: float
    weight_decay: float
    max_seq_length: int | None
    long_texts: Literal["truncate", "windows"]
    prompt: str | None
    precision: str
    device: str | None


class Plan(NamedTuple):
    """What a tuning takes where the recipe says "auto"."""

    batch_size: int
    n_steps: int
    learning_rate: float
    precision: str


def plan_of(recipe: Recipe, body: Body, n_texts: int, n_classes: int, *, warm: bool, names_only: bool) -> Plan:
    """Return the plan of a tuning.

    Parameters
    ----------
    recipe : Recipe
    body : Body
    n_texts : int
        The number of distinct texts, label texts included.
    n_classes : int
    warm : bool
        Whether the body has been tuned before.
    names_only : bool
        Whether all texts are made of class names.
    """
    batch_size = batch_size_of(n_classes) if recipe.batch_size == "auto" else int(recipe.batch_size)
    n_steps = planned_steps(n_texts, batch_size) // (WARM_SHARE if warm else 1)
    if recipe.max_steps != "auto":
        n_steps = int(recipe.max_steps)
    elif names_only:
        n_steps = 0
    rate = resolved_learning_rate(recipe.learning_rate, body)
    return Plan(batch_size, n_steps, rate, body.training_precision(recipe.precision))


def resolved_learning_rate(learning_rate: float | str, body: Body) -> float:
    """Resolve "auto": by the width of a transformer, or by the length of the vectors of a static body."""
    if learning_rate != "auto":
        return float(learning_rate)
    if body.has_layers:
        return learning_rate_of(body.transformer.config.hidden_size)
    return STATIC_LEARNING_RATE * float(body.transformer.weight.detach().square().sum(dim=1).mean().sqrt())


def described(
    plan: Plan,
    recipe: Recipe,
    body: Body,
    windows: Windows,
    n_classes: int,
    label_texts: dict[Any, list[str]],
    *,
    with_head: bool,
) -> list[str]:
    """Return lines that say what is going to be tuned on what, and about how long it takes."""
    n_label_texts = sum(map(len, label_texts.values()))
    tokens = [windows.tokens[rows.start] for rows in windows.rows[: plan.batch_size]]
    kind = f"{body.transformer.config.hidden_size} dimensions" if body.has_layers else "static embeddings"
    names_only = ['max_steps="auto": all texts are made of class names, the body is left as it is']
    return [
        f"{n_label_texts} label texts of {len(label_texts)} classes take part" if label_texts else "no label texts",
        *(names_only if recipe.max_steps == "auto" and plan.n_steps == 0 else []),
        f"{len(windows.rows)} distinct texts in {n_classes} classes, label texts included, "
        f"{windows.plan(body.long_texts, body.max_seq_length)}: {plan.n_steps} tuning steps of at most "
        f"{plan.batch_size} texts{' with the loss of the head' if with_head else ''} in {plan.precision} on "
        f"{body.device}, about {_expected_seconds(body, tokens, plan)} s without loading and head",
        f"learning_rate={plan.learning_rate:.3g}" + (f' ("auto" for {kind})' if recipe.learning_rate == "auto" else ""),
    ]


def _expected_seconds(body: Body, tokens: Tokens, plan: Plan) -> int:
    """Return about how many seconds the steps will take, from the time of encoding some texts."""
    body.encode_tokens(tokens, plan.precision)  # the first time takes longer
    started = time.perf_counter()
    body.encode_tokens(tokens, plan.precision)
    return round(3 * plan.n_steps * (time.perf_counter() - started))  # the backward pass costs twice the forward pass
