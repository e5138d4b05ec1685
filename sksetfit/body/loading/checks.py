"""What a Sentence Transformer must be: one that would be loaded and then give other embeddings is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding

from sksetfit.body.contexts import autocast
from sksetfit.body.model import Body
from sksetfit.body.saving.architectures import describe
from sksetfit.body.saving.forms import MisfitError
from sksetfit.body.saving.state import TOLERANCE
from sksetfit.body.saving.tokenizer_forms import checked_tokenizer

_PLAIN_TEXT = {"method": "forward", "method_output_name": "last_hidden_state"}
_ROPE_BY_LENGTH = {"dynamic", "longrope"}


def check_parts(loaded: SentenceTransformer, model: str) -> None:
    """Refuse what is not followed here, or is not whole.

    Raises
    ------
    ValueError
        If there is something of the kind.
    """
    first: Any
    first, *tail = loaded.children()
    transformer, tokenizer = first.auto_model, first.tokenizer
    if not hasattr(transformer.config, "vocab_size"):
        raise ValueError(f"model={model!r} has a transformer without a vocabulary, {transformer.config.model_type!r}.")
    # Without its files transformers quietly builds a tokenizer that knows nothing but its special tokens.
    if len(tokenizer) < transformer.config.vocab_size / 2:
        raise ValueError(
            f"model={model!r} could not be loaded as a Sentence Transformer: its tokenizer knows {len(tokenizer)} "
            f"tokens and its transformer {transformer.config.vocab_size}. Is tokenizer.json missing?"
        )
    check_savable(loaded, transformer, tail, model)
    if not any(isinstance(module, Pooling) for module in tail):
        raise ValueError(f"model={model!r} has no Pooling behind its transformer, which makes one embedding of a text.")
    for key, value, what in _not_followed(first):
        raise ValueError(f"model={model!r} has {key} {value}, {what} here. Save it without.")
    if absent := _weights_not_loaded(transformer):
        raise ValueError(
            f"model={model!r} could not be loaded as a Sentence Transformer: its file of weights lacks {len(absent)} "
            f"of them, among them {absent[0]!r}. Fetch or save it again."
        )


def _not_followed(first: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield settings of a Sentence Transformer's first module, their values, and what becomes of them."""
    not_followed = "which is not followed"
    if first.processing_kwargs:
        yield "processing_kwargs", first.processing_kwargs, "which are not followed"
    if "message" in first.modality_config:
        yield "the modality", "'message'", "whose chat template is not applied"
    if (of_text := first.modality_config.get("text")) != _PLAIN_TEXT:
        output = (of_text or {}).get("method_output_name")
        yield ("method_output_name", output, not_followed) if of_text else ("no modality", "'text'", "which is read")
    if first.module_output_name != "token_embeddings":
        yield "module_output_name", repr(first.module_output_name), not_followed
    if getattr(first.tokenizer, "split_special_tokens", False):
        yield "split_special_tokens", "true", not_followed
    type_ids = first.tokenizer(["a text"]).get("token_type_ids", [[]])
    if any(type_ids[0]):
        yield "token_type_ids", type_ids[0], "of which those that are not 0 are not followed"


def check_savable(loaded: SentenceTransformer, transformer: Any, tail: Sequence[Any], model: str) -> None:
    """Refuse what could not be built again: pickled to another process, or saved after hours, would be too late.

    Raises
    ------
    ValueError
        If it could not.
    """
    try:
        describe(transformer, tail)
    except ValueError as error:
        raise ValueError(f"model={model!r} cannot be used: {error}") from None
    if loaded.truncate_dim is not None:
        raise ValueError(
            f"model={model!r} cuts its embeddings (truncate_dim={loaded.truncate_dim}), which is not done "
            f"here. Save it without truncate_dim."
        )
    if not all(parameter.isfinite().all() for parameter in loaded.parameters()):
        raise ValueError(f"model={model!r} has weights that are not finite. Fetch or save it again.")


def check_tokenizer(body: Body, model: str) -> None:
    """Refuse a tokenizer that could not be built again.

    Raises
    ------
    ValueError
        If it could not.
    """
    try:
        checked_tokenizer(body.tokenizer.to_str(), body.transformer.config.vocab_size, body.max_seq_length)
    except MisfitError as error:
        raise ValueError(f"model={model!r} cannot be used: it could not be saved: {error}.") from None


def _weights_not_loaded(transformer: Any) -> list[str]:
    """Return the names of the weights that were not in the file, for which transformers quietly draws random ones."""
    # By a mark that transformers sets on what it has read.
    read = {name: hasattr(weight, "_is_hf_initialized") for name, weight in transformer.named_parameters()}
    # Many files have no weights for a pooler, which is not asked: the Pooling behind it reads the tokens.
    return [name for name, was_read in read.items() if not was_read and "pooler" not in name]


def check_positions(transformer: Any, max_seq_length: int, model: str) -> None:
    """Refuse positions whose angles depend on the longest text of a batch, where texts may be that long.

    Raises
    ------
    ValueError
        If they do.
    """
    config = transformer.config
    for rope in _ropes(getattr(config, "rope_parameters", None) or {}):
        kind = rope.get("rope_type")
        if kind not in _ROPE_BY_LENGTH:
            continue
        most = rope.get("original_max_position_embeddings") or config.max_position_embeddings
        if max_seq_length > most:
            raise ValueError(
                f"model={model!r} has rope_type {kind!r}: the embedding of a text depends on the others of its batch "
                f"where one of them has more than {most} tokens. Set max_seq_length={most} or less."
            )


def _ropes(parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parameters of all layers, or those of each kind of layers."""
    yield parameters
    yield from (each for each in parameters.values() if isinstance(each, dict))


def probe_texts(loaded: SentenceTransformer) -> list[str]:
    """Return two short texts, of which one has letters, signs, and a special token that is written out."""
    special = getattr(loaded[0].tokenizer, "all_special_tokens", None) or [""]
    return ["a text", f"Another one, which is LONGER: {special[-1]} 7."]


def probe_embeddings(loaded: SentenceTransformer, prompt: str, max_seq_length: int) -> NDArray[np.float32]:
    """Return what sentence-transformers makes of `probe_texts`, one text per batch."""
    if isinstance(loaded[0], StaticEmbedding):
        side = (loaded[0].tokenizer.truncation or {"direction": "right"})["direction"]
        loaded[0].tokenizer.enable_truncation(max_seq_length, direction=side)
    else:
        loaded.max_seq_length = max_seq_length
    texts = probe_texts(loaded)
    with autocast(torch.device("cpu"), "float32"):  # whatever the caller's own says
        embeddings: NDArray[np.float32] = loaded.encode(texts, prompt=prompt, batch_size=1, show_progress_bar=False)
    return embeddings


def check_embeddings(body: Body, texts: Sequence[str], expected: NDArray[np.float32], model: str) -> None:
    """Compare the embeddings of a body with those by sentence-transformers.

    Raises
    ------
    ValueError
        If they differ.
    """
    found = np.stack([body.encode([text])[0] for text in texts])
    difference = np.inf if found.shape != expected.shape else np.abs(found - expected).max()
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise ValueError(
            f"model={model!r} cannot be used: the embeddings of {texts[0]!r} and {texts[1]!r} differ by "
            f"{difference:.2g} from those by SentenceTransformer.encode. Something in its folder is not followed here."
        )
