"""Children of this process that read changed files, so that what ends one of them is counted.

This process has imported everything and started no threads; a child of it costs milliseconds.
"""

import json
import os
import select
import signal
import sys
import traceback
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fuzzing.bases import BASES, base
from fuzzing.grammar import changed
from fuzzing.limits import prepare
from fuzzing.trial import tried

FILE = "changed.skops"
NAMES = list(BASES)
MOST_WAITED = 300  # seconds by the clock, for a child that sleeps or has to wait for others
MOST_OF_A_CHILD = 200  # cases, because memory that is never given back adds up


@dataclass(frozen=True)
class Result:
    """What came of a case."""

    index: int
    base: str
    kind: str
    outcome: str
    told: str = ""
    seconds: float = 0.0
    memory: int = 0


def base_of(index):
    """Return the name of the base that a case is made of."""
    return NAMES[index % len(NAMES)]


def run(seed, indices):
    """Yield the result of each case, from one child until it ends, and then from another."""
    waiting = deque(indices)
    with TemporaryDirectory(prefix="fuzzing-") as folder:
        while waiting:
            for result in _of_a_child(seed, list(waiting)[:MOST_OF_A_CHILD], Path(folder) / FILE):
                waiting.popleft()
                yield result


def _of_a_child(seed, indices, file):
    for index in indices:
        base(base_of(index))  # made once, here
    reader, writer = os.pipe()
    sys.stdout.flush()  # or the child would print it again
    child = os.fork()
    if not child:
        os.close(reader)
        _try_all(seed, indices, file, writer)
    os.close(writer)
    begun, n_done = None, 0
    for line in _lines(reader, child):
        said = json.loads(line)
        if "failed" in said:  # to make a case: a fault of the changes
            raise RuntimeError(f"case {indices[n_done]} of seed {seed}: {said['failed']}")
        if "outcome" in said:
            yield Result(**said)
            n_done += 1
        begun = None if "outcome" in said else said
    status = os.waitpid(child, 0)[1]
    if begun is not None:
        yield Result(**begun, **_end(status))
    elif status:
        raise RuntimeError(f"the child failed to make case {indices[n_done]} of seed {seed}: {_end(status)['told']}")


def _lines(reader, child):
    """Yield the lines that a child writes until it ends; end it if it is silent for long."""
    with os.fdopen(reader, "rb", buffering=0) as stream:
        text = b""
        while True:
            if not select.select([stream], [], [], MOST_WAITED)[0]:
                os.kill(child, signal.SIGPROF)
            part = stream.read(65536)
            *lines, text = (text + part).split(b"\n")
            yield from lines
            if not part:
                return


def _end(status):
    if not os.WIFSIGNALED(status):
        return {"outcome": "crash", "told": f"it left with code {os.WEXITSTATUS(status)}"}
    name = signal.Signals(os.WTERMSIG(status)).name
    return {"outcome": "hang" if name == "SIGPROF" else "crash", "told": f"it was ended by {name}"}


def _try_all(seed, indices, file, writer):
    """Try all cases and end this process, which is a child."""
    try:
        prepare()
        for index in indices:
            name = base_of(index)
            case = changed(base(name).members, seed, index)
            file.write_bytes(case.content)
            said = {"index": index, "base": name, "kind": case.kind if case.signed else f"{case.kind}, unsigned"}
            _write(writer, said)
            _write(writer, said | tried(file, base(name), signed=case.signed))
    except BaseException:
        _write(writer, {"failed": traceback.format_exc()})
        os._exit(1)
    os._exit(0)


def _write(writer, said):
    os.write(writer, json.dumps(said).encode() + b"\n")
