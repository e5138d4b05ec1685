"""Compare two builds of sksetfit: the processor time of fits, predictions and loading.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    git worktree add ../before COMMIT
    python builds.py --before ../before --data DIR

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label. Each build has a process of its own. The two
do each task in turn, so that what else the machine does meets both. Printed are medians of processor seconds of one
thread, their ratio (how many times as fast the new build is), and the same for SentenceTransformer.encode. Results are
written to --results.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from common import MODEL, add_row, body_source, read_texts, use_threads, version


def prepared(task: str, options: argparse.Namespace) -> Callable[[], Any]:
    """Return a function that does a task once."""
    from sentence_transformers import SentenceTransformer

    from sksetfit import SetFitClassifier, dump, load

    kind, name, number = task.split()
    train, test = (read_texts(options.data / f"{name}_{part}.csv") for part in ("train", "test"))
    if kind == "fit":
        sample = train.groupby("label").sample(int(number), random_state=0).sample(frac=1, random_state=0)
        return lambda: SetFitClassifier(random_state=0).fit(sample["text"].tolist(), sample["label"].tolist())
    texts = test["text"].tolist()[3 : 3 + int(number)]
    if kind == "encode":
        theirs = SentenceTransformer(body_source(MODEL), device="cpu")
        return lambda: theirs.encode(texts)
    sample = train.groupby("label").sample(4, random_state=0)
    fitted = SetFitClassifier(max_steps=1).fit(sample["text"].tolist(), sample["label"].tolist())
    if kind == "predict":
        return lambda: fitted.predict(texts)
    file = Path(options.results.parent, f"builds-{os.getpid()}.skops")
    dump(fitted, file)
    return lambda: load(file)


def work(options: argparse.Namespace) -> None:
    """Do the task of each line that comes in, and answer with its processor seconds."""
    use_threads(1)
    tasks: dict[str, Callable[[], Any]] = {}
    print(version("sksetfit"), flush=True)
    for line in sys.stdin:
        task = line.strip()
        if task not in tasks:
            tasks[task] = prepared(task, options)
            tasks[task]()  # the first time takes longer
        repeats = 20 if task.endswith(" 1") else 1
        started = time.process_time()
        for _ in range(repeats):
            tasks[task]()
        print((time.process_time() - started) / repeats, flush=True)
    for file in options.results.parent.glob(f"builds-{os.getpid()}.skops"):
        file.unlink()


class Worker:
    """A process that imports sksetfit from a folder."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        command = [sys.executable, __file__, "--work", "--data", options.data, "--results", options.results]
        environment = {**os.environ, "PYTHONPATH": str(folder.resolve())}
        self._process = subprocess.Popen(
            list(map(str, command)), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = self._process.stdout.readline().strip()  # type: ignore[union-attr]

    def seconds(self, task: str) -> float:
        """Do a task, and return its processor seconds."""
        print(task, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())  # type: ignore[union-attr]

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder of NAME_train.csv, NAME_test.csv"
    )
    parser.add_argument("--before", type=Path, metavar="DIR", help="the checkout of the build to compare with")
    parser.add_argument("--sets", nargs="+", default=["sst2", "cr", "trec", "ag_news"], metavar="NAME")
    parser.add_argument("--shots", type=int, nargs="+", default=[8])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("builds.csv"))
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options)
        return
    fits = [f"fit {name} {shots}" for shots in options.shots for name in options.sets]
    others = [f"{kind} {options.sets[-1]} {n}" for n in (1, 300) for kind in ("encode", "predict")]
    workers = [Worker(folder, options) for folder in (options.before, Path(__file__).parents[2])]
    for task in [*fits, *others, f"load {options.sets[-1]} 1"]:
        pairs = [[worker.seconds(task) for worker in workers] for _ in range(options.repeats)]
        before, after = (statistics.median(column) for column in zip(*pairs, strict=True))
        measures = {"before": round(before, 4), "after": round(after, 4), "ratio": round(before / after, 2)}
        print(f"{task}: {measures}", flush=True)
        key = {"task": task, "repeats": options.repeats}
        add_row(options.results, key, " | ".join(worker.version for worker in workers), measures)
    for worker in workers:
        worker.stop()
    rows = pd.read_csv(options.results)
    ratios = rows[rows["task"].str.startswith("fit")].drop_duplicates("task", keep="last")["ratio"]
    print(f"fits: {statistics.geometric_mean(ratios):.2f} times as fast, geometric mean of {len(ratios)}")


if __name__ == "__main__":
    main()
