"""A body as plain data and back: numbers, strings and arrays, nothing that runs.

A saved model crosses this border: from any state, `body_from_state` builds a body of known modules
(`sksetfit.body.saving.architectures`) with weights that fit it, or raises a ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from sksetfit.body.contexts import building, is_panic
from sksetfit.body.model import MOST_OF_PROMPT, MOST_TOKENS, Body, n_positions
from sksetfit.body.saving import limits
from sksetfit.body.saving.architectures import build_empty, build_tail, check_description, describe, is_listed
from sksetfit.body.saving.forms import Form, MisfitError, integer, misfit, of_type, one_of, record, text
from sksetfit.body.saving.tokenizer_forms import checked_tokenizer
from sksetfit.body.static import StaticBody, TokenTable
from sksetfit.utils.large_arrays import array_behind, stand_in_of

# To change the form of the state: raise FORMAT, and let body_from_state read the old number too.
FORMAT = 3
TOLERANCE = 1e-4  # of a number of an embedding, relative to the largest; float32 rounds to a hundredth of it
_OF_DISTANCES = 8  # matrices of the size of the scores that hold the distances between tokens, at most
_KEEPING_SCORES = {"deberta-v2", "mpnet", "t5"}  # whose attention has all scores of a text at once
_FORMAT_BEFORE_WINDOWS = 2  # it lacks these, because long texts were always cut
_BEFORE_WINDOWS = {"long_texts": "truncate", "n_long_texts": 0}
_TEXTS = ("", "a text")  # whose embeddings tell whether the parts of a body fit together


_FIELDS: dict[str, Form] = {
    "format": one_of(FORMAT, _FORMAT_BEFORE_WINDOWS),
    "transformer": of_type(dict),
    "tail": of_type(list),
    "tokenizer": of_type(str),
    "pad_token_id": integer(0, limits.MOST_POSITIONS),
    "max_seq_length": integer(1, MOST_TOKENS),
    "long_texts": one_of("truncate", "windows"),
    "n_long_texts": integer(0, limits.MOST_COUNT),
    "prompt": text(MOST_OF_PROMPT),
    "weights": of_type(dict),
}


class BodyStateError(ValueError):
    """What describes a saved body cannot be right."""


def check_listed(body: Body) -> None:
    """Refuse a body that could not be read from a file.

    Raises
    ------
    ValueError
        If its transformer is of no listed kind.
    """
    if not is_listed(body.transformer):
        raise ValueError(
            f"A body with a transformer of type {body.transformer.config.model_type!r} cannot be saved as one file. "
            f"write_setfit(clf, folder) writes a classifier as a folder, which read_setfit reads. pickle and joblib "
            f"keep it for yourself: reading a pickle runs the code that is in it."
        )


def body_to_state(body: Body) -> dict[str, Any]:
    """Return the body as a dict of str, numbers, lists, dicts and arrays.

    The arrays are not copies: whoever keeps them copies them. While they are in use, the body is described by the same
    ones: skops writes one array once. `dump` gets stand-ins of them.
    """
    return {
        "format": FORMAT,
        **describe(body.transformer, body.tail),
        "tokenizer": body.tokenizer.to_str(),
        "pad_token_id": body.pad_token_id,
        "max_seq_length": body.max_seq_length,
        "long_texts": body.long_texts,
        "n_long_texts": body.n_long_texts,
        "prompt": body.prompt,
        "weights": {name: stand_in_of(body.array_of(name, tensor)) for name, tensor in body.state_dict().items()},
    }


def body_from_state(state: dict[str, Any], device: torch.device, *, listed_only: bool = True) -> Body:
    """Build the body that `body_to_state` described, on its arrays where they may be written to.

    Parameters
    ----------
    state : dict
    device : torch.device
    listed_only : bool, default=True
        Whether the transformer must be of a listed kind, as that of any state from a file. False is for states of this
        process, and for those from pickles: they name the class of other kinds.

    Raises
    ------
    BodyStateError
        If the state is not one that `body_to_state` can have made.
    """
    try:
        return _build(_checked(state, listed_only=listed_only)).to(device)
    except BodyStateError:
        raise
    except MisfitError as error:
        raise BodyStateError(f"The saved body's {error}.") from error
    except BaseException as error:
        # The libraries raise what they like at a config or tokenizer of no sense; an error of Rust's is no Exception.
        if not (isinstance(error, Exception) or is_panic(error)):
            raise
        raise BodyStateError(f"The saved body is damaged: {type(error).__name__}: {error}") from error


def _checked(state: Any, *, listed_only: bool) -> dict[str, Any]:
    """Return a state of this form and of this version's format."""
    found = state.get("format") if isinstance(state, dict) else type(state).__name__
    if type(found) is not int or found not in {FORMAT, _FORMAT_BEFORE_WINDOWS}:
        raise BodyStateError(
            f"The saved body has format {found!r}; this version of sksetfit reads formats {_FORMAT_BEFORE_WINDOWS} and "
            f"{FORMAT}."
        )
    is_old = found == _FORMAT_BEFORE_WINDOWS
    record({key: form for key, form in _FIELDS.items() if not is_old or key not in _BEFORE_WINDOWS})(state, "state")
    weights = {name: array_behind(array) for name, array in state["weights"].items()}
    shapes = [_shape(array, name) for name, array in weights.items()]
    check_description(state, shapes, listed_only=listed_only)
    completed: dict[str, Any] = _BEFORE_WINDOWS | state | {"weights": weights}
    return completed


def _shape(array: Any, name: str) -> tuple[int, ...]:
    if not isinstance(array, np.ndarray):
        raise misfit(f"tensor {name!r}", type(array).__name__, "an array")
    shape: tuple[int, ...] = array.shape
    return shape


@torch.inference_mode(False)  # what is built under it can never be tuned
def _build(state: dict[str, Any]) -> Body:
    with building(), torch.device("meta"):  # no memory is taken before names and shapes are known to fit
        tail = build_tail(state["tail"])
        empty = build_empty(state["transformer"])
    weights = _checked_weights(state["weights"], nn.ModuleDict({"transformer": empty, "tail": nn.ModuleList(tail)}))
    own = _part(weights, "transformer.")
    with building():
        is_static = isinstance(empty, TokenTable)
        transformer = TokenTable(own["weight"]) if is_static else _filled(empty, own)
    for i, module in enumerate(tail):
        module.load_state_dict(_part(weights, f"tail.{i}."), assign=True)
    _check_numbers(state, transformer)
    body = (StaticBody if is_static else Body)(
        Tokenizer.from_str(checked_tokenizer(state["tokenizer"], empty.config.vocab_size, state["max_seq_length"])),
        transformer,
        tail,
        pad_token_id=state["pad_token_id"],
        max_seq_length=state["max_seq_length"],
    )
    body.long_texts, body.n_long_texts = state["long_texts"], state["n_long_texts"]
    _check_states(body)
    body.encode(_TEXTS)  # which tells whether all of it fits together
    body.prompt = state["prompt"]  # only now, so that no text of the file is tokenised before it is used
    find_whether_padding_is_read(body)
    return body


def _filled(empty: Any, weights: dict[str, Tensor]) -> Any:
    """Return a transformer like an empty one, on these weights."""
    return type(empty).from_pretrained(None, config=empty.config, state_dict=weights, dtype=torch.float32)


def find_whether_padding_is_read(body: Body) -> None:
    """Set ``reads_padding`` of a body whose transformer is of no listed kind; of those none does."""
    if is_listed(body.transformer):
        return
    texts = ["a", "a text that is longer than the other"]
    together, alone = body.encode(texts), np.concatenate([body.encode([text]) for text in texts])
    body.reads_padding = bool(np.abs(together - alone).max() > TOLERANCE * max(1.0, float(np.abs(alone).max())))


def rebuilt_transformer(transformer: Any) -> Any:
    """Return the transformer that the description of another one gives, on the same weights.

    Raises
    ------
    ValueError
        If there is no such description, or the one that is built is described otherwise.
    """
    description, weights = describe(transformer, [])["transformer"], transformer.state_dict()
    with building(), torch.device("meta"):
        empty = build_empty(description)
    if empty.state_dict().keys() != weights.keys():
        differing = sorted(empty.state_dict().keys() ^ weights.keys())
        raise ValueError(f"its config does not describe its weights {differing[:3]}.")
    with building():
        again = _filled(empty, weights)
    before, after = description.get("config", description), describe(again, [])["transformer"]
    after = after.get("config", after)
    if changed := sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key)):
        raise ValueError(f"its config changes when it is written and read: {changed[:3]}.")
    return again


def most_tokens(transformer: Any) -> int:
    """Return the most tokens of a text that a body may read: its positions, and what attention has memory for."""
    most = min(n_positions(transformer) or MOST_TOKENS, MOST_TOKENS)
    if transformer.config.model_type in _KEEPING_SCORES:
        n_matrices = max(transformer.config.num_attention_heads, _OF_DISTANCES)
        most = min(most, math.isqrt(limits.MOST_SCORES // n_matrices))
    return most


def _check_numbers(state: dict[str, Any], transformer: Any) -> None:
    integer(0, transformer.config.vocab_size - 1)(state["pad_token_id"], "pad_token_id")
    integer(1, most_tokens(transformer))(state["max_seq_length"], "max_seq_length")


def _check_states(body: Body) -> None:
    """Refuse a transformer so wide that the first embeddings would take all memory."""
    table = body.transformer.get_input_embeddings().weight if body.has_layers else body.transformer.weight
    widths = [size for weight in body.transformer.parameters() if weight is not table for size in weight.shape]
    n_tokens = sum(len(encoding.ids) for encoding in body.tokenizer.encode_batch(list(_TEXTS)))
    integer(0, limits.MOST_STATES)(n_tokens * max(widths, default=0), f"number of states of {n_tokens} tokens")


def _checked_weights(weights: Mapping[str, Any], empty: nn.Module) -> dict[str, Tensor]:
    """Return the arrays as tensors, without a copy, after their names, shapes and types were compared."""
    expected = empty.state_dict()
    if expected.keys() != weights.keys():
        raise BodyStateError(
            f"The saved body's weights do not fit its config: missing "
            f"{sorted(expected.keys() - weights.keys())[:3]}, unexpected "
            f"{sorted(map(str, weights.keys() - expected.keys()))[:3]}."
        )
    for name, tensor in expected.items():
        if tensor.numel() == 0:  # with which other sizes would cost nothing in the file, and take all memory
            raise BodyStateError(f"The saved body's tensor {name!r} is empty, of shape {tuple(tensor.shape)}.")
        _check_array(weights[name], name, tuple(tensor.shape))
    return {name: _as_tensor(array) for name, array in weights.items()}


def _check_array(array: Any, name: str, shape: tuple[int, ...]) -> None:
    what = f"The saved body's tensor {name!r} must be a finite float32 array of shape {shape}, got"
    if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
        values = " with values that are not finite" if array.dtype == np.float32 and array.shape == shape else ""
        raise ValueError(f"{what} {array.dtype} of shape {array.shape}{values}.")


def _as_tensor(array: NDArray[np.float32]) -> Tensor:
    # What joblib maps into memory for several processes must not be written to, and torch warns of such arrays.
    own = np.require(array, requirements=["C", "W"])
    return torch.from_numpy(own)


def _part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
