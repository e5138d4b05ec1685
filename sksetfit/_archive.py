"""The archive that a model is kept in: sealed when it is written, and checked before anything is built of it.

Floor 0: knows numpy and the zip format. What it checks is what skops, which reads the archive, leaves unchecked.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo, is_zipfile

import numpy as np

_SEAL, _SCHEMA = "sha256.json", "schema.json"
_MEMBER = re.compile(r"schema\.json|[\w-]+\.(npy|npz|bin)", re.ASCII)  # as skops names them
# Weights shrink by less than a tenth; what grows twentyfold and beyond this many bytes was made to fill the memory.
_MOST_EXPANSION, _ALWAYS_ALLOWED = 20, 100_000_000
_MOST_SCHEMA = 2_000_000  # bytes, and half the bytes of the archive: a tokenizer is in it


def seal(stream: IO[bytes]) -> None:
    """Add the SHA-256 sums of all members to an archive, so that a change of any of them is noticed."""
    with ZipFile(stream, "a") as archive:
        archive.writestr(_SEAL, json.dumps(_sums(archive), indent=1))


def check_archive(stream: IO[bytes]) -> Any:
    """Refuse an archive that was changed after it was sealed, or would fill the memory; return what describes the rest.

    One that was never sealed, because skops alone wrote it, passes without the comparison of sums.

    Raises
    ------
    ValueError
        If it is refused. What zipfile and json raise at broken ones comes through as it is.
    """
    if not is_zipfile(stream):
        stream.seek(0)
        raise ValueError(_what_it_is(stream.read(2)))
    packed = stream.seek(0, io.SEEK_END)
    with ZipFile(stream) as archive:
        _check_members(archive)
        _check_expansion(archive, packed)
        if _SEAL in archive.namelist() and json.loads(archive.read(_SEAL)) != _sums(archive):
            raise ValueError("it was changed after it was written: SHA-256 sums differ")
        _check_content(archive)
        schema = archive.getinfo(_SCHEMA)
        if schema.file_size > _MOST_SCHEMA + packed / 2:
            raise ValueError(f"the description of its {packed} bytes takes {schema.file_size}")
        return json.loads(archive.read(schema))


def _check_members(archive: ZipFile) -> None:
    names = archive.namelist()
    strange = [name for name in names if name != _SEAL and not _MEMBER.fullmatch(name)]
    if strange or len(set(names)) < len(names):
        raise ValueError(f"it has members that no model has: {strange[:3] or 'two of one name'}")
    for member in archive.infolist():
        if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            raise ValueError(f"its member {member.filename!r} is packed in a way that is not read")


def _check_content(archive: ZipFile) -> None:
    for member in archive.infolist():
        with archive.open(member) as content:
            if member.filename.endswith(".npy"):
                _check_array(content, member)
            elif not member.filename.endswith(".npz") and content.read(2) == b"PK":
                raise ValueError(f"its member {member.filename!r} is an archive itself")


def _check_array(content: IO[bytes], member: ZipInfo) -> None:
    """Refuse an array that is not of plain numbers or texts, or is not as large as it says."""
    version = np.lib.format.read_magic(content)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = read_header[version](content)
    n_bytes = math.prod(shape) * dtype.itemsize
    if dtype.kind not in "biufcSUmM" or n_bytes != member.file_size - content.tell() or dtype.itemsize == 0:
        raise ValueError(f"its array {member.filename!r} of {dtype} in shape {shape} is not what the file holds")


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
