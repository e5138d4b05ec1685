"""The files of a model folder, and the settings in them that its libraries would follow without a look."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sksetfit.body.saving import limits

_FILES = ("config.json", "sentence_bert_config.json")
_OF_LAYERS = ("layers", "n_layer", "num_hidden_groups", "inner_group_num")  # whose numbers are built one by one


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
        for key, value in _settings(config):
            if fault := _fault(key, value):
                where = path.relative_to(folder).as_posix()
                raise ValueError(f"model={model!r} cannot be used: {where!r} says {key}={value!r}, {fault}.")


def _fault(key: str, value: Any) -> str:
    """Return what is wrong with a setting, nothing if nothing is."""
    if key.strip("_").startswith("attn_implementation") and "/" in str(value):
        return "which is code from the Hub. Remove this setting"
    if key == "max_seq_length" and value is not None and (type(value) is not int or value < 1):
        return "which must be an integer of at least 1"
    most = limits.MOST_LAYERS if key.endswith(_OF_LAYERS) else limits.MOST_POSITIONS
    if type(value) is int and "theta" not in key and not -1 <= value <= most:
        return f"which must be from -1 to {most:,}"
    return ""


def _settings(config: Any) -> Iterator[tuple[str, Any]]:
    """Yield all settings of a config, those of its parts included."""
    items = config.items() if isinstance(config, dict) else enumerate(config) if isinstance(config, list) else ()
    for key, value in items:
        yield str(key), value
        yield from _settings(value)


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
