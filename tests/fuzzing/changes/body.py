"""Changes of the body in a file: the transformer's config, the modules behind it, its numbers, and sizes that fit."""

import math
import re

import numpy as np
import torch
from transformers import CONFIG_MAPPING, AutoConfig, AutoModel, T5EncoderModel

from fuzzing.changes.arrays import to_array, to_bytes
from fuzzing.changes.values import TEXTS, body_of, change_json, node_of, number, other, value_of

TAIL = [
    {"kind": "Dropout", "dropout": 0.1},
    {"kind": "LayerNorm", "dimension": 32},
    {"kind": "Normalize"},
    {"kind": "Pooling", "embedding_dimension": 32, "pooling_mode": "mean", "include_prompt": True},
    {"kind": "Dense", "in_features": 32, "out_features": 32, "bias": True, "activation_function": "Tanh"},
]
FILLED = [  # with the arrays that they want
    ({"kind": "LayerNorm", "dimension": 32}, {"norm.weight": (32,), "norm.bias": (32,)}),
    (TAIL[4] | {"use_residual": True}, {"linear.weight": (32, 32), "linear.bias": (32,)}),
    (TAIL[4] | {"out_features": 5, "bias": False, "module_input_name": "token_embeddings"}, {"linear.weight": (5, 32)}),
]
MODES = ["cls", "lasttoken", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "mean+max", ["cls", "mean"]]
NAMES = ["sentence_embedding", "token_embeddings", "attention_mask", "input_ids", "a"]
MOST_VALUES, MOST_LAYERS = 5_000_000, 300
SMALL = [1, 2, 3, 4, 5, 8, 16, 31, 33, 64, 100, 172, 300]


def change_config(draft):
    """Change, add or remove a key of the transformer's config."""
    body = body_of(draft.schema)
    config, rng = value_of(body["transformer"]), draft.rng
    declared = AutoConfig.for_model(config["model_type"]).to_dict() if config["model_type"] in CONFIG_MAPPING else {}
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        what = rng.random()
        key = rng.choice(sorted(config)) if what < 0.75 or not declared else rng.choice(sorted(declared))
        if what > 0.95:
            config.pop(key, None)
        elif isinstance(config.get(key), (list, dict)) and rng.random() < 0.7:
            change_json(rng, config[key])
        else:
            config[key] = other(rng, config.get(key, declared.get(key, 0)))
    body["transformer"] = node_of(config)


def change_tail(draft):
    """Add, remove, exchange or change the modules behind the transformer."""
    body, rng = body_of(draft.schema), draft.rng
    tail = value_of(body["tail"])
    what = rng.random()
    if what < 0.2:
        _append(draft, body, tail, rng.choice(FILLED))
    elif what < 0.35:
        tail.insert(rng.randrange(len(tail) + 1), dict(rng.choice(TAIL)))
    elif what < 0.4:
        tail[:] = tail * rng.choice([0, 2, 20])
    elif what < 0.5:
        rng.shuffle(tail)
    elif tail:
        module = rng.choice(tail)
        key = rng.choice(["pooling_mode", "module_input_name", "module_output_name", "kind", *map(str, module)])
        known = {"pooling_mode": MODES, "module_input_name": NAMES, "module_output_name": NAMES}
        module[key] = rng.choice(known[key]) if key in known else other(rng, module.get(key))
    body["tail"] = node_of(tail)


def _append(draft, body, tail, module):
    """Append a module with arrays of the shapes that it wants."""
    description, shapes = module
    weights = dict(body["weights"]["content"])
    for i, (name, shape) in enumerate(shapes.items()):
        file = f"appended{len(tail)}-{i}.npy"
        draft.members[file] = to_bytes(np.full(shape, 0.1, np.float32))
        node = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode", "type": "numpy"}
        weights[f"tail.{len(tail)}.{name}"] = node | {"file": file, "__id__": file}
    tail.append(dict(description))
    _set_weights(body, weights)


def change_fields(draft):
    """Change one of the numbers and texts of the body, or its format."""
    body, rng = body_of(draft.schema), draft.rng
    key = rng.choice(sorted(body.keys() - {"weights", "tokenizer", "transformer", "tail"}))
    old = value_of(body[key])
    if key == "prompt" and rng.random() < 0.7:
        body[key] = node_of(rng.choice(TEXTS) * rng.choice([1, 10, 1000]))
    else:
        body[key] = node_of(other(rng, old))


def change_sizes(draft):
    """Change a number of the config, moderately, and the weights with it, so that names and shapes fit."""
    body, rng = body_of(draft.schema), draft.rng
    config = value_of(body["transformer"])
    numbers = [key for key, value in sorted(config.items()) if type(value) is int]
    for key in rng.sample(numbers, rng.choice([1, 1, 2])):
        old = config[key]
        config[key] = rng.choice([*SMALL, old + 1, max(0, old - 1), 2 * old if old < 300 else old // 2])
    if rng.random() < 0.3:
        body["max_seq_length"] = node_of(number(rng, value_of(body["max_seq_length"])))
    expected = _shapes(config)
    if not 0 < sum(math.prod(shape) for shape in expected.values()) <= MOST_VALUES:
        return
    body["transformer"] = node_of(config)
    _fit_weights(draft, body, expected)


def _shapes(config):
    """Return {name: shape} of the weights that a config wants, nothing if there is no such model."""
    kind = config["model_type"]
    if kind not in CONFIG_MAPPING:
        return {"weight": (config["vocab_size"], config["hidden_size"])}
    values = {key: value for key, value in config.items() if key != "model_type"}
    counts = [value for key, value in values.items() if re.search("layer|group", key)]
    if any(isinstance(n, (int, float)) and n > MOST_LAYERS for n in counts):  # which would never be built
        return {}
    try:
        with torch.device("meta"):
            made = AutoConfig.for_model(kind, **values)
            model = T5EncoderModel(made) if kind == "t5" else AutoModel.from_config(made)
    except Exception:  # of whatever type: what is no config is no case
        return {}
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _fit_weights(draft, body, expected):
    """Give the transformer arrays of these names and shapes; those of its old ones are cut or repeated."""
    weights = body["weights"]["content"]
    old = {key: node for key, node in weights.items() if key.startswith("transformer.")}
    spare = next(iter(old.values()))
    kept = {key: node for key, node in weights.items() if key not in old}
    for i, (name, shape) in enumerate(expected.items()):
        node = old.get(f"transformer.{name}", spare)
        array = to_array(draft.members[node["file"]])
        file = f"fitted{i}.npy"
        draft.members[file] = to_bytes(np.resize(array, shape).astype("f4"))
        kept[f"transformer.{name}"] = node | {"file": file, "__id__": f"fitted{i}"}
    for node in old.values():
        draft.members.pop(node["file"], None)
    _set_weights(body, kept)


def _set_weights(body, content):
    """Let these be the weights of the body."""
    body["weights"] |= {"content": content, "key_types": node_of(dict.fromkeys(content))["key_types"]}
