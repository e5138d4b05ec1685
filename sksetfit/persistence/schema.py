"""The description of a model within its file, checked before skops builds anything of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

_MOST_NODES = 500_000


def check_schema(schema: Any) -> None:
    """Refuse a description that is endless, or whose nodes share what they do not repeat.

    skops writes what an estimator holds in several places in full each time, and reads it once. A forged file that
    does not repeat it can refer to itself, or ten times to what refers ten times to something else, and so on.

    Raises
    ------
    ValueError
        If it does.
    """
    digests: dict[Any, bytes] = {}
    readers: dict[Any, Any] = {}

    def visit(value: Any, *, named: bool = False) -> bytes:
        """Return a digest of a value; ``named`` is what holds nodes under names of any kind, and is none itself."""
        if isinstance(value, list):
            return _digest([visit(item) for item in value])
        if not isinstance(value, dict):
            return _digest(value)
        inner = value.get("__loader__") == "DictNode"
        # One object's arrays may be written several times, under several names.
        own = [key for key in value if named or key not in {"__id__", "file"}]
        digest = _digest([(key, visit(value[key], named=inner and key == "content")) for key in own])
        if not named:
            identity = value.get("__id__") or object()  # skops does not remember 0 either
            if digests.get(identity, digest) != digest:
                raise ValueError(f"two of its nodes have the identity {identity!r} and are not alike")
            digests[identity] = digest
            if "file" in value:
                if readers.get(value["file"], identity) != identity:
                    raise ValueError(f"two of its nodes read the member {value['file']!r}")
                readers[value["file"]] = identity
            if len(digests) > _MOST_NODES:
                raise ValueError(f"it has more than {_MOST_NODES} nodes")
        return digest

    visit(schema)


def types_in(schema: Any, trusted: Mapping[str, frozenset[str]]) -> set[str]:
    """Return the full names of all types in a description that are not among the trusted ones.

    Parameters
    ----------
    schema : dict
        The description.
    trusted : mapping of str to frozenset of str
        Loaders of skops, and the names of the types that they may make.

    Raises
    ------
    ValueError
        If something of a trusted name is to be made by another loader.
    """
    everything = frozenset().union(*trusted.values())
    found = set()
    for node in _nodes(schema):
        name, loader = f"{node.get('__module__')}.{node.get('__class__')}", node["__loader__"]
        if loader == "JsonNode" or (isinstance(loader, str) and name in trusted.get(loader, ())):
            continue
        if name in everything:
            raise ValueError(f"its {name} is to be read as {loader}")
        found.add(name)
    return found


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "__loader__" in value:
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _digest(value: Any) -> bytes:
    return hashlib.sha256(repr(value).encode("utf-8", "backslashreplace")).digest()
