"""Compare multi-label classifiers on goemotions: macro F1 of its most frequent labels.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python multi_label.py --data DIR --seeds 0 1

DIR holds goemotions_train.csv and goemotions_test.csv with the columns text and label, the labels of a text joined by
semicolons. A sample of n shots is drawn label by label, n texts that have it; texts have other labels too. The
head of setfit is unweighted and predicts no label for most texts; a balanced head on the same embeddings is measured as
well. Results go to a file as in few_shot.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import (
    MODEL,
    RECIPE,
    add_result,
    body_source,
    is_done,
    is_installed,
    read_results,
    read_texts,
    timed,
    train_reference,
    use_threads,
)
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from threadpoolctl import threadpool_limits

Predict = Callable[[list[str]], Any]
Indicator = NDArray[np.int64]
N_LABELS = 10


def balanced_head() -> OneVsRestClassifier:
    return OneVsRestClassifier(LogisticRegression(C=10, max_iter=1000, class_weight="balanced"))


# A fit returns one or more ways to predict: the body of setfit is trained once for two heads. The second head is
# fitted where it first predicts, and is no part of the time.
def fit_frozen(texts: list[str], targets: Indicator, names: list[str], seed: int) -> list[Predict]:
    from sentence_transformers import SentenceTransformer

    body = SentenceTransformer(body_source(MODEL))
    head = balanced_head().fit(body.encode(texts), targets)
    return [lambda test_texts: head.predict(body.encode(test_texts))]


def fit_sksetfit(
    texts: list[str], targets: Indicator, names: list[str], seed: int, **parameters: object
) -> list[Predict]:
    from sksetfit import SetFitClassifier

    classifier = SetFitClassifier(random_state=seed, **parameters)
    return [classifier.fit(texts, pd.DataFrame(targets, columns=names)).predict]


def fit_reference(texts: list[str], targets: Indicator, names: list[str], seed: int) -> list[Predict]:
    model = train_reference(texts, targets.tolist(), seed, MODEL, RECIPE)

    def predict_balanced(test_texts: list[str]) -> Any:
        return balanced_head().fit(model.encode(texts), targets).predict(model.encode(test_texts))

    return [lambda test_texts: np.asarray(model.predict(test_texts)), predict_balanced]


FITS = [
    (fit_frozen, "sentence-transformers", ["frozen, balanced head"]),
    (fit_sksetfit, "sksetfit", ["sksetfit"]),
    (partial(fit_sksetfit, label_texts=None), "sksetfit", ["sksetfit, no label texts"]),
    (fit_reference, "setfit", ["reference", "reference, balanced head"]),
]


def as_targets(table: pd.DataFrame, names: list[str]) -> tuple[list[str], Indicator]:
    labels = table["label"].str.split(";")
    return table["text"].tolist(), np.array([[name in of_text for name in names] for of_text in labels], dtype=np.int64)


def most_frequent(table: pd.DataFrame) -> list[str]:
    return table["label"].str.split(";").explode().value_counts().index[:N_LABELS].tolist()


def sample(targets: Indicator, shots: int, seed: int) -> NDArray[np.intp]:
    rng = np.random.RandomState(seed)
    rows = [rng.choice(np.flatnonzero(of_label), shots, replace=False) for of_label in targets.T]
    return rng.permutation(np.unique(np.concatenate(rows)))


def run(options: argparse.Namespace) -> None:
    use_threads(options.threads)
    train, test = (read_texts(options.data / f"goemotions_{part}.csv") for part in ("train", "test"))
    names = most_frequent(train)
    (texts, targets), (test_texts, test_targets) = (as_targets(table, names) for table in (train, test))
    size = options.test_size or len(test_texts)
    results = read_results(options.results)
    for fit, package, methods in FITS:
        if not is_installed(package):
            print(f"{', '.join(methods)}: skipped, the package {package} is not installed")
            continue
        fit(["good", "great", "bad", "awful"], np.array([[1, 0], [1, 0], [0, 1], [0, 1]]), ["a", "b"], 0)  # untimed
        for seed in options.seeds:
            key = {"set": "goemotions", "shots": options.shots, "seed": seed, "model": MODEL}
            keys = [{**key, "method": m, "test_size": options.test_size, "threads": options.threads} for m in methods]
            if all(is_done(results, key, package) for key in keys):
                continue
            rows = sample(targets, options.shots, seed)
            predicts, times = timed("fit", fit, [texts[i] for i in rows], targets[rows], names, seed)
            for key, predict in zip(keys, predicts, strict=True):
                row = measure(predict(test_texts[:size]), test_targets[:size])
                add_result(options.results, key, package, {**row, **times})
                print(seed, key["method"], row["macro_f1"], times["fit_processor_seconds"], flush=True)


def measure(answers: Any, targets: Indicator) -> dict[str, float]:
    macro_f1 = float(f1_score(targets, answers, average="macro", zero_division=0))
    without_label = float((np.asarray(answers).sum(axis=1) == 0).mean())
    return {"test_rows": len(targets), "macro_f1": round(macro_f1, 4), "without_label": round(without_label, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", required=True)
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--test-size", type=int, default=1000, help="score on the first rows of the test file, 0: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    with threadpool_limits(options.threads):
        run(options)
    results = read_results(options.results)
    for column in ("shots", "test_size", "threads"):
        results = results[results[column] == getattr(options, column)]
    results = results[results["seed"].isin(options.seeds)].groupby("method")
    table = results[["macro_f1", "without_label"]].mean().round(3)
    table["fit_processor_seconds"] = results["fit_processor_seconds"].median()
    print(f"Means and median seconds of {len(options.seeds)} samples\n{table}")


if __name__ == "__main__":
    main()
