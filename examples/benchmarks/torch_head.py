"""Compare heads: logistic regression, and a linear layer of torch that is trained with the body or without it.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python torch_head.py --data DIR --shots 8 --seeds 0 1 2
    python torch_head.py --data DIR --shots 64 --seeds 0 1 --sets sst2 cr trec

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label; in those of goemotions the labels of a text
are joined by semicolons, and the sample is that of multi_label.py. The score is accuracy, of several labels the macro
F1 of the ten most frequent. All that a fit does is timed, loading the body included, after one untimed fit.

"reference, end to end" is the differentiable head of the package setfit, trained with the body after the contrastive
phase, which is that of few_shot.py: 16 epochs in batches of 16, else with its defaults. One label per text only.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from common import (
    MODEL,
    RECIPE,
    add_result,
    body_source,
    is_done,
    read_results,
    read_texts,
    run_and_print,
    timed,
    train_reference,
    use_threads,
)
from multi_label import as_targets, most_frequent
from multi_label import sample as sample_of_labels
from sklearn.metrics import accuracy_score, f1_score, log_loss

from sksetfit import SetFitClassifier, TorchHead

SETS = ["sst2", "cr", "trec", "ag_news", "goemotions"]
METHODS = {
    "LogisticRegression": lambda: None,
    "TorchHead(end_to_end=False)": lambda: TorchHead(end_to_end=False),
    "TorchHead()": lambda: TorchHead(),
    'TorchHead("focal")': lambda: TorchHead("focal"),
}


def read_set(name: str, options: argparse.Namespace) -> tuple[pd.DataFrame, list[str], Any]:
    """Return the training table, test texts and their targets."""
    train, test = (read_texts(options.data / f"{name}_{part}.csv") for part in ("train", "test"))
    test = test.head(options.test_size)
    if name == "goemotions":
        return train, *as_targets(test, most_frequent(train))
    return train, test["text"].tolist(), test["label"].to_numpy()


def sample(train: pd.DataFrame, name: str, shots: int, seed: int) -> tuple[list[str], Any]:
    if name == "goemotions":
        names = most_frequent(train)
        texts, targets = as_targets(train, names)
        rows = sample_of_labels(targets, shots, seed)
        return [texts[i] for i in rows], pd.DataFrame(targets[rows], columns=names)
    some = train.groupby("label").sample(shots, random_state=seed).sample(frac=1, random_state=seed)
    return some["text"].tolist(), some["label"].tolist()


REFERENCE = "reference, end to end"


class Reference:
    """A model of setfit, with the classes of its columns."""

    def __init__(self, texts: list[str], y: list[str], seed: int) -> None:
        self.classes_, codes = np.unique(y, return_inverse=True)
        recipe = RECIPE | {"num_epochs": (RECIPE["num_epochs"], 16), "end_to_end": True}
        head = {"use_differentiable_head": True, "head_params": {"out_features": len(self.classes_)}}
        self.model = train_reference(texts, codes.tolist(), seed, MODEL, recipe, **head)

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        """Return the probability of each class for each text."""
        proba = self.model.predict_proba(texts, as_numpy=True).astype(np.float64)
        return proba / proba.sum(axis=1, keepdims=True)


def fit(method: str, texts: list[str], y: Any, seed: int) -> Any:
    if method == REFERENCE:
        return Reference(texts, y, seed)
    return SetFitClassifier(body_source(MODEL), head=METHODS[method](), random_state=seed).fit(texts, y)


def score(clf: Any, texts: list[str], y: Any) -> dict[str, Any]:
    """Return accuracy or macro F1, and the log loss of a label."""
    proba = clf.predict_proba(texts)
    if y.ndim == 2:
        answers = (proba > 0.5).astype(int)
        loss = np.mean([log_loss(of_label, p, labels=[0, 1]) for of_label, p in zip(y.T, proba.T, strict=True)])
        value = f1_score(y, answers, average="macro", zero_division=0)
    else:
        loss = log_loss(y, proba, labels=clf.classes_)
        value = accuracy_score(y, clf.classes_[proba.argmax(axis=1)])
    return {"test_rows": len(texts), "score": round(float(value), 4), "log_loss": round(float(loss), 4)}


def run(options: argparse.Namespace) -> None:
    use_threads(1)
    results = read_results(options.results)
    for method in options.methods:
        fit(method, ["good", "great", "bad", "awful"], ["yes", "yes", "no", "no"], 0)  # untimed
    for seed in options.seeds:
        for name in options.sets:
            train, test_texts, test_y = read_set(name, options)
            texts, y = sample(train, name, options.shots, seed)
            for method in options.methods:
                key = {"set": name, "shots": options.shots, "seed": seed, "method": method}
                key |= {"model": MODEL, "test_size": options.test_size, "threads": 1}
                package = "setfit" if method == REFERENCE else "sksetfit"
                if is_done(results, key, package):
                    continue
                clf, times = timed("fit", fit, method, texts, y, seed)
                row = score(clf, test_texts, test_y)
                add_result(options.results, key, package, {**row, **times})
                print(name, options.shots, seed, method, row["score"], times["fit_processor_seconds"], flush=True)


def table(results: pd.DataFrame) -> str:
    """Return mean scores in percent, mean log losses and median processor seconds of each set and number of shots."""
    groups = results.groupby(["shots", "set", "method"])
    lines = pd.DataFrame(
        {
            "seeds": groups["seed"].nunique(),
            "score": (100 * groups["score"].mean()).round(1),
            "log loss": groups["log_loss"].mean().round(3),
            "seconds": groups["fit_processor_seconds"].median().round(1),
        }
    )
    return lines.unstack("method").swaplevel(axis=1).sort_index(axis=1).to_string()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="NAME")
    parser.add_argument("--shots", type=int, default=8, help="training texts per class")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=list(METHODS)[:3], choices=[*METHODS, REFERENCE])
    parser.add_argument("--test-size", type=int, default=1000, help="score on the first rows of the test file")
    run_and_print(parser, __file__, run, table, "Accuracy or macro F1 in percent, log loss, median processor seconds")


if __name__ == "__main__":
    main()
