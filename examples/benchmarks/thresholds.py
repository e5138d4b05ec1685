"""Compare decision thresholds for multi-label classification on goemotions: macro F1 of fixed and of tuned ones.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python thresholds.py --data DIR --seeds 0 1

DIR holds goemotions_train.csv and goemotions_test.csv as for multi_label.py. Samples are drawn in two ways: rows of the
training file as they come, so that labels are as frequent as in the test file, and n texts of each label, so that they
are not. Of the most frequent labels those with at least MIN_ROWS rows in the sample are learned. Results go to a file
as in few_shot.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import MODEL, add_result, is_done, read_results, read_texts, timed, use_threads
from multi_label import Indicator, as_targets, measure, sample
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

MIN_ROWS = 4
SETS = {  # how many labels, how rows are drawn, how many of them
    "goemotions, 10 labels, rows": (10, "rows", 300),
    "goemotions, 10 labels, shots": (10, "shots", 16),
    "goemotions, 28 labels, rows": (28, "rows", 600),
}


def unbalanced() -> LogisticRegression:
    return LogisticRegression(C=10, max_iter=1000)


def fixed_default(seed: int) -> Any:
    from sksetfit import SetFitClassifier

    return SetFitClassifier(random_state=seed)


def fixed_unbalanced(seed: int) -> Any:
    return fixed_default(seed).set_params(head=unbalanced())


def tuned_unbalanced(seed: int) -> Any:
    from sksetfit import MultiLabelThresholdClassifier

    return MultiLabelThresholdClassifier(fixed_unbalanced(seed), random_state=seed)


def tuned_one_body(seed: int) -> Any:
    from sksetfit import MultiLabelThresholdClassifier, SetFitEncoder

    head = MultiLabelThresholdClassifier(OneVsRestClassifier(unbalanced()), random_state=seed)
    return make_pipeline(SetFitEncoder(random_state=seed), head)


METHODS: dict[str, Callable[[int], Any]] = {
    "0.5, balanced head (the default)": fixed_default,
    "0.5, unbalanced head": fixed_unbalanced,
    "tuned, unbalanced head, a body per part": tuned_unbalanced,
    "tuned, unbalanced head, one body": tuned_one_body,
}


def draw(targets: Indicator, kind: str, size: int, seed: int) -> NDArray[np.intp]:
    if kind == "shots":
        return sample(targets, size, seed)
    return np.random.RandomState(seed).choice(len(targets), size, replace=False)


def run(options: argparse.Namespace) -> None:
    use_threads(options.threads)
    train, test = (read_texts(options.data / f"goemotions_{part}.csv") for part in ("train", "test"))
    labels = train["label"].str.split(";").explode().value_counts().index
    results = read_results(options.results)
    fixed_default(0).fit(["good", "great", "bad", "awful"], ["a", "a", "b", "b"])  # untimed: torch is imported
    for seed in options.seeds:
        for name in options.sets:
            n_labels, kind, size = SETS[name]
            names = labels[:n_labels].tolist()
            (texts, targets), (test_texts, test_targets) = (as_targets(table, names) for table in (train, test))
            n_test = options.test_size or len(test_texts)
            rows = draw(targets, kind, size, seed)
            learned = np.flatnonzero(targets[rows].sum(axis=0) >= MIN_ROWS)
            y = pd.DataFrame(targets[np.ix_(rows, learned)], columns=[names[i] for i in learned])
            for method, build in METHODS.items():
                key = {"set": name, "shots": size, "seed": seed, "model": MODEL, "method": method}
                key |= {"test_size": options.test_size, "threads": options.threads}
                if is_done(results, key, "sksetfit"):
                    continue
                classifier, times = timed("fit", build(seed).fit, [texts[i] for i in rows], y)
                row = measure(classifier.predict(test_texts[:n_test]), test_targets[:n_test, learned])
                add_result(options.results, key, "sksetfit", {"labels": len(learned), **row, **times})
                print(seed, name, method, row["macro_f1"], times["fit_processor_seconds"], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", required=True)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--test-size", type=int, default=1000, help="score on the first rows of the test file, 0: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    with threadpool_limits(options.threads):
        run(options)
    results = read_results(options.results)
    for column in ("test_size", "threads"):
        results = results[results[column] == getattr(options, column)]
    results = results[results["seed"].isin(options.seeds)].groupby(["set", "method"])
    table = results[["macro_f1", "without_label"]].mean().round(3)
    table["fit_processor_seconds"] = results["fit_processor_seconds"].median()
    print(f"Means and median seconds of {len(options.seeds)} samples\n{table.to_string()}")


if __name__ == "__main__":
    main()
