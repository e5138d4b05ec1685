"""Measure time and memory of a fit against the number of texts, on Linux.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python scale.py --n-texts 1000 10000 40000 --n-classes 20

The texts are the name of their class and shuffled words of the shipped tickets. Each fit runs in a process of its own;
printed are its processor seconds and by how much memory rose at most above what the process held with the texts, the
libraries and one model.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from sksetfit import SetFitClassifier, load_tickets


def make_texts(n_texts: int, n_classes: int) -> tuple[list[str], list[str]]:
    """Return different texts of 5 to 19 words, and their classes in turn."""
    rng = np.random.RandomState(0)
    words = np.array(sorted({word for text in load_tickets().data for word in text.split()}))
    names = [f"{words[i]} {words[-i]}" for i in range(1, n_classes + 1)]
    labels = [names[i % n_classes] for i in range(n_texts)]
    return [f"{label} {' '.join(rng.choice(words, rng.randint(5, 20)))}" for label in labels], labels


def megabytes(field: str) -> float:
    """Return what /proc tells: VmRSS, the memory that is held, or VmHWM, the most since `forget_peak`."""
    (kilobytes,) = re.findall(rf"{field}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def measure(n_texts: int, n_classes: int) -> None:
    X, y = make_texts(n_texts, n_classes)
    classifier = SetFitClassifier(max_steps=0, random_state=0).fit(X[: 2 * n_classes], y[: 2 * n_classes])
    before = megabytes("VmRSS")
    del classifier
    forget_peak()
    started = time.process_time()
    classifier = SetFitClassifier(random_state=0).fit(X, y)
    seconds = time.process_time() - started
    print(
        f"{n_texts} texts, {n_classes} classes: {classifier.n_steps_} steps, {seconds:.0f} processor seconds, peak "
        f"memory {megabytes('VmHWM') - before:.0f} MB above texts, libraries and model",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-texts", type=int, nargs="+", default=[1000, 10000, 40000])
    parser.add_argument("--n-classes", type=int, default=20)
    options = parser.parse_args()
    if len(options.n_texts) == 1:
        measure(options.n_texts[0], options.n_classes)
        return
    for n_texts in options.n_texts:  # the peak of a process never falls
        arguments = ["--n-texts", str(n_texts), "--n-classes", str(options.n_classes)]
        subprocess.run([sys.executable, __file__, *arguments], check=True)


if __name__ == "__main__":
    main()
