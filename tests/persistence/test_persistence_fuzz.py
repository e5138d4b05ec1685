"""Random changes of a small model's file, thousands in `make test-all`: each raises, or changes nothing."""

import copy
import json
import random
import signal
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from conftest import make_texts
from forging import packed, read_members
from sksetfit import dump, load

X_NEW, _ = make_texts(2, seed=1)
ODD = [
    *(None, True, False, 0, -1, 1, 2**31, 10**30, -(10**30), 1.5, float("nan"), float("inf"), "", "x", "a" * 10_000),
    *([], {}, [1], {"a": 1}, "../../etc/passwd", "os.system", "builtins", "sksetfit", "\x00", "\ud800"),
]


@pytest.fixture(scope="module")
def model(fitted, tmp_path_factory):
    """The file of a small model, and its answers."""
    file = tmp_path_factory.mktemp("fuzz") / "model.skops"
    dump(fitted, file)
    return file, fitted.predict_proba(X_NEW)


@contextmanager
def at_most(seconds):
    def stop(signal_number, frame):
        raise AssertionError(f"it took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def answers(file, content):
    """Return the probabilities that a changed file gives, None where it was refused."""
    changed = file.with_name("changed.skops")
    changed.write_bytes(content)
    with at_most(20):
        try:
            model = load(changed)
        except ValueError as error:
            told = str(error)
        else:
            with suppress(ValueError):  # it says so of itself, or of a parameter that is of no kind
                return model.predict_proba(X_NEW)
            return None
    assert "changed.skops" in told  # our own error, and no other
    return None


def with_other_bytes(content, rng):
    """Return content in which some bytes were changed, lost or doubled."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 50])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    if rng.random() < 0.1:
        del changed[rng.randrange(len(changed)) :]
    if rng.random() < 0.1:
        place = rng.randrange(len(changed) + 1)
        changed[place:place] = changed[: rng.randrange(100)]
    return bytes(changed)


def places(node, path=()):
    """Yield the path of everything in a JSON value."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def at(node, path):
    for key in path:
        node = node[key]
    return node


def with_other_schema(members, rng):
    """Return members in whose schema some nodes were replaced, removed or exchanged."""
    schema = json.loads(members["schema.json"])
    everywhere = [path for path in places(schema) if path]
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        *parent, key = rng.choice(everywhere)
        what = rng.random()
        try:
            holder = at(schema, parent)
            if what < 0.5:
                holder[key] = rng.choice(ODD)
            elif what < 0.7:
                del holder[key]
            elif what < 0.9:
                holder[key] = copy.deepcopy(at(schema, rng.choice(everywhere)))
            else:
                text = str(holder[key])
                place = rng.randrange(len(text) + 1)
                holder[key] = text[:place] + chr(rng.randrange(32, 300)) + text[place + 1 :]
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
    return members | {"schema.json": json.dumps(schema).encode()}


def random_change_that_the_seal_shows(file, rng):
    content = file.read_bytes()
    if rng.random() < 0.5:
        return with_other_bytes(content, rng)
    members = read_members(file, with_seal=True)
    if rng.random() < 0.5:
        return packed(with_other_schema(members, rng), sealed=False)
    name = rng.choice(sorted(members))
    return packed(members | {name: with_other_bytes(members[name], rng)}, sealed=False)


def random_change_with_new_checksums(file, rng):
    members = read_members(file)
    if rng.random() < 0.7:
        return packed(with_other_schema(members, rng))
    name = rng.choice(sorted(members))
    return packed(members | {name: with_other_bytes(members[name], rng)})


def check(model, change, seeds, *, least_refused, compare):
    """Change the file once for each seed, and compare what is read with the answers of the model."""
    file, expected = model
    n_refused = 0
    for seed in seeds:
        found = answers(file, change(file, random.Random(seed)))
        n_refused += found is None
        if found is not None:
            assert compare(found, expected), f"seed {seed}"
    assert n_refused > least_refused * len(seeds)


def check_shown(model, seeds):
    check(model, random_change_that_the_seal_shows, seeds, least_refused=0.9, compare=np.array_equal)


def check_hidden(model, seeds):
    def same_shape(one, other):
        return one.shape == other.shape

    check(model, random_change_with_new_checksums, seeds, least_refused=0.3, compare=same_shape)


def test_random_changes_of_a_file_are_refused_or_change_nothing(model):
    check_shown(model, range(500))


@pytest.mark.filterwarnings("ignore")
def test_load_survives_mutations_with_new_checksums(model):
    check_hidden(model, range(300))


@pytest.mark.slow
def test_many_random_changes_of_a_file_are_refused_or_change_nothing(model):
    check_shown(model, range(500, 1000))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_load_survives_many_mutations_with_new_checksums(model):
    check_hidden(model, range(300, 6000))
