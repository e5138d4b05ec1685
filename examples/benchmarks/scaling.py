"""Measure what worker processes of Dask bring: texts labelled in chunks, and a cross-validation of six fits.

    HF_HUB_OFFLINE=1 python scaling.py --n-texts 1000 4000 16000 --repeats 3

Everything is wall time on one machine, whose other jobs should rest: the load at the start stands beside each result.
Compared are one process with one thread, one process with two threads, and one and two workers of one thread each,
the start of the cluster and the way of the model to the workers included. The texts are the shipped tickets over and
over, in chunks in which none stands twice. A session that wants workers has a fitted model at hand, so that importing
torch and fitting are not counted in the first process; each worker imports torch for itself, and that is counted.
Results are appended to --results; the medians of that file are printed at the end.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
import torch
from common import add_result, use_threads, version
from distributed import Client, LocalCluster
from numpy.typing import NDArray
from sklearn.model_selection import cross_val_score

from sksetfit import SetFitClassifier, load_tickets

CHUNK = 400  # texts; there are 478 tickets
N_FITS = 6
WAYS = {  # workers, threads
    "one process, one thread": (0, 1),
    "one process, two threads": (0, 2),
    "one worker": (1, 1),
    "two workers": (2, 1),
}


class Model(NamedTuple):
    classifier: SetFitClassifier
    X: NDArray[Any]
    y: NDArray[Any]


@contextmanager
def started(n_workers: int) -> Iterator[Client | None]:
    if not n_workers:
        yield None
        return
    with (
        LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def fitted() -> Model:
    X, y = load_tickets(return_X_y=True)
    sample = pd.Series(y).groupby(y).sample(8, random_state=0).index.to_numpy()
    classifier = SetFitClassifier(random_state=0).fit(X[sample], y[sample])
    classifier.predict(X)  # the first time takes longer
    return Model(classifier, X[sample], y[sample])


def chunks_of(n_texts: int) -> list[list[str]]:
    tickets = load_tickets().data.tolist()
    texts = [tickets[i % len(tickets)] for i in range(n_texts)]
    return [texts[start : start + CHUNK] for start in range(0, n_texts, CHUNK)]


def label(texts: list[str], classifier: SetFitClassifier) -> NDArray[Any]:
    return classifier.predict(texts)


def label_texts(model: Model, client: Client | None, n_texts: int) -> NDArray[Any]:
    chunks = chunks_of(n_texts)
    if client is None:
        return np.concatenate([label(chunk, model.classifier) for chunk in chunks])
    shared = client.scatter(model.classifier, broadcast=True, hash=False)
    return np.concatenate(client.gather(client.map(label, chunks, classifier=shared, pure=False)))


def cross_validate(model: Model, client: Client | None, n_fits: int) -> NDArray[Any]:
    unfitted = SetFitClassifier(random_state=0)
    if client is None:
        return cross_val_score(unfitted, model.X, model.y, cv=n_fits)
    with joblib.parallel_config("dask", scatter=[model.X, model.y]):  # of one worker joblib makes no use
        return cross_val_score(unfitted, model.X, model.y, cv=n_fits)


def measured(task: Callable[..., NDArray[Any]], model: Model, way: str, size: int) -> tuple[float, NDArray[Any]]:
    """Return the seconds until the answer is there, start included and end not, and the answer."""
    n_workers, n_threads = WAYS[way]
    torch.set_num_threads(n_threads)
    before = time.perf_counter()
    with started(n_workers) as client:
        answer = task(model, client, size)
        return round(time.perf_counter() - before, 2), answer


def print_medians(path: Path) -> None:
    seconds = pd.read_csv(path).pivot_table(
        index=["task", "size"], columns="way", values="wall_seconds", aggfunc="median"
    )
    print(seconds[list(WAYS)].round(1).to_string())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-texts", type=int, nargs="+", default=[1000, 4000, 16000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    use_threads(1)
    model = fitted()
    tasks: list[tuple[str, Callable[..., NDArray[Any]], int]] = [
        ("cross-validation", cross_validate, N_FITS),
        *(("labels", label_texts, n_texts) for n_texts in options.n_texts),
    ]
    for repeat in range(options.repeats):
        for name, task, size in tasks:
            expected = None
            for way in WAYS:
                load = round(os.getloadavg()[0], 1)
                seconds, answer = measured(task, model, way, size)
                expected = answer if expected is None else expected
                key = {"task": name, "size": size, "way": way, "repeat": repeat}
                same = float(np.mean(answer == expected))
                measures = {"wall_seconds": seconds, "same": same, "load": load, "dask": version("distributed")}
                add_result(options.results, key, "sksetfit", measures)
                print(*key.values(), f"{seconds} s", f"{same:.3f} the same", f"load {load}", flush=True)
    print_medians(options.results)


if __name__ == "__main__":
    main()
