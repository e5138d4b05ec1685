"""A body as plain data and back: numbers, strings and one block of safetensors bytes, nothing that runs.

Floor 1: knows torch, transformers and sentence-transformers. This is the border that a saved model crosses: whatever
`body_from_state` is given, it builds only the kinds of modules and reads only the config keys that are listed here,
and it never takes a class path, a file name or an address from the state.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np
import safetensors.torch
import torch
from sentence_transformers.sentence_transformer.modules import Dense, Dropout, LayerNorm, Normalize, Pooling
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig

from sksetfit._body import Body, building

FORMAT = 1
_MOST_LAYERS, _MOST_MODULES = 100, 16
# To change the form of the state: raise FORMAT, and let body_from_state read the old number too.

# Not DeBERTa, which reads keys of its config that it does not declare: they would be lost.
_TRANSFORMERS = frozenset(
    {
        "albert",
        "bert",
        "camembert",
        "distilbert",
        "electra",
        "ernie",
        "eurobert",
        "gemma3_text",
        "jina_embeddings_v3",
        "llama",
        "mistral",
        "modernbert",
        "mpnet",
        "nomic_bert",
        "qwen2",
        "qwen3",
        "roberta",
        "xlm-roberta",
    }
)
_ACTIVATIONS: dict[str, type[nn.Module]] = {
    kind.__name__: kind for kind in (nn.Tanh, nn.Identity, nn.ReLU, nn.GELU, nn.SiLU, nn.Sigmoid)
}
_TAIL: dict[str, tuple[type[nn.Module], frozenset[str]]] = {
    "Pooling": (Pooling, frozenset({"embedding_dimension", "pooling_mode", "include_prompt"})),
    "Dropout": (Dropout, frozenset({"dropout"})),
    "LayerNorm": (LayerNorm, frozenset({"dimension"})),
    "Normalize": (Normalize, frozenset({"module_input_name", "module_output_name"})),
    "Dense": (
        Dense,
        frozenset(
            {
                "in_features",
                "out_features",
                "bias",
                "activation_function",
                "module_input_name",
                "module_output_name",
                "use_residual",
            }
        ),
    ),
}


def body_to_state(body: Body) -> dict[str, Any]:
    """Return the body as a dict of str, numbers, lists, dicts and bytes."""
    return {
        "format": FORMAT,
        **describe(body.transformer, body.tail),
        "tokenizer": body.tokenizer.to_str(),
        "pad_token_id": body.pad_token_id,
        "max_seq_length": body.max_seq_length,
        "prompt": body.prompt,
        "weights": safetensors.torch.save({name: tensor.contiguous() for name, tensor in body.state_dict().items()}),
    }


def body_from_state(state: dict[str, Any], device: torch.device) -> Body:
    """Build the body that `body_to_state` described.

    Raises
    ------
    ValueError
        If the state is not one that `body_to_state` can have made.
    """
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        found = state.get("format") if isinstance(state, dict) else type(state).__name__
        raise ValueError(f"The saved body has format {found!r}; this version of sksetfit reads format {FORMAT}.")
    try:
        weights = safetensors.torch.load(state["weights"])
        config = _build_config(state["transformer"], len(weights))
        if not 0 <= state["pad_token_id"] < config.vocab_size:
            raise ValueError(f"The saved body pads with token {state['pad_token_id']} of {config.vocab_size}.")
        with torch.device("meta"):
            tail = [_build_tail(module) for module in state["tail"][:_MOST_MODULES]]
            empty = AutoModel.from_config(config)
        _check_weights(weights, nn.ModuleDict({"transformer": empty, "tail": nn.ModuleList(tail)}))
        with building():
            transformer = type(empty).from_pretrained(None, config=config, state_dict=_part(weights, "transformer."))
        for i, module in enumerate(tail):
            module.load_state_dict(_part(weights, f"tail.{i}."), assign=True)
        body = Body(
            Tokenizer.from_str(state["tokenizer"]),
            transformer,
            tail,
            pad_token_id=state["pad_token_id"],
            max_seq_length=state["max_seq_length"],
            prompt=state["prompt"],
        )
        if not np.isfinite(body.encode(["", "a text"])).all():
            raise ValueError("The saved body gives embeddings that are not finite.")
        return body.to(device)
    except ValueError:
        raise
    except BaseException as error:
        # The tokenizer and safetensors libraries raise bare exceptions of their own; one of Rust's is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ValueError(f"The saved body is damaged: {type(error).__name__}: {error}") from error


def describe(transformer: nn.Module, tail: Iterable[nn.Module]) -> dict[str, Any]:
    """Return the parts of a body without their weights.

    Raises
    ------
    ValueError
        If `body_from_state` would not build one of them.
    """
    return {"transformer": _transformer_config(transformer), "tail": [_tail_config(module) for module in tail]}


def _transformer_config(transformer: Any) -> dict[str, Any]:
    config = transformer.config
    kind = config.model_type
    if kind not in _TRANSFORMERS:
        raise ValueError(f"a transformer of type {kind!r} could not be saved; types that can: {sorted(_TRANSFORMERS)}.")
    return {"model_type": kind} | {
        key: getattr(config, key) for key in sorted(_config_keys(type(config))) if hasattr(config, key)
    }


def _config_keys(kind: type[PretrainedConfig]) -> set[str]:
    """Return the keys that describe this kind of transformer, without those that any config may have."""
    common = set(inspect.signature(PretrainedConfig.__init__).parameters)
    return set(inspect.signature(kind.__init__).parameters) - common - {"kwargs"}


def _build_config(description: dict[str, Any], n_tensors: int) -> PretrainedConfig:
    kind = description.get("model_type")
    if kind not in _TRANSFORMERS:
        raise ValueError(
            f"The saved body has a transformer of unknown type {kind!r}; known are {sorted(_TRANSFORMERS)}."
        )
    empty = AutoConfig.for_model(kind)
    values = {key: value for key, value in description.items() if key != "model_type"}
    unknown = set(values) - _config_keys(type(empty))
    if unknown:
        raise ValueError(f"The saved body has config keys that a {kind} transformer does not have: {sorted(unknown)}.")
    for key, value in values.items():
        _check_plain(value, key)
    config = AutoConfig.for_model(kind, **values)
    # Before the layers are built, which a claim of millions would never end.
    if config.num_hidden_layers > (_MOST_LAYERS if kind == "albert" else n_tensors):  # ALBERT's layers share weights
        raise ValueError(f"The saved body claims {config.num_hidden_layers} layers and has {n_tensors} tensors.")
    return config


def _check_plain(value: Any, key: str) -> None:
    if isinstance(value, (list, tuple)):
        for item in value:
            _check_plain(item, key)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_plain(name, key)
            _check_plain(item, key)
    elif not (value is None or isinstance(value, (bool, int, float, str))):
        raise ValueError(f"The saved body's config key {key!r} holds a {type(value).__name__}.")


def _tail_config(module: nn.Module) -> dict[str, Any]:
    kind = type(module).__name__
    if kind not in _TAIL or type(module) is not _TAIL[kind][0]:
        raise ValueError(f"a module of kind {kind!r} could not be saved; kinds that can: {sorted(_TAIL)}.")
    config = {key: getattr(module, key) for key in sorted(_TAIL[kind][1]) if hasattr(module, key)}
    if "activation_function" in config:
        config["activation_function"] = type(config["activation_function"]).__name__
        if config["activation_function"] not in _ACTIVATIONS:
            raise ValueError(
                f"a module with the activation {config['activation_function']} could not be saved; activations that "
                f"can: {sorted(_ACTIVATIONS)}."
            )
    return {"kind": kind} | config


def _build_tail(description: dict[str, Any]) -> nn.Module:
    kind = description.get("kind")
    if kind not in _TAIL:
        raise ValueError(f"The saved body has a module of unknown kind {kind!r}; known are {sorted(_TAIL)}.")
    build, keys = _TAIL[kind]
    config = {key: value for key, value in description.items() if key != "kind"}
    if unknown := set(config) - keys:
        raise ValueError(f"The saved body has config keys that {kind} does not have: {sorted(unknown)}.")
    if "activation_function" in config:
        activation = config["activation_function"]
        if activation not in _ACTIVATIONS:
            raise ValueError(
                f"The saved body names an unknown activation {activation!r}; known are {sorted(_ACTIVATIONS)}."
            )
        config["activation_function"] = _ACTIVATIONS[activation]()
    return build(**config)


def _check_weights(weights: dict[str, Tensor], empty: nn.Module) -> None:
    """Compare names, shapes and types with those of an empty body, before memory for a body is taken."""
    expected = empty.state_dict()
    if expected.keys() != weights.keys():
        raise ValueError(
            f"The saved body's weights do not fit its config: missing "
            f"{sorted(expected.keys() - weights.keys())[:3]}, unexpected "
            f"{sorted(weights.keys() - expected.keys())[:3]}."
        )
    for name, tensor in expected.items():
        found = weights[name]
        if found.shape != tensor.shape or found.dtype != torch.float32 or not found.isfinite().all():
            raise ValueError(
                f"The saved body's tensor {name!r} must be finite float32 of shape {tuple(tensor.shape)}, "
                f"got {found.dtype} of shape {tuple(found.shape)}."
            )


def _part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
