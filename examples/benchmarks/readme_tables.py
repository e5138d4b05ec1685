"""Write the tables of the README and of the results page from few_shot.csv.

    python readme_tables.py            # write them
    python readme_tables.py --check    # fail if a page holds another table than the results

A page marks the place of a table by a line ``<!-- table BODY -->`` and a line ``<!-- end -->``, where BODY is the name
of a Sentence Transformer. Accuracies are those of eight texts per class in percent, with their standard deviation over
the seeds. Seconds are medians of the processor time of ``fit``; a ratio is of seconds on one machine.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import pandas as pd
from common import KEY

RESULTS = Path(__file__).with_name("few_shot.csv")
PAGES = [Path(__file__).parents[2] / name for name in ("README.md", "docs/results.md")]
SETS = ["sst2", "cr", "trec", "ag_news"]
COLUMNS = {
    "frozen": "frozen",
    "reference": "`setfit`",
    "sksetfit, no label texts": "without label texts",
    "sksetfit": "sksetfit",
}
SHOTS = 8
PLACE = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rows_of(results: pd.DataFrame, body: str) -> pd.DataFrame:
    """Return the newest row of each sample of eight texts per class with this body."""
    named = results["model"].str.rsplit("/", n=1).str[-1] == body
    rows = results[named & (results["shots"] == SHOTS) & results["set"].isin(SETS) & results["method"].isin(COLUMNS)]
    rows = rows.drop_duplicates(KEY, keep="last")
    if rows.empty or rows.groupby("set")["test_size"].nunique().max() > 1:
        raise SystemExit(
            f"The results of {body} at {SHOTS} texts per class are missing, or of several numbers of test texts."
        )
    return rows


def table(results: pd.DataFrame, body: str) -> str:
    """Return the table of a body, of the samples that all methods were measured on."""
    rows = rows_of(results, body)
    by_sample = 100 * rows.pivot_table(index=["set", "seed"], columns="method", values="accuracy")
    by_sample = by_sample.reindex(columns=list(COLUMNS)).dropna(axis=1, how="all").dropna()
    mean, spread = by_sample.groupby("set").mean(), by_sample.groupby("set").std()
    gain = by_sample["sksetfit"] - by_sample["reference"]
    gains, errors = gain.groupby("set").mean(), gain.groupby("set").sem()
    times = speed_ups(rows)
    header = ["data", "samples", *(COLUMNS[name] for name in by_sample), "difference", "times as fast"]
    lines = [header, ["---"] * len(header)]
    for name in [each for each in SETS if each in mean.index]:
        accuracies = [f"{a:.1f}{margin(s)}" for a, s in zip(mean.loc[name], spread.loc[name], strict=True)]
        n_samples = str(by_sample.loc[name].shape[0])
        lines.append([name, n_samples, *accuracies, f"{gains[name]:+.1f}{margin(errors[name])}", as_ratio(times, name)])
    overall = f"{gains.mean():+.1f}{margin(np.sqrt(np.square(errors).sum(skipna=False)) / len(errors))}"
    mean_ratio = f"{np.exp(np.log(times).mean()):.0f}" if len(times) else ""
    lines.append(["mean", str(len(by_sample)), *(f"{a:.1f}" for a in mean.mean()), overall, mean_ratio])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def speed_ups(rows: pd.DataFrame) -> pd.Series:
    """Return, for each set, the median seconds of the reference over those of sksetfit on the same machine."""
    machine = rows.loc[rows["method"] == "sksetfit", "machine"].iloc[-1]
    seconds = rows[rows["machine"] == machine].pivot_table(
        index="set", columns="method", values="fit_processor_seconds", aggfunc="median"
    )
    return (seconds.get("reference", pd.Series(dtype=float)) / seconds["sksetfit"]).dropna()


def margin(value: float) -> str:
    return "" if np.isnan(value) else f" ± {value:.1f}"


def as_ratio(ratios: pd.Series, name: str) -> str:
    return f"{ratios[name]:.0f}" if name in ratios else ""


def with_tables(page: str, results: pd.DataFrame) -> str:
    """Return a page with each of its tables written anew."""
    return PLACE.sub(lambda place: f"{place[1]}{table(results, place[2])}\n{place[3]}", page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a table differs from the results")
    options = parser.parse_args()
    results = pd.read_csv(RESULTS)
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        written = with_tables(page, results)
        if options.check and page != written:
            raise SystemExit(f"A table of {path.name} differs from {RESULTS.name}: run python {Path(__file__).name}.")
        if not options.check:
            path.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
