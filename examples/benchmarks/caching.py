"""Measure the cost of a grid over the head with cached bodies, against the unavoidable fits.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python caching.py --data DIR                # run what the results lack, print the table
    python caching.py --table-only

DIR holds NAME_train.csv with the columns text and label. The grid has 12 values of C in 3 folds, 37 fits with the one
at the end; 16 texts per class. Processor seconds, and how often a body was tuned, for

    four fits           one of each fold, and one of all texts: SetFitClassifier with its defaults
    classifier          GridSearchCV(SetFitClassifier(memory=...), ...)
    encoder             GridSearchCV of a Pipeline of SetFitEncoder(memory=...) and LogisticRegression
    pipeline            GridSearchCV of Pipeline(..., memory=...)
    no memory           GridSearchCV(SetFitClassifier(), ...): only where --all asks for it
"""

from __future__ import annotations

import argparse
import tempfile
from typing import Any

import numpy as np
import pandas as pd
from common import MODEL, add_result, is_done, read_results, read_texts, run_and_print, timed, use_threads
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline

SHOTS, N_FOLDS, VALUES_OF_C = 16, 3, np.logspace(-2, 3, 12)
METHODS = ["four fits", "classifier", "encoder", "pipeline"]


def count_tunings() -> list[Any]:
    """Return a list that grows by one with each tuning."""
    from sksetfit.training import run

    made, run_steps = [], run.run_steps

    def counted(state: Any, *args: Any, **kwargs: Any) -> None:
        made.append(state)
        run_steps(state, *args, **kwargs)

    run.run_steps = counted
    return made


def fit(method: str, texts: np.ndarray, labels: np.ndarray, seed: int) -> None:
    from sksetfit import SetFitClassifier, SetFitEncoder

    folds = StratifiedKFold(N_FOLDS)
    if method == "four fits":
        for rows in [*(train for train, _ in folds.split(texts, labels)), np.arange(len(texts))]:
            SetFitClassifier(random_state=seed).fit(texts[rows], labels[rows])
        return
    with tempfile.TemporaryDirectory() as folder:
        places = {"encoder": (folder, None), "pipeline": (None, folder)}
        if method in places:
            encoder = SetFitEncoder(random_state=seed, memory=places[method][0])
            steps = [("encoder", encoder), ("head", LogisticRegression(max_iter=1000))]
            estimator: Any = Pipeline(steps, memory=places[method][1])
        else:
            estimator = SetFitClassifier(random_state=seed, memory=folder if method == "classifier" else None)
        GridSearchCV(estimator, {"head__C": VALUES_OF_C}, cv=folds).fit(texts, labels)


def run(options: argparse.Namespace) -> None:
    use_threads(1)
    tunings = count_tunings()
    fit("four fits", np.array(["good", "great", "fine", "bad", "awful", "poor"]), np.repeat(["yes", "no"], 3), 0)
    for name in options.sets:
        train = read_texts(options.data / f"{name}_train.csv")
        for seed in options.seeds:
            sample = train.groupby("label").sample(SHOTS, random_state=seed).sample(frac=1, random_state=seed)
            texts, labels = sample["text"].to_numpy(dtype=object), sample["label"].to_numpy(dtype=object)
            for method in [*METHODS, *(["no memory"] if options.all else [])]:
                key = {"set": name, "shots": SHOTS, "seed": seed, "method": method, "model": MODEL, "test_size": 0}
                key["threads"] = 1
                if is_done(read_results(options.results), key, "sksetfit"):
                    continue
                tunings.clear()
                _, times = timed("fit", fit, method, texts, labels, seed)
                add_result(options.results, key, "sksetfit", {"tunings": len(tunings), **times})
                print(name, seed, method, len(tunings), times["fit_processor_seconds"], flush=True)


def table(results: pd.DataFrame) -> str:
    seconds = results.pivot_table(index=["set", "seed"], columns="method", values="fit_processor_seconds")
    ratios = seconds.div(seconds["four fits"], axis=0)
    tunings = results.groupby("method")["tunings"].agg(lambda counts: "/".join(map(str, sorted(set(counts)))))
    names = [name for name in [*METHODS, "no memory"] if name in seconds]
    lines = [["", *names], ["---"] * (1 + len(names))]
    lines.append(["tunings", *(tunings[name] for name in names)])
    for row in ratios.groupby("set").median().itertuples():
        lines.append([row.Index, *(f"{ratios.groupby('set').median().loc[row.Index, name]:.2f}" for name in names)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["sst2", "trec", "ag_news"], metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--all", action="store_true", help="also the grid without a memory")
    run_and_print(parser, __file__, run, table, "Processor seconds divided by those of four fits, medians")


if __name__ == "__main__":
    main()
