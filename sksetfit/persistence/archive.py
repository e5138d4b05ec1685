"""The archive that a model is kept in: with checksums when it is written, and checked before anything is built of it.

It must have the form that `dump` gives it. What is checked here is what skops, which reads the archive, leaves
unchecked.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import struct
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo, is_zipfile

import numpy as np

from sksetfit.persistence import limits
from sksetfit.persistence.schema import check_schema

_CHECKSUMS, _SCHEMA = "sha256.json", "schema.json"
_END = b"PK\x05\x06"
_LARGEST_END, _LARGE_END = b"PK\x06\x06", b"PK\x06\x07"  # what stands before it in an archive above 4 GB
_KINDS = "biufUSmMV"  # of arrays: truth, numbers of up to 64 bits, texts, times and records


def add_checksums(stream: IO[bytes]) -> None:
    """Add the SHA-256 sums of all members to an archive, so that a change of any of them is noticed."""
    with ZipFile(stream, "a") as archive:
        archive.writestr(_CHECKSUMS, json.dumps(_checksums(archive), indent=1))


def check_archive(stream: IO[bytes]) -> Any:
    """Refuse an archive that `dump` cannot have written, or whose checksums differ; return its checked description.

    One without checksums, because skops alone wrote it, passes without that comparison.

    Raises
    ------
    ValueError
        If it is refused. What zipfile and json raise at broken ones comes through as it is.
    """
    if not is_zipfile(stream):
        stream.seek(0)
        raise ValueError(_what_it_is(stream.read(2)))
    packed = stream.seek(0, io.SEEK_END)
    with _opened(stream, limits.MOST_MEMBERS) as archive:
        unpacked = {member.filename: member.file_size for member in archive.infolist()}
        _check_sizes(unpacked, packed)
        if _CHECKSUMS in unpacked and json.loads(archive.read(_CHECKSUMS)) != _checksums(archive):
            raise ValueError("it was changed after it was written: SHA-256 sums differ")
        description = archive.read(_SCHEMA)
        _check_number(description.count(b","), limits.MOST_COMMAS + packed // 20, "commas", f"its member {_SCHEMA!r}")
        schema = json.loads(description)
        _check_members(archive, check_schema(schema), packed)
        return schema


def _opened(stream: IO[bytes], most: int) -> ZipFile:
    """Open an archive of a bounded number of members, of different names and packed as `dump` packs."""
    n_bytes, n_end = stream.seek(0, io.SEEK_END), 98
    stream.seek(max(0, n_bytes - n_end))
    end = stream.read().rjust(n_end)
    size, comment = struct.unpack("<L4xH", end[-10:])
    if is_large := end[56:60] == _LARGE_END:
        place, (size,) = struct.unpack("<Q", end[64:72]), struct.unpack("<Q", end[40:48])
    is_placed = not is_large or (place == (n_bytes - n_end,) and end.startswith(_LARGEST_END))
    if not end.endswith(_END + end[-18:]) or comment or not is_placed:
        raise ValueError("its end is not as dump writes it: something is cut off or added. Copy or fetch it again")
    _check_number(size, most * limits.DIRECTORY_BYTES, "bytes", "the list of its members")
    archive = ZipFile(stream)
    names = archive.namelist()
    _check_number(len(names), most, "members", "it")
    if len(set(names)) < len(names):
        raise ValueError(f"it has {len(names):,} members of {len(set(names)):,} different names")
    for member in archive.infolist():
        if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED} or member.compress_size > n_bytes:
            raise ValueError(
                f"its member {member.filename!r} is packed by method {member.compress_type} in "
                f"{member.compress_size:,} bytes, which is not read: dump packs by 0 or 8, in less than {n_bytes:,}"
            )
    return archive


def _check_sizes(unpacked: dict[str, int], packed: int) -> None:
    _check_expansion(sum(unpacked.values()), packed)
    most_checksums = limits.CHECKSUM_BYTES * len(unpacked)
    _check_number(unpacked.get(_CHECKSUMS, 0), most_checksums, "bytes", f"its member {_CHECKSUMS!r}")
    _check_number(unpacked[_SCHEMA], limits.MOST_DESCRIPTION + packed, "bytes", f"its member {_SCHEMA!r}")


def _check_expansion(unpacked: int, packed: int) -> None:
    most = limits.ALWAYS_ALLOWED + limits.MOST_EXPANSION * packed
    _check_number(unpacked, most, "unpacked bytes", f"of {packed:,} bytes it")


def _check_number(n: int, most: int, what: str, where: str) -> None:
    if n > most:
        raise ValueError(f"{where} has {n:,} {what}, of which at most {most:,} are read")


def _check_members(archive: ZipFile, described: set[str], packed: int) -> None:
    """Refuse members that are not described, and those that are not what their names say."""
    if differing := set(archive.namelist()) - {_CHECKSUMS, _SCHEMA} ^ described:
        raise ValueError(f"its members are not those of its description: {sorted(differing)[:3]}")
    unpacked = 0
    for name in sorted(described):
        with archive.open(name) as content:
            if name.endswith(".npy"):
                _check_array(content, archive.getinfo(name))
            elif name.endswith(".npz"):
                with _opened(io.BytesIO(content.read()), limits.MOST_OF_SPARSE) as sparse:
                    unpacked += sum(member.file_size for member in sparse.infolist())
                    _check_expansion(unpacked, packed)
                    for member in sparse.infolist():
                        _check_array(sparse.open(member), member)


def _check_array(content: IO[bytes], member: ZipInfo) -> None:
    """Refuse an array that is not as large as it says, or whose values no array has that numpy has made."""
    if np.lib.format.read_magic(content) != (1, 0):
        raise ValueError(f"its array {member.filename!r} is not of version 1.0, which dump writes")
    shape, _, dtype = np.lib.format.read_array_header_1_0(content)
    n_bytes = math.prod(shape) * dtype.itemsize
    is_known = dtype.kind in _KINDS and dtype.subdtype is None and not dtype.hasobject
    is_known &= all(dtype[name].kind in "iuf" for name in dtype.names or ())  # as the nodes of trees are
    is_number = dtype.kind in "biuf"
    if (
        not (is_known and 0 < dtype.itemsize <= (8 if is_number else limits.MOST_ITEM))
        or n_bytes != member.file_size - content.tell()
        or math.prod(n for n in shape if n) > max(n_bytes, limits.MOST_EMPTY)
    ):
        raise ValueError(
            f"its array {member.filename!r} of {dtype} in shape {shape} is not what the file holds: "
            f"{member.file_size:,} bytes with the header"
        )
    if dtype.kind in "bU":  # numpy counts the bytes of truth values, and Python knows no other characters
        units = np.frombuffer(content.read(), np.uint8 if dtype.kind == "b" else f"{dtype.str[0]}u4")
        if units.max(initial=0) > (most := 1 if dtype.kind == "b" else 0x10FFFF):
            found = f"{units.max():,}, above {most:,}"
            raise ValueError(f"its array {member.filename!r} of {dtype} has values that none has: {found}")


def _what_it_is(start: bytes) -> str:
    if start == b"PK":
        return "its end is missing. Copy or fetch it again"
    if start[:1] == b"\x80":
        return "it is a pickle, and load reads what dump wrote. read_setfit reads the folder of a model of setfit"
    return "it is no archive, and load reads what dump wrote"


def _checksums(archive: ZipFile) -> dict[str, str]:
    sums = {}
    for name in sorted(set(archive.namelist()) - {_CHECKSUMS}):
        with archive.open(name) as member:
            sums[name] = hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
    return sums
