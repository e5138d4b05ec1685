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
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel, T5EncoderModel

from sksetfit.body.static import STATIC, TokenTable

_MOST_LAYERS, _MOST_MODULES, _MOST = 200, 16, 10**8
_MPNET_BUCKETS = 32  # of distances, as many as its code takes whatever its config says
_MOST_SPECIAL = 32  # tokens that a tokenizer adds to each text, and to each piece of a long one; known ones add 1 to 3
_MOST_GROWTH = 100  # times the length of a text, by what a tokenizer puts in the place of characters

_TRANSFORMERS = frozenset(
    {
        "albert",
        "bert",
        "camembert",
        "deberta-v2",
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
        "t5",
        "xlm-roberta",
    }
)
_ENCODERS: dict[str, type[PreTrainedModel]] = {"t5": T5EncoderModel}  # of kinds that have a decoder as well
# Keys that the code of transformers reads, although the kind's config does not declare them.
_UNDECLARED: dict[str, frozenset[str]] = {
    **dict.fromkeys(("gemma3_text", "llama", "mistral", "qwen3"), frozenset({"is_causal"})),
    "qwen2": frozenset({"head_dim", "is_causal"}),
    "deberta-v2": frozenset(
        {
            *("attention_head_size", "conv_act", "conv_groups", "conv_kernel_size", "embedding_size", "norm_rel_ebd"),
            *("pooler_hidden_size", "position_buckets", "share_att_key"),
        }
    ),
}
_OF_THE_FOLDER = {"_name_or_path", "architectures", "dtype", "transformers_version"}  # that a config was read from
_KINDS_WITH_BUCKETS = {"mpnet", "t5"}  # of distances between tokens
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
    return {"transformer": _describe_transformer(transformer), "tail": [_module_config(module) for module in tail]}


def is_listed(transformer: Any) -> bool:
    """Tell whether the transformer is of a kind that a file may hold."""
    return transformer.config.model_type in _TRANSFORMERS | {STATIC}


def _describe_transformer(transformer: Any) -> dict[str, Any]:
    config = transformer.config
    kind = config.model_type
    if kind == STATIC:
        return dict(vars(config))
    written = config.to_dict()  # not its attributes, which a config class may have computed from what it was given
    if not is_listed(transformer):
        if not isinstance(transformer, PreTrainedModel) or not type(transformer).__module__.startswith("transformers."):
            raise ValueError(f"a transformer of type {kind!r} is not part of the package transformers.")
        own = {key: value for key, value in written.items() if key not in _OF_THE_FOLDER}
        return {"model_type": kind, "class": type(transformer), "config": own}
    values = {key: written[key] for key in sorted(_config_keys(type(config))) if key in written}
    if fault := _fault(values):
        raise ValueError(f"a transformer whose config's {fault} could not be saved.")
    return {"model_type": kind} | values


def _config_keys(kind: type[PretrainedConfig]) -> set[str]:
    """Return the keys that describe this kind of transformer, without those that any config may have."""
    common = set(inspect.signature(PretrainedConfig.__init__).parameters)
    declared = set(inspect.signature(kind.__init__).parameters) - common - {"kwargs"}
    return declared | _UNDECLARED.get(kind.model_type, frozenset())


def build_empty(description: dict[str, Any], n_tensors: int, *, listed_only: bool = True) -> Any:
    """Build the described transformer or static embeddings; on the device "meta" this takes no memory.

    A description of another kind than the listed ones names its class, and must not come from a file.
    """
    kind = description.get("model_type")
    if not listed_only and "class" in description:
        build = description["class"]
        return build(build.config_class.from_dict(description["config"]))
    if kind != STATIC:
        config = build_config(description, n_tensors)
        return _ENCODERS[kind](config) if kind in _ENCODERS else AutoModel.from_config(config)
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
    if kind in _KINDS_WITH_BUCKETS:
        _check_buckets(kind, config)
    return config


def _check_buckets(kind: str, config: Any) -> None:
    """Refuse numbers of buckets for the distances between tokens that attention would look beyond."""
    n_buckets = config.relative_attention_num_buckets
    if kind == "mpnet" and n_buckets < _MPNET_BUCKETS:
        raise BodyStateError(f"The saved body has {n_buckets} buckets of distances; an MPNet reads {_MPNET_BUCKETS}.")
    if kind == "t5" and not 4 <= n_buckets < config.relative_attention_max_distance:
        raise BodyStateError(
            f"The saved body has {n_buckets} buckets of distances up to {config.relative_attention_max_distance}; a T5 "
            f"takes at least 4, and less than the distance."
        )


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
    if key == "is_causal" and not isinstance(value, (bool, type(None))):
        return f"{key!r} is {value!r}, which is neither true nor false"
    # For some names transformers imports a package.
    is_function = key.endswith(("act", "activation", "feed_forward_proj"))
    if isinstance(value, str) and is_function and value.removeprefix("gated-") not in _FUNCTIONS:
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
