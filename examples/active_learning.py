"""Active learning measured: accuracy by the number of labels, for several ways to choose texts
==============================================================================================

.. code-block:: console

    $ python examples/active_learning.py --figure curves.png
    $ python examples/active_learning.py --data FILE.csv --text COLUMN --label COLUMN --labels-per-class 8 48

:doc:`ask_in_terminal` asks a person instead. All labels are known here and are hidden until they are asked for, so
that the ways can be compared: each begins with the same few texts of each label, asks for a batch, fits a new
classifier on all it has, and so on. Without --data that is done with the shipped tickets, offline and in a minute or
two.

With --results the rows are kept in a file, and those that are there already are not measured again.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import inspect
import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import Clue, MaxHerding, RandomSampling, UncertaintySampling
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from sksetfit import SetFitClassifier, load_tickets

STRATEGIES: dict[str, Callable[..., Any]] = {
    "random": RandomSampling,
    "least-confident": partial(UncertaintySampling, method="least_confident"),
    "margin": partial(UncertaintySampling, method="margin_sampling"),
    "entropy": partial(UncertaintySampling, method="entropy"),
    "clue": partial(Clue, method="margin_sampling"),  # one text of each of n clusters, unsure ones weigh more
    "max-herding": MaxHerding,  # texts that stand for many others; looks at embeddings only
}
PACKAGES = ["sksetfit", "scikit-activeml", "torch", "sentence-transformers", "transformers", "scikit-learn"]


class Data(NamedTuple):
    pool: NDArray[Any]
    pool_labels: NDArray[Any]  # hidden until asked for
    test: NDArray[Any]
    test_labels: NDArray[Any]


def ask(strategy: str, classifier: Any, X: NDArray[Any], known: NDArray[Any], n_texts: int, seed: int) -> list[int]:
    """Return the rows of ``X`` to label next; ``known`` has None where there is no label yet."""
    query = STRATEGIES[strategy](missing_label=None, random_state=seed).query
    # The library takes no texts: it is given what the classifier's head is given. Chance needs no embeddings.
    embeddings = np.zeros((len(X), 1)) if strategy == "random" else classifier.encoder_.transform(X)
    # Frozen, because the library fits what it is given once more, and would do so without the names of the classes.
    head = SklearnClassifier(FrozenEstimator(classifier.head_), classes=classifier.classes_, missing_label=None)
    wanted = {name: head for name in ("clf", "estimator") if name in inspect.signature(query).parameters}
    return [int(row) for row in query(embeddings, known, batch_size=n_texts, **wanted)]


def learning_curve(
    strategy: str, classifier: Any, data: Data, asked: list[int], n_labels: int, per_round: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Yield the labels and accuracy of each round, and the seconds since the one before.

    The first is that of ``classifier``, which has been fitted on the rows ``asked``.
    """
    times = {"ask_processor_seconds": 0.0, "fit_processor_seconds": 0.0}
    while True:
        accuracy = round(float(classifier.score(data.test, data.test_labels)), 4)
        yield {"labels": len(asked), "accuracy": accuracy, **times, "asked": asked}
        if len(asked) >= n_labels:
            return
        began = time.process_time()
        known = np.full(len(data.pool), None, dtype=object)
        known[asked] = data.pool_labels[asked]
        asked = asked + ask(strategy, classifier, data.pool, known, min(per_round, n_labels - len(asked)), seed)
        chosen = time.process_time()
        # Afresh: with warm_start=True a round costs half as much, and a point of accuracy.
        classifier = clone(classifier).fit(data.pool[asked], data.pool_labels[asked])
        fitted = time.process_time()
        times = {"ask_processor_seconds": round(chosen - began, 2), "fit_processor_seconds": round(fitted - chosen, 2)}


def read_data(options: argparse.Namespace) -> Data:
    """Return the pool and the texts to be scored on: those of --test, or a third of all."""
    if options.data is None:
        tickets = load_tickets(as_frame=True).frame
        options.text, options.label = tickets.columns
    else:
        tickets = read_texts(options.data, options.text, options.label)
    if options.largest is not None:
        tickets = tickets[tickets[options.label].isin(tickets[options.label].value_counts().index[: options.largest])]
    if options.test is None:
        tickets = of_labels(tickets, options.label, at_least=3)  # a third is to test on
        pool, test = train_test_split(tickets, test_size=1 / 3, stratify=tickets[options.label], random_state=0)
    else:
        pool, test = tickets, read_texts(options.test, options.text, options.label)
        test = test[test[options.label].isin(pool[options.label])]
    parts = [part[column].to_numpy(dtype=object) for part in (pool, test) for column in (options.text, options.label)]
    return Data(*parts)


def of_labels(tickets: pd.DataFrame, label: str, *, at_least: int) -> pd.DataFrame:
    """Return the texts of labels that have enough of them, two labels or more."""
    counts = tickets[label].value_counts()
    if rare := counts.index[counts < at_least].tolist():
        print(f"left out, with fewer than {at_least} texts: {', '.join(rare)}")
    if len(counts) - len(rare) < 2:
        raise SystemExit(f"--data: this script needs two labels or more with at least {at_least} texts each.")
    return tickets[~tickets[label].isin(rare)]


def read_texts(path: Path, text: str, label: str) -> pd.DataFrame:
    if not path.exists():
        raise SystemExit(f"There is no file {path}.")
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := {text, label} - set(rows.columns):
        raise SystemExit(f"{path} has no column {sorted(missing)}, but {list(rows.columns)}: name --text and --label.")
    return rows


def checked(data: Data, first: int, last: int) -> Data:
    """Return the data if there are enough texts for these labels per class."""
    counts = pd.Series(data.pool_labels).value_counts()
    most = len(data.pool) // len(counts)
    if counts.min() < first:
        raise SystemExit(
            f"{counts.idxmin()!r} has {counts.min()} texts to choose from, and the start takes {first} of each label. "
            f"Leave out small labels by --largest, or start with fewer: --labels-per-class "
            f"{counts.min()} {min(last, most)}."
        )
    if last * len(counts) > len(data.pool) or last < first:
        raise SystemExit(
            f"--labels-per-class {first} {last} must rise and end within the {len(data.pool)} texts of {len(counts)} "
            f"labels that there are to choose from: at {most} or below."
        )
    return data


def measure(options: argparse.Namespace, data: Data) -> pd.DataFrame:
    """Return a row for each strategy, seed and round, and add those that are new to --results."""
    first, last = options.labels_per_class
    n_classes = len(np.unique(data.pool_labels))
    results = pd.DataFrame(columns=["strategy", "seed"])
    if options.results is not None and options.results.exists():
        results = pd.read_csv(options.results)
    for seed in range(options.seeds):
        missing = [name for name in options.strategies if not is_in(results, name, seed)]
        if not missing:
            continue
        labels = pd.DataFrame({"label": data.pool_labels})
        start = (
            labels.groupby("label").sample(first, random_state=seed).sample(frac=1, random_state=seed).index.tolist()
        )
        classifier = SetFitClassifier(options.model, random_state=seed).fit(data.pool[start], data.pool_labels[start])
        for strategy in missing:
            per_round = options.per_round * n_classes
            rows = learning_curve(strategy, classifier, data, start, last * n_classes, per_round, seed)
            curve = pd.DataFrame(rows).drop(columns="asked").assign(versions=versions())
            curve.insert(0, "strategy", strategy)
            curve.insert(1, "seed", seed)
            print(f"seed {seed}, {strategy}: {curve['accuracy'].tolist()}", flush=True)
            results = pd.concat([results, curve]) if len(results) else curve
            if options.results is not None:
                results.to_csv(options.results, index=False)
    return results[results["strategy"].isin(options.strategies) & (results["seed"] < options.seeds)]


def is_in(results: pd.DataFrame, strategy: str, seed: int) -> bool:
    return bool(((results["strategy"] == strategy) & (results["seed"] == seed)).any())


def versions() -> str:
    found = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    return "; ".join([*found, f"python {platform.python_version()}"])


def table(results: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy by strategy and number of labels: mean and standard deviation over the seeds, in percent."""
    curves = (100 * results.set_index(["strategy", "labels"])["accuracy"]).groupby(level=[0, 1], sort=False)
    means, spread = curves.mean().unstack(), curves.std(ddof=0).unstack()
    text = means.map("{:.1f}".format) + " ± " + spread.map("{:.1f}".format)
    if "random" in means.index:
        goal = means.loc["random"].iloc[-1]
        reached = (means >= goal).idxmax(axis=1).where((means >= goal).any(axis=1))
        text[f"labels for {goal:.1f}"] = reached.map(lambda n: "not reached" if pd.isna(n) else f"{n:.0f}")
    return text


def draw(results: pd.DataFrame, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axis = figure.subplots()
    groups = (100 * results.set_index(["strategy", "labels"])["accuracy"]).groupby(level=[0, 1], sort=False)
    means, spread = groups.mean().unstack(), groups.std(ddof=0).unstack()
    step = float(np.diff(means.columns).min()) if means.shape[1] > 1 else 1.0
    for number, strategy in enumerate(means.index):
        beside = means.columns + step * 0.03 * (number - (len(means) - 1) / 2)  # so that the bars stand side by side
        style = {"fmt": "o--", "color": "black"} if strategy == "random" else {"fmt": "o-"}
        axis.errorbar(beside, means.loc[strategy], spread.loc[strategy], ms=4, label=strategy, **style)
    axis.set(xlabel="labelled texts", ylabel="accuracy in %")
    axis.set_xticks(means.columns)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    figure.savefig(file, dpi=120)


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FILE.csv", help="texts and labels; without it the tickets")
    parser.add_argument("--test", type=Path, metavar="FILE.csv", help="texts to score on; without it a third of --data")
    parser.add_argument("--text", default="text", metavar="COLUMN")
    parser.add_argument("--label", default="label", metavar="COLUMN")
    parser.add_argument("--largest", type=int, metavar="N", help="keep the N labels of the most texts")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=["random", "margin", "clue"])
    parser.add_argument("--labels-per-class", type=int, nargs=2, default=[8, 16], metavar=("FIRST", "LAST"))
    parser.add_argument("--per-round", type=int, default=4, metavar="N", help="texts per class asked for in a round")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="repeat with seeds 0 to N - 1")
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--results", type=Path, metavar="FILE.csv")
    parser.add_argument("--figure", type=Path, metavar="FILE.png")
    options = parser.parse_args(arguments)
    results = measure(options, checked(read_data(options), *options.labels_per_class))
    print(f"\nAccuracy in percent by the number of labels, {options.seeds} seeds:\n\n{table(results).to_string()}")
    if options.figure is not None:
        draw(results, options.figure)
    return results


if __name__ == "__main__":
    main()
