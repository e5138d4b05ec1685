"""Compare truncation and windows for texts that are longer than the model reads.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python long_texts.py --data DIR                        # run what the results lack, print the table
    python long_texts.py --data DIR --shots 8 --seeds 0 --test-size 150 --model sentence-transformers/all-mpnet-base-v2
    python long_texts.py --table-only                      # print the table of the results, run nothing

DIR holds movie_reviews_train.csv and movie_reviews_test.csv with the columns text and label. The methods are the two
values of the parameter long_texts of SetFitClassifier, each with a tuned body and, frozen, with
SetFitClassifier(max_steps=0, label_texts=None). All compute in float32.

All that a fit does is timed, loading the body included, after one untimed fit on four texts. Processor seconds count
all threads. A result is appended to the results file as soon as it is there, and measured again only with other
versions of the packages, or with other sources of sksetfit.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from common import MODEL, add_result, is_done, read_results, read_texts, run_and_print, timed, use_threads
from few_shot import model_name

SET = "movie_reviews"
FROZEN = {"max_steps": 0, "label_texts": None}
METHODS: dict[str, dict[str, Any]] = {
    "frozen, truncate": {**FROZEN, "long_texts": "truncate"},
    "frozen, windows": {**FROZEN, "long_texts": "windows"},
    "tuned, truncate": {"long_texts": "truncate"},
    "tuned, windows": {"long_texts": "windows"},
}


def classifier(method: str, seed: int, model: str) -> Any:
    from sksetfit import SetFitClassifier

    return SetFitClassifier(model, precision="float32", random_state=seed, **METHODS[method])


def measure(method: str, sample: pd.DataFrame, test: pd.DataFrame, seed: int, model: str) -> dict[str, Any]:
    clf = classifier(method, seed, model)
    _, fit_times = timed("fit", clf.fit, sample["text"].tolist(), sample["label"].tolist())
    predictions, predict_times = timed("predict", clf.predict, test["text"].tolist())
    accuracy = round(float(np.mean(predictions == test["label"].to_numpy())), 4)
    return {"test_rows": len(test), "accuracy": accuracy, **fit_times, **predict_times}


def run(options: argparse.Namespace) -> None:
    use_threads(1)
    results, warm = read_results(options.results), False
    train, test = (read_texts(options.data / f"{SET}_{part}.csv") for part in ("train", "test"))
    test = test.head(options.test_size)
    shared = {"model": model_name(options.model), "test_size": options.test_size, "threads": 1}
    for shots in options.shots:
        for seed in options.seeds:
            sample = train.groupby("label").sample(shots, random_state=seed).sample(frac=1, random_state=seed)
            for method in options.methods:
                key = {"set": SET, "shots": shots, "seed": seed, "method": method, **shared}
                if is_done(results, key, "sksetfit"):
                    continue
                if not warm:
                    classifier(method, seed, options.model).fit(["good", "great", "bad", "awful"], [1, 1, 0, 0])
                    warm = True
                row = measure(method, sample, test, seed, options.model)
                add_result(options.results, key, "sksetfit", row)
                print(shots, seed, method, row["accuracy"], row["fit_processor_seconds"], flush=True)


def table(results: pd.DataFrame) -> str:
    columns = ["accuracy", "fit_processor_seconds", "predict_processor_seconds"]
    results = results.assign(accuracy=100 * results["accuracy"], method=pd.Categorical(results["method"], METHODS))
    groups = results.groupby(["model", "shots", "method"], observed=True)
    means, accuracies = groups[columns].mean(), groups["accuracy"].agg(list)
    lines = [
        "| model | texts per class | method | accuracy | of each seed | fit, s | 100 predictions, s |",
        "|---" * 7 + "|",
    ]
    for (model, shots, method), (accuracy, fit, predict) in zip(means.index, means.to_numpy(), strict=True):
        of_group = groups.get_group((model, shots, method))
        each = " ".join(f"{value:.1f}" for value in accuracies[model, shots, method])
        predict *= 100 / of_group["test_rows"].iloc[0]
        lines.append(
            f"| {model.split('/')[-1]} | {shots} | {method} | {accuracy:.1f} | {each} | {fit:.0f} | {predict:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, nargs="+", default=[8, 32], help="training texts per class")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--model", default=MODEL, help="name or folder of the body")
    parser.add_argument("--test-size", type=int, default=300, help="score on the first rows of the test file")
    title = "Accuracy in percent, its mean and that of each seed, and mean processor seconds"
    run_and_print(parser, __file__, run, table, title)


if __name__ == "__main__":
    main()
