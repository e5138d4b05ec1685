import io
import json
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import skops.io
from scipy import sparse

from forging import packed, plain, read_members
from sksetfit._archive import check_archive, seal


@pytest.fixture
def members():
    """What skops writes of some objects, of which one is there twice."""
    array = np.arange(10.0)
    stream = io.BytesIO()
    skops.io.dump({"a": array, "b": [array, b"bytes"], "c": sparse.eye(3, format="csr"), "d": array}, stream)
    return read_members(stream)


def check(members, *, sealed=True):
    check_archive(io.BytesIO(packed(members, sealed=sealed)))


def test_what_skops_writes_passes_with_and_without_a_seal(members):
    check(members)
    check(members, sealed=False)


def test_a_seal_names_the_sum_of_every_member(members):
    with ZipFile(io.BytesIO(packed(members))) as archive:
        assert json.loads(archive.read("sha256.json")).keys() == members.keys()


def test_any_change_breaks_the_seal(members):
    stream = io.BytesIO(packed(members))
    with ZipFile(stream) as archive:
        sums = archive.read("sha256.json")
    for name, content in members.items():
        changed = members | {name: bytes([content[0] ^ 1]) + content[1:], "sha256.json": sums}
        with pytest.raises(ValueError, match="SHA-256 sums differ"):
            check(changed, sealed=False)
        fewer = {other: content for other, content in changed.items() if other != name}
        with pytest.raises(ValueError, match="SHA-256 sums differ"):
            check(fewer, sealed=False)
    with pytest.raises(ValueError, match="SHA-256 sums differ"):
        check(members | {"9.npy": b"", "sha256.json": sums}, sealed=False)


@pytest.mark.parametrize(
    "name", ["../../x.npy", "/tmp/x.npy", "x.py", "a/b.npy", "C:x.bin", "\\x.npy", "x.npy\n", "é.npy"]
)
def test_a_member_that_no_model_has_is_refused(members, name):
    with pytest.raises(ValueError, match="members that no model has"):
        check(members | {name: b""})


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(members):
    stream = io.BytesIO(packed(members, sealed=False))
    with ZipFile(stream, "a") as archive:
        archive.writestr("schema.json", "{}")
    with pytest.raises(ValueError, match="two of one name"):
        check_archive(stream)


def test_a_small_archive_of_endless_content_is_refused(members):
    stream = io.BytesIO(packed(members, sealed=False))
    with ZipFile(stream, "a", ZIP_DEFLATED) as archive:
        archive.writestr("9.bin", bytes(120_000_000))
    seal(stream)
    with pytest.raises(ValueError, match=r"its \d+ bytes would unpack to \d{9}"):
        check_archive(stream)


def test_an_archive_of_endless_content_within_it_is_refused(members):
    inner = io.BytesIO()
    with ZipFile(inner, "w", ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", bytes(120_000_000))
    with pytest.raises(ValueError, match=r"its \d+ bytes would unpack to \d{9}"):
        check(members | {"9.npz": inner.getvalue()})


def nested(depth, references):
    """Return the schema of a list that holds ten times a list that holds ten times a list ..."""
    if depth == 0:
        return {**plain(0), "__id__": 1}
    inner = nested(depth - 1, references)
    again = [{"__class__": "list", "__module__": "builtins", "__loader__": "CachedNode", "__id__": depth}] * references
    return {
        "__class__": "list",
        "__module__": "builtins",
        "__loader__": "ListNode",
        "content": [inner, *again],
        "__id__": depth + 1,
    }


def test_references_that_multiply_are_refused():
    schema = nested(30, references=9) | {"protocol": 2}
    with pytest.raises(ValueError, match="are not alike"):
        check({"schema.json": json.dumps(schema)})


@pytest.mark.parametrize("identity", [7, 7.0, True, "7"])
def test_something_that_holds_itself_is_refused(identity):
    inner = {"__loader__": "ListNode", "__id__": identity, "content": []}
    with pytest.raises(ValueError, match="are not alike"):
        check({"schema.json": json.dumps({"__loader__": "ListNode", "__id__": identity, "content": [inner]})})


def test_a_label_may_be_called_like_an_identity():
    stream = io.BytesIO()
    skops.io.dump({"__id__": ["a", "b"], "other": {"__id__": np.arange(3)}}, stream)
    check(read_members(stream))


def test_content_without_end_in_depth_is_an_error_and_no_crash():
    with pytest.raises(RecursionError):
        check({"schema.json": "[" * 100_000 + "]" * 100_000})
