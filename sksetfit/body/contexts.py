"""How computations run: precision, threads, one building at a time, and what is global left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from transformers.utils import logging

from sksetfit.utils.forks import is_fork_of_torch


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether an error of torch says that the device's memory is full; the wording differs between devices."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context that computes in ``precision``, whatever the caller's own autocast says.

    Without autocast's cache of weights: threads share it, and one that leaves would empty it under another's step.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False)


def is_panic(error: BaseException) -> bool:
    """Tell whether an error is one of compiled Rust, such as the tokenizer's, which is no Exception."""
    return type(error).__name__ == "PanicException"


def threads() -> AbstractContextManager[Any]:
    """Return the context that computes on a single thread in a forked process, and changes nothing elsewhere.

    A fork copies what OpenMP records of its threads, and not the threads: the child would wait for them for ever.
    ``torch.set_num_threads`` sets the number of MKL within torch, which threadpoolctl does not reach. It stays set.
    """
    if not is_fork_of_torch():
        return nullcontext()
    torch.set_num_threads(1)
    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


_one_at_a_time = RLock()


@contextmanager
def building(*, quiet: bool = True) -> Iterator[None]:
    """Build a body inside, one thread at a time, and leave what is global as it was found.

    While it loads, transformers sets torch's default type for the whole process; random weights that are about to be
    overwritten are drawn from torch's generator; and progress bars and log messages are switched for all.
    """
    with _one_at_a_time, threads(), torch.random.fork_rng(devices=[]):
        bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
        if quiet:
            logging.set_verbosity_error()  # it reports the weights of a file that the body has no place for
        _show_bars(not quiet)
        try:
            yield
        finally:
            _show_bars(bars)
            logging.set_verbosity(verbosity)


def _show_bars(shown: bool) -> None:
    if shown:
        logging.enable_progress_bar()
    else:
        logging.disable_progress_bar()
