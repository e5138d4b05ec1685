"""Measure memory, time and size of saving and loading a model, also with joblib and setfit, on Linux.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python saving.py [--results saving.csv]

Each step that reads runs in a process of its own that has imported what it needs. Memory is by how much it rose at
most, as a multiple of the weights; a live model before the step is not counted. Each result is a row of --results.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import skops.io  # noqa: F401  # so that its import is not measured
from common import add_result, is_installed
from scale import forget_peak, megabytes

from sksetfit import RejectClassifier, SetFitClassifier, dump, load, read_setfit, write_setfit
from sksetfit.utils.memory import trim_memory

TEXTS, LABELS = ["great film", "loved it", "dull", "a waste of time"], ["good", "good", "bad", "bad"]


def add(options: argparse.Namespace, step: str, package: str = "sksetfit", **measures: float) -> None:
    """Print a result and add it as a row."""
    row = {name: measures.get(name, np.nan) for name in ("memory", "seconds", "size")}
    print(f"{step:45}", *(f"{name} {value:.3f}" for name, value in measures.items()), flush=True)
    add_result(options.results, {"step": step}, package, {name: round(value, 3) for name, value in row.items()})


def measured(options: argparse.Namespace, name: str, step: Callable[[], Any], package: str = "sksetfit") -> Any:
    """Run a step and add what it took."""
    gc.collect()
    trim_memory()  # else the step would use what an earlier one has left
    before = megabytes("VmRSS")
    forget_peak()
    started = time.process_time()
    result = step()
    seconds = time.process_time() - started
    memory = (megabytes("VmHWM") - before) * 2**20 / n_bytes(options)
    add(options, name, package, memory=memory, seconds=seconds)
    return result


def n_bytes(options: argparse.Namespace) -> int:
    return int((options.folder / "n_bytes").read_text())


def keep(options: argparse.Namespace) -> None:
    """Fit, dump, and write a folder of setfit; keep the size of the weights."""
    folder = options.folder
    classifier = SetFitClassifier(max_steps=2, random_state=0).fit(TEXTS, LABELS)
    weights = classifier.encoder_.__getstate__()["body"]["weights"]
    (folder / "n_bytes").write_text(str(sum(array.nbytes for array in weights.values())))
    del weights
    write_setfit(classifier, folder / "setfit")
    reject = RejectClassifier(classifier, coverage=0.5, cv="prefit").fit(TEXTS, LABELS)
    for name, estimator in {"model": classifier, "prefit": reject}.items():
        of = "" if name == "model" else " of a prefit RejectClassifier"
        measured(options, f"dump{of}", lambda estimator=estimator, name=name: dump(estimator, folder / f"{name}.skops"))
        size = os.path.getsize(folder / f"{name}.skops") / n_bytes(options)
        add(options, f"file{of}", size=size)
    measured(options, "joblib.dump", lambda: joblib.dump(classifier, folder / "model.joblib"))
    np.save(folder / "expected.npy", classifier.predict_proba(TEXTS))


def read(options: argparse.Namespace) -> None:
    load_and_compare(options, "load", lambda: load(options.folder / "model.skops"))


def read_prefit(options: argparse.Namespace) -> None:
    load_and_compare(options, "load of a prefit RejectClassifier", lambda: load(options.folder / "prefit.skops"))


def read_pickle(options: argparse.Namespace) -> None:
    def step() -> Any:
        model = joblib.load(options.folder / "model.joblib")
        model.predict(TEXTS)  # before which the body of a pickle is not built
        return model

    load_and_compare(options, "joblib.load and predict", step)


def read_folder(options: argparse.Namespace) -> None:
    load_and_compare(options, "read_setfit", lambda: read_setfit(options.folder / "setfit", trust_pickle=True))


def load_and_compare(options: argparse.Namespace, name: str, step: Callable[[], Any]) -> None:
    import sksetfit.body.loading.load  # noqa: F401  # so that imports are not measured

    model = measured(options, name, step)
    difference = np.abs(model.predict_proba(TEXTS) - np.load(options.folder / "expected.npy")).max()
    print(f"{'   largest difference of a probability':45} {difference:.1g}")


def read_by_reference(options: argparse.Namespace) -> None:
    from setfit import SetFitModel

    def step() -> Any:
        return SetFitModel.from_pretrained(str(options.folder / "setfit"), device="cpu")

    measured(options, "SetFitModel.from_pretrained (setfit)", step, "setfit")


STEPS = {step.__name__: step for step in (keep, read, read_prefit, read_pickle, read_folder, read_by_reference)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--step", choices=STEPS, help="one of them, on what keep has left in --folder")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.step:
        STEPS[options.step](options)
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in STEPS:  # the peak of a process never falls
            if name != "read_by_reference" or is_installed("setfit"):
                arguments = ["--step", name, "--folder", folder, "--results", str(options.results)]
                subprocess.run([sys.executable, __file__, *arguments], check=True)


if __name__ == "__main__":
    main()
