"""Draw the results of few_shot.py: accuracy against texts per class, and time against the number of texts.

    python pictures.py [--results few_shot.csv] [--folder ../../docs/images]

Both are of all results on the default body. Slopes are those of straight lines through the logarithms.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from few_shot import METHODS, MODEL, read_results

mpl.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
STYLES = dict(
    zip(METHODS, [("tab:gray", ":"), ("tab:blue", "-"), ("tab:cyan", "--"), ("tab:orange", "-")], strict=True)
)


def draw_accuracy(results: pd.DataFrame, file: Path) -> None:
    """Draw the mean accuracy of each method on each set, and the range of its seeds."""
    sets = [name for name, rows in results.groupby("set") if rows["shots"].nunique() > 1]
    figure, axes = plt.subplots(1, len(sets), figsize=(3.2 * len(sets), 3.4), layout="constrained", squeeze=False)
    for axis, name in zip(axes[0], sets, strict=True):
        for method, (color, line) in STYLES.items():
            of_shots = results[(results["set"] == name) & (results["method"] == method)].groupby("shots")["accuracy"]
            mean = 100 * of_shots.mean()
            axis.plot(mean.index, mean, line, color=color, marker=".", label=method)
            axis.fill_between(mean.index, 100 * of_shots.min(), 100 * of_shots.max(), color=color, alpha=0.1)
        axis.set(title=name, xscale="log", xlabel="texts per class")
        axis.set_xticks(shots := sorted(results["shots"].unique()), shots)
        axis.minorticks_off()
    axes[0, 0].set_ylabel("accuracy in percent")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(file, dpi=120)


def draw_seconds(results: pd.DataFrame, file: Path) -> None:
    """Draw processor seconds of fit against the number of texts, with the slope of each method."""
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for method in ("reference", "sksetfit"):
        rows = results[results["method"] == method]
        texts = rows["shots"] * rows["set"].map(N_CLASSES)
        slope, intercept = np.polyfit(np.log(texts), np.log(rows["fit_processor_seconds"]), 1)
        color = STYLES[method][0]
        axis.scatter(texts, rows["fit_processor_seconds"], s=12, color=color, label=f"{method}, slope {slope:.2f}")
        ends = np.array([texts.min(), texts.max()])
        axis.plot(ends, np.exp(intercept) * ends**slope, color=color, linewidth=1)
    axis.set(xscale="log", yscale="log", xlabel="labelled texts", ylabel="processor seconds of fit")
    axis.legend(frameon=False)
    figure.savefig(file, dpi=120)


N_CLASSES = {"sst2": 2, "cr": 2, "trec": 6, "ag_news": 4, "tickets": 5, "banking77": 77}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=HERE / "few_shot.csv")
    parser.add_argument("--folder", type=Path, default=HERE.parent.parent / "docs" / "images")
    options = parser.parse_args()
    results = read_results(options.results)
    results = results[results["model"] == MODEL]
    options.folder.mkdir(parents=True, exist_ok=True)
    draw_accuracy(results, options.folder / "learning_curves.png")
    draw_seconds(results, options.folder / "fit_seconds.png")


if __name__ == "__main__":
    main()
