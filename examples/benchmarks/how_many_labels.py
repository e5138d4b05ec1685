"""Measure how accuracy grows with the number of labelled texts, and where a linear model on words is enough.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python how_many_labels.py --data DIR                  # run what the results lack, print the table
    python how_many_labels.py --table-only --figure FILE  # and draw them

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label. The score is accuracy on the first 1,000
test texts (banking77, whose test texts are in the order of their classes: 1,000 drawn at random). The methods are

    sksetfit   SetFitClassifier with its defaults
    untuned    logistic regression on the embeddings of the same body, frozen (the name in the results file)
    words      logistic regression on TF-IDF of words and pairs of words
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
from common import MODEL, add_result, is_done, read_results, read_texts, run_and_print, timed, use_threads

SHOTS = [2, 4, 8, 16, 32, 64, 128]
METHODS = ["sksetfit", "untuned", "words"]
LOOKS = {"sksetfit": ("tab:blue", "o-"), "untuned": ("tab:gray", "v:"), "words": ("tab:orange", "s--")}


def classifier_of(method: str, seed: int) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from sksetfit import SetFitClassifier

    if method == "words":
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        return make_pipeline(words, LogisticRegression(C=100, max_iter=1000))
    untuned = {"max_steps": 0, "label_texts": None} if method == "untuned" else {}
    return SetFitClassifier(random_state=seed).set_params(**untuned)


def run(options: argparse.Namespace) -> None:
    use_threads(1)
    for seed in options.seeds:
        for name in options.sets:
            train, test = (read_texts(options.data / f"{name}_{part}.csv") for part in ("train", "test"))
            test = test.sample(1000, random_state=0) if name == "banking77" else test.head(1000)
            for shots in SHOTS:
                if shots <= train["label"].value_counts().min():
                    sample = train.groupby("label").sample(shots, random_state=seed).sample(frac=1, random_state=seed)
                    measure(options.results, name, sample, test, {"shots": shots, "seed": seed})


def measure(results: Path, name: str, sample: pd.DataFrame, test: pd.DataFrame, drawn: dict[str, int]) -> None:
    for method in METHODS:
        key = {"set": name, **drawn, "method": method, "model": MODEL, "test_size": 1000, "threads": 1}
        if is_done(read_results(results), key, "sksetfit"):
            continue
        classifier = classifier_of(method, drawn["seed"])
        _, times = timed("fit", classifier.fit, sample["text"].tolist(), sample["label"].tolist())
        score = classifier.score(test["text"].tolist(), test["label"].tolist())
        row = {"train_rows": len(sample), "test_rows": len(test), "accuracy": round(score, 4), **times}
        add_result(results, key, "sksetfit", row)
        print(name, drawn, method, row["accuracy"], times["fit_processor_seconds"], flush=True)


def table(results: pd.DataFrame) -> str:
    """Return a line for each set and method, with the mean accuracy at each number of texts per class."""
    scores = 100 * results.pivot_table(index=["set", "method"], columns="shots", values="accuracy")
    lines = [["set", "method", *map(str, scores.columns)], ["---"] * (2 + len(scores.columns))]
    for name in scores.index.unique("set"):
        for method in METHODS:
            cells = (f"{value:.1f}" if value == value else "" for value in scores.loc[(name, method)])
            lines.append([name, method, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(results: pd.DataFrame, file: Path) -> None:
    from matplotlib.figure import Figure

    names = results["set"].unique()
    figure = Figure(figsize=(8, 3 * -(-len(names) // 2)), layout="constrained")
    axes = figure.subplots(-(-len(names) // 2), 2, sharey=True, squeeze=False).ravel()
    for axis in axes[len(names) :]:
        axis.remove()
    for axis, name in zip(axes, names, strict=False):
        of_set = results[results["set"] == name]
        for method, (colour, style) in LOOKS.items():
            curve = 100 * of_set[of_set["method"] == method].groupby("shots")["accuracy"].mean()
            axis.plot(curve.index, curve, style, color=colour, label=method, markersize=4)
        shots = sorted(of_set["shots"].unique())
        axis.set(title=name, xscale="log", xlabel="labelled texts per class")
        axis.set_xticks(shots, shots)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    figure.supylabel("accuracy in %")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["sst2", "trec", "ag_news", "banking77"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--figure", type=Path, help="where to draw the results")
    run_and_print(parser, __file__, run, table, "Accuracy in percent by the number of labelled texts per class")
    options = parser.parse_args()
    if options.figure:
        draw(read_results(options.results), options.figure)


if __name__ == "__main__":
    main()
