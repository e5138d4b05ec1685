"""The plan of a tuning: batch size, number of steps, learning rate and its schedule, precision, and its description."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sksetfit.body.model import Body
from sksetfit.body.saving.export import check_openvino
from sksetfit.body.windows import Tokens, Windows
from sksetfit.inputs.label_texts import candidate_label_texts
from sksetfit.inputs.texts import check_texts, short_repr

# Eight passes over a few hundred texts, which read no more than 150 batches of 24, where the frozen body confuses the
# classes. Where three passes are less than the least steps, as at eight texts of ten classes, more steps lose a point.
PASSES, MORE_PASSES, MORE_READ = 3, 8, 3600
WELL_SEPARATED = 0.85  # accuracy of the frozen body, above which more passes lose accuracy
RIDGE = 1.0  # for embeddings of unit length
MIN_STEPS, MAX_STEPS = 24, 1000
FEW_STEPS = 12  # are enough for few texts per class, at twice the rate
WARM_SHARE = 3  # of the steps of a fresh fit are enough to go on from a body that is tuned
MIN_BATCH_SIZE, MAX_BATCH_SIZE = 24, 64
LEARNING_RATE, WIDTH = 1e-4, 384  # the rate that measured best on all-MiniLM-L6-v2, and the width of its embeddings
STATIC_LEARNING_RATE = 3e-3  # of static embeddings whose vectors, one per token, have a root mean square length of 1

_NUMBERS = "the labels are numbers"


def batch_size_of(n_classes: int) -> int:
    """Return the batch size: two texts of each class, within bounds."""
    return int(np.clip(2 * n_classes, MIN_BATCH_SIZE, MAX_BATCH_SIZE))


def planned_steps(n_texts: int, n_classes: int, batch_size: int, *, more: bool = False) -> int:
    """Return how many steps tune well: three passes over the texts, or up to eight, within bounds.

    They are no fewer than the texts of a class, from `FEW_STEPS` to `MIN_STEPS`.
    """
    n_read = max(PASSES * n_texts, min(MORE_PASSES * n_texts, MORE_READ) if more else 0)
    least = np.clip(round(n_texts / max(n_classes, 1)), FEW_STEPS, MIN_STEPS)
    return steps_for(n_read, batch_size, int(least), MAX_STEPS)


def steps_for(n_read: float, batch_size: int, least: int, most: int) -> int:
    """Return the number of steps that read so many texts, within bounds."""
    return int(np.clip(round(n_read / batch_size), least, most))


def leave_one_out_accuracy(embeddings: NDArray[np.floating], indicator: NDArray[np.bool_]) -> float:
    """Return the accuracy of ridge regression on the classes, for each text fitted on all others.

    The closed form: the residual of a text divided by one minus its leverage. A multi-label text is correct if all of
    its labels are.
    """
    n_texts = len(embeddings)
    centered = embeddings - embeddings.mean(axis=0)
    kernel = centered @ centered.T
    hat = kernel @ np.linalg.inv(kernel + RIDGE * np.eye(n_texts)) + 1 / n_texts
    targets = indicator.astype(np.float64)
    predicted = targets - (targets - hat @ targets) / (1 - np.diag(hat)[:, np.newaxis])
    if (indicator.sum(axis=1) == 1).all():
        return float(np.mean(indicator[np.arange(n_texts), predicted.argmax(axis=1)]))
    return float(np.mean(((predicted > 0.5) == indicator).all(axis=1)))


def learning_rate_of(width: int, n_steps: int) -> float:
    """Return the learning rate of so many steps of a transformer whose hidden states have ``width`` dimensions.

    It falls in inverse proportion to the width, the rule for Adam of Yang et al. (2022), "Tensor Programs V",
    arXiv:2203.03466. Narrower transformers than the one that was measured keep its rate. Fewer steps than `MIN_STEPS`
    have a rate that is higher in proportion, up to twice as high.
    """
    of_steps = float(np.clip(MIN_STEPS / max(n_steps, 1), 1, MIN_STEPS / FEW_STEPS))
    return LEARNING_RATE * min(1.0, WIDTH / width) * of_steps


def warmup_then_linear(n_steps: int, warmup_proportion: float) -> Callable[[int], float]:
    """Return the factor of the learning rate at each step: it rises to 1, then falls linearly towards 0."""
    n_warmup = max(1, round(warmup_proportion * n_steps))

    def factor(step: int) -> float:
        return min((step + 1) / n_warmup, (n_steps - step) / max(n_steps - n_warmup, 1), 1.0)

    return factor


class TrainingConfig(NamedTuple):
    """The parameters of `SetFitEncoder` that concern the training of a body, and its seed."""

    model: str | os.PathLike[str]
    revision: str | None
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
    memory: Any
    seed: int | None
    verbose: int

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Self:
        """Return what a training takes of the parameters of an encoder, whose random state is a seed.

        Raises
        ------
        ValueError, TypeError
            If the prompt is no text, or the backend is not installed.
        """
        if params["prompt"] is not None:
            check_texts([params["prompt"]], "prompt")
        if params["backend"] == "openvino":
            check_openvino()
        given = params | {"seed": params["random_state"], "verbose": int(params["verbose"])}
        return cls(**{name: given[name] for name in cls._fields})


class Plan(NamedTuple):
    """What a tuning takes where the config says "auto"."""

    batch_size: int
    n_steps: int
    learning_rate: float
    precision: str
    frozen_accuracy: float | None = None  # on the training texts, where it decided on the number of passes


def plan_of(
    config: TrainingConfig,
    body: Body,
    n_texts: int,
    n_classes: int,
    frozen_accuracy: Callable[[], float],
    *,
    warm: bool,
    names_only: bool,
) -> Plan:
    """Return the plan of a tuning.

    Parameters
    ----------
    config : TrainingConfig
    body : Body
    n_texts : int
        The number of distinct texts, label texts included.
    n_classes : int
    frozen_accuracy : callable
        Gives the accuracy on the training texts before the tuning; called only where it decides.
    warm : bool
        Whether the body has been tuned before.
    names_only : bool
        Whether all texts are made of class names.
    """
    accuracy = None
    batch_size = batch_size_of(n_classes) if config.batch_size == "auto" else int(config.batch_size)
    if config.max_steps != "auto":
        n_steps = int(config.max_steps)
    elif names_only:
        n_steps = 0
    else:
        n_steps, more = (planned_steps(n_texts, n_classes, batch_size, more=each) for each in (False, True))
        if not body.has_layers:
            n_steps = max(n_steps, MIN_STEPS)  # which cost next to nothing
        if more > n_steps > MIN_STEPS and not warm:
            accuracy = frozen_accuracy()
            n_steps = more if accuracy < WELL_SEPARATED else n_steps
    rate = resolved_learning_rate(config.learning_rate, body, n_steps)
    if warm and config.max_steps == "auto":
        n_steps //= WARM_SHARE
    return Plan(batch_size, n_steps, rate, body.training_precision(config.precision), accuracy)


def resolved_learning_rate(learning_rate: float | str, body: Body, n_steps: int) -> float:
    """Resolve "auto": by the width of a transformer and the steps, or by the length of a static body's vectors."""
    if learning_rate != "auto":
        return float(learning_rate)
    if body.has_layers:
        return learning_rate_of(body.transformer.config.hidden_size, n_steps)
    return STATIC_LEARNING_RATE * float(body.transformer.weight.detach().square().sum(dim=1).mean().sqrt())


def described(
    plan: Plan,
    config: TrainingConfig,
    body: Body,
    windows: Windows,
    classes: NDArray[Any],
    label_texts: dict[Any, list[str]],
    *,
    with_head: bool,
) -> list[str]:
    """Return lines that say what is going to be tuned on what, and about how long it takes."""
    tokens = [windows.tokens[rows.start] for rows in windows.rows[: plan.batch_size]]
    kind = f"{body.transformer.config.hidden_size} dimensions" if body.has_layers else "static embeddings"
    names_only = ['max_steps="auto": all texts are made of class names, the body is left as it is']
    in_classes = f" in {len(classes)} classes, label texts included"
    prompt = [f"each text begins with the model's own prompt {body.prompt!r}"] if body.prompt else []
    return [
        *(prompt if config.prompt is None else []),
        _described_label_texts(config, label_texts, classes),
        *_reason_of_passes(plan),
        *(names_only if config.max_steps == "auto" and plan.n_steps == 0 else []),
        f"{len(windows.rows)} distinct texts{in_classes * bool(len(classes))}, "
        f"{windows.plan(body.long_texts, body.max_seq_length)}: {plan.n_steps} tuning step{'s' * (plan.n_steps != 1)} "
        f"of at most {plan.batch_size} texts{' with the loss of the head' * with_head} in "
        f"{plan.precision} on {body.device}, about {_expected_seconds(body, tokens, plan)} s without loading and head",
        f"learning_rate={plan.learning_rate:.3g}" + (f' ("auto" for {kind})' if config.learning_rate == "auto" else ""),
    ]


def _described_label_texts(config: TrainingConfig, label_texts: dict[Any, list[str]], classes: NDArray[Any]) -> str:
    """Return how many label texts take part, and which labels have none for which reason."""
    candidates = candidate_label_texts(config.label_texts, classes)
    if config.label_texts is None or (candidates and not label_texts):  # left out: that has been said
        return "no label texts"
    lacking: defaultdict[str, list[Any]] = defaultdict(list)
    for label in classes.tolist():
        if label not in candidates:
            lacking[_reason_of_no_text(config.label_texts, label)].append(label)
    if _NUMBERS in lacking:
        return f"no label texts: {_NUMBERS}"
    n_texts, n_classes = sum(map(len, label_texts.values())), len(label_texts)
    taken = (
        f"label texts: {n_texts}, of {n_classes} class{'es' * (n_classes != 1)}" if label_texts else "no label texts"
    )
    return "; ".join([taken, *(f"none of {short_repr(of)[1:-1]} ({reason})" for reason, of in lacking.items())])


def _reason_of_no_text(label_texts: Any, label: Any) -> str:
    if label_texts != "auto":
        return "not in label_texts"
    if not isinstance(label, str):
        return _NUMBERS
    has_word = bool(candidate_label_texts("auto", np.array([label])))
    return "differ by a number, case or punctuation only" if has_word else "no word"


def _reason_of_passes(plan: Plan) -> list[str]:
    if plan.frozen_accuracy is None:
        return []
    few = plan.frozen_accuracy >= WELL_SEPARATED
    return [
        f'max_steps="auto": the frozen body is right on {plan.frozen_accuracy:.0%} of the texts, leaving one out: '
        f"{PASSES if few else f'up to {MORE_PASSES}'} passes over the texts"
    ]


def _expected_seconds(body: Body, tokens: Tokens, plan: Plan) -> int:
    """Return about how many seconds the steps will take, from the time of encoding some texts."""
    body.encode_tokens(tokens, plan.precision)  # the first time takes longer
    started = time.perf_counter()
    body.encode_tokens(tokens, plan.precision)
    return round(3 * plan.n_steps * (time.perf_counter() - started))  # the backward pass costs twice the forward pass
