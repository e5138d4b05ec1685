"""Measure a folder of `write_onnx` beside setfit, sksetfit and sentence-transformers, on Linux.

    HF_HUB_OFFLINE=1 python onnx_folder.py

Each figure is that of a whole process with one thread; the processes of one round run one after another, and the median
of the rounds counts. It writes the tickets' classifier anew, and the rows of onnx.csv.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("onnx.csv")
TEXT = "where is my parcel?"
N_SINGLE = 100  # calls with one text, of which the median counts
METHODS = {
    "first answer": ("setfit", "sksetfit", "predict.py"),
    "one text": ("sksetfit", "predict.py"),
    "1000 texts": ("SentenceTransformer.encode", "sksetfit", "predict.py"),
}


def write_models(folder: Path) -> None:
    """Write the same classifier as a file, a folder of setfit, and a folder for onnxruntime; and 1,000 texts."""
    from sklearn.model_selection import train_test_split

    from sksetfit import SetFitClassifier, dump, load_tickets, write_onnx, write_setfit

    X, y = load_tickets(return_X_y=True)
    X_train, X_test, y_train, _ = train_test_split(X, y, train_size=80, stratify=y, random_state=0)
    clf = SetFitClassifier(random_state=0, device="cpu", max_steps=4).fit(X_train, y_train)
    dump(clf, folder / "sksetfit.skops")
    write_setfit(clf, folder / "setfit")
    write_onnx(clf, folder / "onnx", texts=X_train)
    # Two to four tickets make a text as long as one of ag_news, about fifty tokens; all of them are different.
    texts = [" ".join(X_test[(i * step) % len(X_test)] for step in range(1, 3 + i % 3)) for i in range(1000)]
    (folder / "texts.json").write_text(json.dumps(list(dict.fromkeys(texts))))


def predictor(method: str, folder: Path) -> Callable[[list[str]], Any]:
    """Import what a method needs, load its model and return its prediction."""
    if method == "setfit":
        from setfit import SetFitModel

        return SetFitModel.from_pretrained(str(folder / "setfit")).predict
    if method == "sksetfit":
        from sksetfit import load

        return load(folder / "sksetfit.skops").predict
    if method == "SentenceTransformer.encode":
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(folder / "setfit"), device="cpu").encode
    sys.path.insert(0, str(folder / "onnx"))
    from predict import Classifier

    return Classifier(folder / "onnx", n_threads=1).predict


def measure(task: str, method: str, folder: Path) -> dict[str, float]:
    """Return what a task takes in this process."""
    if task == "first answer":
        predictor(method, folder)([TEXT])
        return {"processor_seconds": time.process_time(), "peak_mb": _peak_mb()}
    texts = json.loads((folder / "texts.json").read_text())
    predict = predictor(method, folder)
    predict(texts[:50])
    calls = [[text] for text in texts[:N_SINGLE]] if task == "one text" else [texts]
    seconds = []
    for call in calls:
        started = time.process_time()
        predict(call)
        seconds.append(time.process_time() - started)
    return {"processor_seconds": sorted(seconds)[len(seconds) // 2], "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()  # ru_maxrss would count what the parent had
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def in_process(task: str, method: str, folder: Path) -> dict[str, float]:
    """Measure in a process of its own, with one thread."""
    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "RAYON")} | {"HF_HUB_OFFLINE": "1"}
    one |= {"TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1"}
    command = [sys.executable, __file__, "--task", task, "--method", method, folder]
    done = subprocess.run(command, env=os.environ | one, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, help="where an earlier call has left the models, or this one is to"
    )
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--method", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args(arguments)
    if given.task:
        print(json.dumps(measure(given.task, given.method, given.folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if not (folder / "texts.json").exists():
            write_models(folder)
        table = medians(folder, given.rounds)
    table.to_csv(RESULTS)
    print(table.to_string())


def medians(folder: Path, rounds: int) -> Any:
    """Return a frame of the medians over the rounds, with sizes, versions and machine."""
    import pandas as pd  # here, as the measured processes must not import it
    from common import machine, version, versions

    cases = [(task, method) for task, methods in METHODS.items() for method in methods]
    rows = [
        {"task": task, "method": method, **in_process(task, method, folder)}
        for _ in range(rounds)
        for task, method in cases
    ]
    table = pd.DataFrame(rows).groupby(["task", "method"], sort=False).median().round(4)
    table["rounds"] = rounds
    for name in ("setfit", "onnx"):
        n_bytes = sum(path.stat().st_size for path in (folder / name).rglob("*") if path.is_file())
        table[f"mb_of_{name}_folder"] = round(n_bytes / 1e6, 1)
    others = (f"{name} {version(name)}" for name in ("onnxruntime", "setfit"))
    table["versions"] = "; ".join([versions("sksetfit"), *others])
    table["machine"] = machine()
    return table


if __name__ == "__main__":
    main()
