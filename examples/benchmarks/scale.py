"""Measure time and memory of a fit and of predictions against the number of texts, on Linux.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python scale.py --n-texts 1000 10000 40000 --n-classes 20
    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python scale.py --n-texts 40000 --max-steps 30 --results scale.csv
    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python scale.py --predict --n-texts 100000 1000000 --n-words 2 5 --model FOLDER

The texts are the name of their class and shuffled words of the shipped tickets. Each measurement runs in a process of
its own; it gives processor seconds and by how much memory rose at most above what the process held with the texts, the
libraries and one model; of predictions the answers are not counted. ``--repeated 2`` has each text that many times.
"""

from __future__ import annotations

import argparse
import gc
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import MODEL, add_result, body_source

from sksetfit import SetFitClassifier, load_tickets
from sksetfit.utils.memory import trim_memory


def make_texts(n_texts: int, n_classes: int, least: int = 5, most: int = 20) -> tuple[list[str], list[str]]:
    """Return different texts of ``least`` to ``most - 1`` words behind the class name, and their classes in turn."""
    rng = np.random.RandomState(0)
    words = np.array(sorted({word for text in load_tickets().data for word in text.split()}))
    names = [f"{words[i]} {words[-i]}" for i in range(1, n_classes + 1)]
    labels = [names[i % n_classes] for i in range(n_texts)]
    return [f"{label} {' '.join(rng.choice(words, rng.randint(least, most)))}" for label in labels], labels


def megabytes(field: str) -> float:
    """Return what /proc tells: VmRSS, the memory that is held, or VmHWM, the most since `forget_peak`."""
    (kilobytes,) = re.findall(rf"{field}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def measure(options: argparse.Namespace) -> None:
    (n_texts,), n_classes = options.n_texts, options.n_classes
    X, y = make_texts(n_texts // options.repeated, n_classes, *options.n_words)
    X, y = X * options.repeated, y * options.repeated
    params = {"model": body_source(options.model), "random_state": 0}
    classifier = SetFitClassifier(**params, max_steps=0).fit(X[: 2 * n_classes], y[: 2 * n_classes])
    classifier.predict(X[:2000])
    answers: Any = np.empty(0)
    gc.collect()
    trim_memory()  # else the step would use what the first predictions have left
    before = megabytes("VmRSS")
    if not options.predict:
        del classifier
    forget_peak()
    started = time.process_time()
    if options.predict:
        answers = classifier.predict(X)
    else:
        classifier = SetFitClassifier(**params, max_steps=options.max_steps).fit(X, y)
    seconds = time.process_time() - started
    peak = megabytes("VmHWM") - before - answers.nbytes / 2**20
    step = "predict" if options.predict else "fit"
    n_steps = 0 if options.predict else classifier.n_steps_
    print(
        f"{step} of {n_texts} texts, {n_classes} classes: {n_steps} steps, {seconds:.0f} processor seconds, peak "
        f"memory {peak:.0f} MB above texts, libraries and model",
        flush=True,
    )
    if options.results:
        words = f"{options.n_words[0]} to {options.n_words[1] - 1}"
        key = {"step": step, "n_texts": n_texts, "repeated": options.repeated, "words": words, "classes": n_classes}
        key |= {"model": Path(options.model).name, "n_steps": n_steps}
        add_result(options.results, key, "sksetfit", {"processor_seconds": round(seconds, 1), "peak_mb": round(peak)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-texts", type=int, nargs="+", default=[1000, 10000, 40000])
    parser.add_argument("--n-classes", type=int, default=20)
    parser.add_argument("--n-words", type=int, nargs=2, default=[5, 20], help="of a text: the least, and one over most")
    parser.add_argument("--repeated", type=int, default=1, help="how often each text is there")
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--max-steps", type=lambda text: text if text == "auto" else int(text), default="auto")
    parser.add_argument("--predict", action="store_true", help="predict the texts with a classifier of a few")
    parser.add_argument("--results", type=Path, help="a CSV file that gets a row of each measurement")
    options = parser.parse_args()
    if len(options.n_texts) == 1:
        measure(options)
        return
    place = sys.argv.index("--n-texts") if "--n-texts" in sys.argv else len(sys.argv)
    others = sys.argv[1:place] + sys.argv[place + 1 + len(options.n_texts) :]
    for n_texts in options.n_texts:  # the peak of a process never falls
        subprocess.run([sys.executable, __file__, *others, "--n-texts", str(n_texts)], check=True)


if __name__ == "__main__":
    main()
