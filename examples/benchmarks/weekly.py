"""Compare a fresh fit with a warm start over weekly rounds of newly labelled texts.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python weekly.py --data DIR                 # run what the results lack, print the table
    python weekly.py --table-only

DIR holds tickets_train.csv and tickets_test.csv with the columns text and label. In the first week 40 texts are
labelled, in each of four more 40 others; one class turns up in the third week. After each week a classifier is fitted
on all texts so far and scored on the first 1,000 test texts:

    fresh                 fit from the beginning
    warm                  warm_start=True, which makes a third of the steps
    warm, half the rate   the same with learning_rate=5e-5
    warm, all steps       the same with the steps of a fresh fit, 24
    warm, new texts only  warm_start=True on this week's texts alone: what is lost by not keeping the old ones

Processor seconds of fit count all threads; each method runs through its weeks in one process, after one untimed fit.
"""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd
from common import MODEL, add_result, is_done, read_results, read_texts, run_and_print, timed, use_threads

PER_WEEK, N_WEEKS, NEW_CLASS_IN_WEEK = 40, 5, 3
METHODS: dict[str, dict[str, Any]] = {
    "fresh": {},
    "warm": {"warm_start": True},
    "warm, half the rate": {"warm_start": True, "learning_rate": 5e-5},
    "warm, all steps": {"warm_start": True, "max_steps": 24},
    "warm, new texts only": {"warm_start": True},
}


def weeks(train: pd.DataFrame, seed: int) -> list[pd.DataFrame]:
    """Return the texts that are labelled in each week."""
    shuffled = train.sample(frac=1, random_state=seed)
    late = train["label"].value_counts().index[-1]  # the rarest class, which turns up late
    found, rest = [], shuffled
    for week in range(1, N_WEEKS + 1):
        known = rest if week >= NEW_CLASS_IN_WEEK else rest[rest["label"] != late]
        found.append(known.head(PER_WEEK))
        rest = rest.drop(found[-1].index)
    return found


def run(options: argparse.Namespace) -> None:
    from sksetfit import SetFitClassifier

    use_threads(1)
    train, test = (read_texts(options.data / f"tickets_{part}.csv") for part in ("train", "test"))
    test = test.head(1000)
    SetFitClassifier(max_steps=2).fit(["good", "great", "bad", "awful"], ["yes", "yes", "no", "no"])
    for seed in options.seeds:
        batches = weeks(train, seed)
        for name, parameters in METHODS.items():
            results = read_results(options.results)
            keys = [
                {"set": "tickets", "shots": week, "seed": seed, "method": name, "model": MODEL, "test_size": 1000}
                | {"threads": 1}
                for week in range(1, N_WEEKS + 1)
            ]
            if all(is_done(results, key, "sksetfit") for key in keys):
                continue
            classifier = SetFitClassifier(random_state=seed)  # the first week is the same for all
            for week, key in enumerate(keys, start=1):
                alone = name == "warm, new texts only"
                known = batches[week - 1] if alone else pd.concat(batches[:week])
                _, times = timed("fit", classifier.fit, known["text"].tolist(), known["label"].tolist())
                classifier.set_params(**parameters)
                accuracy = round(float(classifier.score(test["text"].tolist(), test["label"].tolist())), 4)
                row = {"test_rows": len(test), "train_rows": len(known), "accuracy": accuracy, **times}
                add_result(options.results, key, "sksetfit", row)
                print(seed, name, week, len(known), accuracy, times["fit_processor_seconds"], flush=True)


def table(results: pd.DataFrame) -> str:
    results = results.assign(accuracy=100 * results["accuracy"])
    columns = []
    for values, form in (("accuracy", "{:.1f}"), ("fit_processor_seconds", "{:.1f} s")):
        means = results.pivot_table(index="method", columns="shots", values=values).loc[list(METHODS)]
        means["all weeks"] = means.mean(axis=1) if values == "accuracy" else means.sum(axis=1)
        columns.append(means.map(form.format))
    text = columns[0] + ", " + columns[1]
    header = ["method", *(f"week {week}" for week in list(text)[:-1]), "mean, sum"]
    lines = [header, ["---"] * len(header), *text.itertuples(name=None)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    run_and_print(parser, __file__, run, table, "Accuracy in percent and processor seconds of fit, means")


if __name__ == "__main__":
    main()
