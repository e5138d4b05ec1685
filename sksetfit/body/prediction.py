"""Embeddings for predictions: on the device, in the precision and by the backend that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sksetfit.body.devices import chosen_device
from sksetfit.body.saving.export import openvino_body
from sksetfit.inputs.unread import UnreadTexts

_moving, _UNKNOWN = Lock(), object()


def place(body: Any, device: str | None, find: Callable[[str | None], torch.device]) -> None:
    """Move a body to a device, which ``find`` gives, unless it was placed by the same name."""
    with _moving:  # one thread at a time
        if device == body.wanted_device:
            return
        target = find(device)
        body.wanted_device = _UNKNOWN  # a move that fails halfway is made again
        body.to(target)
        body.wanted_device = device


def encode(
    body: Any, texts: list[str], *, precision: str, device: str | None, backend: str, unread: UnreadTexts, size: int
) -> Iterator[NDArray[np.float32]]:
    """Yield the embeddings of ``size`` texts at a time by a `Body` or a `LazyBody`, which only an encoding builds.

    What the body cannot read of the texts is counted in ``unread``.
    """
    place(body, device, chosen_device)
    of_products = "bfloat16" if precision == "bfloat16" else "float32"
    for start in range(0, len(texts), size):
        part = texts[start : start + size]
        if backend == "torch":
            yield body.encode(part, of_products, unread)
        else:
            yield openvino_body(body.built(), of_products).encode(part, body.built(), unread)
