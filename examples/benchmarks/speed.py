"""Measure what a fit and a prediction cost beside what the processor could do, and beside sentence-transformers.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python speed.py --data DIR --set ag_news

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label. Printed are, as medians of processor
seconds of one process: the rate of matrix products (bfloat16 and float32) of this processor and the share of it that a
fit of 8 texts per class reaches with its useful tokens, padding not counted; how fast predicting is beside
SentenceTransformer.encode, for many texts and for one, in either precision and, where it is installed, with OpenVINO,
and how many labels stay what torch predicts in float32; and what importing sksetfit costs beside scikit-learn.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from common import MODEL, body_source, counted_fit, read_texts, use_threads
from sentence_transformers import SentenceTransformer

from sksetfit import SetFitClassifier
from sksetfit.body.saving.export import has_openvino


def processor_seconds(function: Callable[[], Any], repeats: int) -> float:
    """Return the median of the processor seconds of a call, after one that is not counted."""
    function()
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        function()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def matrix_rate(dtype: torch.dtype) -> float:
    """Return the operations per second of a product of the shape that a layer of a small transformer has."""
    activations, weights = torch.randn(512, 384, dtype=dtype), torch.randn(384, 1536, dtype=dtype)

    def products() -> None:
        for _ in range(200):
            activations @ weights

    return 200 * 2 * 512 * 384 * 1536 / processor_seconds(products, 9)


def measure_fit(train: pd.DataFrame) -> SetFitClassifier:
    sample = train.groupby("label").sample(8, random_state=0).sample(frac=1, random_state=0)
    texts, labels = sample["text"].tolist(), sample["label"].tolist()
    classifier = SetFitClassifier(random_state=0)
    _, n_operations = counted_fit(lambda: classifier.fit(texts, labels))
    seconds = processor_seconds(lambda: classifier.fit(texts, labels), 3)
    rates = {name: matrix_rate(getattr(torch, name)) for name in ("bfloat16", "float32")}
    print(
        f"matrix products: {rates['bfloat16'] / 1e9:.0f} GFLOP/s in bfloat16, {rates['float32'] / 1e9:.0f} in float32"
    )
    print(
        f"fit of {len(texts)} texts, loading and head included: {n_operations / seconds / 1e9:.0f} GFLOP/s of useful "
        f"tokens, {n_operations / seconds / rates['bfloat16']:.0%} of the bfloat16 rate"
    )
    return classifier


def measure_prediction(classifier: SetFitClassifier, texts: list[str]) -> None:
    theirs = SentenceTransformer(body_source(MODEL), device="cpu")
    labels = classifier.predict(texts)
    base = [processor_seconds(lambda some=some: theirs.encode(some), n) for some, n in ((texts, 3), (texts[:1], 51))]  # type: ignore[misc]
    print(f"\n| predict | {len(texts)} texts | one text | same labels |\n|---|---|---|---|")
    for backend in ("torch", "openvino") if has_openvino() else ("torch",):
        for precision in ("float32", "bfloat16"):
            classifier.set_params(backend=backend, precision=precision)
            seconds = processor_seconds(lambda: classifier.predict(texts), 3)
            seconds_of_one = processor_seconds(lambda: classifier.predict(texts[:1]), 51)
            same = np.mean(classifier.predict(texts) == labels)
            print(
                f"| {backend}, {precision} | {base[0] / seconds:.2f}x | {base[1] / seconds_of_one:.2f}x | {same:.1%} |"
            )
    print("times as fast as SentenceTransformer.encode in float32\n")


def measure_import() -> None:
    def seconds(line: str) -> float:
        return processor_seconds_of_process(f"import sklearn.linear_model, sklearn.multioutput; {line}")

    print(f"import sksetfit costs {seconds('import sksetfit') - seconds('pass'):.2f} s beside importing scikit-learn")


def processor_seconds_of_process(code: str) -> float:
    code = f"import time; {code}; print(time.process_time())"
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True) for _ in range(7)]
    return statistics.median(float(run.stdout) for run in runs[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder of NAME_train.csv, NAME_test.csv"
    )
    parser.add_argument("--set", default="ag_news", metavar="NAME")
    parser.add_argument("--n-texts", type=int, default=300, help="texts to predict")
    options = parser.parse_args()
    use_threads(1)
    train, test = (read_texts(options.data / f"{options.set}_{part}.csv") for part in ("train", "test"))
    classifier = measure_fit(train)
    measure_prediction(classifier, test["text"].tolist()[: options.n_texts])
    measure_import()


if __name__ == "__main__":
    main()
