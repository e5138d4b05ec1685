"""Compare classifiers of texts with several labels on goemotions: macro F1 of its most frequent labels.

    export OMP_NUM_THREADS=1
    python multi_label.py --data DIR --seeds 0 1

DIR holds goemotions_train.csv and goemotions_test.csv with the columns text and label, the labels of a text joined by
semicolons. A sample of n shots is drawn label by label, n texts that have it; texts have other labels too. The
reference's own head is unweighted, and answers few texts with any label at all; a balanced one on the same tuned
embeddings is measured beside it. Results go to a file as in few_shot.py.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from few_shot import MODEL, add_result, body_source, read_results, read_texts, silent, timed
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from threadpoolctl import threadpool_limits

Predict = Callable[[list[str]], Any]
Indicator = NDArray[np.int64]
N_LABELS = 10


def balanced_head() -> OneVsRestClassifier:
    return OneVsRestClassifier(LogisticRegression(C=10, max_iter=1000, class_weight="balanced"))


def fit_frozen(texts: list[str], targets: Indicator, names: list[str], seed: int) -> dict[str, Predict]:
    from sentence_transformers import SentenceTransformer

    body = SentenceTransformer(body_source(MODEL))
    head = balanced_head().fit(body.encode(texts), targets)
    return {"frozen, balanced head": lambda test_texts: head.predict(body.encode(test_texts))}


def fit_sksetfit(texts: list[str], targets: Indicator, names: list[str], seed: int, label: str) -> dict[str, Predict]:
    from sksetfit import SetFitClassifier

    parameters = {} if label == "sksetfit" else {"label_texts": None}
    classifier = SetFitClassifier(random_state=seed, **parameters)
    return {label: classifier.fit(texts, pd.DataFrame(targets, columns=names)).predict}


def fit_reference(texts: list[str], targets: Indicator, names: list[str], seed: int) -> dict[str, Predict]:
    import setfit
    from datasets import Dataset
    from transformers.trainer_callback import ProgressCallback

    recipe = {"num_iterations": 20, "num_epochs": 1, "batch_size": 16, "body_learning_rate": 2e-5, "seed": seed}
    classifier = setfit.SetFitModel.from_pretrained(body_source(MODEL), multi_target_strategy="one-vs-rest")
    train = Dataset.from_dict({"text": texts, "label": targets.tolist()})
    with tempfile.TemporaryDirectory() as folder:
        arguments = setfit.TrainingArguments(folder, **recipe, **silent())
        trainer = setfit.Trainer(classifier, arguments, train_dataset=train)
        trainer.remove_callback(ProgressCallback)
        trainer.train()
    head = balanced_head().fit(classifier.encode(texts), targets)
    return {
        "reference": lambda test_texts: np.asarray(classifier.predict(test_texts)),
        "reference, balanced head": lambda test_texts: head.predict(classifier.encode(test_texts)),
    }


FITS = [
    fit_frozen,
    partial(fit_sksetfit, label="sksetfit"),
    partial(fit_sksetfit, label="sksetfit, no label texts"),
    fit_reference,
]


def read_labels(path: Path, names: list[str]) -> tuple[list[str], Indicator]:
    table = read_texts(path)
    labels = table["label"].str.split(";")
    return table["text"].tolist(), np.array([[name in of_text for name in names] for of_text in labels], dtype=np.int64)


def most_frequent(path: Path) -> list[str]:
    return read_texts(path)["label"].str.split(";").explode().value_counts().index[:N_LABELS].tolist()


def sample(targets: Indicator, shots: int, seed: int) -> NDArray[np.intp]:
    rng = np.random.RandomState(seed)
    rows = [rng.choice(np.flatnonzero(of_label), shots, replace=False) for of_label in targets.T]
    return rng.permutation(np.unique(np.concatenate(rows)))


def run(options: argparse.Namespace) -> None:
    train, test = (options.data / f"goemotions_{part}.csv" for part in ("train", "test"))
    names = most_frequent(train)
    (texts, targets), (test_texts, test_targets) = (read_labels(path, names) for path in (train, test))
    test_texts, test_targets = test_texts[: options.test_size], test_targets[: options.test_size]
    for seed in options.seeds:
        rows = sample(targets, options.shots, seed)
        for fit in FITS:
            predicts, times = timed("fit", fit, [texts[i] for i in rows], targets[rows], names, seed)
            for method, predict in predicts.items():
                answers = predict(test_texts)
                row = {"set": "goemotions", "shots": options.shots, "seed": seed, "method": method, "model": MODEL}
                row |= {"test_size": options.test_size, "threads": options.threads, **times}
                row["macro_f1"] = round(f1_score(test_targets, answers, average="macro", zero_division=0), 4)
                row["without_label"] = round(float((np.asarray(answers).sum(axis=1) == 0).mean()), 4)
                add_result(options.results, row)
                print(seed, method, row["macro_f1"], times["fit_processor_seconds"], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", required=True)
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--test-size", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    os.environ.update(TQDM_DISABLE="1", RAYON_NUM_THREADS=str(options.threads))
    import torch

    torch.set_num_threads(options.threads)
    with threadpool_limits(options.threads):
        run(options)
    measures = read_results(options.results).groupby(["shots", "method"])[["macro_f1", "without_label"]]
    print(measures.mean().round(3))


if __name__ == "__main__":
    main()
