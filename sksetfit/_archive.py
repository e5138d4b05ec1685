"""The archive that a model is kept in: sealed when it is written, and checked before anything is built of it.

Floor 0: knows nothing but the zip format. What it checks is what skops, which reads the archive, leaves unchecked.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from typing import IO, Any
from zipfile import ZipFile, is_zipfile

_SEAL, _SCHEMA = "sha256.json", "schema.json"
_MEMBER = re.compile(r"schema\.json|[\w-]+\.(npy|npz|bin)", re.ASCII)  # as skops names them
# Weights shrink by less than a tenth; what grows twentyfold and beyond this many bytes was made to fill the memory.
_MOST_EXPANSION, _ALWAYS_ALLOWED = 20, 100_000_000


def seal(stream: IO[bytes]) -> None:
    """Add the SHA-256 sums of all members to an archive, so that a change of any of them is noticed."""
    with ZipFile(stream, "a") as archive:
        archive.writestr(_SEAL, json.dumps(_sums(archive), indent=1))


def check_archive(stream: IO[bytes]) -> None:
    """Refuse an archive that was changed after it was sealed, or that would take time or memory without end.

    One that was never sealed, because skops alone wrote it, passes without the comparison of sums.

    Raises
    ------
    ValueError
        If it is refused. What zipfile and json raise at broken ones comes through as it is.
    """
    if not is_zipfile(stream):
        stream.seek(0)
        raise ValueError(_what_it_is(stream.read(2)))
    with ZipFile(stream) as archive:
        names = archive.namelist()
        members = [name for name in names if name != _SEAL]
        strange = sorted(name for name in members if not _MEMBER.fullmatch(name))
        if strange or len(set(names)) < len(names):
            raise ValueError(f"it has members that no model has: {strange[:3] or 'two of one name'}")
        _check_expansion(archive, stream.seek(0, io.SEEK_END))
        if _SEAL in names and json.loads(archive.read(_SEAL)) != _sums(archive):
            raise ValueError("it was changed after it was written: SHA-256 sums differ")
        _check_identities(json.loads(archive.read(_SCHEMA)))


def _what_it_is(start: bytes) -> str:
    if start == b"PK":
        return "its end is missing. Copy or fetch it again"
    if start[:1] == b"\x80":
        return "it is a pickle, and load reads what dump wrote. read_setfit reads the folder of a model of setfit"
    return "it is no archive, and load reads what dump wrote"


def _sums(archive: ZipFile) -> dict[str, str]:
    sums = {}
    for name in sorted(set(archive.namelist()) - {_SEAL}):
        with archive.open(name) as member:
            sums[name] = hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
    return sums


def _check_expansion(archive: ZipFile, packed: int) -> None:
    """Refuse a small archive of endless content; sparse arrays are archives within it."""
    allowed = _ALWAYS_ALLOWED + _MOST_EXPANSION * packed
    unpacked = sum(member.file_size for member in archive.infolist())
    for name in archive.namelist():
        if name.endswith(".npz") and unpacked <= allowed:
            with ZipFile(io.BytesIO(archive.read(name))) as sparse:
                unpacked += sum(member.file_size for member in sparse.infolist())
    if unpacked > allowed:
        raise ValueError(f"its {packed} bytes would unpack to {unpacked}")


def _check_identities(schema: Any) -> None:
    """Refuse nodes of one identity that are not alike.

    skops writes what an estimator holds in several places in full each time, and reads it once. A forged file that
    does not repeat it can refer to itself, or ten times to what refers ten times to something else, and so on.
    """
    seen: dict[Any, bytes] = {}

    def digest(value: Any) -> bytes:
        if isinstance(value, list):
            return _digest([digest(item) for item in value])
        if not isinstance(value, dict):
            return _digest(value)
        # One object's bytes may be written several times, under several names.
        found = _digest([(key, digest(item)) for key, item in value.items() if key not in {"__id__", "file"}])
        identity = value.get("__id__")
        if identity is not None and not isinstance(identity, dict):
            if seen.get(identity, found) != found:
                raise ValueError(f"two of its nodes have the identity {identity!r} and are not alike")
            seen[identity] = found
        return found

    digest(schema)


def _digest(value: Any) -> bytes:
    return hashlib.sha256(repr(value).encode("utf-8", "backslashreplace")).digest()
