"""Where the examples take their texts from: the tickets that ship with sksetfit, or a file of your own.

Every example takes ``--data FILE.csv --text COLUMN --label COLUMN`` and, where it trains, ``--model NAME``.
"""

from __future__ import annotations

import argparse
import math
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from sksetfit import SetFitClassifier, load_tickets


def example_parser(docstring: str | None, *, model: bool = True) -> argparse.ArgumentParser:
    """Return a parser of the options that all examples have, described by the title in their docstring.

    Examples that load a classifier instead of training one have no use for ``--model``: ``model=False``.
    """
    title, *_ = (docstring or "").strip().splitlines() or [None]  # a gallery runs them without one
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--data", type=Path, metavar="FILE.csv", help="your texts; otherwise the shipped tickets")
    parser.add_argument("--text", default="text", metavar="COLUMN", help="the column of texts (%(default)s)")
    parser.add_argument("--label", default="category", metavar="COLUMN", help="the column of labels (%(default)s)")
    if model:
        default = SetFitClassifier().model
        parser.add_argument("--model", default=default, help="a Sentence Transformer: a folder or a name (%(default)s)")
    return parser


def read_csv(file: Path, option: str, **how: Any) -> pd.DataFrame:
    """Return the table of a file, or end with what is wrong with it and what to do."""
    if not file.is_file():
        raise SystemExit(f"{option}: there is no file {file}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond those of the first line
            return pd.read_csv(file, index_col=False, **how)  # else the first column would name the rows then
    except UnicodeDecodeError:
        raise SystemExit(
            f'{option}: {file} is not in UTF-8. Save it as "CSV UTF-8", or convert it, e.g. from WINDOWS-1252:\n'
            f"    iconv -f WINDOWS-1252 -t UTF-8 {file} > new.csv"
        ) from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise SystemExit(
            f"{option}: {file} cannot be read as a table: {str(error).strip()}. {with_commas(file)}"
        ) from None


def printable(text: object) -> str:
    """Return a text or label of a stranger with nothing in it that steers the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))


def write_csv(table: pd.DataFrame, file: Path, option: str, read: Path | None) -> None:
    """Write a table under another name and rename it, so that nothing half-written is ever found there."""
    if read is not None and file.exists() and file.samefile(read):
        raise SystemExit(f"{option}: {file} is the file that was read. Name another.")
    partial = file.with_name(f".{file.name}.partial")
    try:
        table.to_csv(partial, index=False, lineterminator="\r\n")  # so that a lone carriage return is quoted, too
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def with_commas(file: Path) -> str:
    return (
        "Columns must be separated by commas, and texts that have commas be in quotes. If it is semicolons:\n"
        f"    python -c \"import pandas; pandas.read_csv('{file}', sep=';').to_csv('new.csv', index=False)\""
    )


def need_column(table: pd.DataFrame, option: str, column: str, file: Path | None) -> None:
    """End with what columns there are if this one is not among them."""
    if column not in table:
        where = "the shipped tickets have" if file is None else f"{file} has"
        separated = file is not None and any(mark in str(name) for name in table for mark in ";\t")
        found = f"{option}: {where} no column {column!r}, but {', '.join(map(repr, table))}."
        raise SystemExit(f"{found} {with_commas(file)}" if separated else found)


def read_table(options: argparse.Namespace, *, label_needed: bool = True) -> pd.DataFrame:
    """Return the rows that have a text and, where it is needed, a label; all their columns with them.

    Raises
    ------
    SystemExit
        If there is no such file or column, or the file is no table.
    """
    if options.text == options.label:
        raise SystemExit(f"--label: {options.label!r} is the column of the texts. Name another, or another --text.")
    if options.data is None:
        tags = load_tickets(target="tags", as_frame=True)
        table = load_tickets(as_frame=True).frame
        table["tags"] = [";".join(tags.target.columns[row == 1]) for row in tags.target.to_numpy()]
    else:
        table = read_csv(options.data, "--data", keep_default_na=False, na_values=[""])  # "None" may be a label
    need_column(table, "--text", options.text, options.data)
    if options.label is not None:
        need_column(table, "--label", options.label, options.data)
    needed = [options.text, options.label] if label_needed else [options.text]
    whole = table.dropna(subset=needed).reset_index(drop=True)
    if len(whole) < len(table):
        lack = "no text or no label" if label_needed else "no text"
        print(f"{len(table) - len(whole)} of {len(table)} rows have {lack} and are left out")
    if label_needed:
        labels = whole[options.label]
        if labels.dtype.kind == "f" and (labels % 1 == 0).all():  # whole numbers, one of them missing
            whole[options.label] = labels.astype(int)
    return whole


def read_texts(options: argparse.Namespace, *, at_least: int = 1) -> tuple[pd.Series, pd.Series]:
    """Return the texts and their labels, a Series each, without the classes that have fewer texts than ``at_least``.

    Raises
    ------
    SystemExit
        If fewer than two classes are left, or the file cannot be read.
    """
    table = read_table(options)
    counts = table[options.label].value_counts()
    if rare := counts.index[counts < at_least].tolist():
        few = "a single text" if at_least == 2 else f"fewer than {at_least} texts"
        print(f"left out, with {few}: {', '.join(map(str, rare))}")
        table = table[~table[options.label].isin(rare)]
    if table[options.label].nunique() < 2:
        needed = "texts" if at_least == 1 else f"at least {at_least} texts each"
        raise SystemExit(f"--data: this script needs two classes or more with {needed}.")
    return table[options.text], table[options.label]


def n_to_train(y: Any, n_per_class: int, *, at_least: int = 1) -> int:
    """Return how many texts of each class to train on, so that others are left to test on.

    Two thirds of the texts of the median class, but at most ``n_per_class`` and no fewer than ``at_least``.

    Raises
    ------
    SystemExit
        If fewer than two classes have more than ``at_least`` texts.
    """
    counts = pd.Series(y).value_counts()
    if (counts > at_least).sum() < 2:
        raise SystemExit(f"--data: this script needs two classes or more with at least {at_least + 1} texts each.")
    return min(n_per_class, max(at_least, int(counts.median() * 2 / 3)))


def n_to_test(y: pd.Series, n_per_class: int) -> int:
    """Return three tenths of the number of texts, or all that are left if ``n_per_class`` of each are trained on."""
    n_left = len(y) - y.value_counts().clip(upper=n_per_class).sum()
    return int(min(math.ceil(0.3 * len(y)), n_left))
