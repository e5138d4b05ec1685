"""A body as a graph of ONNX that gives the embeddings of padded texts."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from sksetfit.body.contexts import building
from sksetfit.body.model import EMBEDDING, Body
from sksetfit.body.packing import attention_of

OPSET = 18  # that torch exports to without a conversion, and every runtime of today reads
INPUTS = ("input_ids", "attention_mask")
# Two texts of different length: a dimension of size 1 would become a constant, and so would a mask without padding.
_LENGTHS = (11, 7)


class _Padded(nn.Module):
    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.body.padded_embeddings(input_ids, attention_mask)


def body_graph(body: Body) -> Any:
    """Return a body as an `onnx_ir.Model` with one output, the embeddings.

    Parameters
    ----------
    body : Body
        Stays as it is.

    Returns
    -------
    onnx_ir.Model
        Its inputs are ``input_ids`` and ``attention_mask``, of shape (n_texts, width) and dtype int64. No inner value
        has the name of an input or of anything that is not of a body: onnxruntime refuses a file whose outputs have
        such names.

    Raises
    ------
    ValueError
        If torch cannot export a transformer of this kind.
    """
    any_size = dict.fromkeys(range(2), torch.export.Dim.DYNAMIC)
    tokens = torch.ones((2, max(_LENGTHS)), dtype=torch.int64)
    mask = (torch.arange(max(_LENGTHS)) < torch.tensor(_LENGTHS)[:, None]).long()
    with building(), _silence(), torch.inference_mode(False), torch.no_grad():
        try:
            program: Any = torch.onnx.export(
                _Padded(_plain_copy(body)).eval(),
                (tokens, mask),
                dynamo=True,
                input_names=INPUTS,
                output_names=[EMBEDDING],
                dynamic_shapes=dict.fromkeys(INPUTS, any_size),
                opset_version=OPSET,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            kind = body.transformer.config.model_type
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise ValueError(f"torch cannot export a transformer of type {kind!r} to ONNX: {reason}") from error
    model = program.model
    _rename(model.graph)
    return model


def _plain_copy(body: Body) -> Body:
    """Return a copy on the processor, with plain attention, which shares the weights where they are there already."""
    shared: dict[int, Any] = {}
    if body.device.type == "cpu":
        shared = {id(weight): weight for weight in (*body.parameters(), *body.buffers())}
    shared[id(body.tokenizer)] = body.tokenizer
    plain = copy.deepcopy(body, shared).to("cpu")
    if body.has_layers and attention_of(plain.transformer) != "eager":
        plain.transformer.set_attn_implementation("eager")
    return plain


def _rename(graph: Any) -> None:
    values = [value for node in graph.all_nodes() for value in node.outputs]
    for value in (*values, *graph.initializers.values()):
        value.name = f"body.{value.name}"
    for node in graph.all_nodes():
        node.name = f"body.{node.name}"


@contextmanager
def _silence() -> Iterator[None]:
    """Hide the log messages and warnings of the exporter."""
    before = logging.root.manager.disable
    try:
        logging.disable(logging.WARNING)
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)
