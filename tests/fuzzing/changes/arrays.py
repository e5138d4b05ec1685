"""Changes of the arrays of a file: their values, shapes and types, and what their headers say."""

import io

import numpy as np

from fuzzing.changes.values import NUMBERS, body_of, nodes, outside_body

DTYPES = ["f8", "f4", "f2", ">f4", "i8", "i4", "i2", "u1", "?", "c8", "U3", "S3", "M8[s]", "V4", "i4,f4", "O"]
SHAPES = [(), (0,), (1,), (2,), (1, 1), (0, 5), (5, 0), (3, 3), (1,) * 32, (1, 2, 3)]
SIZES = [0, 1, -1, 2**31, 2**40, 2**63, 2**64 + 1, 10**30]
OF_NOTHING = [(0, 2**40), (2**31, 0), (0, 10**7), (10**6, 0, 10**6)]


def to_bytes(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def to_array(content):
    return np.load(io.BytesIO(content), allow_pickle=False)


def change_weights(draft):
    """Change an array of the body."""
    _change_one(draft, nodes({"weights": body_of(draft.schema)["weights"]}))


def change_head_arrays(draft):
    """Change an array of the head, or of another estimator beside the body."""
    _change_one(draft, outside_body(draft.schema))


def change_header(draft):
    """Let the header of any array tell a lie."""
    name = draft.rng.choice([name for name in sorted(draft.members) if name.endswith(".npy")])
    array = to_array(draft.members[name])
    said = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    key = draft.rng.choice(sorted(said))
    wrong = {
        "descr": [*DTYPES, "|S0", "<f16", "", [("a", "<f4")], "|V0", "<U1000000"],
        "fortran_order": [True, 1, None, "a"],
        "shape": [(*array.shape[1:], size) for size in SIZES] + SHAPES + OF_NOTHING + [None, [1], "a", (1.5,), (True,)],
    }
    said[key] = draft.rng.choice(wrong[key])
    content = b"" if said["shape"] in OF_NOTHING else array.tobytes()
    header = (repr(said) if draft.rng.random() < 0.9 else repr(said)[:-3]).encode() + b"\n"
    version, length = draft.rng.choice([(b"\x01\x00", 2), (b"\x01\x00", 2), (b"\x02\x00", 4), (b"\x03\x00", 4)])
    size = draft.rng.choice([len(header), len(header), len(header), 0, 2 ** (8 * length) - 1])
    draft.members[name] = b"\x93NUMPY" + version + size.to_bytes(length, "little") + header + content


def _change_one(draft, among):
    """Change the array of one of these nodes."""
    names = [node["file"] for node in among if str(node.get("file")).endswith(".npy") and node["file"] in draft.members]
    if not names:
        return
    name = draft.rng.choice(names)
    change = draft.rng.choice([_with_other_values, _with_other_bytes, _with_other_shape, _with_other_dtype])
    draft.members[name] = to_bytes(change(to_array(draft.members[name]), draft.rng))


def _with_other_values(array, rng):
    array = array.copy()
    if not array.size:
        return array
    for _ in range(rng.choice([1, 1, 3, array.size])):
        value = rng.choice([*NUMBERS, -5, 1e38, -1e-42])
        place = np.unravel_index(rng.randrange(array.size), array.shape)
        try:
            array[place] = value
        except (OverflowError, ValueError, TypeError):
            array[place] = np.zeros((), array.dtype)
    return np.zeros_like(array) if rng.random() < 0.1 else array


def _with_other_bytes(array, rng):
    """Return an array of which some bytes are any, among them those that no truth value or letter has."""
    content = bytearray(array.tobytes())
    for _ in range(rng.choice([1, 1, 3, 100]) if content else 0):
        content[rng.randrange(len(content))] = rng.choice([0, 1, 2, 127, 128, 255, rng.randrange(256)])
    return np.frombuffer(bytes(content), array.dtype).reshape(array.shape)


def _with_other_shape(array, rng):
    what = rng.random()
    if what < 0.3:
        return np.resize(array, rng.choice(SHAPES))
    if what < 0.5:
        return array.reshape(rng.choice([(-1,), (1, *array.shape), (*array.shape, 1), array.shape[::-1]]))
    if what < 0.6 or not array.ndim:
        return np.asfortranarray(array)
    axis = rng.randrange(array.ndim)
    n = max(0, array.shape[axis] + rng.choice([-1, 1, 5, 300, -array.shape[axis] // 2]))
    return np.resize(array, (*array.shape[:axis], n, *array.shape[axis + 1 :]))


def _with_other_dtype(array, rng):
    dtype = np.dtype(rng.choice(DTYPES[:-1]))
    try:
        return array.astype(dtype)
    except (ValueError, TypeError):  # text that is no number
        return np.zeros(array.shape, dtype)
