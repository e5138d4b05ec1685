"""Plot the results of few_shot.py: accuracy against labelled texts, and time against texts.

    python pictures.py --pictures ../../docs/pictures

Seeds 0 to 2 are drawn, at each number of shots those that all methods have: means of accuracy with their standard
errors, and medians of processor seconds of fit, whose slopes are those of least-squares fits of the logarithms. The
seconds are of one machine, the one with the most results.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import KEY, MODEL

STYLES = {
    "sksetfit": ("tab:blue", "o-", "sksetfit"),
    "sksetfit, no label texts": ("tab:cyan", "s-", "sksetfit without names"),
    "reference": ("tab:orange", "^-", "setfit"),
    "frozen": ("tab:gray", "v:", "frozen"),
}
N_CLASSES = {"sst2": 2, "cr": 2, "trec": 6, "ag_news": 4}


def shared(results: pd.DataFrame) -> pd.DataFrame:
    """Keep what all methods have, as rows of a set, shots and seed and columns of a measure and method."""
    measures = ["accuracy", "fit_processor_seconds"]
    columns = pd.MultiIndex.from_product([measures, STYLES])
    table = results.pivot_table(index=["set", "shots", "seed"], columns="method", values=measures)
    return table.reindex(columns=columns).dropna()


def _grid() -> tuple[Any, Any]:
    """Return a figure and axes for the sets, two in a row so that a phone shows them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6.5), layout="constrained")
    return figure, figure.subplots(2, len(N_CLASSES) // 2, sharey=True).ravel()


def draw_learning_curves(table: pd.DataFrame, file: Path) -> None:
    figure, axes = _grid()
    for axis, name in zip(axes, N_CLASSES, strict=True):
        curves = (100 * table.loc[name]["accuracy"]).groupby("shots")
        means, errors = curves.mean(), curves.sem()
        for shift, (method, (colour, style, label)) in enumerate(STYLES.items()):
            shots = means.index * 1.03 ** (shift - 1.5)  # so that the bars stand side by side
            axis.errorbar(shots, means[method], errors[method], None, style, color=colour, label=label, markersize=4)
        axis.set(title=name, xscale="log", xlabel="labelled texts per class")
        axis.set_xticks(means.index, means.index)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    figure.supylabel("accuracy in %")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(file, dpi=120)


def draw_times(table: pd.DataFrame, file: Path) -> None:
    figure, axes = _grid()
    for axis, name in zip(axes, N_CLASSES, strict=True):
        times = table.loc[name]["fit_processor_seconds"].groupby("shots").median()
        texts = times.index * N_CLASSES[name]
        for method in ("reference", "sksetfit"):
            slope = np.polyfit(np.log(texts), np.log(times[method]), 1)[0]
            colour, style, label = STYLES[method]
            axis.loglog(texts, times[method], style, color=colour, label=f"{label}: slope {slope:.2f}", markersize=4)
        axis.set(title=name, xlabel="labelled texts")
        axis.set_xticks(texts, texts)
        axis.minorticks_off()
        axis.legend(frameon=False, fontsize="small")
        axis.grid(alpha=0.3)
    figure.supylabel("processor seconds of fit")
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("few_shot.csv"))
    parser.add_argument("--pictures", type=Path, default=Path("."), metavar="DIR")
    options = parser.parse_args()
    options.pictures.mkdir(parents=True, exist_ok=True)
    results = pd.read_csv(options.results)
    wanted = {"model": [MODEL], "method": list(STYLES), "test_size": [1000], "threads": [1], "seed": [0, 1, 2]}
    results = results[results[list(wanted)].isin(wanted).all(axis=1)]
    table = shared(results.drop_duplicates(KEY, keep="last"))
    if table.empty:
        parser.error(f"{options.results} has no results that all methods share.")
    draw_learning_curves(table, options.pictures / "learning_curves.png")
    of_one_machine = results[results["machine"] == results["machine"].mode()[0]]
    draw_times(shared(of_one_machine.drop_duplicates(KEY, keep="last")), options.pictures / "times.png")


if __name__ == "__main__":
    main()
