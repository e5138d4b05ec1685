"""What comes of a changed file: it is refused, or it predicts, or it is a fault of ours."""

import time

import joblib
import numpy as np

from fuzzing.bases import answers_of
from fuzzing.limits import MEMORY, Peak, acts, limits
from sksetfit import load

FINE = ("refused", "predicts", "refused later")
FAULTS = ("crash", "hang", "memory", "error", "wrong", "act")
FOR_WEIGHTS, BESIDE = 3, 200_000_000  # of memory to load a file: so many times its size, and so many bytes


def tried(file, base, *, signed):
    """Load a file and ask its model; return what came of it, and what it took."""
    start, peak = time.process_time(), Peak()
    with limits():
        outcome, told, to_load = _outcome(file, base, peak, signed=signed)
    if acts:
        outcome, told = "act", acts[0]
    elif peak.so_far() > MEMORY or to_load > FOR_WEIGHTS * file.stat().st_size + BESIDE:
        outcome = "memory"
    seconds = round(time.process_time() - start, 3)
    return {"outcome": outcome, "told": told[:500], "seconds": seconds, "memory": to_load}


def _outcome(file, base, peak, *, signed):
    """Return the outcome, what it told, and the memory that it took to load the file."""
    try:
        model = load(file)
    except BaseException as error:  # those of Rust are no Exception
        outcome = "refused" if isinstance(error, ValueError) and file.name in str(error) else "error"
        return *_told(error, outcome), peak.so_far()
    to_load = peak.so_far()
    try:
        with joblib.parallel_config(backend="threading"):  # no child of a child
            answers = answers_of(model, base.X)
    except BaseException as error:
        return *_told(error, "refused later" if isinstance(error, ValueError) else "error"), to_load
    if not signed and not np.array_equal(answers, base.answers):
        return "wrong", "other answers, without new checksums", to_load
    if np.shape(answers)[:1] != (len(base.X),):
        return "wrong", f"answers of shape {np.shape(answers)}", to_load
    return "predicts", "", to_load


def _told(error, outcome):
    told, cause = f"{type(error).__name__}: {error}", error
    while cause is not None:
        if isinstance(cause, MemoryError) or "allocate memory" in str(cause):
            return "memory", told
        cause = cause.__cause__ or cause.__context__
    return outcome, told
