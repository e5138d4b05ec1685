"""Draw what few_shot.py has measured: accuracy against labelled texts, and time against texts.

    python pictures.py --pictures ../../docs/pictures

Learning curves are means over the seeds that all methods of a picture share at a number of shots. The times are
medians of processor seconds; the slope of each line is that of a least-squares fit of the logarithms.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from few_shot import MODEL, read_results

STYLES = {
    "sksetfit": ("tab:blue", "o-", "sksetfit"),
    "sksetfit, no label texts": ("tab:cyan", "s-", "sksetfit without names"),
    "reference": ("tab:orange", "^-", "reference"),
    "frozen": ("tab:gray", "v:", "untuned"),
}
N_CLASSES = {"sst2": 2, "cr": 2, "trec": 6, "ag_news": 4}


def shared_seeds(results: pd.DataFrame) -> pd.DataFrame:
    """Keep, of each number of shots, the seeds that every method which was measured there has."""

    def keep(of_shots: pd.DataFrame) -> pd.DataFrame:
        methods = of_shots.groupby("seed")["method"].nunique()
        return of_shots[of_shots["seed"].map(methods) == methods.max()]

    return results.groupby("shots", group_keys=False)[results.columns.tolist()].apply(keep)


def draw_learning_curves(results: pd.DataFrame, file: Path) -> None:
    figure, axes = plt.subplots(1, len(N_CLASSES), figsize=(12, 3.4), layout="constrained")
    for axis, name in zip(axes, N_CLASSES, strict=True):
        curves = shared_seeds(results[results["set"] == name]).groupby(["method", "shots"])["accuracy"].mean()
        for method, (colour, style, label) in STYLES.items():
            curve = 100 * curves[method]
            axis.plot(curve.index, curve, style, color=colour, label=label, markersize=4)
        axis.set(title=name, xscale="log", xlabel="labelled texts per class")
        ticks = sorted(results["shots"].unique())
        axis.set_xticks(ticks, ticks)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("accuracy in %")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(STYLES), frameon=False)
    figure.savefig(file, dpi=120)


def draw_times(results: pd.DataFrame, file: Path) -> None:
    figure, axes = plt.subplots(1, len(N_CLASSES), figsize=(12, 3.4), layout="constrained", sharey=True)
    for axis, name in zip(axes, N_CLASSES, strict=True):
        times = results[results["set"] == name].groupby(["method", "shots"])["fit_processor_seconds"].median()
        for method in ("reference", "sksetfit"):
            seconds = times[method]
            texts = seconds.index.to_numpy() * N_CLASSES[name]
            slope = np.polyfit(np.log(texts), np.log(seconds), 1)[0]
            colour, style, label = STYLES[method]
            axis.loglog(texts, seconds, style, color=colour, label=f"{label}: slope {slope:.2f}", markersize=4)
        axis.set(title=name, xlabel="labelled texts")
        ticks = np.sort(results["shots"].unique()) * N_CLASSES[name]
        axis.set_xticks(ticks, ticks)
        axis.minorticks_off()
        axis.legend(frameon=False, fontsize="small")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("processor seconds of fit")
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("few_shot.csv"))
    parser.add_argument("--pictures", type=Path, default=Path("."), metavar="DIR")
    options = parser.parse_args()
    options.pictures.mkdir(parents=True, exist_ok=True)
    results = read_results(options.results)
    results = results[(results["model"] == MODEL) & results["method"].isin(STYLES) & (results["test_size"] == 1000)]
    draw_learning_curves(results, options.pictures / "learning_curves.png")
    draw_times(results, options.pictures / "times.png")


if __name__ == "__main__":
    main()
