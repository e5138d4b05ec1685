import io
import json
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile

import numpy as np
import pytest
import skops.io
from scipy import sparse

from forging import packed, read_members
from sksetfit.persistence.archive import add_checksums, check_archive


@pytest.fixture
def members():
    """What skops writes of some objects, of which one is there twice."""
    array = np.arange(10.0)
    stream = io.BytesIO()
    skops.io.dump({"a": array, "b": [array, b"bytes"], "c": sparse.eye(3, format="csr"), "d": array}, stream)
    return read_members(stream)


def check(members, *, sealed=True):
    check_archive(io.BytesIO(packed(members, sealed=sealed)))


def test_skops_archive_passes_with_and_without_checksums(members):
    check(members)
    check(members, sealed=False)


def test_a_seal_names_the_sum_of_every_member(members):
    with ZipFile(io.BytesIO(packed(members))) as archive:
        assert json.loads(archive.read("sha256.json")).keys() == members.keys()


def test_any_change_breaks_the_checksums(members):
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
    add_checksums(stream)
    with pytest.raises(ValueError, match=r"its \d+ bytes would unpack to \d{9}"):
        check_archive(stream)


def test_an_archive_of_endless_content_within_it_is_refused(members):
    inner = io.BytesIO()
    with ZipFile(inner, "w", ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", bytes(120_000_000))
    with pytest.raises(ValueError, match=r"its \d+ bytes would unpack to \d{9}"):
        check(members | {"9.npz": inner.getvalue()})


def test_members_that_are_packed_in_other_ways_are_refused(members):
    stream = io.BytesIO()
    with ZipFile(stream, "w", ZIP_LZMA) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="is packed in a way that is not read"):
        check_archive(stream)


def test_an_archive_under_another_name_is_refused(members):
    (inner,) = (name for name in members if name.endswith(".npz"))
    with pytest.raises(ValueError, match=r"its member '9\.bin' is an archive itself"):
        check(members | {"9.bin": members[inner]})


def array_file(header, payload=b""):
    header = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + payload


ARRAYS = {
    "items of no size": array_file("{'descr': '|V0', 'fortran_order': False, 'shape': (60000000,), }"),
    "texts of no size": array_file("{'descr': '<U0', 'fortran_order': False, 'shape': (60000000,), }"),
    "more than there is": array_file("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }", b"1234"),
    "less than there is": array_file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", b"12345678"),
    "objects": array_file("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"12345678"),
    "records of objects": array_file("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }", b"12345678"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_an_array_that_is_not_what_it_says_is_refused(members, case):
    with pytest.raises(ValueError, match=r"its array '9\.npy' of .* is not what the file holds"):
        check(members | {"9.npy": ARRAYS[case]})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x09\x00", array_file("__import__('os')")])
def test_what_is_no_array_is_refused(members, content):
    with pytest.raises((ValueError, KeyError, SyntaxError)):
        check(members | {"9.npy": content})


@pytest.mark.parametrize("description", [b" " * 30_000_000, b"[" + b"1," * 2_000_000 + b"1]"], ids=["long", "full"])
def test_a_description_of_more_than_there_is_is_refused(members, description):
    stream = io.BytesIO()
    with ZipFile(stream, "w", ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", description)
    with pytest.raises(ValueError, match=r"the description of its \d+ bytes, \d+, holds too much"):
        check_archive(stream)


def test_a_description_that_is_most_of_its_file_passes(members):
    check(members | {"schema.json": b" " * 30_000_000 + b"{}"})
