"""Measure how well probabilities fit: those of few-shot text classifiers with the same samples, body and machine.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python calibration.py --data DIR                      # run what the results lack, print the table
    python calibration.py --data DIR --shots 64 --seeds 0 --sets trec
    python calibration.py --table-only                    # print the table of the results, run nothing
    python calibration.py --table-only --probabilities DIR --picture ../../docs/pictures/reliability.png

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label for each set. The methods are

    reference                       the package setfit, with 20 pairs of either kind per text and one epoch, and its
                                    own head, logistic regression with C=1
    sksetfit                        SetFitClassifier with its defaults
    sksetfit, no label texts        SetFitClassifier(label_texts=None)
    sksetfit, temperature           CalibratedClassifierCV(SetFitClassifier(), method="temperature", ensemble=False)

and, only where --methods names them,

    sksetfit, temperature per fold  the same with ensemble=True: a body and a temperature per fold
    sksetfit, sigmoid               with method="sigmoid" and ensemble=False
    sksetfit, sigmoid per fold      with method="sigmoid" and ensemble=True
    sksetfit, temperature held out  a quarter of the sample is kept from the fit; the temperature is fitted on it
    sksetfit, temperature in head   SetFitClassifier with a calibrated head: one body, which has seen every text
    sksetfit, C=1 ...               SetFitClassifier() with head__C=1, and 100

A row of the results has the accuracy, the log loss, the expected calibration error (Guo et al. 2017: 15 bins of the
largest probability, of equal width), the Brier score (squared errors summed over the classes) and the mean of the
largest probability. --probabilities names a folder where the probabilities of each row are kept as well, as NPZ.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from common import (
    MODEL,
    RECIPE,
    add_result,
    is_done,
    is_installed,
    read_results,
    read_texts,
    timed,
    train_reference,
    use_threads,
)
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

SETS = ["sst2", "cr", "trec", "ag_news", "tickets"]
STYLES = {
    "reference": ("tab:orange", "^-"),
    "sksetfit": ("tab:blue", "o-"),
    "sksetfit, temperature": ("tab:green", "s-"),
}
PICTURED_SHOTS = [8, 64]
N_BINS = 15
MEASURES = ["log_loss", "expected_calibration_error", "brier_score", "accuracy"]

Fitted = tuple[NDArray[Any], Callable[[list[str]], Any]]  # the classes, and what gives their probabilities
Fit = Callable[[list[str], list[str], int, str], Fitted]


def answers_of(classifier: Any) -> Fitted:
    return classifier.classes_, classifier.predict_proba


def fit_reference(texts: list[str], labels: list[str], seed: int, model: str) -> Fitted:
    trained = train_reference(texts, labels, seed, model, RECIPE)
    return trained.model_head.classes_, partial(trained.predict_proba, as_numpy=True)


def fit_sksetfit(texts: list[str], labels: list[str], seed: int, model: str, **parameters: object) -> Fitted:
    return answers_of(sksetfit_classifier(seed, model).set_params(**parameters).fit(texts, labels))


def fit_calibrated(texts: list[str], labels: list[str], seed: int, model: str, **parameters: Any) -> Fitted:
    classifier = sksetfit_classifier(seed, model).set_params(label_texts=numbered_label_texts(texts, labels, model))
    numbers = np.unique(labels, return_inverse=True)[1]
    _, predict_proba = answers_of(CalibratedClassifierCV(classifier, **parameters).fit(texts, numbers))
    return np.unique(labels), predict_proba


def numbered_label_texts(texts: list[str], labels: list[str], model: str) -> dict[int, list[str]]:
    """Return what label_texts="auto" chooses, by number: CalibratedClassifierCV takes the labels that are words away.

    method="temperature" and ensemble=False both number the labels before the classifier sees them.
    """
    from sksetfit import SetFitEncoder

    chosen = SetFitEncoder(model, max_steps=0).fit(texts, labels).label_texts_
    return {number: chosen[label] for number, label in enumerate(np.unique(labels).tolist()) if label in chosen}


def fit_held_out(texts: list[str], labels: list[str], seed: int, model: str) -> Fitted:
    seen, kept, seen_labels, kept_labels = train_test_split(
        texts, labels, test_size=0.25, stratify=labels, random_state=seed
    )
    classifier = sksetfit_classifier(seed, model).fit(seen, seen_labels)
    calibrated = CalibratedClassifierCV(FrozenEstimator(classifier), method="temperature", cv=2)
    return answers_of(calibrated.fit(kept, kept_labels))


def fit_calibrated_head(texts: list[str], labels: list[str], seed: int, model: str) -> Fitted:
    head = CalibratedClassifierCV(LogisticRegression(C=10, max_iter=1000), method="temperature")
    return fit_sksetfit(texts, labels, seed, model, head=head)


def sksetfit_classifier(seed: int, model: str) -> Any:
    from sksetfit import SetFitClassifier

    return SetFitClassifier(model, random_state=seed)


class Method(NamedTuple):
    fit: Fit
    package: str = "sksetfit"


METHODS = {
    "reference": Method(fit_reference, "setfit"),
    "sksetfit": Method(fit_sksetfit),
    "sksetfit, no label texts": Method(partial(fit_sksetfit, label_texts=None)),
    "sksetfit, temperature": Method(partial(fit_calibrated, method="temperature", ensemble=False)),
}
COMPARED = list(METHODS)
METHODS["sksetfit, temperature per fold"] = Method(partial(fit_calibrated, method="temperature"))
METHODS["sksetfit, sigmoid"] = Method(partial(fit_calibrated, method="sigmoid", ensemble=False))
METHODS["sksetfit, sigmoid per fold"] = Method(partial(fit_calibrated, method="sigmoid"))
METHODS["sksetfit, temperature held out"] = Method(fit_held_out)
METHODS["sksetfit, temperature in head"] = Method(fit_calibrated_head)
METHODS |= {f"sksetfit, C={C}": Method(partial(fit_sksetfit, head__C=C)) for C in (1, 100)}


def bins_of(confidence: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the bin of each largest probability; a probability between two bins belongs to the lower one."""
    return np.clip(np.ceil(confidence * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)


def expected_calibration_error(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    gaps = np.bincount(bins_of(confidence), weights=confidence - right, minlength=N_BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def scores(classes: NDArray[Any], probabilities: NDArray[np.floating], labels: NDArray[Any]) -> dict[str, float]:
    confidence, right = probabilities.max(axis=1), classes[probabilities.argmax(axis=1)] == labels
    measures = {
        "accuracy": right.mean(),
        "log_loss": log_loss(labels, probabilities, labels=classes),
        "expected_calibration_error": expected_calibration_error(confidence, right),
        "brier_score": ((probabilities - (labels[:, None] == classes)) ** 2).sum(axis=1).mean(),
        "mean_confidence": confidence.mean(),
    }
    return {name: round(float(value), 4) for name, value in measures.items()}


def measure(fit: Fit, sample: pd.DataFrame, test: pd.DataFrame, seed: int, model: str) -> tuple[dict[str, Any], Any]:
    fitted, fit_times = timed("fit", fit, sample["text"].tolist(), sample["label"].tolist(), seed, model)
    classes, predict_proba = fitted
    probabilities = np.asarray(predict_proba(test["text"].tolist()), dtype=np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)  # of float32 embeddings they sum to 1 but roughly
    answers = {"classes": np.asarray(classes, dtype=str), "probabilities": probabilities}
    answers["labels"] = test["label"].to_numpy(dtype=str)
    return {"test_rows": len(test), **scores(**answers), **fit_times}, answers


def file_name(key: dict[str, Any]) -> str:
    return "-".join(str(key[name]) for name in ("set", "shots", "seed", "method")) + ".npz"


def cases(options: argparse.Namespace) -> Iterator[tuple[str, int, pd.DataFrame, pd.DataFrame]]:
    for name in options.sets:
        train, test = (read_texts(options.data / f"{name}_{part}.csv") for part in ("train", "test"))
        for seed in options.seeds:
            sample = train.groupby("label").sample(options.shots, random_state=seed).sample(frac=1, random_state=seed)
            yield name, seed, sample, test.head(options.test_size or len(test))


def run(options: argparse.Namespace) -> None:
    use_threads(options.threads)
    methods = {name: METHODS[name] for name in options.methods if is_installed(METHODS[name].package)}
    results = read_results(options.results)
    shared = {"model": options.model, "test_size": options.test_size, "threads": options.threads}
    for set_name, seed, sample, test in cases(options):
        for name, method in methods.items():
            key = {"set": set_name, "shots": options.shots, "seed": seed, "method": name, **shared}
            if is_done(results, key, method.package):
                continue
            row, answers = measure(method.fit, sample, test, seed, options.model)
            if options.probabilities:
                options.probabilities.mkdir(parents=True, exist_ok=True)
                np.savez_compressed(options.probabilities / file_name(key), **answers)
            add_result(options.results, key, method.package, row)
            print(f"{set_name} {seed} {name}: " + ", ".join(f"{m} {row[m]}" for m in MEASURES), flush=True)


def chosen_results(options: argparse.Namespace) -> pd.DataFrame:
    results = read_results(options.results)
    wanted = {"set": options.sets, "shots": [options.shots], "seed": options.seeds, "method": options.methods}
    wanted |= {"model": [options.model], "test_size": [options.test_size], "threads": [options.threads]}
    return results[results[list(wanted)].isin(wanted).all(axis=1)]


def table(results: pd.DataFrame) -> str:
    """Return means over the seeds, of the sets and seeds that all methods have."""
    methods = [name for name in METHODS if name in set(results["method"])]
    by_seed = results.pivot_table(index=["set", "seed"], columns="method", values=MEASURES).dropna()
    means = by_seed.groupby("set").mean()
    means.loc["mean"] = means.mean()
    lines = [["set", "measure", *methods], ["---"] * (2 + len(methods))]
    for name, row in means.iterrows():
        lines += [[name, measure, *(f"{row[measure, method]:.3f}" for method in methods)] for measure in MEASURES]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def kept_answers(options: argparse.Namespace, name: str, shots: int, method: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the largest probabilities that were kept, and which of them were those of the right class."""
    confidence, right = [np.empty(0)], [np.empty(0, dtype=bool)]
    for seed in options.seeds:
        path = options.probabilities / file_name({"set": name, "shots": shots, "seed": seed, "method": method})
        if not path.exists():
            continue
        with np.load(path) as file:
            confidence.append(file["probabilities"].max(axis=1))
            right.append(file["classes"][file["probabilities"].argmax(axis=1)] == file["labels"])
    return np.concatenate(confidence), np.concatenate(right)


def draw_reliability(options: argparse.Namespace) -> None:
    """Draw how many answers are right against how sure they are, in ten bins of as many answers each."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(options.sets), 3.5 * len(PICTURED_SHOTS)), layout="constrained")
    axes = figure.subplots(len(PICTURED_SHOTS), len(options.sets), sharex=True, sharey=True, squeeze=False)
    for (row, shots), (column, name) in product(enumerate(PICTURED_SHOTS), enumerate(options.sets)):
        axis = axes[row, column]
        axis.plot([0, 1], [0, 1], ":", color="tab:gray")
        for method, (colour, style) in STYLES.items():
            if method not in options.methods:
                continue
            confidence, right = kept_answers(options, name, shots, method)
            share, mean = (
                calibration_curve(right, confidence, n_bins=10, strategy="quantile") if len(right) else ([], [])
            )
            axis.plot(mean, share, style, color=colour, label=method, markersize=4, clip_on=False)
        axis.set(title=f"{name}, {shots} texts per class", xlim=(0.3, 1), ylim=(0.3, 1))
        axis.grid(alpha=0.3)
    figure.supxlabel("probability of the answer", fontsize="medium")
    figure.supylabel("share of right answers", fontsize="medium")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=len(STYLES), frameon=False)
    figure.savefig(options.picture, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of NAME_train.csv and NAME_test.csv")
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="NAME")
    parser.add_argument("--shots", type=int, default=8, help="training texts per class")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=COMPARED, choices=METHODS)
    parser.add_argument("--model", default=MODEL, help="name or folder of the body")
    parser.add_argument("--test-size", type=int, default=1000, help="score on the first rows of the test file, 0: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--probabilities", type=Path, metavar="DIR", help="keep the probabilities in this folder")
    parser.add_argument("--table-only", action="store_true", help="print the table, run nothing")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw reliability curves of --probabilities")
    options = parser.parse_args()
    if options.picture and not options.probabilities:
        parser.error("--picture needs --probabilities, the folder where they were kept")
    if not options.table_only:
        if options.data is None:
            parser.error("--data is needed unless --table-only is given")
        with threadpool_limits(options.threads):
            run(options)
    results = chosen_results(options)
    if results.empty:
        parser.exit(message="There are no results for these options.\n")
    print(f"{options.shots} texts per class, seeds {options.seeds}.\n\n{table(results)}")
    if options.picture:
        draw_reliability(options)


if __name__ == "__main__":
    main()
