import io
import tracemalloc
from contextlib import suppress
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest
import skops.io

from forging import read_members
from sksetfit.utils.large_arrays import array_behind, read_in_parts, stand_in_of, written_whole


def write(state, compression=ZIP_STORED):
    stream = io.BytesIO()
    with written_whole(stream, compression) as small:
        skops.io.dump({name: stand_in_of(array) for name, array in state.items()}, small)
    return stream


def arrays_in(stream):
    with ZipFile(stream) as archive:
        return [name for name in archive.namelist() if name.endswith(".npy")]


def read(stream, large):
    with read_in_parts(stream, large) as small:
        state = skops.io.load(small)
        return {name: array_behind(array) for name, array in state.items()}, state


ARRAYS = {
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "no number": np.zeros((0, 3), dtype=np.float32),
    "a single number": np.array(1.5, dtype=np.float32),
    "as long as a stand-in": np.arange(16, dtype=np.uint8),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("compression", [ZIP_STORED, ZIP_DEFLATED])
def test_skops_alone_reads_arrays_that_had_stand_ins(name, compression):
    array = ARRAYS[name]
    again = skops.io.load(write({"a": array}, compression))["a"]
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array, strict=True)


def test_an_array_with_a_stand_in_is_written_as_skops_writes_it():
    alone = io.BytesIO()
    skops.io.dump({"a": ARRAYS["matrix"]}, alone)
    contents = [
        [text for name, text in read_members(each).items() if name.endswith("npy")]
        for each in (alone, write({"a": ARRAYS["matrix"]}))
    ]
    assert contents[0] == contents[1]


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_read_behind_their_stand_ins(name):
    stream = write({"a": ARRAYS[name], "b": np.ones(3), "c": ARRAYS[name]})
    again, _ = read(stream, set(arrays_in(stream)))
    assert again.keys() == {"a", "b", "c"}
    np.testing.assert_array_equal(again["a"], ARRAYS[name], strict=True)
    np.testing.assert_array_equal(again["b"], np.ones(3), strict=True)
    assert again["a"] is again["c"]
    assert again["a"].flags.writeable


def test_skops_reads_all_arrays_where_most_are_not_named():
    stream = write({"a": np.ones(1000), "b": np.zeros(1001)})
    a, _ = arrays_in(stream)
    again, read_by_skops = read(stream, {a})
    assert again["a"] is read_by_skops["a"]
    np.testing.assert_array_equal(again["a"], np.ones(1000))


def test_elsewhere_arrays_have_no_stand_ins():
    array = ARRAYS["as long as a stand-in"]
    with suppress(ZeroDivisionError), written_whole(io.BytesIO(), ZIP_STORED):
        assert stand_in_of(array) is not array
        raise ZeroDivisionError
    stream = write({"a": array})
    with suppress(ZeroDivisionError), read_in_parts(stream, arrays_in(stream)) as small:
        stand_in = skops.io.load(small)["a"]
        assert array_behind(stand_in) is not stand_in
        raise ZeroDivisionError
    assert stand_in_of(array) is array_behind(array) is array
    assert array_behind(stand_in) is stand_in
    assert array_behind(None) is None


@pytest.mark.parametrize("compression", [ZIP_STORED, ZIP_DEFLATED])
def test_large_arrays_are_in_memory_once(tmp_path, compression):
    arrays = {str(i): np.full(1_000_000, i, dtype=np.float32) for i in range(5)}
    n_bytes = 20_000_000
    tracemalloc.start()
    try:
        with open(tmp_path / "model.skops", "w+b") as stream:
            with written_whole(stream, compression) as small:
                skops.io.dump({name: stand_in_of(array) for name, array in arrays.items()}, small)
            to_write = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            again, _ = read(stream, arrays_in(stream))
            to_read = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert all(np.array_equal(again[name], arrays[name]) for name in arrays)
    assert to_write < 0.2 * n_bytes
    assert to_read < 1.2 * n_bytes
