"""The parts of a body, described in plain data and built from descriptions.

Only the kinds of modules and the config keys that are listed here are described and built; no class path, file name
or address is ever taken from a description.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers.sentence_transformer.modules import Dense, Dropout, LayerNorm, Normalize, Pooling
from torch import nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel, T5EncoderModel

from sksetfit.body.saving.config_forms import ACTIVATIONS, Shapes, config_fields, static_form, tail_form
from sksetfit.body.saving.forms import MisfitError, misfit, one_of, record
from sksetfit.body.static import STATIC, TokenTable

TRANSFORMERS = frozenset(
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
_ACTIVATIONS: dict[str, type[nn.Module]] = {name: getattr(nn, name) for name in ACTIVATIONS}
_TAIL: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "Pooling": (Pooling, ("embedding_dimension", "pooling_mode", "include_prompt")),
    "Dropout": (Dropout, ("dropout",)),
    "LayerNorm": (LayerNorm, ("dimension",)),
    "Normalize": (Normalize, ("module_input_name", "module_output_name")),
    "Dense": (
        Dense,
        (
            *("in_features", "out_features", "bias", "activation_function", "module_input_name"),
            *("module_output_name", "use_residual"),
        ),
    ),
}


def describe(transformer: nn.Module, tail: Iterable[nn.Module]) -> dict[str, Any]:
    """Return the parts of a body without their weights.

    Raises
    ------
    ValueError
        If it could not be built again.
    """
    modules = list(tail)
    parts = {"transformer": _describe_transformer(transformer), "tail": [_module_config(module) for module in modules]}
    shapes = [tuple(tensor.shape) for each in (transformer, *modules) for tensor in each.state_dict().values()]
    try:
        check_description(parts, shapes, listed_only=False)
    except MisfitError as error:
        raise ValueError(f"it could not be saved: {error}.") from None
    return parts


def is_listed(transformer: Any) -> bool:
    """Tell whether the transformer is of a kind that a file may hold."""
    return transformer.config.model_type in TRANSFORMERS | {STATIC}


def check_description(parts: dict[str, Any], shapes: Shapes, *, listed_only: bool = True) -> None:
    """Compare what `describe` returns with its form and with the shapes of the tensors that are there.

    Parameters
    ----------
    parts : dict
    shapes : collection of tuple of int
    listed_only : bool, default=True
        Whether the transformer must be of a listed kind. A description of another kind names its class, and must not
        come from a file.

    Raises
    ------
    MisfitError
        If `describe` cannot have returned that for such tensors.
    """
    tail_form(shapes)(parts["tail"], "tail")
    description = parts["transformer"]
    if "class" in description and not listed_only:
        return
    kind = description.get("model_type")
    one_of(STATIC, *sorted(TRANSFORMERS))(kind, "transformer.model_type")
    if kind == STATIC:
        static_form(shapes)(description, "transformer")
        return
    declared = _config_keys(type(AutoConfig.for_model(kind)))
    fields = {key: form for key, form in config_fields(kind, shapes).items() if key in declared}
    record(fields | {"model_type": one_of(kind)}, fields)(description, "transformer")
    n_built = description.get("num_hidden_groups", 1) * description.get("inner_group_num", 1)
    if n_built > len(shapes):
        raise misfit("number of layers of all groups", n_built, f"below that of tensors, {len(shapes)}")
    distance = description.get("relative_attention_max_distance", 128)
    if kind == "t5" and description.get("relative_attention_num_buckets", 32) >= distance:
        raise misfit("transformer.relative_attention_max_distance", distance, "above the number of buckets")


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
    declared, fields = _config_keys(type(config)) & written.keys(), config_fields(kind, ())
    # A later version of transformers may declare more. What has its default there is built again without it.
    defaults = type(config)().to_dict() if declared - fields.keys() else {}
    known = {key for key in declared if key in fields or written[key] != defaults.get(key)}
    return {"model_type": kind} | {key: written[key] for key in sorted(known)}


def _config_keys(kind: type[PretrainedConfig]) -> set[str]:
    """Return the keys that describe this kind of transformer, without those that any config may have."""
    common = set(inspect.signature(PretrainedConfig.__init__).parameters)
    declared = set(inspect.signature(kind.__init__).parameters) - common - {"kwargs"}
    return declared | _UNDECLARED.get(kind.model_type, frozenset())


def build_empty(description: dict[str, Any]) -> Any:
    """Build the transformer or table of tokens that is described, with weights of no meaning.

    On the device "meta" this takes no memory. `check_description` must have accepted the description.
    """
    kind = description["model_type"]
    if kind == STATIC:
        return TokenTable(torch.empty(description["vocab_size"], description["hidden_size"]))
    if "class" in description:
        build = description["class"]
        return build(build.config_class.from_dict(description["config"]))
    config = AutoConfig.for_model(kind, **{key: value for key, value in description.items() if key != "model_type"})
    return _ENCODERS[kind](config) if kind in _ENCODERS else AutoModel.from_config(config)


def _module_config(module: nn.Module) -> dict[str, Any]:
    kind = type(module).__name__
    if kind not in _TAIL or type(module) is not _TAIL[kind][0]:
        raise ValueError(f"a module of kind {kind!r} could not be saved; kinds that can: {sorted(_TAIL)}.")
    config = {key: getattr(module, key) for key in sorted(_TAIL[kind][1]) if hasattr(module, key)}
    if "activation_function" in config:
        config["activation_function"] = type(config["activation_function"]).__name__
    return {"kind": kind} | config


def build_tail(descriptions: list[dict[str, Any]]) -> list[nn.Module]:
    """Build the modules behind the transformer that are described, as `check_description` has accepted them."""
    modules = []
    for description in descriptions:
        config = {key: value for key, value in description.items() if key != "kind"}
        if "activation_function" in config:
            config["activation_function"] = _ACTIVATIONS[config["activation_function"]]()
        modules.append(_TAIL[description["kind"]][0](**config))
    return modules
