"""Where the examples take their texts from: the tickets that ship with sksetfit, or a file of your own.

Every example takes ``--data FILE.csv --text COLUMN --label COLUMN`` and ``--model NAME``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from sksetfit import SetFitClassifier, load_tickets


def example_parser(docstring: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options that all examples have, described by the title in their docstring."""
    title, *_ = (docstring or "").strip().splitlines() or [None]  # a gallery runs them without one
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--data", type=Path, metavar="FILE.csv", help="your texts; otherwise the shipped tickets")
    parser.add_argument("--text", default="text", metavar="COLUMN", help="the column of texts (%(default)s)")
    parser.add_argument("--label", default="category", metavar="COLUMN", help="the column of labels (%(default)s)")
    default = SetFitClassifier().model
    parser.add_argument("--model", default=default, help="a Sentence Transformer: a folder or a name (%(default)s)")
    return parser


def read_table(options: argparse.Namespace, *, label_needed: bool = True) -> pd.DataFrame:
    """Return the rows that have a text and, where it is needed, a label; all their columns with them.

    Raises
    ------
    SystemExit
        If there is no such file or column.
    """
    if options.data is None:
        tags = load_tickets(target="tags", as_frame=True)
        table = load_tickets(as_frame=True).frame
        table["tags"] = [";".join(tags.target.columns[row == 1]) for row in tags.target.to_numpy()]
    elif options.data.is_file():
        table = pd.read_csv(options.data, keep_default_na=False, na_values=[""])  # "None" may be a label
    else:
        raise SystemExit(f"--data: there is no file {options.data}.")
    for option, column in (("--text", options.text), ("--label", options.label)):
        if column not in table.columns:
            raise SystemExit(f"{option}: there is no column {column!r}, but {', '.join(map(repr, table.columns))}.")
    needed = [options.text, options.label] if label_needed else [options.text]
    whole = table.dropna(subset=needed).reset_index(drop=True)
    if len(whole) < len(table):
        lack = "no text or no label" if label_needed else "no text"
        print(f"{len(table) - len(whole)} of {len(table)} rows have {lack} and are left out")
    labels = whole[options.label]
    if label_needed and labels.dtype.kind == "f" and (labels % 1 == 0).all():  # whole numbers, one of them missing
        whole[options.label] = labels.astype(int)
    return whole


def read_texts(options: argparse.Namespace) -> tuple[pd.Series, pd.Series]:
    """Return the texts and their labels, a Series each."""
    table = read_table(options)
    return table[options.text], table[options.label]
