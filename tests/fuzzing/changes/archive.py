"""Changes of the archive that a model is kept in: its members, how they are packed, and its bytes."""

import io
import zlib
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile

from forging import packed

PACKED = [ZIP_DEFLATED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA]
NAMES = ["a.npy", "a.npz", "a.bin", "a.py", "../a.npy", "/a.npy", "a/b.npy", "schema.json", "sha256.json", "a", "ä.npy"]


def change_members(members, rng):
    """Return an archive with valid checksums, of members that were added, removed, renamed, doubled or packed."""
    members = dict(members)
    name, what = rng.choice(sorted(members)), rng.random()
    if what < 0.15:
        del members[name]
    elif what < 0.35:
        members[rng.choice(NAMES)] = rng.choice([b"", b"a", members[name], zlib.compress(bytes(1000)), _archive()])
    elif what < 0.5:
        members[rng.choice(NAMES)] = members.pop(name)
    elif what < 0.6:
        members[name] = rng.choice([b"", _archive(), members[rng.choice(sorted(members))], bytes(1_000_000)])
    elif what < 0.8:
        return repacked(members, rng.choice(PACKED))
    elif what < 0.9:
        members[name] = other_bytes(members[name], rng)
    else:
        return packed(members | {"sha256.json": rng.choice([b"", b"{}", b"[]", b"null", b"1e9"])}, sealed=False)
    return packed(members)


def repacked(members, method):
    stream = io.BytesIO()
    with ZipFile(io.BytesIO(packed(members))) as old, ZipFile(stream, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return stream.getvalue()


def _archive():
    return repacked({"schema.json": b"{}"}, ZIP_STORED)


def other_bytes(content, rng):
    """Return content of which some bytes were changed, lost or doubled."""
    changed = bytearray(content or b"a")
    for _ in range(rng.choice([1, 1, 2, 5, 50])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    if rng.random() < 0.1:
        del changed[rng.randrange(len(changed)) :]
    if rng.random() < 0.1:
        place = rng.randrange(len(changed) + 1)
        changed[place:place] = changed[: rng.randrange(100)]
    return bytes(changed)


def other_directory(content, rng):
    """Return an archive of which bytes of the directory at its end, where sizes and places are, were changed."""
    start = content.rfind(b"PK\x01\x02", 0, len(content) - 200)
    start = content.find(b"PK\x01\x02") if rng.random() < 0.5 else start
    if start < 0:
        return other_bytes(content, rng)
    return content[:start] + other_bytes(content[start:], rng)
