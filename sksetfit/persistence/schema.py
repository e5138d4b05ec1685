"""The description of a model within its file, checked before skops builds anything of it."""

from __future__ import annotations

import hashlib
import re
import reprlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sksetfit.persistence import limits

# The loaders of skops that read a member of the file, and what it is called.
_MEMBERS = {"NdArrayNode": "npy", "SparseMatrixNode": "npz", "BytesNode": "bin", "BytearrayNode": "bin"}
_SCALAR = re.compile(r'["\d-]|(true|false|null|NaN|Infinity)\Z')  # how the JSON of what is no list and no dict starts
_OLDEST_PROTOCOL = 2  # of skops 0.16, before which there was no file of this package


def check_schema(schema: Any) -> set[str]:
    """Refuse a description that skops cannot have written or that is endless; return the members that it names.

    skops writes what an estimator holds in several places in full each time, and reads it once. A forged file that
    does not repeat it can refer to itself, or ten times to what refers ten times to something else, and so on.

    Raises
    ------
    ValueError
        If it is refused.
    """
    digests: dict[Any, bytes] = {}
    readers: dict[Any, Any] = {}
    n_values = 0

    def visit(value: Any, depth: int = 0, *, named: bool = False) -> bytes:
        """Return a digest of a value; ``named`` is what holds nodes under names of any kind, and is none itself."""
        nonlocal n_values
        n_values += 1
        if n_values > limits.MOST_VALUES or depth > limits.MOST_DEPTH:
            raise ValueError(
                f"its description has more than {limits.MOST_VALUES:,} values or {limits.MOST_DEPTH} levels"
            )
        if isinstance(value, list):
            return _digest([visit(item, depth + 1) for item in value])
        if not isinstance(value, dict):
            return _digest(value)
        inner = value.get("__loader__") == "DictNode"
        # One object's arrays may be written several times, under several names.
        own = [key for key in value if named or key not in {"__id__", "file"}]
        digest = _digest([(key, visit(value[key], depth + 1, named=inner and key == "content")) for key in own])
        if not named:
            _check_node(value)
            identity = value.get("__id__") or object()  # skops does not remember 0 either
            if digests.get(identity, digest) != digest:
                raise ValueError(f"two of its nodes have the identity {identity!r} and are not alike")
            digests[identity] = digest
            if "file" in value:
                if readers.get(value["file"], identity) != identity:
                    raise ValueError(f"two of its nodes read the member {value['file']!r}")
                readers[value["file"]] = identity
        return digest

    visit(schema)
    if not (type(schema) is dict and type(schema.get("protocol")) is int and schema["protocol"] >= _OLDEST_PROTOCOL):
        raise ValueError(f"its description has no protocol from {_OLDEST_PROTOCOL} on, as dump writes")
    return set(readers)


def _check_node(node: dict[str, Any]) -> None:
    """Refuse what skops writes otherwise: names of types that are no names, JSON of more than a scalar, members."""
    names = [node[key] for key in ("__class__", "__module__", "__loader__") if key in node]
    if not all(isinstance(name, str) and len(name) <= limits.MOST_NAME for name in names):
        raise ValueError(
            f"the names of a type in it, {reprlib.repr(names)}, must be texts of up to {limits.MOST_NAME:,} characters"
        )
    loader = node.get("__loader__")
    if loader == "JsonNode" and not (isinstance(node.get("content"), str) and _SCALAR.match(node["content"])):
        raise ValueError(
            f"a value in it is {reprlib.repr(node.get('content'))}, and must be a number, text, True, False or None"
        )
    if "file" in node and not re.fullmatch(
        rf"[\w-]+\.{_MEMBERS.get(str(loader), '(?!)')}", str(node["file"]), re.ASCII
    ):
        raise ValueError(f"its {loader} is to read the member {str(node['file'])[:100]!r}")


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
        name, loader = _type_of(node), node["__loader__"]
        if loader == "JsonNode" or (isinstance(loader, str) and name in trusted.get(loader, ())):
            continue
        if name in everything:
            raise ValueError(f"its {name} is to be read as {loader}")
        found.add(name)
    return found


def weights_in(schema: Any) -> set[str]:
    """Return the members that are weights of a `SetFitEncoder`, and that nothing else reads."""
    nodes = list(_nodes(schema))
    weights = Counter(
        member for node in nodes if _type_of(node) == "sksetfit.SetFitEncoder" for member in _weights_of(node)
    )
    readers = Counter(node["file"] for node in nodes if "file" in node)
    # skops takes two nodes of one number for one object, whatever files they name.
    files_of: defaultdict[Any, set[str]] = defaultdict(set)
    for node in nodes:
        if "file" in node:
            files_of[node.get("__id__")].add(node["file"])
    shared = {file for files in files_of.values() if len(files) > 1 for file in files}
    return {member for member, n in weights.items() if readers[member] == n} - shared


def _weights_of(encoder: dict[str, Any]) -> Iterator[str]:
    node: Any = encoder
    for key in ("content", "content", "body", "content", "weights", "content"):
        node = node.get(key) if isinstance(node, dict) else None
    for array in node.values() if isinstance(node, dict) else ():
        if isinstance(array, dict) and _type_of(array) == "numpy.ndarray" and "file" in array:
            yield array["file"]


def _type_of(node: dict[str, Any]) -> str:
    return f"{node.get('__module__')}.{node.get('__class__')}"


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
