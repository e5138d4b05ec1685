"""Measure memory, time and size of saving and loading a model, also with setfit, on Linux.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python saving.py

Each step runs in a process of its own that has imported what it needs; the second column is by how much its memory rose
at most, as a multiple of the weights (of the live model too, where there is one before: it is not counted again).
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import skops.io  # noqa: F401  # so that its import is not measured
from common import is_installed
from scale import forget_peak, megabytes

from sksetfit import SetFitClassifier, dump, load, read_setfit, write_setfit
from sksetfit.utils.memory import trim_memory

TEXTS, LABELS = ["great film", "loved it", "dull", "a waste of time"], ["good", "good", "bad", "bad"]


def measured(name: str, step: Callable[[], Any], mb_of_weights: float) -> Any:
    """Run a step and print what it took."""
    gc.collect()
    trim_memory()  # else the step would use what an earlier one has left
    before = megabytes("VmRSS")
    forget_peak()
    started = time.process_time()
    result = step()
    seconds = time.process_time() - started
    peak = megabytes("VmHWM") - before
    print(f"{name:45} {peak / mb_of_weights:4.1f} x weights {seconds:6.2f} processor seconds", flush=True)
    return result


def keep(folder: Path) -> None:
    """Fit, dump, and write a folder of setfit; return the size of the weights."""
    classifier = SetFitClassifier(max_steps=2, random_state=0).fit(TEXTS, LABELS)
    weights = classifier.encoder_.__getstate__()["body"]["weights"]
    n_bytes = sum(array.nbytes for array in weights.values())
    (folder / "n_bytes").write_text(str(n_bytes))
    write_setfit(classifier, folder / "setfit")
    measured("dump, above the live model", lambda: dump(classifier, folder / "model.skops"), n_bytes / 2**20)
    print(f"{'size of the file':45} {os.path.getsize(folder / 'model.skops') / n_bytes:6.3f} x weights")
    np.save(folder / "expected.npy", classifier.predict_proba(TEXTS))


def read(folder: Path) -> None:
    load_and_compare(folder, "load", lambda: load(folder / "model.skops"))


def read_folder(folder: Path) -> None:
    load_and_compare(folder, "read_setfit", lambda: read_setfit(folder / "setfit", trust_pickle=True))


def load_and_compare(folder: Path, name: str, step: Callable[[], Any]) -> None:
    import sksetfit.body.loading.load  # noqa: F401  # so that imports are not measured

    model = measured(name, step, int((folder / "n_bytes").read_text()) / 2**20)
    difference = np.abs(model.predict_proba(TEXTS) - np.load(folder / "expected.npy")).max()
    print(f"{'   largest difference of a probability':45} {difference:.1g}")


def read_by_reference(folder: Path) -> None:
    from setfit import SetFitModel

    n_bytes = int((folder / "n_bytes").read_text())
    measured(
        "SetFitModel.from_pretrained (setfit)",
        lambda: SetFitModel.from_pretrained(str(folder / "setfit"), device="cpu"),
        n_bytes / 2**20,
    )


def main() -> None:
    steps = {step.__name__: step for step in (keep, read, read_folder, read_by_reference)}
    if len(sys.argv) > 1:
        steps[sys.argv[1]](Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in steps:  # the peak of a process never falls
            if name != "read_by_reference" or is_installed("setfit"):
                subprocess.run([sys.executable, __file__, name, folder], check=True)


if __name__ == "__main__":
    main()
