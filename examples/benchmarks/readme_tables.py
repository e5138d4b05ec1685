"""Write the tables of the README and of the results page from few_shot.csv.

    python readme_tables.py            # write them
    python readme_tables.py --check    # fail if a page holds another table than the results

A page marks the place of a table by a line ``<!-- table BODY -->`` and a line ``<!-- end -->``, where BODY is the name
of a Sentence Transformer. The table has the accuracies of eight texts per class in percent, with their standard
deviation over the seeds. ``<!-- table BODY by texts -->`` has the means over the sets at each number of texts per
class. Seconds are medians of the processor time of ``fit``; a ratio is of seconds on one machine.
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
PLACE = re.compile(r"(<!-- table (\S+?)( by texts)? -->\n).*?(<!-- end -->)", re.DOTALL)

Lines = list[list[str]]


def rows_of(results: pd.DataFrame, body: str) -> pd.DataFrame:
    """Return the newest row of each sample with this body."""
    named = results["model"].str.rsplit("/", n=1).str[-1] == body
    rows = results[named & results["set"].isin(SETS) & results["method"].isin(COLUMNS)]
    return rows.drop_duplicates(KEY, keep="last")


def rows_of_shots(results: pd.DataFrame, body: str, shots: int) -> pd.DataFrame:
    """Return the newest row of each sample with this body and number of texts per class."""
    rows = rows_of(results, body)
    rows = rows[rows["shots"] == shots]
    if rows.empty or rows.groupby("set")["test_size"].nunique().max() > 1:
        raise SystemExit(
            f"The results of {body} at {shots} texts per class are missing, or of several numbers of test texts."
        )
    return rows


def table(results: pd.DataFrame, body: str) -> str:
    """Return the table of a body at eight texts per class."""
    return as_table(lines_of(results, body, SHOTS))


def table_by_texts(results: pd.DataFrame, body: str) -> str:
    """Return the table of the means of a body at each number of texts per class."""
    by_shots = {shots: lines_of(results, body, shots) for shots in sorted(rows_of(results, body)["shots"].unique())}
    header = next(iter(by_shots.values()))[0]
    if other := [shots for shots, lines in by_shots.items() if lines[0] != header]:
        raise SystemExit(f"The results of {body} at {other[0]} texts per class are not of the methods {header[2:-2]}.")
    return as_table([["texts per class", *header[1:]], *([str(n), *lines[-1][1:]] for n, lines in by_shots.items())])


def as_table(lines: Lines) -> str:
    header, *others = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *others])


def lines_of(results: pd.DataFrame, body: str, shots: int) -> Lines:
    """Return a header, a line for each set and one of their means, of the samples that all methods were measured on."""
    rows = rows_of_shots(results, body, shots)
    by_sample = 100 * rows.pivot_table(index=["set", "seed"], columns="method", values="accuracy")
    by_sample = by_sample.reindex(columns=list(COLUMNS)).dropna(axis=1, how="all").dropna()
    mean, spread = by_sample.groupby("set").mean(), by_sample.groupby("set").std()
    gain = by_sample["sksetfit"] - by_sample["reference"]
    gains, errors = gain.groupby("set").mean(), gain.groupby("set").sem()
    times = speed_ups(rows)
    lines = [["data", "samples", *(COLUMNS[name] for name in by_sample), "difference", "times as fast"]]
    for name in [each for each in SETS if each in mean.index]:
        accuracies = [f"{a:.1f}{margin(s)}" for a, s in zip(mean.loc[name], spread.loc[name], strict=True)]
        n_samples = str(by_sample.loc[name].shape[0])
        lines.append([name, n_samples, *accuracies, f"{gains[name]:+.1f}{margin(errors[name])}", as_ratio(times, name)])
    overall = f"{gains.mean():+.1f}{margin(np.sqrt(np.square(errors).sum(skipna=False)) / len(errors))}"
    mean_ratio = f"{np.exp(np.log(times).mean()):.0f}" if len(times) else ""
    lines.append(["mean", str(len(by_sample)), *(f"{a:.1f}" for a in mean.mean()), overall, mean_ratio])
    return lines


def speed_ups(rows: pd.DataFrame) -> pd.Series:
    """Return, for each set, the median seconds of setfit over those of sksetfit on the same machine."""
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

    def filled(place: re.Match[str]) -> str:
        make = table_by_texts if place[3] else table
        return f"{place[1]}{make(results, place[2])}\n{place[4]}"

    return PLACE.sub(filled, page)


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
