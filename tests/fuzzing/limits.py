"""Limits of a child process: its time, its memory, and what only a file that does more than predict makes it do."""

import os
import resource
import signal
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import torch

SECONDS = 10  # of the processors, for one file
MEMORY = 1_000_000_000  # beyond what the interpreter has, for one file
ACTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "socket.getaddrinfo")

acts = []  # since the limits were set
_watched = [False]


def prepare():
    """Make this process one that may crash: without a dump of its memory, and without a word."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for stream in (1, 2):  # models may say something, and Rust says what its errors say again
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    sys.dont_write_bytecode = True
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    sys.addaudithook(_watch)  # which stays, as Python has it, until the process ends


def _watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if _watched[0] and (event in ACTS or writes):
        acts.append(f"{event} {arguments[0]!r}")


@contextmanager
def limits():
    """End this process by SIGPROF when the time is up; refuse it more memory than it may have."""
    acts.clear()
    resource.setrlimit(resource.RLIMIT_DATA, (_memory("VmData") + MEMORY, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    _watched[0] = True
    try:
        yield
    finally:
        _watched[0] = False
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Peak:
    """The highest memory of this process, beyond what it had at first."""

    def __init__(self):
        Path("/proc/self/clear_refs").write_text("5")  # Linux counts it from here
        self.before = _memory("VmRSS")

    def so_far(self):
        return _memory("VmHWM") - self.before


def _memory(what):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(what))
