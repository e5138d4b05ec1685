import io
import json
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile

import numpy as np
import pytest
import skops.io
from scipy import sparse

from forging import packed, read_members
from sksetfit.persistence import limits
from sksetfit.persistence.archive import add_checksums, check_archive


@pytest.fixture
def members():
    """What skops writes of some objects, of which one is there twice."""
    array = np.arange(10.0)
    stream = io.BytesIO()
    skops.io.dump({"a": array, "b": [array, b"bytes"], "c": sparse.eye(3, format="csr"), "d": array}, stream)
    return read_members(stream)


@pytest.fixture
def array(members):
    """The name of an array among them."""
    return next(name for name in members if name.endswith(".npy"))


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
        with pytest.raises((ValueError, KeyError), match=r"SHA-256 sums differ|schema\.json"):
            check(fewer, sealed=False)
    with pytest.raises(ValueError, match="SHA-256 sums differ"):
        check(members | {"9.npy": b"", "sha256.json": sums}, sealed=False)


def named_in_its_description(members, name, renamed):
    return members | {"schema.json": members["schema.json"].replace(name.encode(), json.dumps(renamed).encode()[1:-1])}


NAMES = ["../../x.npy", "/tmp/x.npy", "x.py", "a/b.npy", "C:x.bin", "\\x.npy", "x.npy\n", "é.npy", "x.npz", "x.bin"]


@pytest.mark.parametrize("name", NAMES)
def test_a_member_that_skops_would_not_name_so_is_refused(members, array, name):
    with pytest.raises(ValueError, match="its NdArrayNode is to read the member"):
        check(named_in_its_description(members, array, name) | {name: members[array]})


@pytest.mark.parametrize("name", ["9.npy", "9.bin", "README.md", "a/"])
def test_a_member_that_is_not_described_is_refused(members, name):
    with pytest.raises(ValueError, match=f"its members are not those of its description: \\['{name}'\\]"):
        check(members | {name: b""})


def test_a_described_member_that_is_not_there_is_refused(members, array):
    with pytest.raises(ValueError, match=f"its members are not those of its description: \\['{array}'\\]"):
        check({name: content for name, content in members.items() if name != array})


def test_more_members_than_any_model_has_are_refused(members, monkeypatch):
    monkeypatch.setattr(
        limits, "MOST_MEMBERS", len(members)
    )  # one less, with the checksums: a hundred thousand take long
    check(members, sealed=False)
    with pytest.raises(
        ValueError, match=f"it has {len(members) + 1} members, of which at most {len(members)} are read"
    ):
        check(members)
    monkeypatch.setattr(limits, "MOST_MEMBERS", 1)
    with pytest.raises(ValueError, match=r"the list of its members has [\d,]+ bytes, of which at most [\d,]+ are read"):
        check(members)


def test_a_comment_behind_an_archive_is_refused(members):
    with pytest.raises(ValueError, match="its end is not as dump writes it"):
        check_archive(io.BytesIO(packed(members)[:-2] + b"\x01\x00."))


def test_checksums_of_more_than_the_members_are_refused(members):
    with pytest.raises(
        ValueError, match=r"its member .sha256.json. has 10,000 bytes, of which at most [\d,]+ are read"
    ):
        check(members | {"sha256.json": b" " * 10_000}, sealed=False)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(members):
    stream = io.BytesIO(packed(members, sealed=False))
    with ZipFile(stream, "a") as archive:
        archive.writestr("schema.json", "{}")
    with pytest.raises(ValueError, match=f"it has {len(members) + 1} members of {len(members)} different names"):
        check_archive(stream)


def test_a_small_archive_of_endless_content_is_refused(members):
    stream = io.BytesIO(packed(members, sealed=False))
    with ZipFile(stream, "a", ZIP_DEFLATED) as archive:
        archive.writestr("9.bin", bytes(120_000_000))
    add_checksums(stream)
    with pytest.raises(
        ValueError, match=r"of [\d,]+ bytes it has \d{3},\d{3},\d{3} unpacked bytes, of which at most [\d,]+ are read"
    ):
        check_archive(stream)


def test_an_archive_of_endless_content_within_it_is_refused(members):
    inner = io.BytesIO()
    with ZipFile(inner, "w", ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", bytes(120_000_000))
    (sparse,) = (name for name in members if name.endswith(".npz"))
    with pytest.raises(
        ValueError, match=r"of [\d,]+ bytes it has \d{3},\d{3},\d{3} unpacked bytes, of which at most [\d,]+ are read"
    ):
        check(members | {sparse: inner.getvalue()})


def test_an_array_within_an_archive_is_checked_as_well(members):
    inner = io.BytesIO()
    np.savez(inner, data=np.array([1 + 1j]))
    (sparse,) = (name for name in members if name.endswith(".npz"))
    with pytest.raises(ValueError, match=r"its array 'data\.npy' of complex128"):
        check(members | {sparse: inner.getvalue()})
    np.savez(inner, *np.eye(9))
    with pytest.raises(ValueError, match="it has 9 members, of which at most 8 are read"):
        check(members | {sparse: inner.getvalue()})


def test_members_that_are_packed_in_other_ways_are_refused(members):
    stream = io.BytesIO()
    with ZipFile(stream, "w", ZIP_LZMA) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"is packed by method \d+ in [\d,]+ bytes, which is not read"):
        check_archive(stream)


def test_a_member_that_is_longer_than_its_archive_is_refused():
    content = packed({"schema.json": b"{}"}, sealed=False)
    place = content.index(b"PK\x01\x02") + 20  # of its packed size in the list of members
    assert content[place : place + 4] == (2).to_bytes(4, "little")
    forged = content[:place] + (len(content) + 1).to_bytes(4, "little") + content[place + 4 :]
    with pytest.raises(ValueError, match=r"is packed by method \d+ in [\d,]+ bytes, which is not read"):
        check_archive(io.BytesIO(forged))


def array_file(header, payload=b""):
    header = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + payload


ARRAYS = {
    "items of no size": array_file("{'descr': '|V0', 'fortran_order': False, 'shape': (60000000,), }"),
    "texts of no size": array_file("{'descr': '<U0', 'fortran_order': False, 'shape': (60000000,), }"),
    "more than there is": array_file("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }", b"1234"),
    "less than there is": array_file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", b"12345678"),
    "objects": array_file("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"12345678"),
    "endless rows without values": array_file("{'descr': '<f4', 'fortran_order': False, 'shape': (1000001, 0), }"),
    "an endless text": array_file("{'descr': '<U100001', 'fortran_order': False, 'shape': (0,), }"),
    "numbers of 128 bits": array_file("{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }", bytes(16)),
    "arrays of arrays": array_file("{'descr': '(2,)f4', 'fortran_order': False, 'shape': (1,), }", b"12345678"),
    "records of objects": array_file("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }", b"12345678"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_an_array_that_is_not_what_it_says_is_refused(members, array, case):
    with pytest.raises(ValueError, match=rf"its array '{array}' of .* is not what the file holds"):
        check(members | {array: ARRAYS[case]})


VALUES = {
    "a truth value of 2": array_file("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", b"\x01\x02"),
    "a character beyond the last": array_file(
        "{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", b"\x00\x00\x11\x00"
    ),
    "one in the other order": array_file(
        "{'descr': '>U1', 'fortran_order': False, 'shape': (1,), }", b"\x00\x11\x00\x00"
    ),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_that_no_array_has_are_refused(members, array, case):
    with pytest.raises(ValueError, match=f"its array '{array}' of .* has values that none has"):
        check(members | {array: VALUES[case]})


def test_arrays_of_any_kind_that_an_estimator_may_hold_pass(members, array):
    records = np.zeros(2, dtype=[("left", "<i8"), ("value", "<f8")])
    for value in ([True, False], ["\U0010ffff", "\ud800"], np.array("é", ">U1"), 3, np.zeros((0, 384)), records):
        stream = io.BytesIO()
        np.save(stream, np.asarray(value))
        check(members | {array: stream.getvalue()})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x09\x00", array_file("__import__('os')")])
def test_what_is_no_array_is_refused(members, array, content):
    with pytest.raises((ValueError, SyntaxError)):
        check(members | {array: content})


@pytest.mark.parametrize("description", [b" " * 30_000_000, b"[" + b"1," * 4_000_000 + b"1]"], ids=["long", "full"])
def test_a_description_of_more_than_there_is_is_refused(members, description):
    stream = io.BytesIO()
    with ZipFile(stream, "w", ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", description)
    with pytest.raises(
        ValueError, match=r"its member 'schema\.json' has [\d,]+ (bytes|commas), of which at most [\d,]+ are read"
    ):
        check_archive(stream)


def test_a_description_that_is_most_of_its_file_passes(members):
    check(members | {"schema.json": b" " * 30_000_000 + members["schema.json"]})
