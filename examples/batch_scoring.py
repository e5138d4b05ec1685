"""
A large file of texts, labelled in chunks
=========================================

Labels an archive that does not fit into memory: rows are read, answered and written some thousand at a time, in this
process (``--engine pandas``) or by worker processes (``--engine dask``); see :doc:`/scaling` for when these pay. All
columns stay as they are, and four are added: ``predicted_label``, which is empty where the classifier is not sure,
``likeliest_label``, its ``probability``, and ``not_sure``. Rows without a text get empty answers and are counted.

.. code-block:: bash

    python batch_scoring.py --data archive.csv --text COLUMN --trained tickets.skops --output labelled.csv

The whole file is looked through before anything is answered. What is finished lies in a folder beside the output until
all is: the output appears whole or not at all, and the same command goes on where it was interrupted. Without
``--trained`` a classifier is trained first on eight texts of each label of ``--data``, or of the tickets, and kept
beside the output; to go on, name it by ``--trained``.

A text that begins with ``=``, ``+``, ``-`` or ``@`` is a formula where a spreadsheet opens the output: have columns of
strangers' texts imported as text.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from own_data import example_parser, n_to_train, need_column, read_table, read_texts, with_commas
from tqdm import tqdm

from sksetfit import FewShotSplit, RejectClassifier, SetFitClassifier, dump, load

ANSWER = {"predicted_label": "string", "likeliest_label": "string", "probability": "float64", "not_sure": "boolean"}


# %%
# Answers to a Series of texts
# ----------------------------
# Each distinct text is encoded once, and one call of ``predict_proba`` gives labels and probabilities.


def answers(texts: pd.Series, classifier: SetFitClassifier, min_confidence: float) -> pd.DataFrame:
    """Return the answer to each text, and an empty one where there is none."""
    found = pd.DataFrame({name: pd.Series(index=texts.index, dtype=dtype) for name, dtype in ANSWER.items()})
    present = texts[texts.str.strip() != ""]
    if present.empty:
        return found
    probabilities = classifier.predict_proba(present)
    confidence = probabilities.max(axis=1)
    labels = pd.Series(classifier.classes_[probabilities.argmax(axis=1)], index=present.index).astype("string")
    sure = confidence >= min_confidence
    found.loc[present.index, "predicted_label"] = labels.where(sure)
    found.loc[present.index, "likeliest_label"] = labels
    found.loc[present.index, "probability"] = confidence.round(4)
    found.loc[present.index, "not_sure"] = ~sure
    return found


# %%
# The engines
# -----------
# Dask spreads each chunk over workers of one thread, which keep a copy of the classifier each.


@contextmanager
def pandas_engine(classifier: SetFitClassifier, min_confidence: float, n_workers: int) -> Iterator[Callable]:
    yield lambda texts: answers(texts, classifier, min_confidence)


@contextmanager
def dask_engine(classifier: SetFitClassifier, min_confidence: float, n_workers: int) -> Iterator[Callable]:
    import dask.dataframe as dd
    from dask import config
    from dask.distributed import Client, LocalCluster

    with (
        config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}),  # a chunk of texts is part of its task
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR
        ) as cluster,
        Client(cluster) as client,
    ):
        client.amm.stop()  # else Dask drops copies of the classifier, and its last one may die with a worker
        model = client.scatter(classifier, broadcast=True)
        meta = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in ANSWER.items()})

        def engine(texts: pd.Series) -> pd.DataFrame:
            parts = dd.from_pandas(texts, npartitions=n_workers, sort=False)
            return parts.map_partitions(answers, model, min_confidence, meta=meta).compute()

        yield engine


ENGINES = {"pandas": pandas_engine, "dask": dask_engine}


# %%
# Chunk by chunk
# --------------
# Everything is read as text, so that no chunk takes for a number what another takes for a word.


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """End with what is wrong with the file and what to do."""
    try:
        yield
    except UnicodeDecodeError:
        raise SystemExit(f"--data: {file} is not written in UTF-8. Convert it, by iconv or in a spreadsheet.") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError, OSError, EOFError) as error:
        raise SystemExit(
            f"--data: {file} cannot be read as a table: {str(error).strip()}. {with_commas(file)}"
        ) from None


def header(file: Path) -> list[str]:
    """Return the names of the columns as they stand in the file: pandas would mend them."""
    how = {"header": None, "nrows": 1, "dtype": "str", "keep_default_na": False, "skip_blank_lines": False}
    with readable(file):
        return pd.read_csv(file, **how).loc[0].tolist()


def chunks(options: argparse.Namespace, file: Path) -> Iterator[pd.DataFrame]:
    blank = len(header(file)) > 1  # where there is one column only, a blank line is a row without a text
    # Without index_col=False the first column would name the rows where these have a comma at their end.
    how = {"dtype": "str", "keep_default_na": False, "skip_blank_lines": blank, "index_col": False}
    with readable(file), pd.read_csv(file, chunksize=options.chunk, **how) as reader:
        yield from reader


def check(options: argparse.Namespace, file: Path) -> int:
    """Return the number of rows of a file that can be labelled, or end with what is wrong with it."""
    names = header(file)
    need_column(pd.DataFrame(columns=names), "--text", options.text, file)
    if taken := sorted(set(names) & set(ANSWER)):
        raise SystemExit(f"{file} has a column {taken[0]!r} already; rename it.")
    if twice := [name for number, name in enumerate(names) if name in ["", *names[:number]]]:
        raise SystemExit(f"--data: {file} has a column {twice[0]!r} that has no name, or that of another. Rename it.")
    with readable(file), warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # of cells beyond those of the header
        return sum(map(len, chunks(options, file)))


def score(options: argparse.Namespace, file: Path, n_rows: int) -> None:
    """Answer all texts of a file, and write the output once they are."""
    classifier = load(options.trained)
    learned = classifier.threshold_ if isinstance(classifier, RejectClassifier) else 0.0
    min_confidence = learned if options.min_confidence is None else options.min_confidence
    parts = folder_of_parts(options, file)
    n_texts, began = 0, time.perf_counter()
    with (
        unless_gone(parts),
        tqdm(total=n_rows, unit=" rows", disable=None) as progress,
        ENGINES[options.engine](classifier, min_confidence, options.workers) as engine,
    ):
        for number, chunk in enumerate(chunks(options, file)):
            part = parts / f"{number:08}.parquet"
            if not part.exists():
                whole = pd.concat([chunk, engine(chunk[options.text]).astype(ANSWER)], axis=1)
                with whole_file(part) as partial:
                    whole.to_parquet(partial, index=False)
                n_texts += len(chunk)
            progress.update(len(chunk))
    seconds = time.perf_counter() - began
    with unless_gone(parts):
        finished = sorted(parts.glob("*.parquet"))
        found = pd.concat(pd.read_parquet(part, columns=list(ANSWER)[2:]) for part in finished)
        with whole_file(options.output, parts) as partial:
            join(finished, partial, options.output.suffix)
        shutil.rmtree(parts.rename(f"{parts}.{os.getpid()}"))  # so that all of it is gone at once
    n_missing, n_not_sure = found["probability"].isna().sum(), found["not_sure"].sum()
    print(f"{options.output}: {len(found)} rows, {n_not_sure} of them not sure, {n_missing} without a text")
    if n_texts:
        started = ", the start of the workers included" if options.engine == "dask" else ""
        print(f"{n_texts} rows in {seconds:.1f} seconds, {n_texts / seconds:.0f} per second{started}")


@contextmanager
def whole_file(file: Path, folder: Path | None = None) -> Iterator[Path]:
    """Yield where to write, a name that no other run uses; what is there gets its own name when it is whole."""
    partial = (folder or file.parent) / f"{file.name}.{os.getpid()}.partial"
    yield partial
    partial.replace(file)


@contextmanager
def unless_gone(parts: Path) -> Iterator[None]:
    """End with the reason if the folder of chunks is taken away meanwhile."""
    try:
        yield
    except (OSError, ValueError):  # without a file, and without any
        if parts.exists():
            raise
        raise SystemExit(f"{parts} is gone: another run of this command has finished, or it was deleted.") from None


def folder_of_parts(options: argparse.Namespace, file: Path) -> Path:
    """Return the folder of finished chunks: a new one, or that of a run with the same texts, model and options."""
    digests = []
    for each in (file, options.trained):
        with each.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
    about = json.dumps([*digests, options.text, options.chunk, options.min_confidence])
    parts = options.output.with_name(f"{options.output.name}.parts")
    parts.mkdir(exist_ok=True)
    told = parts / "about.json"
    if not told.exists() and not any(parts.glob("*.parquet")):
        with whole_file(told) as partial:
            partial.write_text(about)
    if not told.exists() or told.read_text() != about:
        raise SystemExit(f"{parts} holds chunks of another file, model or option. Delete it to begin anew.")
    return parts


def join(parts: list[Path], file: Path, suffix: str) -> None:
    """Write the parts as one file."""
    import pyarrow.parquet as pq

    if suffix == ".parquet":
        with pq.ParquetWriter(file, pq.read_schema(parts[0])) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part))
    else:
        with file.open("w", encoding="utf-8", newline="") as stream:
            for number, part in enumerate(parts):  # with "\r\n", a "\r" in a text is quoted too
                pd.read_parquet(part).to_csv(stream, index=False, header=number == 0, lineterminator="\r\n")


# %%
# From the command line
# ---------------------


def train(options: argparse.Namespace) -> None:
    """Train on eight texts of each class, and keep the classifier beside the output."""
    X, y = read_texts(options)
    few, _ = next(FewShotSplit(n_to_train(y, 8), n_splits=1, too_few="take_all", random_state=0).split(X, y))
    print(f"training on {len(few)} texts of {y.nunique()} classes; --trained {options.trained} uses it again")
    dump(SetFitClassifier(options.model, random_state=0).fit(X.iloc[few], y.iloc[few]), options.trained)


def check_options(options: argparse.Namespace) -> None:
    """End if an option cannot be meant."""
    if options.output.suffix not in (".csv", ".parquet"):
        raise SystemExit(f"--output: {options.output} must end in .csv or .parquet.")
    if not options.output.parent.is_dir():
        raise SystemExit(f"--output: there is no folder {options.output.parent}. Make it first.")
    if options.output.exists():
        raise SystemExit(f"--output: {options.output} is there already.")
    if min(options.chunk, options.workers) < 1:
        raise SystemExit(f"--chunk and --workers must be 1 or more, got {options.chunk} and {options.workers}.")
    if not 0 <= (options.min_confidence or 0) <= 1:
        raise SystemExit(f"--min-confidence must be between 0 and 1, got {options.min_confidence}.")
    for given in (options.data, options.trained):
        if given is not None and not given.is_file():
            raise SystemExit(f"There is no file {given}.")


def main(arguments: list[str] | None = None) -> None:
    parser = example_parser(__doc__)
    parser.add_argument("--trained", type=Path, metavar="model.skops", help="a classifier that sksetfit.dump wrote")
    parser.add_argument("--output", type=Path, default=Path("labelled.csv"), help=".csv or .parquet (%(default)s)")
    parser.add_argument("--engine", choices=ENGINES, default="pandas")
    parser.add_argument("--workers", type=int, default=2, help="processes of --engine dask (%(default)s)")
    parser.add_argument("--chunk", type=int, default=4000, help="rows that are in memory at once (%(default)s)")
    parser.add_argument("--min-confidence", type=float, metavar="P", help="below it, the answer is not sure")
    options = parser.parse_args(arguments)
    check_options(options)
    with tempfile.TemporaryDirectory() as folder:
        file = options.data
        if file is None:
            file = Path(folder) / "tickets.csv"
            read_table(options).to_csv(file, index=False)
        n_rows = check(options, file)
        if options.trained is None:
            options.trained = options.output.with_suffix(".skops")
            if options.trained.exists():
                raise SystemExit(f"{options.trained} is there already: use it by --trained, or delete it.")
            train(options)
        score(options, file, n_rows)


if __name__ == "__main__":
    main()
