"""The forms of what describes a transformer and the modules behind it.

A size is at most the largest dimension of a tensor that is there, and layers are at most as many as tensors, so that
what is built from a description is in proportion to the file.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sksetfit.body.saving import limits
from sksetfit.body.saving.forms import (
    FLAG,
    Form,
    array,
    either,
    integer,
    number,
    one_of,
    optional,
    record,
    tagged,
    text,
)
from sksetfit.body.static import STATIC

Shapes = Collection[tuple[int, ...]]

ACTIVATIONS = ("GELU", "Identity", "ReLU", "SiLU", "Sigmoid", "Tanh")  # of a Dense
_FUNCTIONS = (  # others exist, for some of which transformers imports a package
    *("gelu", "gelu_10", "gelu_accurate", "gelu_fast", "gelu_new", "gelu_python", "gelu_pytorch_tanh"),
    *("leaky_relu", "linear", "mish", "quick_gelu", "relu", "relu2", "relu6", "sigmoid", "silu", "swish", "tanh"),
)
_POOLINGS = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
_ROPES = ("default", "linear", "dynamic", "yarn", "longrope", "llama3", "proportional")
_WITH_POSITIONS = {  # kinds whose positions are rows of a tensor, where others compute them
    *("albert", "bert", "camembert", "deberta-v2", "distilbert", "electra", "ernie", "mpnet", "roberta", "xlm-roberta"),
}
_LAYERS = ("full_attention", "sliding_attention")
_ANY = number(-limits.MOST_NUMBER, limits.MOST_NUMBER)
_POSITIONS = integer(1, limits.MOST_POSITIONS)
_ROPE: dict[str, Form] = {
    **dict.fromkeys(("attention_factor", "beta_fast", "beta_slow", "factor", "low_freq_factor"), optional(_ANY)),
    **dict.fromkeys(("high_freq_factor", "mscale", "mscale_all_dim", "rope_theta"), optional(_ANY)),
    **dict.fromkeys(("short_factor", "long_factor"), array(_ANY, limits.MOST_FACTORS)),
    **dict.fromkeys(("rope_type", "type"), one_of(*_ROPES)),
    "original_max_position_embeddings": optional(_POSITIONS),
    "partial_rotary_factor": number(0, 1),  # a share, that makes an array
    "truncate": FLAG,
}


def _rope(value: Any, name: str) -> None:
    """Check the parameters of rotary positions: of all layers, or of each kind of layers."""
    of_all = record(_ROPE, _ROPE)
    of_kinds = dict.fromkeys(_LAYERS, of_all)
    (record(of_kinds) if type(value) is dict and _LAYERS[0] in value else of_all)(value, name)


def _named(form: Form, names: str) -> dict[str, Form]:
    return dict.fromkeys(names.split(), form)


def largest(shapes: Shapes) -> int:
    """Return the largest dimension of tensors."""
    return max((size for shape in shapes for size in shape), default=0)


def size_fields(kind: str, shapes: Shapes) -> dict[str, Form]:
    """Return the config keys of listed kinds of transformers for which tensors stand, each with its form."""
    most = largest(shapes)
    n_layers = limits.MOST_LAYERS if kind == "albert" else min(limits.MOST_LAYERS, len(shapes))  # ALBERT's are shared
    size, layers = integer(1, most), integer(0, n_layers)  # without layers a body is not tuned, and predicts
    wide = "d_ff d_kv d_model dim embedding_size hidden_dim hidden_size intermediate_size pooler_hidden_size vocab_size"
    heads = "attention_head_size conv_groups n_heads num_attention_heads num_heads num_key_value_heads"
    return {
        **_named(size, f"{wide} {heads}"),
        # Of distances: attention takes 32 in an MPNet whatever its config says, and four kinds in a T5.
        **_named(integer(32 if kind == "mpnet" else 4, most), "relative_attention_num_buckets"),
        **_named(optional(size), "head_dim"),
        **_named(integer(0, most), "conv_kernel_size task_type_vocab_size type_vocab_size"),
        **_named(integer(-1, most), "position_buckets"),
        **_named(integer(1, min(limits.MOST_LAYERS, len(shapes))), "inner_group_num num_hidden_groups"),
        **_named(layers, "n_layers num_hidden_layers num_layers"),
        **_named(size if kind in _WITH_POSITIONS else _POSITIONS, "max_position_embeddings"),
    }


def config_fields(kind: str, shapes: Shapes) -> dict[str, Form]:
    """Return the config keys of listed kinds of transformers that a description may have, each with its form."""
    token = integer(-1, limits.MOST_POSITIONS)
    name = text(limits.MOST_PIECE)
    names = optional(either((str, name), (list, array(name, limits.MOST_STEPS))))
    return {
        **size_fields(kind, shapes),
        **_named(integer(0, limits.MOST_LAYERS), "max_window_layers num_decoder_layers"),
        **_named(_POSITIONS, "local_attention relative_attention_max_distance"),
        **_named(optional(_POSITIONS), "sliding_window"),
        **_named(integer(-1, limits.MOST_POSITIONS), "max_relative_positions"),
        **_named(optional(number(0, 1)), "attention_dropout attention_probs_dropout_prob classifier_dropout dropout"),
        **_named(optional(number(0, 1)), "classifier_dropout_prob dropout_rate embedding_dropout hidden_dropout_prob"),
        **_named(optional(number(0, 1)), "mlp_dropout pooler_dropout qa_dropout seq_classif_dropout"),
        **_named(optional(number(0, 1)), "summary_last_dropout"),
        **_named(number(0, 1), "layer_norm_eps layer_norm_epsilon norm_eps rms_norm_eps"),
        **_named(number(0, limits.MOST_NUMBER), "initializer_cutoff_factor initializer_factor initializer_range"),
        **_named(optional(_ANY), "attn_logit_softcapping final_logit_softcapping query_pre_attn_scalar"),
        **_named(integer(-1000, 1000), "pretraining_tp sparse_pred_ignore_index"),
        **_named(
            optional(either((int, token), (list, array(token, limits.MOST_STEPS)))),
            "bos_token_id cls_token_id eos_token_id mask_token_id pad_token_id sep_token_id",
        ),
        **_named(
            optional(FLAG), "add_cross_attention attention_bias classifier_bias decoder_bias is_causal is_decoder"
        ),
        **_named(optional(FLAG), "deterministic_flash_attn legacy mlp_bias norm_bias position_biased_input use_cache"),
        **_named(optional(FLAG), "relative_attention share_att_key sinusoidal_pos_embds sparse_prediction use_task_id"),
        **_named(optional(FLAG), "summary_use_proj tie_word_embeddings use_bidirectional_attention use_sliding_window"),
        **_named(one_of(*_FUNCTIONS), "activation classifier_activation conv_act hidden_act hidden_activation"),
        **_named(one_of(*_FUNCTIONS), "pooler_hidden_act summary_activation"),
        **_named(one_of(*_FUNCTIONS, *(f"gated-{each}" for each in _FUNCTIONS)), "feed_forward_proj"),
        **_named(names, "classifier_pooling norm_rel_ebd pos_att_type summary_type"),
        **_named(optional(array(one_of(*_LAYERS), limits.MOST_LAYERS)), "layer_types"),
        **_named(optional(_rope), "rope_parameters"),
    }


def static_form(shapes: Shapes) -> Form:
    """Return the form of what describes a table of tokens."""
    return record({"model_type": one_of(STATIC), **_named(integer(1, largest(shapes)), "vocab_size hidden_size")})


def tail_form(shapes: Shapes) -> Form:
    """Return the form of what describes the modules behind a transformer."""
    size, name, mode = integer(1, largest(shapes)), text(limits.MOST_PIECE), one_of(*_POOLINGS)
    modes = either((str, mode), *((kind, array(mode, len(_POOLINGS))) for kind in (list, tuple)))
    names = _named(name, "module_input_name module_output_name")
    dense = _named(size, "in_features out_features") | {"bias": FLAG, "activation_function": one_of(*ACTIVATIONS)}
    kinds: dict[str, dict[str, Form]] = {
        "Pooling": {"embedding_dimension": size, "pooling_mode": modes, "include_prompt": FLAG},
        "Dropout": {"dropout": number(0, 1)},
        "LayerNorm": {"dimension": size},
        "Normalize": names,
        "Dense": dense | names | {"use_residual": FLAG},
    }
    return array(tagged(kinds, "kind", may_lack={"use_residual"}), limits.MOST_MODULES)
