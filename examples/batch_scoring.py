"""
A large file of texts, labelled in chunks
=========================================

Labels an archive that does not fit into memory: rows are read, answered and written some thousand at a time, in this
process (``--engine pandas``) or by worker processes (``--engine dask``); see :doc:`/scaling` for when these pay. All
columns stay as they are, and four are added: ``predicted_label``, which is empty where the classifier is not sure,
``likeliest_label``, its ``probability``, and ``not_sure``. Rows without a text get empty answers and are counted.

.. code-block:: bash

    python batch_scoring.py --data archive.csv --text COLUMN --trained tickets.skops --output labelled.csv

What is finished lies in a folder beside the output until all is: the output appears whole or not at all, and the same
command goes on where it was interrupted. Without ``--trained`` a classifier is trained first on eight texts of each
label of ``--data``, or of the tickets.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from own_data import example_parser, read_table, read_texts
from tqdm import tqdm

from sksetfit import FewShotSplit, RejectClassifier, SetFitClassifier, dump, load

ANSWER = {"predicted_label": "str", "likeliest_label": "str", "probability": "float64", "not_sure": "boolean"}


# %%
# Answers to a Series of texts
# ----------------------------
# Each distinct text is encoded once, and one call of ``predict_proba`` tells all there is to say.


def answers(texts: pd.Series, classifier: SetFitClassifier, min_confidence: float) -> pd.DataFrame:
    """Return the answer to each text, and an empty one where there is none."""
    found = pd.DataFrame({name: pd.Series(index=texts.index, dtype=dtype) for name, dtype in ANSWER.items()})
    present = texts[texts.str.strip() != ""]
    if present.empty:
        return found
    probabilities = classifier.predict_proba(present)
    confidence = probabilities.max(axis=1)
    labels = pd.Series(classifier.classes_[probabilities.argmax(axis=1)], index=present.index).astype("str")
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


def score(options: argparse.Namespace, file: Path) -> None:
    """Answer all texts of a file, and write the output once they are."""
    classifier = load(options.trained)
    learned = classifier.threshold_ if isinstance(classifier, RejectClassifier) else 0.0
    min_confidence = learned if options.min_confidence is None else options.min_confidence
    parts = folder_of_parts(options, file)
    n_texts, began = 0, time.perf_counter()
    with (
        file.open("rb") as stream,
        pd.read_csv(stream, chunksize=options.chunk, dtype="str", keep_default_na=False) as chunks,
        tqdm(total=file.stat().st_size, unit="B", unit_scale=True, disable=None) as progress,
        ENGINES[options.engine](classifier, min_confidence, options.workers) as engine,
    ):
        for number, chunk in enumerate(chunks):
            part = parts / f"{number:08}.parquet"
            if not part.exists():
                whole = pd.concat([chunk, engine(chunk[options.text]).astype(ANSWER)], axis=1)
                whole.to_parquet(part.with_suffix(".partial"), index=False)
                part.with_suffix(".partial").rename(part)
                n_texts += len(chunk)
            progress.update(stream.tell() - progress.n)
    seconds = time.perf_counter() - began
    finished = sorted(parts.glob("*.parquet"))
    found = pd.concat(pd.read_parquet(part, columns=list(ANSWER)[2:]) for part in finished)
    join(finished, options.output)
    shutil.rmtree(parts)
    n_missing, n_not_sure = found["probability"].isna().sum(), found["not_sure"].sum()
    print(f"{options.output}: {len(found)} rows, {n_not_sure} of them not sure, {n_missing} without a text")
    if n_texts:
        started = ", the start of the workers included" if options.engine == "dask" else ""
        print(f"{n_texts} rows in {seconds:.1f} seconds, {n_texts / seconds:.0f} per second{started}")


def folder_of_parts(options: argparse.Namespace, file: Path) -> Path:
    """Return the folder of finished chunks: a new one, or that of a run with the same file, model and options."""
    first = pd.read_csv(file, nrows=0).columns
    if options.text not in first:
        raise SystemExit(f"--text: there is no column {options.text!r}, but {', '.join(map(repr, first))}.")
    if taken := sorted(set(first) & set(ANSWER)):
        raise SystemExit(f"{file} has a column {taken[0]!r} already; rename it.")
    size, changed = file.stat().st_size, file.stat().st_mtime_ns
    model = hashlib.sha256(options.trained.read_bytes()).hexdigest()
    about = json.dumps([size, changed, model, options.text, options.chunk, options.min_confidence])
    parts = options.output.with_name(f"{options.output.name}.parts")
    if parts.exists() and (parts / "about.json").read_text() != about:
        raise SystemExit(f"{parts} holds chunks of another file, model or option. Delete it to begin anew.")
    parts.mkdir(exist_ok=True)
    (parts / "about.json").write_text(about)
    return parts


def join(parts: list[Path], output: Path) -> None:
    """Write the parts as one file, under its name when it is whole."""
    import pyarrow.parquet as pq

    partial = output.with_name(f"{output.name}.partial")
    if output.suffix == ".parquet":
        with pq.ParquetWriter(partial, pq.read_schema(parts[0])) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part))
    else:
        with partial.open("w", encoding="utf-8", newline="") as file:
            for number, part in enumerate(parts):
                pd.read_parquet(part).to_csv(file, index=False, header=number == 0)
    partial.rename(output)


# %%
# From the command line
# ---------------------


def train(options: argparse.Namespace) -> None:
    """Train on eight texts of each class, and keep the classifier beside the output."""
    X, y = read_texts(options)
    few, _ = next(FewShotSplit(8, n_splits=1, too_few="take_all", random_state=0).split(X, y))
    print(f"training on {len(few)} texts of {y.nunique()} classes; --trained {options.trained} uses it again")
    dump(SetFitClassifier(options.model, random_state=0).fit(X.iloc[few], y.iloc[few]), options.trained)


def main(arguments: list[str] | None = None) -> None:
    parser = example_parser(__doc__)
    parser.add_argument("--trained", type=Path, metavar="model.skops", help="a classifier that sksetfit.dump wrote")
    parser.add_argument("--output", type=Path, default=Path("labelled.csv"), help=".csv or .parquet (%(default)s)")
    parser.add_argument("--engine", choices=ENGINES, default="pandas")
    parser.add_argument("--workers", type=int, default=2, help="processes of --engine dask (%(default)s)")
    parser.add_argument("--chunk", type=int, default=4000, help="rows that are in memory at once (%(default)s)")
    parser.add_argument("--min-confidence", type=float, metavar="P", help="below it, the answer is not sure")
    options = parser.parse_args(arguments)
    if options.output.exists():
        raise SystemExit(f"--output: {options.output} is there already.")
    if not 0 <= (options.min_confidence or 0) <= 1:
        raise SystemExit(f"--min-confidence must be between 0 and 1, got {options.min_confidence}.")
    with tempfile.TemporaryDirectory() as folder:
        file = options.data
        for given in (options.data, options.trained):
            if given is not None and not given.is_file():
                raise SystemExit(f"There is no file {given}.")
        if file is None:
            file = Path(folder) / "tickets.csv"
            read_table(options).to_csv(file, index=False)
        if options.trained is None:
            options.trained = options.output.with_suffix(".skops")
            if options.trained.exists():
                raise SystemExit(f"{options.trained} is there already: use it by --trained, or delete it.")
            train(options)
        score(options, file)


if __name__ == "__main__":
    main()
