"""Thousands of changes of small models' files: each is refused, or gives a model that predicts."""

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest

from forging import read_members
from fuzzing.bases import BASES
from fuzzing.bases import base as build_base
from fuzzing.grammar import changed

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "security.md"
CASES, SHARES = 2000, 2  # `make fuzz` reads more, with other seeds
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits of a child are those of Linux")

# What a loader may do wrong, in the place of `load`.
WRONG = """
import os, signal, time
import numpy as np
import fuzzing.limits, fuzzing.trial
from fuzzing.bases import base
from fuzzing.children import NAMES, run
from fuzzing.grammar import changed

class Model:
    def predict(self, X): return np.zeros(len(X))

def crash(file): os.kill(os.getpid(), signal.SIGSEGV)
def hang(file):
    while True: pass
def memory(file): return bytearray(2 * fuzzing.limits.MEMORY)
def error(file): raise TypeError("no ValueError")
def wrong(file): return Model()
def act(file): open(file.with_name("new"), "w")

fuzzing.limits.SECONDS = 1
name = "table, reject"
unsigned = next(i for i in range(NAMES.index(name), 10**6, len(NAMES)) if not changed(base(name).members, 0, i).signed)
for load in (crash, hang, memory, error, wrong, act):
    fuzzing.trial.load = load
    print(load.__name__, *(result.outcome for result in run(0, [unsigned] * 2)))
"""


def python(*arguments):
    """Run Python with the tests' own modules, in a process that has started no threads."""
    own = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    of_one_thread = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment = os.environ | of_one_thread | {"PYTHONPATH": own}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False)


def members_of(case):
    return read_members(BytesIO(case.content))


@pytest.mark.parametrize("share", range(SHARES))
def test_changed_files_are_refused_or_predict(share):
    numbers = {"--seed": 0, "--cases": CASES, "--share": share, "--of": SHARES}
    done = python("-m", "fuzzing", *(str(each) for pair in numbers.items() for each in pair))
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def test_every_kind_of_fault_is_counted():
    done = python("-c", WRONG)
    kinds = ["crash", "hang", "memory", "error", "wrong", "act"]
    assert done.stdout.splitlines() == [f"{kind} {kind} {kind}" for kind in kinds], done.stderr[-2000:]


def test_seed_and_number_give_the_same_case():
    built = [build_base.__wrapped__("table, reject").members for _ in range(2)]
    for index in range(50):
        one, two = (changed(members, 1, index) for members in built)
        assert (one.kind, one.signed, len(one.content)) == (two.kind, two.signed, len(two.content))
        assert one.kind in {"bytes", "members"} or members_of(one) == members_of(two)


def test_the_page_says_how_many_files_are_read():
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert "There are more than fifty models" in page
    assert len(BASES) > 50
    assert f"`make test` reads {CASES:,} files" in page
