"""The layers of a transformer: the lowest of them stay as they are, and some can be left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from sksetfit.body.model import Body
from sksetfit.body.saving.state import body_from_state, body_to_state
from sksetfit.body.static import STATIC


def _layers_of(transformer: nn.Module) -> tuple[str, nn.ModuleList] | None:
    """Return the name and the list of the layers, None where there are none, or all are one and the same (ALBERT)."""
    config: Any = transformer.config
    n_layers = getattr(config, "num_hidden_layers", None)
    lists = [(name, module) for name, module in transformer.named_modules() if isinstance(module, nn.ModuleList)]
    return next(((name, layers) for name, layers in lists if len(layers) == n_layers), None)


def freeze_lowest(body: Body) -> None:
    """Keep the embeddings and the lowest sixth of the layers as they are.

    Half of the weights of a small model are token embeddings, and few texts contain few of the tokens. Training these
    and the lowest layers takes a quarter of the time and gains no accuracy. Freezing half of the layers costs more than
    a point. Static embeddings have no other weights and are trained.
    """
    if not body.has_layers:
        return
    body.transformer.get_input_embeddings().requires_grad_(False)
    found = _layers_of(body.transformer)
    if found is None:
        return
    _, layers = found
    layers[: len(layers) // 6].requires_grad_(False)
    for module in body.transformer.children():
        if any(part is layers for part in module.modules()):
            break
        module.requires_grad_(False)  # what stands between the embeddings of tokens and the layers


def with_fewer_layers(body: Body, n_layers: int | None) -> Body:
    """Return another body that keeps so many of the layers, at even distances; None keeps a third.

    Raises
    ------
    ValueError
        If there are no layers that could be left out, or fewer than these.
    """
    found = _layers_of(body.transformer)
    if found is None:
        raise ValueError(
            f"The teacher's body, of type {body.transformer.config.model_type!r}, has no layers of its own that could "
            f"be left out. Give a smaller model{', or model=' + repr(STATIC) if body.has_layers else ''}."
        )
    path, layers = found
    if n_layers is None:
        n_layers = max(1, len(layers) // 3)
    if n_layers > len(layers):
        raise ValueError(f"n_layers={n_layers} is more than the {len(layers)} layers that the teacher's body has.")
    kept = np.linspace(0, len(layers) - 1, n_layers).round().astype(int).tolist()
    # By its plain data, so that what is made can be saved: each kind of transformer numbers its layers in its own way.
    state = body_to_state(body)
    of_number = getattr(body.transformer.config, "attribute_map", {}).get("num_hidden_layers", "num_hidden_layers")
    by_layer = {
        key: [value[i] for i in kept]
        for key, value in state["transformer"].items()
        if isinstance(value, (list, tuple)) and len(value) == len(layers)
    }
    place = {f"transformer.{path}.{old}.": f"transformer.{path}.{new}." for new, old in enumerate(kept)}
    state["transformer"] |= by_layer | {of_number: n_layers}
    state["weights"] = {
        _renamed(name, place): weight.copy()  # which are the very arrays of the body that they are of
        for name, weight in state["weights"].items()
        if not name.startswith(f"transformer.{path}.") or name.startswith(tuple(place))
    }
    return body_from_state(state, body.device, listed_only=False)


def _renamed(name: str, place: dict[str, str]) -> str:
    old = next((old for old in place if name.startswith(old)), None)
    return name if old is None else place[old] + name.removeprefix(old)
