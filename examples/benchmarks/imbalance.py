"""Measure the gain of class weights if one class has twenty times as many texts as another.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python imbalance.py --data DIR              # run what the results lack, print the table
    python imbalance.py --table-only

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label. Of one half of the classes 8 texts are
drawn, of the other half 160; each set is run with either half as the rare one. The score is balanced accuracy on the
first 1,000 test texts. The methods are

    no weights                  SetFitClassifier with its defaults; its batches have equal shares of the classes anyway
    class_weight="balanced"     even numbers of texts, the rest by weights in the loss and in the head
    balanced head               the default head with class_weight="balanced", the body without
    frozen, no weights          logistic regression on the embeddings of the frozen body
    frozen, balanced
"""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd
from common import MODEL, add_result, is_done, read_results, read_texts, run_and_print, timed, use_threads
from sklearn.metrics import balanced_accuracy_score

RARE, FREQUENT = 8, 160
METHODS: dict[str, dict[str, Any]] = {
    "no weights": {},
    'class_weight="balanced"': {"class_weight": "balanced"},
    "balanced head": {"head__class_weight": "balanced"},
    "frozen, no weights": {"max_steps": 0, "label_texts": None},
    "frozen, balanced": {"max_steps": 0, "label_texts": None, "class_weight": "balanced"},
}


def sample(train: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return texts of which every second class, from the first or second on by the seed, is rare."""
    names = sorted(train["label"].unique())
    parts = []
    for i, name in enumerate(names):
        of_class = train[train["label"] == name]
        n_texts = RARE if i % 2 == seed % 2 else min(FREQUENT, len(of_class))  # a class of trec has 86
        parts.append(of_class.sample(n_texts, random_state=seed))
    return pd.concat(parts).sample(frac=1, random_state=seed)


def run(options: argparse.Namespace) -> None:
    from sksetfit import SetFitClassifier

    use_threads(1)
    for name in options.sets:
        train, test = (read_texts(options.data / f"{name}_{part}.csv") for part in ("train", "test"))
        test = test.head(1000)
        for seed in options.seeds:
            known = sample(train, seed)
            for method, parameters in METHODS.items():
                key = {"set": name, "shots": RARE, "seed": seed, "method": method, "model": MODEL, "test_size": 1000}
                key["threads"] = 1
                if is_done(read_results(options.results), key, "sksetfit"):
                    continue
                classifier = SetFitClassifier(random_state=seed).set_params(**parameters)
                _, times = timed("fit", classifier.fit, known["text"].tolist(), known["label"].tolist())
                score = balanced_accuracy_score(test["label"], classifier.predict(test["text"].tolist()))
                row = {"train_rows": len(known), "test_rows": len(test), "balanced_accuracy": round(score, 4), **times}
                add_result(options.results, key, "sksetfit", row)
                print(name, seed, method, row["balanced_accuracy"], flush=True)


def table(results: pd.DataFrame) -> str:
    scores = 100 * results.pivot_table(index="set", columns=["method", "seed"], values="balanced_accuracy")
    gains = {name: scores[name] - scores["no weights"] for name in METHODS}
    lines = [["set", *METHODS], ["---"] * (1 + len(METHODS))]
    for row in scores.index:
        lines.append([row, *(f"{scores[name].loc[row].mean():.1f}" for name in METHODS)])
    means = (f"{scores[name].mean(axis=None):.1f} ({gains[name].mean(axis=None):+.1f})" for name in METHODS)
    lines.append(["mean (against no weights)", *means])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["sst2", "cr", "trec", "ag_news"], metavar="NAME")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    run_and_print(parser, __file__, run, table, "Balanced accuracy in percent, means")


if __name__ == "__main__":
    main()
