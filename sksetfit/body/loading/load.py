"""A Sentence Transformer loaded as a body."""

from __future__ import annotations

import os
import warnings
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding
from tokenizers import Tokenizer

from sksetfit.body.contexts import building
from sksetfit.body.devices import chosen_device
from sksetfit.body.loading.adapters import merge_adapters
from sksetfit.body.loading.checks import (
    check_embeddings,
    check_parts,
    check_positions,
    check_savable,
    check_tokenizer,
    probe_embeddings,
    probe_texts,
)
from sksetfit.body.loading.config_files import check_config_files
from sksetfit.body.loading.source import Source, check_on_hub, find_source, first_line, missing_for_sentencepiece
from sksetfit.body.model import MOST_OF_PROMPT, MOST_TOKENS, Body, n_positions
from sksetfit.body.saving.architectures import is_listed
from sksetfit.body.saving.forms import MisfitError, text
from sksetfit.body.saving.state import find_whether_padding_is_read, most_tokens, rebuilt_transformer
from sksetfit.body.static import StaticBody, TokenTable

_OWN_PROMPTS = ("Classification", "classification")  # which models keep for the case that texts are classified


@torch.inference_mode(False)  # what is loaded under it can never be tuned
def load_body(
    model: str | os.PathLike[str],
    *,
    revision: str | None = None,
    max_seq_length: int | None = None,
    prompt: str | None = None,
    for_classification: bool = True,
    device: str | None = None,
    quiet: bool = True,
) -> Body:
    """Load a Sentence Transformer from a folder or by its hub name.

    Parameters
    ----------
    model : str or path
        A folder, or a name on the Hugging Face Hub.
    revision : str or None, default=None
        A branch, tag or commit of a model on the Hub; None takes its newest, or the one in the local cache.
    max_seq_length : int or None, default=None
        The most tokens to read of a text; None keeps the model's own.
    prompt : str or None, default=None
        Stands before each text; None keeps the model's own, its default prompt or that for classification; "" is
        none.
    for_classification : bool, default=True
        Whether a model without a default prompt gets the one that it keeps under the name "Classification", if any.
    device : str or None, default=None
        A torch device; None takes a GPU where there is one.
    quiet : bool, default=True
        Show no progress bars while weights are fetched and loaded.

    Raises
    ------
    ValueError
        If there is no such folder or name, it holds no Sentence Transformer that reads text, it reads fewer tokens than
        ``max_seq_length``, or the body would embed texts otherwise than sentence-transformers does.

    Warns
    -----
    UserWarning
        If its transformer is of a kind that `dump` does not save.
    """
    target = chosen_device(device)
    name = os.fsdecode(model)
    source = find_source(name, revision)
    if source.is_folder:
        check_config_files(source.name, name)
    with building(quiet=quiet):
        loaded = _read(source, name).float()
        prompt = _own_prompt(loaded, name, for_classification=for_classification) if prompt is None else prompt
        body = _as_body(loaded, name, max_seq_length, prompt)
        # What wraps the transformer refers to itself, and would keep the weights until Python looks for such circles.
        for part in [name for name, _ in loaded[0].named_children()]:
            delattr(loaded[0], part)
        body.to(target)
    if not is_listed(body.transformer):
        warnings.warn(
            f"model={name!r} has a transformer of type {body.transformer.config.model_type!r}, which dump does not "
            f"save as one file. A classifier that is fitted on it predicts, and write_setfit(clf, folder) writes it.",
            UserWarning,
            stacklevel=2,
        )
    return body


def _read(source: Source, model: str) -> SentenceTransformer:
    """Read a Sentence Transformer in float32; what is missing in the Hub's cache is fetched."""
    try:
        try:
            return _sentence_transformer(source)
        except Exception as error:
            if source.is_folder or not source.is_local or isinstance(error, MemoryError):
                raise
            before = f"the Hub's local cache does not hold all of it ({first_line(error)})"
        check_on_hub(source.name, source.revision, model, before)
        return _sentence_transformer(source._replace(is_local=False))
    except MemoryError:
        raise
    except Exception as error:  # the libraries below raise whatever a damaged file makes them raise
        if missing := missing_for_sentencepiece(source):
            raise ValueError(
                f"model={model!r} could not be loaded: its tokenizer is a model of sentencepiece, without a "
                f"tokenizer.json. To read it, install the packages sentencepiece and protobuf (not there: {missing})."
            ) from error
        # An error of the Hub's client can hold a signed address, which a traceback would show.
        raise _not_loaded(model, error) from (error if source.is_folder else None)


def _sentence_transformer(source: Source) -> SentenceTransformer:
    return SentenceTransformer(
        source.name,
        revision=source.revision,
        device="cpu",
        local_files_only=source.is_local,
        model_kwargs={"dtype": torch.float32},
    )


def _not_loaded(model: str, error: Exception) -> ValueError:
    return ValueError(f"model={model!r} could not be loaded as a Sentence Transformer: {first_line(error)}")


def _as_body(loaded: SentenceTransformer, model: str, max_seq_length: int | None, prompt: str) -> Body:
    first, *tail = loaded.children()
    if isinstance(first, StaticEmbedding):
        return _as_static_body(loaded, model, max_seq_length, prompt)
    transformer: Any = getattr(first, "auto_model", None)
    tokenizer: Any = getattr(first, "tokenizer", None)
    if transformer is None or not getattr(tokenizer, "is_fast", False):
        starts_with = type(first).__name__
        if tokenizer is not None:
            starts_with += f" and a {type(tokenizer).__name__}, which has no fast version"
        raise ValueError(
            f"model={model!r} starts with {starts_with}; only Sentence Transformers that start "
            f"with a transformer and its (fast) tokenizer can be tuned."
        )
    merge_adapters(transformer)
    check_parts(loaded, model)
    length = _length(loaded, max_seq_length, model)
    check_positions(transformer, length, model)
    try:
        expected = probe_embeddings(loaded, prompt, length)
        again = rebuilt_transformer(transformer)
    except Exception as error:  # whatever modules that do not fit together raise
        raise _not_loaded(model, error) from error
    own_tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    own_tokenizer.enable_truncation(1, direction=tokenizer.truncation_side)  # the length is the body's to set
    # Masked tokens are not looked at: where there is none for padding any other serves.
    for_padding = (tokenizer.pad_token_id, tokenizer.eos_token_id)
    vocab_size = transformer.config.vocab_size
    body = Body(
        own_tokenizer,
        again,
        tail,
        pad_token_id=next((n for n in for_padding if n is not None and n < vocab_size), 0),
        max_seq_length=length,
        prompt=prompt,
    )
    check_tokenizer(body, model)
    check_embeddings(body, probe_texts(loaded), expected, model)
    find_whether_padding_is_read(body)
    return body


def _length(loaded: SentenceTransformer, max_seq_length: int | None, model: str) -> int:
    """Return how many tokens are to be read of a text: those that are wanted, or else the model's own."""
    first: Any = loaded[0]
    reads, most = n_positions(first.auto_model), most_tokens(first.auto_model)
    if max_seq_length is not None and reads is not None and max_seq_length > reads:
        raise ValueError(f"max_seq_length={max_seq_length} is more than the {reads} tokens that model={model!r} reads.")
    lengths = [n for n in (loaded.max_seq_length, reads) if n is not None] or [first.tokenizer.model_max_length]
    # More is no bound: a tokenizer that has none says 10**30.
    length = max_seq_length or min((n for n in lengths if n <= MOST_TOKENS), default=most)
    if not 0 < length <= most:
        raise ValueError(
            f"model={model!r} would read {length} tokens of a text, where 1 to {most} are possible. "
            f"Set max_seq_length={most} or less."
        )
    return length


def _as_static_body(loaded: SentenceTransformer, model: str, max_seq_length: int | None, prompt: str) -> StaticBody:
    first: Any
    first, *tail = loaded.children()
    table = TokenTable(first.embedding.weight.detach())
    check_savable(loaded, table, tail, model)
    if any(isinstance(module, Pooling) for module in tail):
        raise ValueError(f"model={model!r} has a Pooling behind its table of tokens, which is an embedding already.")
    tokenizer = Tokenizer.from_str(first.tokenizer.to_str())
    length = max_seq_length or (tokenizer.truncation or {"max_length": MOST_TOKENS})["max_length"]
    try:
        if tokenizer.get_vocab_size() > len(table.weight):
            raise ValueError(f"its tokenizer has {tokenizer.get_vocab_size()} tokens, its table {len(table.weight)}.")
        if not 0 < length <= MOST_TOKENS:
            raise ValueError(f"it would read {length} tokens of a text, where 1 to {MOST_TOKENS} are possible.")
        expected = probe_embeddings(loaded, prompt, length)
        body = StaticBody(tokenizer, table, tail, pad_token_id=0, max_seq_length=length, prompt=prompt)
        check_tokenizer(body, model)
        if body.encode(["", "a text"]).shape[1] < 1:
            raise ValueError("its embeddings have no dimension.")
    except Exception as error:  # whatever modules that do not fit together raise
        raise _not_loaded(model, error) from error
    check_embeddings(body, probe_texts(loaded), expected, model)
    return body


def _own_prompt(loaded: SentenceTransformer, model: str, *, for_classification: bool) -> str:
    """Return the model's default prompt, or else, if that is wanted, the one that it has for classification."""
    names = [loaded.default_prompt_name] if loaded.default_prompt_name else list(_OWN_PROMPTS) * for_classification
    prompt: str = next((loaded.prompts[name] or "" for name in names if name in loaded.prompts), "")
    try:
        text(MOST_OF_PROMPT)(prompt, "prompt")
    except MisfitError as error:
        raise ValueError(f"model={model!r} cannot be used: its {error}. Pass prompt='' or a text.") from None
    return prompt
