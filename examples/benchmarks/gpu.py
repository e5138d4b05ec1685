"""Measure fits and predictions on a GPU, beside setfit, and check what only a GPU can show.

    HF_HUB_OFFLINE=1 python gpu.py --data DIR

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label. Seconds are wall time on one device, after a
fit on four texts that is not counted; memory is the most that torch allocated there. Results are appended to --results
and printed. Then two checks run: a fit and a prediction in a tenth of the memory that they took, which go on in
smaller parts, and a model that is saved here and read on the processor. --device cpu runs all but these figures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from common import MODEL, RECIPE, add_row, body_source, counted_fit, is_installed, read_texts, train_reference, versions

from sksetfit import SetFitClassifier, dump
from sksetfit.encoder import body_of

RATE_SIZE = 8192  # of square matrices
READ_ON_PROCESSOR = """
import sys, numpy as np
from sksetfit import load
np.save(sys.argv[2], load(sys.argv[1]).predict_proba(sys.argv[3:]))
"""


def measured(function: Callable[[], Any], device: str) -> tuple[Any, float, float]:
    """Return the result of a call, its seconds, and the most gigabytes that were allocated meanwhile."""
    if device != "cpu":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    result = function()
    if device != "cpu":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    return result, seconds, float("nan") if device == "cpu" else torch.cuda.max_memory_allocated() / 1e9


def matrix_rate(device: str, size: int) -> float:
    """Return the operations per second of products of bfloat16 matrices."""
    first, second = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    first @ second
    _, seconds, _ = measured(lambda: [first @ second for _ in range(10)], device)
    return 10 * 2 * size**3 / seconds


def measure(options: argparse.Namespace, model: str, add: Callable[..., None]) -> SetFitClassifier:
    """Measure one body on all tasks, and return a classifier that is fitted on eight texts per class."""
    train, test = (read_texts(options.data / f"{options.set}_{part}.csv") for part in ("train", "test"))
    many = (test["text"].tolist() * (options.n_texts // len(test) + 1))[: options.n_texts]
    many = [f"{text} {i}" for i, text in enumerate(many)]  # each text is different
    source, device = body_source(model), options.device
    rate = matrix_rate(device, RATE_SIZE if device != "cpu" else 256)
    few = SetFitClassifier(source, max_steps=1, device=device)
    few.fit(["good", "bad", "fine", "awful"], [1, 0, 1, 0])
    first = None
    for shots in options.shots:
        sample = train.groupby("label").sample(shots, random_state=0).sample(frac=1, random_state=0)
        texts, labels = sample["text"].tolist(), sample["label"].tolist()
        ours = SetFitClassifier(source, device=device, random_state=0)
        _, n_operations = counted_fit(lambda: ours.fit(texts, labels))  # noqa: B023  (called before the next turn)
        _, seconds, memory = measured(lambda: ours.fit(texts, labels), device)  # noqa: B023
        add(f"fit, {shots} texts per class", "sksetfit", seconds, memory, n_operations / seconds / rate)
        first = first or ours
        if options.reference:
            _, seconds, memory = measured(lambda: train_reference(texts, labels, 0, model, RECIPE), device)  # noqa: B023
            add(f"fit, {shots} texts per class", "setfit", seconds, memory)
    _, seconds, memory = measured(lambda: first.predict(many), device)
    add(f"predict, {options.n_texts} texts", "sksetfit", seconds, memory)
    if options.reference:
        theirs = train_reference(texts[:8], labels[:8], 0, model, RECIPE)
        _, seconds, memory = measured(lambda: theirs.predict(many), device)
        add(f"predict, {options.n_texts} texts", "setfit", seconds, memory)
    return first


def check_small_memory(fitted: SetFitClassifier, texts: list[str]) -> None:
    """Predict and fit in little memory: the probabilities are the same, and a warning tells of the fit."""
    expected, _, memory = measured(lambda: fitted.predict_proba(texts), "cuda")
    total = torch.cuda.get_device_properties(0).total_memory / 1e9
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(max(memory / 10, torch.cuda.memory_allocated() / 1e9 * 1.2) / total)
    try:
        difference = np.abs(fitted.predict_proba(texts) - expected).max()
        print(f"predict_proba in a tenth of the memory: largest difference {difference:.1e}")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            labels = np.arange(len(texts)) % 2
            SetFitClassifier(fitted.model, max_steps=2, batch_size=512, device="cuda").fit(texts, labels)
        print(f"fit in a tenth of the memory: {[str(each.message) for each in told if 'memory' in str(each.message)]}")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def check_read_on_processor(fitted: SetFitClassifier, texts: list[str]) -> None:
    """Save a model here, and read it in a process that sees no GPU."""
    with tempfile.TemporaryDirectory() as folder:
        file, answers = Path(folder, "model.skops"), Path(folder, "answers.npy")
        dump(fitted, file)
        command = [sys.executable, "-c", READ_ON_PROCESSOR, str(file), str(answers), *texts]
        subprocess.run(command, check=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
        difference = np.abs(np.load(answers) - fitted.predict_proba(texts)).max()
    print(f"saved on {body_of(fitted.encoder_).device}, read on the processor: largest difference {difference:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder of NAME_train.csv, NAME_test.csv"
    )
    parser.add_argument("--set", default="ag_news", metavar="NAME")
    parser.add_argument(
        "--models", nargs="+", default=[MODEL, "sentence-transformers/all-mpnet-base-v2"], metavar="MODEL"
    )
    parser.add_argument("--shots", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--n-texts", type=int, default=100_000, help="texts to predict")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--no-reference", dest="reference", action="store_false", help="leave setfit out")
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("gpu.csv"))
    options = parser.parse_args()
    options.reference &= is_installed("setfit")
    name = "processor" if options.device == "cpu" else torch.cuda.get_device_name()
    for model in options.models:

        def add(task: str, method: str, seconds: float, memory: float, share: float = float("nan")) -> None:
            key = {"device": name, "model": model, "task": task, "method": method}  # noqa: B023
            measures = {"seconds": round(seconds, 3), "gigabytes": round(memory, 3), "share_of_rate": round(share, 3)}
            add_row(options.results, key, versions("setfit" if method == "setfit" else "sksetfit"), measures)

        fitted = measure(options, model, add)
        test = read_texts(options.data / f"{options.set}_test.csv")["text"].tolist()[:500]
        check_read_on_processor(fitted, test[:20])
        if options.device != "cpu":
            check_small_memory(fitted, test)
    rows = pd.read_csv(options.results)
    print(rows.drop(columns=["versions", "date", "machine"]).to_string(index=False))


if __name__ == "__main__":
    main()
