"""The parts of a body, described in plain data and built from descriptions.

Only the kinds of modules and the config keys that are listed here are described and built; no class path, file name
or address is ever taken from a description.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from sentence_transformers.sentence_transformer.modules import Dense, Dropout, LayerNorm, Normalize, Pooling
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoConfig, AutoModel, PretrainedConfig

from sksetfit.body.static import STATIC, TokenTable

_MOST_LAYERS, _MOST_MODULES, _MOST = 200, 16, 10**8
_MPNET_BUCKETS = 32  # of distances, as many as its code takes whatever its config says
_MOST_SPECIAL = 32  # tokens that a tokenizer adds to each text, and to each piece of a long one; known ones add 1 to 3
_MOST_GROWTH = 100  # times the length of a text, by what a tokenizer puts in the place of characters

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
_FUNCTIONS = frozenset(
    {
        *("gelu", "gelu_10", "gelu_accurate", "gelu_fast", "gelu_new", "gelu_python", "gelu_pytorch_tanh"),
        *("leaky_relu", "linear", "mish", "quick_gelu", "relu", "relu2", "relu6", "sigmoid", "silu", "swish", "tanh"),
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


class BodyStateError(ValueError):
    """What describes a saved body cannot be right."""


def describe(transformer: nn.Module, tail: Iterable[nn.Module]) -> dict[str, Any]:
    """Return the parts of a body without their weights.

    Raises
    ------
    ValueError
        If it could not be built again.
    """
    return {"transformer": _transformer_config(transformer), "tail": [_module_config(module) for module in tail]}


def _transformer_config(transformer: Any) -> dict[str, Any]:
    config = transformer.config
    kind = config.model_type
    if kind == STATIC:
        return dict(vars(config))
    if kind not in _TRANSFORMERS:
        raise ValueError(f"a transformer of type {kind!r} could not be saved; types that can: {sorted(_TRANSFORMERS)}.")
    values = {key: getattr(config, key) for key in sorted(_config_keys(type(config))) if hasattr(config, key)}
    if fault := _fault(values):
        raise ValueError(f"a transformer whose config's {fault} could not be saved.")
    return {"model_type": kind} | values


def _config_keys(kind: type[PretrainedConfig]) -> set[str]:
    """Return the keys that describe this kind of transformer, without those that any config may have."""
    common = set(inspect.signature(PretrainedConfig.__init__).parameters)
    return set(inspect.signature(kind.__init__).parameters) - common - {"kwargs"}


def build_empty(description: dict[str, Any], n_tensors: int) -> Any:
    """Build the described transformer or static embeddings; on the device "meta" this takes no memory."""
    if description.get("model_type") != STATIC:
        return AutoModel.from_config(build_config(description, n_tensors))
    names, sizes = ["model_type", "vocab_size", "hidden_size"], list(description.values())[1:]
    if list(description) != names or not all(type(size) is int and 0 < size <= _MOST for size in sizes):
        raise BodyStateError(f"The saved body's table of tokens is described by {description}; expected are {names}.")
    return TokenTable(torch.empty(*sizes))


def build_config(description: dict[str, Any], n_tensors: int) -> PretrainedConfig:
    """Build the config of the transformer that is described, whose weights are said to be so many tensors."""
    kind = description.get("model_type")
    if kind not in _TRANSFORMERS:
        raise BodyStateError(
            f"The saved body has a transformer of unknown type {kind!r}; known are {sorted(_TRANSFORMERS)}."
        )
    empty = AutoConfig.for_model(kind)
    values = {key: value for key, value in description.items() if key != "model_type"}
    unknown = set(values) - _config_keys(type(empty))
    if unknown:
        raise BodyStateError(
            f"The saved body has config keys that a {kind} transformer does not have: {sorted(unknown)}."
        )
    if fault := _fault(values):
        raise BodyStateError(f"The saved body's {fault}.")
    config = AutoConfig.for_model(kind, **values)
    # Before the layers are built, which a claim of millions would never end.
    n_layers = n_built = config.num_hidden_layers
    if kind == "albert":  # whose layers share the weights of groups
        n_built = config.num_hidden_groups * config.inner_group_num
    if n_layers > _MOST_LAYERS or n_built > n_tensors:
        raise BodyStateError(f"The saved body claims {n_layers} layers and has {n_tensors} tensors.")
    if kind == "mpnet" and config.relative_attention_num_buckets < _MPNET_BUCKETS:
        raise BodyStateError(
            f"The saved body has {config.relative_attention_num_buckets} buckets of distances; an MPNet reads "
            f"{_MPNET_BUCKETS}."
        )
    return config


def _fault(value: Any, key: str = "") -> str:
    """Return what is wrong with a config or with the value of its key, nothing if it is plain and in bounds."""
    if isinstance(value, (list, tuple)):
        return next(filter(None, (_fault(item, key) for item in value)), "")
    if isinstance(value, dict):
        odd = [name for name in value if not isinstance(name, str)]
        return f"{key!r} has the key {odd[0]!r}" if odd else next(filter(None, map(_fault, value.values(), value)), "")
    if not (value is None or isinstance(value, (bool, int, float, str))):
        return f"{key!r} holds a {type(value).__name__}"
    least, most = (0, 1) if key == "partial_rotary_factor" else (-_MOST, _MOST)  # a share, that makes an array
    if isinstance(value, (int, float)) and not least <= value <= most:
        return f"{key!r} is {value}"
    # For some names transformers imports a package.
    if isinstance(value, str) and key.endswith(("act", "activation")) and value not in _FUNCTIONS:
        return f"{key!r} is {value!r}, which is none of {sorted(_FUNCTIONS)}"
    return ""


def _module_config(module: nn.Module) -> dict[str, Any]:
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


def build_tail(descriptions: list[dict[str, Any]]) -> list[nn.Module]:
    """Build the modules behind the transformer that are described."""
    if len(descriptions) > _MOST_MODULES:
        raise BodyStateError(f"The saved body claims {len(descriptions)} modules behind its transformer.")
    return [_build_module(description) for description in descriptions]


def _build_module(description: dict[str, Any]) -> nn.Module:
    kind = description.get("kind")
    if kind not in _TAIL:
        raise BodyStateError(f"The saved body has a module of unknown kind {kind!r}; known are {sorted(_TAIL)}.")
    build, keys = _TAIL[kind]
    config = {key: value for key, value in description.items() if key != "kind"}
    if unknown := set(config) - keys:
        raise BodyStateError(f"The saved body has config keys that {kind} does not have: {sorted(unknown)}.")
    if "activation_function" in config:
        activation = config["activation_function"]
        if activation not in _ACTIVATIONS:
            raise BodyStateError(
                f"The saved body names an unknown activation {activation!r}; known are {sorted(_ACTIVATIONS)}."
            )
        config["activation_function"] = _ACTIVATIONS[activation]()
    return build(**config)


def build_tokenizer(description: str, vocab_size: int, max_seq_length: int) -> Tokenizer:
    """Build a tokenizer that is in proportion to the vocabulary and to the texts that it will be given."""
    most = 1_000_000 + 500 * vocab_size  # the largest known take 130 characters per token
    if len(description) > most:
        raise BodyStateError(
            f"The saved body's tokenizer takes {len(description)} characters for {vocab_size} tokens; expected are at "
            f"most {most}."
        )
    if (growth := _growth(json.loads(description).get("normalizer"))) > _MOST_GROWTH:
        raise BodyStateError(f"The saved body's tokenizer would make texts up to {growth} times as long.")
    if _repeats_texts(json.loads(description).get("post_processor")):
        raise BodyStateError("The saved body's tokenizer reads each text more than once, or not at all.")
    tokenizer = Tokenizer.from_str(description)
    if (n_special := tokenizer.num_special_tokens_to_add(False)) >= min(max_seq_length, _MOST_SPECIAL):
        raise BodyStateError(
            f"The saved body's tokenizer adds {n_special} tokens to texts of at most {max_seq_length}."
        )
    return tokenizer


def _repeats_texts(post_processor: Any) -> bool:
    """Return whether a template, also within a sequence of processors, holds a text other than once."""
    if not isinstance(post_processor, Mapping):
        return False
    if post_processor.get("type") == "TemplateProcessing":
        pieces = [piece for piece in post_processor.get("single") or () if "Sequence" in piece]
        return [piece["Sequence"].get("id") for piece in pieces] != ["A"]
    return any(map(_repeats_texts, post_processor.get("processors") or ()))


def _growth(normalizer: Any) -> int:
    """Return how many times longer a normalizer can make a text, as far as replacements can be read."""
    growth = 1
    if isinstance(normalizer, Mapping):
        for key in ("content", "prepend"):
            growth *= max(1, len(str(normalizer.get(key) or "")))
        for part in normalizer.get("normalizers") or ():
            growth *= _growth(part)
    return growth
