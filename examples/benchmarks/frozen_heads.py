"""Compare heads and poolings on embeddings of the frozen body.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python frozen_heads.py --data DIR                  # run what the results lack, print the table
    python frozen_heads.py --data DIR --model FOLDER   # the same with another body, which is in a folder
    python frozen_heads.py --table-only                # print the table of the results, run nothing

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label for each set. An embedding is the mean of the
token embeddings of a text, with length 1: those of the last layer, or the mean of the last two or three layers. The
body is not trained, so that a candidate costs no more than a fit of its head.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from common import MODEL, add_result, body_source, is_done, read_results, read_texts, run_and_print, use_threads
from few_shot import model_name
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksetfit import LogisticRegressionHead

SETS = ["sst2", "cr", "trec", "ag_news", "tickets"]
N_LAYERS = [1, 2, 3]
BATCH_SIZE = 32


def _discriminant_analysis(shrinkage: Any) -> Callable[[], Any]:
    return lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)


HEADS: dict[str, Callable[[], Any]] = {
    "regression": LogisticRegressionHead,
    "regression, standardised": lambda: make_pipeline(StandardScaler(), LogisticRegressionHead()),
    "discriminant analysis, shrunk by Ledoit and Wolf": _discriminant_analysis("auto"),
    "discriminant analysis, shrunk by 0.9": _discriminant_analysis(0.9),
}


@cache
def _body(model: str) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(body_source(model), device="cpu")


@torch.inference_mode()
def embed(model: str, texts: list[str]) -> NDArray[np.float32]:
    """Return embeddings of shape (max(N_LAYERS), n_texts, n_dimensions): the means of the last layers, one to three."""
    body = _body(model)
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    embedded = np.empty((len(N_LAYERS), len(texts), body.get_embedding_dimension()), dtype=np.float32)
    for start in range(0, len(texts), BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        tokens = body.preprocess([texts[row] for row in rows])
        mask = tokens["attention_mask"][..., None].float()
        layers = body[0].auto_model(**tokens, output_hidden_states=True).hidden_states
        for i, n_layers in enumerate(N_LAYERS):
            pooled = (torch.stack(layers[-n_layers:]).mean(0) * mask).sum(1) / mask.sum(1)
            embedded[i, rows] = torch.nn.functional.normalize(pooled).numpy()
    return embedded


def run(options: argparse.Namespace) -> None:
    use_threads(1)
    for name in options.sets:
        train, test = (read_texts(options.data / f"{name}_{part}.csv") for part in ("train", "test"))
        samples = {
            (shots, seed): train.groupby("label").sample(shots, random_state=seed)
            for shots in options.shots
            for seed in options.seeds
        }
        key = {"set": name, "model": model_name(options.model), "test_size": options.test_size, "threads": 1}
        keys = [key | {"shots": shots, "seed": seed, "method": "frozen"} for shots, seed in samples]
        if all(is_done(read_results(options.results), each, "sentence-transformers") for each in keys):
            continue
        texts = sorted({text for sample in samples.values() for text in sample["text"]})
        test = test.head(options.test_size)
        row_of, embedded = {text: row for row, text in enumerate(texts)}, embed(options.model, texts)
        of_test = embed(options.model, test["text"].tolist())
        for each, sample in zip(keys, samples.values(), strict=True):
            rows = [row_of[text] for text in sample["text"]]
            scores = score_heads(embedded[:, rows], sample["label"], of_test, test["label"])
            add_result(options.results, each, "sentence-transformers", scores)
            print(*(each[part] for part in ("set", "model", "shots", "seed")), flush=True)


def score_heads(
    embedded: NDArray[np.float32], labels: pd.Series, of_test: NDArray[np.float32], expected: pd.Series
) -> dict[str, float]:
    """Return the accuracy of each head on each of the poolings."""
    return {
        f"{name}; {n_layers}": round(float(make_head().fit(X, labels).score(X_test, expected)), 4)
        for n_layers, X, X_test in zip(N_LAYERS, embedded, of_test, strict=True)
        for name, make_head in HEADS.items()
    }


def table(results: pd.DataFrame) -> str:
    """Return mean differences to the regression on the last layer, in points, over all sets and samples."""
    columns = [f"{name}; {n_layers}" for n_layers in N_LAYERS for name in HEADS]
    differences = 100 * results[columns].sub(results[columns[0]], axis=0)
    of_sets = differences.groupby([results["model"], results["shots"], results["set"]]).mean()
    groups = of_sets.groupby(["model", "shots"])
    means, errors = groups.mean(), groups.sem()
    frozen = (100 * results.groupby(["model", "shots"])[columns[0]].mean()).map("{:.1f}".format)
    titles = [f"{model}, {shots} texts" for model, shots in means.index]
    lines = [["head", "layers", *titles], ["---"] * (2 + len(titles)), [next(iter(HEADS)), "1", *frozen]]
    for column in columns[1:]:
        gains = [f"{mean:+.1f} ± {error:.1f}" for mean, error in zip(means[column], errors[column], strict=True)]
        lines.append([*column.split("; "), *gains])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--shots", type=int, nargs="+", default=[8, 16, 64], help="training texts per class")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--model", default=MODEL, help="name or folder of the body")
    parser.add_argument("--test-size", type=int, default=300, help="score on the first rows of the test file")
    title = "Accuracy of the first head in percent; below, differences to it in points ± standard errors over sets"
    run_and_print(parser, __file__, run, table, title)


if __name__ == "__main__":
    main()
