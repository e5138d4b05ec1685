"""Compare few-shot text classifiers on the same samples, with the same body, on the same machine.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python few_shot.py --data DIR                    # run what the results lack, print the table
    python few_shot.py --data DIR --sets cr trec --methods frozen sksetfit
    python few_shot.py --table-only                  # print the table of the results, run nothing

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label for each set. The methods are

    frozen                    logistic regression on the embeddings of the body as it comes
    sksetfit                  SetFitClassifier with its defaults
    sksetfit, no label texts  SetFitClassifier(label_texts=None)
    reference                 the package setfit, with 20 pairs of either kind per text and one epoch, as in its paper

and, only where --methods names them,

    sksetfit, float32            SetFitClassifier(precision="float32"); tuning is in bfloat16 where the processor has it
    sksetfit, abbreviated names  the classes renamed before the fit: the first three letters of each word
    sksetfit, meaningless names  names of colours
    sksetfit, wrong names        the name of the next class
    sksetfit, descriptions       label_texts={label: four short texts}, of the sets that DESCRIPTIONS has
    sksetfit, rate R             SetFitClassifier(label_texts=None, learning_rate=R), for 2e-5, 5e-5, 1e-4 and 2e-4
    reference, its defaults      the package setfit with all pairs, the rarer kind repeated

Those whose package is missing are skipped. All that a fit does is timed, loading the body included, after one
untimed fit on four texts. Processor seconds count all threads. A result is appended to the results file as soon as it
is there, and measured again only with other versions of the packages, or with other sources of sksetfit.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from common import (
    KEY,
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
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

SETS = ["sst2", "cr", "trec", "ag_news", "tickets"]
LEGEND = """Accuracy in percent, mean ± standard deviation over seeds, and median processor seconds of fit; then mean
differences to setfit on the same samples, in points ± standard error, and ratios of the seconds. The last line
is of the sets that have all methods; its ratios are geometric means."""

Predict = Callable[[list[str]], Any]


def fit_frozen(texts: list[str], labels: list[str], seed: int, model: str) -> Predict:
    from sentence_transformers import SentenceTransformer

    body = SentenceTransformer(body_source(model))
    head = LogisticRegression(max_iter=1000, random_state=seed).fit(body.encode(texts), labels)
    return lambda test_texts: head.predict(body.encode(test_texts))


def fit_sksetfit(texts: list[str], labels: list[str], seed: int, model: str, **parameters: object) -> Predict:
    from sksetfit import SetFitClassifier

    return SetFitClassifier(model, random_state=seed, **parameters).fit(texts, labels).predict


COLOURS = ["red", "green", "blue", "yellow", "black", "white", "purple", "orange", "brown", "pink"]
RENAMINGS: dict[str, Callable[[list[str]], list[str]]] = {
    "abbreviated": lambda names: ["_".join(word[:3] for word in re.findall(r"\w+", name)) for name in names],
    "meaningless": lambda names: COLOURS[: len(names)],
    "wrong": lambda names: names[1:] + names[:1],
}


class InapplicableError(Exception):
    """A method does not fit a data set."""


def fit_renamed(texts: list[str], labels: list[str], seed: int, model: str, renaming: str) -> Predict:
    names = sorted(set(labels))
    new_names = RENAMINGS[renaming](names)
    if len(set(new_names)) < len(names):
        raise InapplicableError(f"there are {len(set(new_names))} {renaming} names for {len(names)} classes")
    predict = fit_sksetfit(texts, [new_names[names.index(label)] for label in labels], seed, model)
    return lambda test_texts: [names[new_names.index(label)] for label in predict(test_texts)]


def fit_reference(texts: list[str], labels: list[str], seed: int, model: str, recipe: dict[str, Any]) -> Predict:
    predict: Predict = train_reference(texts, labels, seed, model, recipe).predict
    return predict


# Written from the names of the classes and training texts, before any test text was read.
DESCRIPTIONS: dict[str, dict[str, list[str]]] = {
    "sst2": {
        "positive": ["a great film", "I enjoyed this movie", "funny, moving and well acted", "a positive review"],
        "negative": ["a bad film", "I did not enjoy this movie", "dull, clumsy and badly acted", "a negative review"],
    },
    "cr": {
        "positive": ["it works great", "I am happy with it", "good quality and easy to use", "a positive review"],
        "negative": ["it does not work", "I am unhappy with it", "poor quality and hard to use", "a negative review"],
    },
    "trec": {
        "abbreviation": ["abbreviation", "What does this abbreviation stand for?", "What is it short for?", "acronym"],
        "description": ["definition", "What does this word mean?", "How does it work?", "Why does this happen?"],
        "entity": ["a thing", "Which animal, plant, food or product?", "What is it called?", "Which language or game?"],
        "human": ["a person", "Who was the first to do it?", "Which company or group made it?", "Whose name is it?"],
        "location": ["a place", "Where is it?", "Which country, city or state?", "Which river or mountain?"],
        "number": ["a number", "How many are there?", "When did it happen?", "How much, how far, how old?"],
    },
    "tickets": {
        "apache": ["apache", "the web server httpd", "requests, modules and virtual hosts", "httpd.conf"],
        "eclipse": ["eclipse", "the Java development environment", "an exception in a plugin or editor", "workspace"],
        "firefox": ["firefox", "the web browser", "tabs, bookmarks and web pages", "Mozilla"],
        "linux": ["linux", "the operating system kernel", "a driver or hardware does not work", "kernel panic at boot"],
        "openoffice": ["openoffice", "the office suite", "documents, spreadsheets and printing", "writer and calc"],
    },
}


class Method(NamedTuple):
    fit: Callable[..., Predict]
    package: str
    is_described: bool = False  # whether its fit gets the descriptions of the set

    def of_set(self, name: str) -> Callable[[list[str], list[str], int, str], Predict]:
        """Return the fit for the set of this name."""
        if not self.is_described:
            return self.fit
        if name not in DESCRIPTIONS:
            raise InapplicableError("it has no descriptions")
        return partial(self.fit, label_texts=DESCRIPTIONS[name])


METHODS = {
    "frozen": Method(fit_frozen, "sentence-transformers"),
    "sksetfit": Method(fit_sksetfit, "sksetfit"),
    "sksetfit, no label texts": Method(partial(fit_sksetfit, label_texts=None), "sksetfit"),
    "reference": Method(partial(fit_reference, recipe=RECIPE), "setfit"),
}
COMPARED = list(METHODS)
METHODS["sksetfit, float32"] = Method(partial(fit_sksetfit, precision="float32"), "sksetfit")
METHODS["reference, its defaults"] = Method(partial(fit_reference, recipe={}), "setfit")
METHODS["sksetfit, descriptions"] = Method(fit_sksetfit, "sksetfit", is_described=True)
METHODS |= {
    f"sksetfit, rate {rate:.0e}": Method(partial(fit_sksetfit, label_texts=None, learning_rate=rate), "sksetfit")
    for rate in (2e-5, 5e-5, 1e-4, 2e-4)
}
METHODS |= {f"sksetfit, {name} names": Method(partial(fit_renamed, renaming=name), "sksetfit") for name in RENAMINGS}


def model_name(model: str) -> str:
    return Path(model).resolve().name if Path(model).is_dir() else model


def measure(
    fit: Callable[..., Predict], sample: pd.DataFrame, test: pd.DataFrame, seed: int, model: str
) -> dict[str, Any]:
    predict, fit_times = timed("fit", fit, sample["text"].tolist(), sample["label"].tolist(), seed, model)
    predictions, predict_times = timed("predict", predict, test["text"].tolist())
    accuracy = round(float(np.mean(np.asarray(predictions) == test["label"].to_numpy())), 4)
    return {"test_rows": len(test), "accuracy": accuracy, **fit_times, **predict_times}


def read_set(options: argparse.Namespace, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    train, test = (read_texts(options.data / f"{name}_{part}.csv") for part in ("train", "test"))
    test = test.head(options.test_size or len(test))
    n_seen, n_classes = test["label"].nunique(), train["label"].nunique()
    if n_seen < n_classes:
        raise SystemExit(
            f"The first {len(test)} test rows of {name} have {n_seen} of {n_classes} classes: --test-size 0"
        )
    if train["label"].value_counts().min() < options.shots:
        raise SystemExit(f"A class of {name} has less than {options.shots} training rows.")
    return train, test


def run(options: argparse.Namespace) -> None:
    use_threads(options.threads)
    methods = {name: METHODS[name] for name in options.methods if is_installed(METHODS[name].package)}
    for name in set(options.methods) - set(methods):
        print(f"{name}: skipped, the package {METHODS[name].package} is not installed")
    results = read_results(options.results)
    shared = {"model": model_name(options.model), "test_size": options.test_size, "threads": options.threads}
    warm = set()
    for set_name in options.sets:
        train, test = read_set(options, set_name)
        for seed in options.seeds:
            sample = train.groupby("label").sample(options.shots, random_state=seed).sample(frac=1, random_state=seed)
            for name, method in methods.items():
                key = {"set": set_name, "shots": options.shots, "seed": seed, "method": name, **shared}
                if is_done(results, key, method.package):
                    continue
                if name not in warm:
                    method.fit(["good", "great", "bad", "awful"], ["yes", "yes", "no", "no"], seed, options.model)
                    warm.add(name)
                try:
                    row = measure(method.of_set(set_name), sample, test, seed, options.model)
                except InapplicableError as error:
                    print(f"{set_name} {seed} {name}: skipped, {error}", flush=True)
                    continue
                add_result(options.results, key, method.package, row)
                print(f"{set_name} {seed} {name}: {row['accuracy']} in {row['fit_processor_seconds']} s", flush=True)


def complete_results(options: argparse.Namespace) -> pd.DataFrame:
    """Return the results that the options ask for, less those of a method that lacks a seed of a set."""
    wanted = {"set": options.sets, "shots": [options.shots], "seed": options.seeds, "method": options.methods}
    wanted |= {"model": [model_name(options.model)], "test_size": [options.test_size], "threads": [options.threads]}
    results = read_results(options.results)
    results = results[results[KEY].isin(wanted).all(axis=1)]
    results = results.groupby(["set", "method"]).filter(lambda seeds: len(seeds) == len(options.seeds))
    return results.sort_values("set", key=lambda names: names.map(options.sets.index), kind="stable")


def table(results: pd.DataFrame) -> str:
    sets, methods = results["set"].unique(), [name for name in METHODS if name in set(results["method"])]
    by_seed = 100 * results.pivot_table(index=["set", "seed"], columns="method", values="accuracy")[methods]
    seconds = results.pivot_table(index="set", columns="method", values="fit_processor_seconds", aggfunc="median")
    seconds = seconds.loc[sets, methods]
    accuracy, spread = by_seed.groupby("set").mean().loc[sets], by_seed.groupby("set").std().loc[sets]
    has_all = accuracy.notna().all(axis=1)
    accuracy.loc["mean"] = accuracy[has_all].mean()
    columns = [
        with_margin(accuracy, spread, "{:.1f}")
        + seconds.map(", {:.1f} s".format).reindex(accuracy.index, fill_value="")
    ]
    if "reference" in methods:
        others = [name for name in methods if name != "reference"]
        gains = by_seed[others].sub(by_seed["reference"], axis=0)
        means, errors = gains.groupby("set").mean().loc[sets], gains.groupby("set").sem().loc[sets]
        complete = gains[gains.index.get_level_values("set").isin(sets[has_all])]
        means.loc["mean"], errors.loc["mean"] = complete.mean(), complete.sem()
        ratios = seconds[others].rdiv(seconds["reference"], axis=0)
        ratios.loc["mean"] = np.exp(np.log(ratios[has_all]).mean())
        columns.append(with_margin(means, errors, "{:+.1f}").add_suffix(" - reference"))
        columns.append(ratios.map("{:.1f}x".format).add_prefix("reference / "))
    text = pd.concat(columns, axis=1).replace(".*nan.*", "", regex=True)
    lines = [["set", *text], ["---"] * (1 + text.shape[1]), *text.itertuples(name=None)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_margin(values: pd.DataFrame, margins: pd.DataFrame, form: str) -> pd.DataFrame:
    """Write values with what may be added or taken away, where that is known."""
    margins = margins.reindex(values.index).map(" ± {:.1f}".format).replace(" ± nan", "")
    return values.map(form.format) + margins


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
    parser.add_argument("--table-only", action="store_true", help="print the table, run nothing")
    options = parser.parse_args()
    if not options.table_only:
        if options.data is None:
            parser.error("--data is needed unless --table-only is given")
        with threadpool_limits(options.threads):
            run(options)
    results = complete_results(options)
    if results.empty:
        parser.exit(message="There are no complete results for these options.\n")
    print(f"{options.shots} texts per class, seeds {options.seeds}.\n{LEGEND}\n\n{table(results)}")
    for column in ("versions", "machine"):
        print(f"\n{column}: {' | '.join(results[column].unique())}")


if __name__ == "__main__":
    main()
