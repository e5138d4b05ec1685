"""Compare classifiers that are trained on class names without labelled texts.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python zero_shot.py --data DIR                 # run what the results lack, print the table
    python zero_shot.py --table-only

DIR holds NAME_test.csv with the columns text and label for each set. All methods have the same body and get the same
names, which are those of NAMES as they stand there, and answer the first 1,000 test texts of a set:

    sksetfit                 SetFitClassifier on make_templated_texts(names), both with their defaults
    sksetfit, tuned          the body tuned in 24 steps on these texts, and a head with an intercept
    sksetfit, intercept      the body as it is, as in the first, and a head with an intercept
    reference                the package setfit on get_templated_dataset(candidate_labels=names, sample_size=8), which
                             repeats "This sentence is {}" eight times, with a batch size of 32 and one epoch, as in
                             its guide to zero-shot classification; else with its defaults (oversampled pairs, a rate
                             of 2e-5)
    nearest name             the name that is nearest to the text, by the cosine of the embeddings of the frozen body

All of them use only the class names of a set; the templates were chosen on other sets. Processor
seconds of fit count all threads, loading the body included, after one untimed fit.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from common import (
    MODEL,
    add_result,
    body_source,
    is_done,
    is_installed,
    read_results,
    read_texts,
    run_and_print,
    timed,
    train_reference,
    use_threads,
)
from sklearn.linear_model import LogisticRegression

TEST_SIZE = 1000
NAMES = {
    "ag_news": ["World", "Sports", "Business", "Sci/Tech"],
    "trec": ["abbreviation", "entity", "description", "human", "location", "number"],
    "sst2": ["negative", "positive"],
    "tickets": ["apache", "eclipse", "firefox", "linux", "openoffice"],
}
RECIPE = {"batch_size": 32, "num_epochs": 1}
Predict = Callable[[list[str]], Any]


def fit_sksetfit(names: list[str], seed: int, **parameters: object) -> Predict:
    from sksetfit import SetFitClassifier, make_templated_texts

    return SetFitClassifier(random_state=seed, **parameters).fit(*make_templated_texts(names)).predict


def fit_reference(names: list[str], seed: int) -> Predict:
    import setfit

    import datasets

    datasets.disable_progress_bars()
    templated = setfit.get_templated_dataset(candidate_labels=names, sample_size=8)
    classifier = train_reference(list(templated["text"]), list(templated["label"]), seed, MODEL, RECIPE)
    return lambda texts: [names[int(label)] for label in classifier.predict(texts)]


def fit_nearest_name(names: list[str], seed: int) -> Predict:
    from sentence_transformers import SentenceTransformer

    body = SentenceTransformer(body_source(MODEL))
    embedded = body.encode(names)
    return lambda texts: np.array(names)[np.argmax(body.encode(texts) @ embedded.T, axis=1)]


class Method(NamedTuple):
    fit: Callable[[list[str], int], Predict]
    package: str


METHODS = {
    "sksetfit": Method(fit_sksetfit, "sksetfit"),
    "sksetfit, tuned": Method(partial(fit_sksetfit, max_steps=24, head=LogisticRegression(C=10)), "sksetfit"),
    "sksetfit, intercept": Method(partial(fit_sksetfit, head=LogisticRegression(C=10)), "sksetfit"),
    "reference": Method(fit_reference, "setfit"),
    "nearest name": Method(fit_nearest_name, "sentence-transformers"),
}


def measure(method: Method, names: list[str], seed: int, test: pd.DataFrame) -> dict[str, Any]:
    predict, fit_times = timed("fit", method.fit, names, seed)
    predictions, predict_times = timed("predict", predict, test["text"].tolist())
    accuracy = round(float(np.mean(np.asarray(predictions) == test["label"].to_numpy())), 4)
    return {"test_rows": len(test), "accuracy": accuracy, **fit_times, **predict_times}


def run(options: argparse.Namespace) -> None:
    use_threads(1)
    results, warm = read_results(options.results), set()
    for set_name, names in NAMES.items():
        test = read_texts(options.data / f"{set_name}_test.csv").head(TEST_SIZE)
        for name in (name for name in options.methods if is_installed(METHODS[name].package)):
            method = METHODS[name]
            for seed in options.seeds:
                key = {"set": set_name, "shots": 0, "seed": seed, "method": name, "model": MODEL}
                key |= {"test_size": TEST_SIZE, "threads": 1}
                if is_done(results, key, method.package):
                    continue
                if name not in warm:
                    method.fit(["good", "bad"], seed)
                    warm.add(name)
                row = measure(method, names, seed, test)
                add_result(options.results, key, method.package, row)
                print(set_name, seed, name, row["accuracy"], row["fit_processor_seconds"], flush=True)


def table(results: pd.DataFrame) -> str:
    methods = [name for name in METHODS if name in set(results["method"])]
    of_set = results.assign(accuracy=100 * results["accuracy"]).groupby(["set", "method"])
    accuracy, spread = (of_set["accuracy"].agg(how).unstack()[methods] for how in ("mean", "std"))
    seconds = of_set["fit_processor_seconds"].median().unstack()[methods]
    text = accuracy.map("{:.1f}".format) + spread.map(" ± {:.1f}".format) + seconds.map(", {:.1f} s".format)
    text.loc["mean"] = accuracy.mean().map("{:.1f}".format)
    lines = [["set", *text], ["---"] * (1 + len(methods)), *text.itertuples(name=None)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    run_and_print(parser, __file__, run, table, "Accuracy in percent, mean ± standard deviation, and seconds of fit")


if __name__ == "__main__":
    main()
