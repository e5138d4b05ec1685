"""
Retrain every week, and compare cost and accuracy
=================================================

Every week a model is trained on the 150 tickets that were closed last: the oldest 70 % for training, then 15 % for
validation, and the newest 15 % for the test. It replaces the current model if it is not worse on the validation
tickets, which neither model was trained on. A fresh fit is compared with a warm start from the current model
(``warm_start=True``, see :doc:`/training`) and with the first model, never retrained.

.. code-block:: bash

    python retrain.py --figure weeks.png
    python retrain.py --data FILE.csv --text COLUMN --label COLUMN --date COLUMN
"""

# %%
# With ``--date`` the tickets are put in the order of their dates, and a week is one of the calendar. Otherwise the rows
# are taken as they come, the oldest first, and 50 of them make a week. The shipped tickets have no dates and stand in a
# shuffled order. Their weeks are all alike, so that a new model has nothing to catch up with. A test part has 22
# tickets, and one of them is 4.5 points: look at the means.

from __future__ import annotations

import argparse
import copy
import sys
import time
from pathlib import Path

import pandas as pd
from sklearn.base import clone

from sksetfit import SetFitClassifier, dump

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where own_data.py lies
from own_data import example_parser, need_column, read_table


def in_order_of_dates(table: pd.DataFrame, column: str) -> pd.DataFrame:
    try:
        dates = pd.to_datetime(table[column], format="ISO8601", utc=True)
    except ValueError as error:
        raise SystemExit(f"--date: dates must be written as 2026-11-22, with or without a time. {error}") from error
    if dates.isna().any():
        print(f"{dates.isna().sum()} of {len(table)} tickets have no date and are left out")
    return table.assign(**{column: dates}).dropna(subset=column).sort_values(column, kind="stable")


def windows(options: argparse.Namespace) -> list[pd.DataFrame]:
    """Return the newest tickets at the end of each week."""
    table = read_table(options)
    if options.date is None:
        ends = list(range(len(table), 0, -options.per_week))[::-1]
    else:
        need_column(table, "--date", options.date, options.data)
        table = in_order_of_dates(table, options.date)
        ends = table.groupby(pd.Grouper(key=options.date, freq="W")).size().cumsum().unique().tolist()
    if len(table) < options.window:
        raise SystemExit(f"--window: there are {len(table)} tickets, and {options.window} are to be trained on.")
    return [table[end - options.window : end] for end in ends if end >= options.window][-options.weeks :]


def seconds_of_fit(clf: SetFitClassifier, X: pd.Series, y: pd.Series) -> float:
    start = time.process_time()
    clf.fit(X, y)
    return time.process_time() - start


def simulate(options: argparse.Namespace) -> tuple[pd.DataFrame, dict[str, SetFitClassifier]]:
    """Return what each week cost and brought, and the models in use at the end."""
    rows, in_use = [], {}
    n_train, n_known = round(0.7 * options.window), round(0.85 * options.window)
    n_test = options.window - n_known
    print(f"{n_train} tickets to train on; an accuracy is of {n_test} test tickets, {100 / n_test:.1f} points each\n")
    parts = slice(n_train), slice(n_train, n_known), slice(n_known, None)
    for week, window in enumerate(windows(options), start=1):
        train, validation, test = ((window[options.text][part], window[options.label][part]) for part in parts)
        if not in_use:
            SetFitClassifier(options.model, max_steps=1).fit(*train)  # loads the libraries, which is not counted
            first = SetFitClassifier(options.model, random_state=0)
            in_use = dict.fromkeys(["fresh fit", "warm start", "first model"], first)
            spent, kept = dict.fromkeys(in_use, seconds_of_fit(first, *train)), dict.fromkeys(in_use, True)
        else:
            going_on = copy.deepcopy(in_use["warm start"]).set_params(warm_start=True)
            spent, kept = {"first model": 0.0}, {"first model": False}
            for way, new in {"fresh fit": clone(first), "warm start": going_on}.items():
                spent[way] = seconds_of_fit(new, *train)
                kept[way] = new.score(*validation) >= in_use[way].score(*validation)
                in_use[way] = new if kept[way] else in_use[way]
        print(f"week {week}", end="")
        for way, clf in in_use.items():
            row = {"week": week, "way": way, "seconds": spent[way], "accuracy": clf.score(*test), "kept": kept[way]}
            print(
                f"   {way}: {spent[way]:4.1f} s, {row['accuracy']:4.0%}{'' if kept[way] else ', as before':11}", end=""
            )
            rows.append(row)
        print(flush=True)
    return pd.DataFrame(rows), in_use


def draw(results: pd.DataFrame, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.5), layout="constrained")
    cost, quality = figure.subplots(2, sharex=True)
    for (way, rows), style in zip(results.groupby("way", sort=False), ["C0o-", "C1s--", "k^:"], strict=True):
        cost.plot(rows["week"], rows["seconds"], style)
        quality.plot(rows["week"], 100 * rows["accuracy"], style, label=way)
    cost.set(ylabel="processor seconds of a fit", ylim=(0, None))
    quality.set(xlabel="week", ylabel="accuracy in use, in %", xticks=results["week"].unique())
    for axis in (cost, quality):
        axis.grid(alpha=0.3)
    figure.legend(*quality.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(file, dpi=120)


def main(arguments: list[str] | None = None) -> pd.DataFrame:
    parser = example_parser(__doc__)
    parser.add_argument("--date", metavar="COLUMN", help="when a ticket was closed; otherwise the order of the rows")
    parser.add_argument("--window", type=int, default=150, metavar="N", help="newest tickets to use (%(default)s)")
    parser.add_argument("--per-week", type=int, default=50, metavar="N", help="tickets of a week without --date (50)")
    parser.add_argument("--weeks", type=int, default=6, metavar="N", help="the last N weeks (%(default)s)")
    parser.add_argument("--figure", type=Path, metavar="FILE.png", help="draw cost and accuracy of each week")
    parser.add_argument("--output", type=Path, metavar="FILE.skops", help="save the last fresh fit that was kept")
    options = parser.parse_args(arguments)
    results, in_use = simulate(options)
    print("\nseconds   processor time of all fits; the first model is not fitted again after week 1")
    print("accuracy  of the model in use, the mean of the weeks")
    print("taken     weeks in which a new model came into use, the first among them: it was no worse in validation\n")
    summary = results.groupby("way", sort=False).agg({"seconds": "sum", "accuracy": "mean", "kept": "sum"})
    print(summary.rename(columns={"kept": "taken"}).rename_axis(None).round(3).to_string())
    if options.figure is not None:
        draw(results, options.figure)
    if options.output is not None:
        dump(in_use["fresh fit"], options.output)
    return results


if __name__ == "__main__":
    main()
