"""Measure what 1,000 unlabelled texts are worth beside 8 labelled texts per class.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python unlabelled.py --data DIR              # run what the results lack, print the table
    python unlabelled.py --data DIR --kinds "half foreign" "one to five"
    python unlabelled.py --table-only            # of the methods that were measured on all samples

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label. Unlabelled texts are drawn from the rest of
the train file; the score is accuracy on the first 1,000 test texts. The methods are

    labelled only         SetFitClassifier with its defaults
    head only             its head, fitted again with the most confident three quarters of the unlabelled texts of each
                          predicted class, which weigh as much together as the labelled ones
    self-training         SetFitClassifier fitted again with the most confident half of them, with 48 steps
    ..., half foreign     500 of the unlabelled texts are of another set, and belong to no class (--kinds)
    ..., one to five      every second class has a fifth of the unlabelled texts that the others have

The most confident are those whose two highest probabilities differ most. Predictions are in bfloat16. Processor seconds
of the first method are those of its fit; those of the others include this fit.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from common import MODEL, add_result, is_done, read_results, read_texts, run_and_print, timed, use_threads
from numpy.typing import NDArray
from sklearn.base import clone

SHOTS, N_UNLABELLED, N_STEPS = 8, 1000, 48
FOREIGN = {"sst2": "trec", "cr": "trec", "trec": "ag_news", "ag_news": "tickets"}
KINDS = {"as drawn": "", "half foreign": ", half foreign", "one to five": ", one to five"}


def unlabelled_texts(rest: pd.DataFrame, kind: str, seed: int, foreign: pd.DataFrame) -> list[str]:
    if kind == "half foreign":
        half = N_UNLABELLED // 2
        chosen = pd.concat([rest.sample(half, random_state=seed), foreign.sample(half, random_state=seed)])
    elif kind == "one to five":
        shares = {name: 0.2 if i % 2 == seed % 2 else 1.0 for i, name in enumerate(sorted(rest["label"].unique()))}
        counts = rest["label"].value_counts()
        most = min(N_UNLABELLED / sum(shares.values()), *(counts[name] / share for name, share in shares.items()))
        parts = [rest[rest["label"] == name].sample(int(most * shares[name]), random_state=seed) for name in shares]
        chosen = pd.concat(parts)
    else:
        chosen = rest.sample(N_UNLABELLED, random_state=seed)
    return chosen.sample(frac=1, random_state=seed)["text"].tolist()


def most_confident(probabilities: NDArray[Any], share: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return of each predicted class the rows of the largest margins, and the class of each."""
    predicted = probabilities.argmax(axis=1)
    ranked = np.sort(probabilities, axis=1)
    margins = ranked[:, -1] - ranked[:, -2]
    of_classes = [np.flatnonzero(predicted == code) for code in np.unique(predicted)]
    rows = np.concatenate([row[np.argsort(-margins[row])[: int(np.ceil(share * len(row)))]] for row in of_classes])
    return rows, predicted[rows]


def fit_labelled(known: pd.DataFrame, seed: int) -> Any:
    from sksetfit import SetFitClassifier

    classifier = SetFitClassifier(random_state=seed).fit(known["text"].tolist(), known["label"].tolist())
    classifier.precision = classifier.encoder_.precision = "bfloat16"  # for predictions
    return classifier


def fit_head(first: Any, known: pd.DataFrame, texts: list[str]) -> Any:
    names = first.encoder_.label_texts_
    labelled = known["text"].tolist() + [text for texts_of_one in names.values() for text in texts_of_one]
    y = np.array([*known["label"], *(name for name, texts_of_one in names.items() for _ in texts_of_one)], dtype=object)
    embeddings, new = first.encoder_.transform(labelled), first.encoder_.transform(texts)
    rows, codes = most_confident(first.head_.predict_proba(new), 0.75)
    weights = np.r_[np.ones(len(y)), np.full(len(rows), len(y) / len(rows))]
    head = clone(first.head_).fit(np.vstack([embeddings, new[rows]]), np.r_[y, first.classes_[codes]], weights)
    return lambda test_texts: head.predict(first.encoder_.transform(test_texts))


def fit_again(first: Any, known: pd.DataFrame, texts: list[str]) -> Any:
    rows, codes = most_confident(first.predict_proba(texts), 0.5)
    again = clone(first).set_params(max_steps=N_STEPS, precision="auto")
    again.fit(known["text"].tolist() + [texts[i] for i in rows], [*known["label"], *first.classes_[codes]])
    again.precision = "bfloat16"
    return again.predict


FITS = {"head only": fit_head, "self-training": fit_again}
METHODS = ["labelled only", *(name + suffix for suffix in KINDS.values() for name in FITS)]


def run(options: argparse.Namespace) -> None:
    from sksetfit import SetFitClassifier

    use_threads(1)
    SetFitClassifier(max_steps=2).fit(["good", "great", "bad", "awful"], ["yes", "yes", "no", "no"])
    for seed in options.seeds:
        for name in options.sets:
            run_sample(options, name, seed)


def run_sample(options: argparse.Namespace, name: str, seed: int) -> None:
    train, test = (read_texts(options.data / f"{name}_{part}.csv") for part in ("train", "test"))
    foreign = read_texts(options.data / f"{FOREIGN[name]}_train.csv")
    test = test.head(1000)
    known = train.groupby("label").sample(SHOTS, random_state=seed).sample(frac=1, random_state=seed)
    key = {"set": name, "shots": SHOTS, "seed": seed, "model": MODEL, "test_size": 1000, "threads": 1}
    results = read_results(options.results)
    kinds = {kind: KINDS[kind] for kind in options.kinds}
    methods = ["labelled only", *(name + suffix for suffix in kinds.values() for name in FITS)]
    done = {method: is_done(results, {**key, "method": method}, "sksetfit") for method in methods}
    if all(done.values()):
        return
    first, times = timed("fit", fit_labelled, known, seed)

    def keep(method: str, predict: Any, seconds: float, n_texts: int) -> None:
        accuracy = round(float(np.mean(predict(test["text"].tolist()) == test["label"].to_numpy())), 4)
        measures = {"unlabelled_rows": n_texts, "test_rows": len(test), "accuracy": accuracy}
        measures["fit_processor_seconds"] = round(seconds, 3)
        add_result(options.results, {**key, "method": method}, "sksetfit", measures)
        print(name, seed, method, accuracy, flush=True)

    before = times["fit_processor_seconds"]
    if not done["labelled only"]:
        keep("labelled only", first.predict, before, 0)
    for kind, suffix in kinds.items():
        texts = unlabelled_texts(train.drop(known.index), kind, seed, foreign)
        for method, fit in FITS.items():
            if not done[method + suffix]:
                predict, times = timed("fit", fit, first, known, texts)
                keep(method + suffix, predict, before + times["fit_processor_seconds"], len(texts))


def table(results: pd.DataFrame) -> str:
    by_seed = 100 * results.pivot_table(index=["set", "seed"], columns="method", values="accuracy")
    by_seed = by_seed[[method for method in METHODS if method in by_seed]].dropna(axis=1)
    gains = by_seed.sub(by_seed["labelled only"], axis=0)
    seconds = results.pivot_table(index=["set", "seed"], columns="method", values="fit_processor_seconds")
    cost = seconds.div(seconds["labelled only"], axis=0).median()
    means, spread = by_seed.groupby("set").mean(), by_seed.groupby("set").std()
    lines = [["method", *means.index, "mean", "gain", "cost"], ["---"] * (len(means) + 4)]
    for method in by_seed:
        cells = [f"{means[method][name]:.1f} ± {spread[method][name]:.1f}" for name in means.index]
        gain = f"{gains[method].mean():+.1f} ± {gains[method].sem():.1f}"
        lines.append([method, *cells, f"{means[method].mean():.1f}", gain, f"{cost[method]:.1f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["sst2", "cr", "trec", "ag_news"], metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=["as drawn"], help="of unlabelled texts")
    run_and_print(parser, __file__, run, table, "Accuracy in percent, means ± standard deviation over seeds")


if __name__ == "__main__":
    main()
