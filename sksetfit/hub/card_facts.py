"""What a model card may show of a classifier: no folders, no addresses in memory, no texts unless asked for."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sksetfit._version import versions
from sksetfit.encoder import body_of
from sksetfit.heads.on_embeddings import HeadOnEmbeddings
from sksetfit.heads.strategies import is_multi_label
from sksetfit.inputs.label_texts import candidate_label_texts
from sksetfit.inputs.targets import Targets
from sksetfit.inputs.texts import word_counts

_EXAMPLES, _LOSS_ROWS = 3, 10  # training texts per label, rows of the table


class TrainingTexts(NamedTuple):
    """The texts and targets of the fit, as the caller gave them again."""

    texts: list[str]
    targets: Targets

    def examples(self, n: int) -> list[tuple[Any, str]]:
        """Return the first ``n`` texts of each label, with the label."""
        labels, has_label = self.targets.classes.tolist(), self.targets.indicator.T
        rows = [(label, i) for label, has in zip(labels, has_label, strict=True) for i in np.flatnonzero(has)[:n]]
        return [(label, self.texts[i]) for label, i in rows]


def card_facts(clf: HeadOnEmbeddings, train: TrainingTexts | None, *, show_training_texts: bool) -> dict[str, Any]:
    """Return the variables of the template; the fit's own counts come before those of ``train``."""
    encoder, labels = clf.encoder_, clf.classes_.tolist()
    base_model, body_name = _base_model(encoder.model)
    own = clf.get_params(deep=False)
    if is_student := "teacher" in own:
        del own["teacher"]
        own |= {"model": body_name} if own["model"] not in (None, "static") else {}
    else:  # the encoder's parameters are those of the fit: the classifier's may have been set since
        own |= encoder.get_params() | {"model": body_name, "head": clf.head_}
        auto = {name: getattr(encoder, f"{name}_", own[name]) for name in ("learning_rate", "batch_size")}
        own |= auto  # what "auto" chose
    tuned_by = "sksetfit" if hasattr(encoder, "class_count_") else "another program"
    # scikit-learn's "deprecated" stands for no value at all.
    of_head = {name: value for name, value in clf.head_.get_params().items() if str(value) != "deprecated"}
    # A model that was read from setfit has no counts.
    counts = {
        "class_count": getattr(encoder, "class_count_", train and train.targets.indicator.sum(axis=0)),
        "word_counts": getattr(encoder, "word_counts_", train and word_counts(train.texts)),
    }
    return {
        **{name: None if count is None else count.tolist() for name, count in counts.items()},
        **_body_facts(body_of(encoder)),
        "labels": labels,
        "multi_label": is_multi_label(clf.head_),
        "base_model": base_model,
        "body_name": body_name,
        "is_part": is_student and own["model"] is None,  # of the layers of that body
        "tuned_by": "distillation" if is_student else tuned_by,
        "head_name": type(clf.head_).__name__,
        "parameters": {name: _parameter(value, labels) for name, value in own.items()},
        "head_parameters": {name: _parameter(of_head[name], labels) for name in sorted(of_head)},
        "n_steps": len(clf.loss_curve_),
        "losses": _mean_losses(clf.loss_curve_),
        "label_texts": encoder.label_texts_,
        "label_texts_are_names": encoder.label_texts_ == candidate_label_texts("auto", clf.classes_),
        "show_training_texts": show_training_texts,
        "examples": train.examples(_EXAMPLES) if train and show_training_texts else [],
        "versions": {"Python": platform.python_version()} | versions(),
    }


def _body_facts(body: Any) -> dict[str, Any]:
    """Return what a body is made of, and how many tokens it reads at once, in how many windows."""
    from sksetfit.body.windows import MAX_WINDOWS

    n_windows = MAX_WINDOWS if body.long_texts == "windows" else 1
    if body.has_layers:
        n_layers = body.transformer.config.num_hidden_layers
        return {"n_layers": n_layers, "max_tokens": body.max_seq_length, "max_windows": n_windows}
    return {"n_layers": 0, "max_tokens": n_windows * body.max_seq_length, "max_windows": 1}  # static, all at once


def _mean_losses(loss_curve: NDArray[np.float64]) -> list[tuple[int, int, float]]:
    """Return the first and last step of each part of the training, and the mean loss in it."""
    steps = np.arange(len(loss_curve))
    parts = np.array_split(steps, min(_LOSS_ROWS, len(steps))) if len(steps) else []
    return [(part[0] + 1, part[-1] + 1, loss_curve[part].mean()) for part in parts]


def _base_model(model: str | os.PathLike[str]) -> tuple[str | None, str]:
    """Return the name on the Hub, None for a folder, and what may be shown of it: of a folder its last part."""
    from sksetfit.body.loading.source import full_name
    from sksetfit.utils.hub_client import is_repo_id

    name = os.fsdecode(model)
    on_hub = full_name(name)
    if isinstance(model, os.PathLike) or os.path.isdir(name) or not is_repo_id(on_hub):
        return None, _last_part(name)
    return on_hub, on_hub


def _last_part(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _parameter(value: Any, labels: list[Any]) -> str:
    """Return what may be shown of a parameter."""
    if isinstance(value, str):
        return _last_part(value) if re.match(r"(~|[A-Za-z]:)?[/\\]", value) else value
    if isinstance(value, os.PathLike):
        return _last_part(os.fsdecode(value))
    if _is_plain(value, labels):
        return str(value)
    if isinstance(value, (Mapping, Sequence, set, frozenset)):
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}"
    return getattr(value, "__name__", type(value).__name__)


def _is_plain(value: Any, labels: list[Any]) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(part, labels) for part in [*value.keys(), *value.values()])
    if isinstance(value, (list, tuple)):
        return all(_is_plain(part, labels) for part in value)
    return value is None or isinstance(value, Number) or (isinstance(value, str) and value in labels)


def one_line(value: Any) -> str:
    """Return a text without line breaks and what else cannot be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
