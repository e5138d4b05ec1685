"""
Suggest labels for open tickets, and assign the confident ones
==============================================================

Open tickets get two more columns: a suggestion for the staff, ``suggested: billing (83 %), then refund (9 %)``, and the
assigned label if the model is confident. :class:`~sksetfit.RejectClassifier` chooses the threshold for a target
precision on closed tickets that were not used for training. A spreadsheet reads a ticket that begins with ``=``, ``+``,
``-`` or ``@`` as a formula: import that column as text.

.. code-block:: bash

    python suggest.py tickets.skops --output suggested.csv
    python suggest.py own.skops --open OPEN.csv --text COLUMN --label COLUMN --output SUGGESTED.csv
"""

# %% The closed tickets are the test tickets of ``train.py``, or ``--data``. Half of them are used to choose the
# threshold, the other half to evaluate it. Without ``--open``, the second half without its labels also serves as the
# open tickets. The precision on few tickets is optimistic: ``--confidence-level`` sets the confidence that the target
# is reached (:doc:`/decisions`). If it cannot be reached, nothing is assigned.

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from sksetfit import RejectClassifier, SetFitClassifier, load

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where own_data.py lies
from own_data import example_parser, need_column, printable, read_csv, read_table, write_csv


def read_open(options: argparse.Namespace) -> pd.DataFrame:
    """Return the open tickets, every cell as it stands in the file."""
    tickets = read_csv(options.open, "--open", dtype=str, keep_default_na=False)
    need_column(tickets, "--text", options.text, options.open)
    return tickets


def threshold(clf: SetFitClassifier, closed: pd.DataFrame, options: argparse.Namespace) -> float:
    """Return the least confidence at which a label is assigned."""
    sure = RejectClassifier(
        clf, precision=options.precision, confidence_level=options.confidence_level or None, cv="prefit"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            return sure.fit(closed[options.text], closed[options.label]).threshold_
        except UserWarning as missed:
            print(f"Nothing is assigned. {str(missed).split(' The one')[0]}")
            unbound = ", or --confidence-level 0, which counts without a margin" if options.confidence_level else ""
            print(f"What helps: more closed tickets by --data, a lower --precision{unbound}.\n")
            return np.inf


def suggestions(
    clf: SetFitClassifier, tickets: pd.DataFrame, options: argparse.Namespace, least: float
) -> pd.DataFrame:
    """Return the tickets with two more columns: the comment for staff, and what is assigned."""
    if taken := {"comment", "assigned"} & set(tickets):
        raise SystemExit(f"The open tickets have a column {' and '.join(sorted(taken))} already. Rename it.")
    tickets = tickets.assign(comment="", assigned="")
    written = tickets[options.text].str.strip() != ""  # the others get no prediction
    proba = clf.predict_proba(tickets.loc[written, options.text])
    best = np.argsort(-proba, axis=1)[:, :3]
    named = [
        [f"{clf.classes_[i]} ({100 * row[i]:.0f} %)" for i in of_row] for row, of_row in zip(proba, best, strict=True)
    ]
    tickets.loc[written, "comment"] = [f"suggested: {first}, then {', '.join(rest)}" for first, *rest in named]
    labels = clf.classes_[best[:, 0]].astype(str)
    tickets.loc[written, "assigned"] = np.where(proba.max(axis=1) >= least, labels, "")
    return tickets


def main(arguments: list[str] | None = None) -> None:
    parser = example_parser(__doc__, model=False)
    parser.add_argument("file", type=Path, metavar="FILE.skops", help="what train.py saved")
    parser.add_argument("--open", type=Path, metavar="FILE.csv", help="open tickets; their other columns are kept")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.csv", help="a new file")
    parser.add_argument("--precision", type=float, default=0.9, help="the share of assigned labels to be right (0.9)")
    parser.add_argument("--confidence-level", type=float, default=0.95, help="how sure of that (0.95; 0 for no bound)")
    options = parser.parse_args(arguments)
    if options.output.exists():
        raise SystemExit(
            f"--output: {options.output} is there already, and staff may have written in it. Name another."
        )
    if options.data is None:
        options.data = options.file.with_suffix(".test.csv")
    calibration, test = train_test_split(read_table(options), test_size=0.5, random_state=0)
    tickets = test.drop(columns=options.label) if options.open is None else read_open(options)
    clf = load(options.file)

    least = threshold(clf, calibration, options)
    if least < np.inf:
        tested = suggestions(clf, test, options, least)
        assigned = tested[tested["assigned"] != ""]
        print(f"{least:.2f} is the least confidence at which a label is assigned, chosen on {len(calibration)} tickets")
        print(f"{len(assigned)} of {len(tested)} other closed tickets would be assigned automatically", end="")
        right = assigned["assigned"] == assigned[options.label].astype(str)
        print(f", {right.mean():.1%} of them rightly" if len(assigned) else "")

    tickets = suggestions(clf, tickets, options, least)
    write_csv(tickets, options.output, "--output", options.open)
    print(f"{(tickets['assigned'] != '').sum()} of {len(tickets)} open tickets are assigned in {options.output}:\n")
    for text, comment, label in tickets[[options.text, "comment", "assigned"]].head().values:
        print(f"{' '.join(printable(text).split())[:110]}\n    {printable(comment)}{'; assigned' if label else ''}")


if __name__ == "__main__":
    main()
