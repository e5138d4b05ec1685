"""The layers of BERT and of models with the same layers, computed on a row of tokens of many texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_KINDS = {"bert", "camembert", "electra", "ernie", "mpnet", "roberta", "xlm-roberta"}


def has_layers_of_bert(transformer: Any) -> bool:
    """Tell whether a transformer has the layers of BERT."""
    return transformer.config.model_type in _KINDS and not getattr(transformer.config, "is_decoder", False)


class Layer(NamedTuple):
    """The parts of a layer that attends, adds and normalises, and then does so with two products of matrices."""

    attention: tuple[nn.Linear, nn.Linear, nn.Linear]  # to queries, keys and values
    after_attention: nn.Linear
    attention_norm: nn.Module
    up: nn.Linear
    activation: Callable[[Tensor], Tensor]
    down: nn.Linear
    norm: nn.Module


def layers_of_bert(transformer: Any) -> list[Layer]:
    """Return the layers of a transformer that has those of BERT, by its own names or by MPNet's."""
    layers = []
    for layer in transformer.encoder.layer:
        block = layer.attention
        if transformer.config.model_type == "mpnet":
            to_attention, after, norm = (block.attn.q, block.attn.k, block.attn.v), block.attn.o, block.LayerNorm
        else:
            to_attention = (block.self.query, block.self.key, block.self.value)
            after, norm = block.output.dense, block.output.LayerNorm
        up, down = layer.intermediate, layer.output
        layers.append(Layer(to_attention, after, norm, up.dense, up.intermediate_act_fn, down.dense, down.LayerNorm))
    return layers


def n_frozen_layers(transformer: Any) -> int:
    """Return how many of the lowest layers give the same states for as long as the others are tuned."""
    if not has_layers_of_bert(transformer):
        return 0
    layers = transformer.encoder.layer
    tuned = {name for name, weight in transformer.named_parameters() if weight.requires_grad}
    if any(not name.startswith(("encoder.layer.", "pooler.")) for name in tuned):  # such as the bias of MPNet
        return 0
    is_tuned = (any(weight.requires_grad for weight in layer.parameters()) for layer in layers)
    return next((number for number, tuned_too in enumerate(is_tuned) if tuned_too), len(layers))


def multiply(states: Tensor, *linears: nn.Linear) -> Tensor:
    """Return the outputs of linear layers side by side, by one product of matrices."""
    return F.linear(states, *_side_by_side(linears))


def _side_by_side(linears: Sequence[nn.Linear]) -> tuple[Tensor, Tensor]:
    if len(linears) == 1:
        return linears[0].weight, linears[0].bias
    return torch.cat([linear.weight for linear in linears]), torch.cat([linear.bias for linear in linears])


@cache
def _onednn() -> tuple[Callable[..., Any], ...]:
    """Return the functions that torch's compiler calls for linear layers, none where they do something else.

    The first tells whether the processor multiplies bfloat16, the second reorders a weight, the third multiplies by it.
    They have no public names: other builds and versions of torch may lack or change them.
    """
    names = ("_is_mkldnn_bf16_supported", "_reorder_linear_weight", "_linear_pointwise")
    states, weight, bias = torch.eye(2), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([5.0, 6.0])
    try:
        with torch.autocast("cpu", enabled=False):
            functions = tuple(getattr(torch.ops.mkldnn, name) for name in names)
            product = functions[2](states, functions[1](weight), bias, "none", [], "")
            return functions if torch.equal(product, F.linear(states, weight, bias)) else ()
    except Exception:  # whatever a version raises at arguments that it does not know
        return ()


def can_prepack(transformer: Any, dtype: torch.dtype) -> bool:
    """Tell whether the products of a transformer's layers can be `Prepacked`."""
    if transformer.device.type != "cpu" or not has_layers_of_bert(transformer):
        return False
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled and _onednn()):
        return False
    return dtype == torch.float32 or bool(_onednn()[0]())


class Prepacked:
    """Does what `multiply` does, with weights that are stored in the order in which oneDNN reads them.

    Without this, each product copies them into that order. On AMD EPYC one text takes a quarter to a third less time in
    float32, and many texts a fifth. The weights are held twice.

    Parameters
    ----------
    transformer : PreTrainedModel
    dtype : torch.dtype
        Of the products.
    """

    def __init__(self, transformer: Any, dtype: torch.dtype) -> None:
        _, reorder, self._multiply = _onednn()
        self._dtype = dtype
        self._packed: dict[tuple[nn.Linear, ...], tuple[Tensor, Tensor]] = {}
        for layer in layers_of_bert(transformer):
            for linears in (layer.attention, (layer.after_attention,), (layer.up,), (layer.down,)):
                weight, bias = _side_by_side(linears)
                self._packed[linears] = reorder(weight.to(dtype)), bias.to(dtype)

    def __call__(self, states: Tensor, *linears: nn.Linear) -> Tensor:
        """Return the outputs of linear layers side by side, of type ``dtype``."""
        weight, bias = self._packed[linears]
        product: Tensor = self._multiply(states.to(self._dtype), weight, bias, "none", [], "")
        return product


def embedded(transformer: Any, inputs: dict[str, Tensor]) -> Tensor:
    """Return the states of a row of tokens before the layers, of shape (n_tokens, n_dimensions)."""
    states: Tensor = transformer.embeddings(**inputs)[0]
    if hasattr(transformer, "embeddings_project"):  # in ELECTRA
        states = transformer.embeddings_project(states)
    return states


def states_after(
    layers: Sequence[Layer],
    states: Tensor,
    attend: Callable[[Tensor], Tensor],
    product: Callable[..., Tensor] = multiply,
) -> Tensor:
    """Return the states of a row of tokens behind layers.

    Parameters
    ----------
    layers : sequence of Layer
    states : Tensor of shape (n_tokens, n_dimensions)
    attend : callable
        From queries, keys and values side by side to what each token gets of the tokens of its text.
    product : callable, default=multiply
        `multiply`, or a `Prepacked`.

    Returns
    -------
    Tensor of shape (n_tokens, n_dimensions)
    """
    for layer in layers:
        attended = product(attend(product(states, *layer.attention)), layer.after_attention)
        states = layer.attention_norm(attended + states)
        states = layer.norm(product(layer.activation(product(states, layer.up)), layer.down) + states)
    return states
