"""
Train on a hundred tickets and save the model
=============================================

A hundred labelled tickets are drawn, or two thirds of a smaller file. A fifth of them is kept for validation. The model
that is saved is then fitted on all of them. The tickets that were not drawn are written beside it, for ``score.py`` and
``suggest.py``, whose commands are printed at the end:

.. code-block:: bash

    python train.py
    python train.py --data FILE.csv --text COLUMN --label COLUMN --output own.skops
"""

# %%
# It prints how many tickets of each label were drawn, and what a fit costs. On 20 validation tickets one wrong answer
# is five points: the number says whether something is amiss. ``score.py`` says how good the model is.

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

from sksetfit import SetFitClassifier, dump

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where own_data.py lies
from own_data import example_parser, read_table, write_csv

SEED = 42


def in_shares(y: pd.Series, n_smaller: int) -> pd.Series | None:
    """Return what to stratify by: nothing if a label could be missing from one part, the smaller of ``n_smaller``."""
    return y if y.value_counts().min() > 1 and y.nunique() <= n_smaller else None


def main(arguments: list[str] | None = None) -> None:
    parser = example_parser(__doc__)
    where = "where to write the model; the tickets put aside go to FILE.test.csv (%(default)s)"
    parser.add_argument("--output", type=Path, default="tickets.skops", metavar="FILE.skops", help=where)
    parser.add_argument(
        "--n-texts", type=int, default=100, metavar="N", help="how many to draw, at most two thirds (%(default)s)"
    )
    options = parser.parse_args(arguments)
    test_file = options.output.with_suffix(".test.csv")
    if options.data is not None and options.data.resolve() in {options.output.resolve(), test_file.resolve()}:
        raise SystemExit(f"--output: {options.data} would be written over. Name another.")
    table = read_table(options)
    if len(table) < 10:
        raise SystemExit(
            f"--data: this script needs 10 tickets or more with a text and a label, and there are {len(table)}."
        )
    n_drawn = min(options.n_texts, 2 * len(table) // 3)
    shares = in_shares(table[options.label], min(n_drawn, len(table) - n_drawn))
    drawn, rest = train_test_split(table, train_size=n_drawn, stratify=shares, random_state=SEED)
    X, y = drawn[options.text], drawn[options.label]
    n_validation = max(1, round(0.2 * len(drawn)))
    X_train, X_val, y_train, y_val = train_test_split(
        X, y, test_size=n_validation, stratify=in_shares(y, n_validation), random_state=SEED
    )
    if y_train.nunique() < 2:
        raise SystemExit(f"--data: all {len(y_train)} tickets to train on are of one label. Label more of the others.")
    print(f"{len(drawn)} of {len(table)} tickets are drawn:\n")
    print(y.value_counts().sort_index().to_string(header=False))
    print(f"\n{len(X_train)} to train on, {len(X_val)} for validation, {len(rest)} put aside for the test")

    clf = SetFitClassifier(options.model, random_state=SEED)
    start = time.perf_counter()
    clf.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    print(f"{clf.n_steps_} steps of tuning in {seconds:.0f} s; {clf.score(X_val, y_val):.1%} right in validation")

    start = time.perf_counter()
    clf.fit(X, y)
    print(f"{clf.n_steps_} steps on all {len(X)} in {time.perf_counter() - start:.0f} s")
    test_file.unlink(missing_ok=True)  # of an older model: it may hold what this one was trained on
    dump(clf, options.output)
    write_csv(rest, test_file, "--output", options.data)
    print(f"model in {options.output}, tickets put aside in {test_file}\n\nWhat comes next:\n")
    print_command("score.py", options, "--mistakes", options.output.with_suffix(".mistakes.csv"))
    print_command("suggest.py", options, "--output", options.output.with_suffix(".suggested.csv"))


def print_command(script: str, options: argparse.Namespace, *more: object) -> None:
    columns = ["--text", options.text, "--label", options.label]
    command = ["python", Path(sys.argv[0]).with_name(script), options.output, *columns, *more]
    print(f"    {shlex.join(map(str, command))}")


if __name__ == "__main__":
    main()
