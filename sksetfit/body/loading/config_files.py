"""The files of a model folder, and the settings in them that its libraries would follow without a look."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sksetfit.body.saving import limits
from sksetfit.body.saving.architectures import TRANSFORMERS
from sksetfit.body.saving.config_forms import largest, size_fields
from sksetfit.body.saving.forms import MisfitError, integer

_FILES = ("config.json", "config_sentence_transformers.json", "sentence_bert_config.json")
_OF_LAYERS = ("layers", "n_layer", "num_hidden_groups", "inner_group_num")  # whose numbers are built one by one
_OF_DENSE = ("in_features", "out_features")


def check_config_files(folder: str, model: str) -> None:
    """Refuse a config whose numbers would take all memory or time, or whose attention is code from the Hub.

    Raises
    ------
    ValueError
        If there is one.
    """
    for path in files_in(folder):
        if path.name not in _FILES:
            continue
        try:
            config = json.loads(path.read_bytes())
        except ValueError:
            continue  # the loader says what is wrong with the file
        faults = [_fault(key, value) for key, value in _settings([config])]
        if fault := next(filter(None, faults), "") or _fault_by_tensors(config, path.parent):
            where = path.relative_to(folder).as_posix()
            raise ValueError(f"model={model!r} cannot be used: {where!r} says {fault}.")


def _fault(key: str, value: Any) -> str:
    """Return what is wrong with a setting, nothing if nothing is."""
    if key.strip("_").startswith("attn_implementation") and "/" in str(value):
        return f"{key}={value!r}, which is code from the Hub. Remove this setting"
    if key == "max_seq_length" and value is not None and (type(value) is not int or value < 1):
        return f"{key}={value!r}, which must be an integer of at least 1"
    if key == "prompts" and not isinstance(value, dict):
        return f"{key}={value!r}, which must be an object of names and texts"
    most = limits.MOST_LAYERS if key.endswith(_OF_LAYERS) else limits.MOST_POSITIONS
    if type(value) is int and "theta" not in key and abs(value) > most:
        return f"{key}={value!r}, which must be from {-most:,} to {most:,}"
    return ""


def _fault_by_tensors(config: Any, folder: Path) -> str:
    """Return what is wrong with a size: the loader would take memory for it before it compares it with the tensors."""
    try:
        shapes = list(_shapes(folder))
    except Exception:  # whatever a damaged file makes of it
        shapes = []  # the loader says what is wrong with the file
    if not shapes or not isinstance(config, dict):
        return ""
    fields = size_fields(config["model_type"], shapes) if str(config.get("model_type")) in TRANSFORMERS else {}
    fields |= dict.fromkeys(_OF_DENSE, integer(1, largest(shapes)))
    for key, form in fields.items():
        try:
            if config.get(key) is not None:
                form(config[key], key)
        except MisfitError as error:
            return f"{error}, as its tensors say. Fetch or save it again"
    return ""


def _shapes(folder: Path) -> Iterator[tuple[int, ...]]:
    """Yield the shapes of the tensors in a folder, from the JSON at the beginning of each file."""
    for path in folder.glob("model*.safetensors"):
        with path.open("rb") as file:
            n_bytes = min(int.from_bytes(file.read(8), "little"), path.stat().st_size)
            tensors = json.loads(file.read(n_bytes))
        yield from (tuple(map(int, each["shape"])) for name, each in tensors.items() if name != "__metadata__")


def _settings(config: Any, of: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all settings of a config, those of its parts included. Each item of a list has the name of the list."""
    items = config.items() if isinstance(config, dict) else [(of, each) for each in config]
    for key, value in items:
        yield key, value
        if isinstance(value, (dict, list)):
            yield from _settings(value, key)


def files_in(folder: str) -> list[Path]:
    """Return the files of a folder, those behind links included, in a fixed order.

    Raises
    ------
    ValueError
        If a link leads back to a folder that holds it.
    """
    files: list[Path] = []
    seen: set[str] = set()
    for at, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        place = os.path.realpath(at)
        above = os.path.realpath(os.path.dirname(at))
        if at != folder and os.path.commonpath([place, above]) == place:
            raise ValueError(f"{folder!r} has a link that leads back to a folder that holds it: {at!r}. Remove it.")
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        files += [Path(at, name) for name in names]
    return sorted(files)
