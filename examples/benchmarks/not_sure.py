"""Measure rejection: thresholds on held-out texts, and detection of texts that belong to no class.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python not_sure.py --data DIR --seeds 0 1 2

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label. The first part chooses thresholds by
RejectClassifier and compares the share of answers that is right, and the share of texts that is answered, on held-out
texts with those on test texts. All ways to choose a threshold share the same tuned bodies. The second part ranks test
texts by how much they look like the training texts, and measures the area under the ROC curve of those that belong to
a class against those that do not: other intents of banking77 (10 of 20 drawn intents are known) and film reviews among
questions. Results go to a file as in few_shot.py. No times: a RejectClassifier tunes a body per fold and one more.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from common import MODEL, add_result, is_done, read_results, read_texts, use_threads
from joblib import Memory
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.svm import OneClassSVM
from threadpoolctl import threadpool_limits

TARGETS: dict[str, dict[str, float]] = {
    "coverage 0.8": {"coverage": 0.8},
    "precision 0.8": {"precision": 0.8},
    "precision 0.9": {"precision": 0.9},
    "precision 0.95": {"precision": 0.95},
    "precision 0.9, level 0.8": {"precision": 0.9, "confidence_level": 0.8},
    "precision 0.9, level 0.95": {"precision": 0.9, "confidence_level": 0.95},
}
DETECTORS: dict[str, Callable[[int], Any]] = {
    "LocalOutlierFactor": lambda seed: LocalOutlierFactor(novelty=True, metric="cosine"),
    "LocalOutlierFactor, 5 neighbours": lambda seed: LocalOutlierFactor(5, novelty=True, metric="cosine"),
    "KernelDensity, bandwidth 0.1": lambda seed: KernelDensity(bandwidth=0.1),
    "KernelDensity, bandwidth 0.3": lambda seed: KernelDensity(bandwidth=0.3),
    "KernelDensity, bandwidth 0.5": lambda seed: KernelDensity(bandwidth=0.5),
    "OneClassSVM": lambda seed: OneClassSVM(),
    "IsolationForest": lambda seed: IsolationForest(random_state=seed),
}
MEASURES = ["threshold", "held_out_precision", "held_out_coverage", "test_precision", "test_coverage", "auroc"]


def probabilities(texts: list[str], labels: list[str], others: list[str], seed: int) -> Any:
    from sksetfit import SetFitClassifier

    return SetFitClassifier(random_state=seed).fit(texts, labels).predict_proba(others)


class Remembering(ClassifierMixin, BaseEstimator):
    """SetFitClassifier that trains at the first prediction, and caches its predictions."""

    def __init__(self, memory: Memory, seed: int) -> None:
        self.memory = memory
        self.seed = seed

    def fit(self, X: list[str], y: list[str]) -> Self:  # noqa: D102
        self.X_, self.y_, self.classes_ = X, y, np.unique(y)
        return self

    def predict_proba(self, X: list[str]) -> Any:  # noqa: D102
        return self.memory.cache(probabilities)(self.X_, self.y_, X, self.seed)


def measure_targets(name: str, shots: int, seed: int, options: argparse.Namespace, memory: Memory) -> None:
    from sksetfit import RejectClassifier

    texts, labels = few_shot(read_texts(options.data / f"{name}_train.csv"), shots, seed)
    test = read_texts(options.data / f"{name}_test.csv")[: options.test_size or None]
    for method, target in TARGETS.items():
        key = {**key_of(options), "set": name, "shots": shots, "seed": seed, "method": method}
        if is_done(read_results(options.results), key, "sksetfit"):
            continue
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No threshold reaches", UserWarning)  # the table says so
            classifier = RejectClassifier(Remembering(memory, seed), **target).fit(texts, labels)
        answers = classifier.predict(test["text"].tolist())
        answered = answers != "not sure"
        row = {
            "threshold": classifier.threshold_,
            "held_out_precision": classifier.precision_,
            "held_out_coverage": classifier.coverage_,
            "test_precision": (answers == test["label"])[answered].mean(),
            "test_coverage": answered.mean(),
        }
        keep(options, key, len(test), row)


def measure_out_of_scope(name: str, seed: int, options: argparse.Namespace) -> None:
    from sksetfit import SetFitClassifier, SetFitEncoder

    shots = 16
    key = {**key_of(options), "set": name, "shots": shots, "seed": seed, "method": "tuned, IsolationForest"}
    if is_done(read_results(options.results), key, "sksetfit"):  # the last of them
        return
    train, inside, outside = OUT_OF_SCOPE[name](options.data, seed)
    texts, labels = few_shot(train, shots, seed)
    test = inside[: options.test_size or None] + outside[: options.test_size or None]
    belongs = np.arange(len(test)) < len(inside[: options.test_size or None])
    classifier = SetFitClassifier(random_state=seed).fit(texts, labels)
    scores = {"largest probability": classifier.predict_proba(test).max(axis=1)}
    for body, encoder in {
        "untuned": SetFitEncoder(max_steps=0).fit(texts, labels),
        "tuned": classifier.encoder_,
    }.items():
        of_training, of_test = encoder.transform(texts), encoder.transform(test)
        for detector, make in DETECTORS.items():
            scores[f"{body}, {detector}"] = make(seed).fit(of_training).score_samples(of_test)
    for method, score in scores.items():
        keep(options, {**key, "method": method}, len(test), {"auroc": roc_auc_score(belongs, score)})


def other_intents(data: Path, seed: int) -> tuple[pd.DataFrame, list[str], list[str]]:
    train, test = (read_texts(data / f"banking77_{part}.csv") for part in ("train", "test"))
    drawn = np.random.RandomState(seed).permutation(np.unique(train["label"]))
    known, unknown = drawn[:10], drawn[10:20]
    inside, outside = (test.loc[test["label"].isin(names), "text"].tolist() for names in (known, unknown))
    return train[train["label"].isin(known)], inside, outside


def reviews_among_questions(data: Path, seed: int) -> tuple[pd.DataFrame, list[str], list[str]]:
    inside, outside = (read_texts(data / f"{name}_test.csv")["text"].tolist() for name in ("trec", "sst2"))
    return read_texts(data / "trec_train.csv"), inside, outside


OUT_OF_SCOPE = {"banking77, 10 of 20 intents": other_intents, "trec against sst2": reviews_among_questions}


def few_shot(train: pd.DataFrame, shots: int, seed: int) -> tuple[list[str], list[str]]:
    rows = train.groupby("label").sample(shots, random_state=seed).sample(frac=1, random_state=seed)
    return rows["text"].tolist(), rows["label"].tolist()


def key_of(options: argparse.Namespace) -> dict[str, Any]:
    return {"model": MODEL, "test_size": options.test_size, "threads": options.threads}


def keep(options: argparse.Namespace, key: dict[str, Any], n_rows: int, row: dict[str, Any]) -> None:
    row = {name: round(float(row[name]), 4) if name in row else None for name in MEASURES}
    add_result(options.results, key, "sksetfit", {"test_rows": n_rows, **row})
    found = {name: value for name, value in row.items() if value is not None}
    print(key["set"], key["shots"], key["seed"], key["method"], found, flush=True)


def run(options: argparse.Namespace, memory: Memory) -> None:
    use_threads(options.threads)
    for seed in options.seeds:
        for name in OUT_OF_SCOPE:
            measure_out_of_scope(name, seed, options)
        for name in options.sets:
            for shots in options.shots:
                measure_targets(name, shots, seed, options, memory)


def summary(results: pd.DataFrame) -> str:
    """Return the means, and how often the target that the method names was met on test texts."""
    target = results["method"].str.extract(r"^(coverage|precision) ([\d.]+)")
    of_test = results["test_coverage"].where(target[0] == "coverage", results["test_precision"])
    met = (of_test >= target[1].astype(float)).astype(float).where(target[0].notna())
    means = results.assign(met=met).groupby(["set", "shots", "method"])[[*MEASURES, "met"]].mean().round(3)
    return str(means.to_string(na_rep=""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", required=True)
    parser.add_argument("--sets", nargs="+", default=["trec", "tickets", "ag_news"])
    parser.add_argument("--shots", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--test-size", type=int, default=1000, help="the first rows of the test file, 0: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", type=Path, metavar="DIR", help="keep the answers there, for another target")
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    with threadpool_limits(options.threads), tempfile.TemporaryDirectory() as folder:
        run(options, Memory(options.memory or folder, verbose=0))
    results = read_results(options.results)
    for column in ("test_size", "threads"):
        results = results[results[column] == getattr(options, column)]
    print(f"Means of {len(options.seeds)} samples\n{summary(results[results['seed'].isin(options.seeds)])}")


if __name__ == "__main__":
    main()
