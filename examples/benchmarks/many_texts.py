"""Compare classifiers of many labelled texts: 64 and 256 of each class, and all that there are.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python many_texts.py --data DIR                                  # run what the results lack, print the table
    python many_texts.py --data DIR --sets trec --shots 64 --seeds 0 1

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label; the labels of goemotions are joined by
semicolons, and its sample is that of multi_label.py. ``--shots 0`` takes all training texts. A class of single labels
with fewer texts than asked for gives all that it has. All that a fit does is timed, loading the body included, after
one untimed fit. The score is accuracy on the first 1,000 test texts (of banking77, whose test texts are in the order of
their classes, 1,000 drawn at random), for goemotions the macro F1 of ten labels. The methods are

    frozen           SetFitClassifier(max_steps=0, label_texts=None): the same head on the frozen body
    sksetfit         SetFitClassifier with its defaults
    cross-entropy    body and linear layer trained together: mean pooling, dropout, AdamW at 5e-5 (layer 1e-3),
                     batches of 16, at least 3 epochs and 200 steps, a tenth of them warm-up

"cross-entropy" is the usual way to fine-tune a transformer. For multi-label sets its loss is balanced for each label.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from common import MODEL, add_result, body_source, is_done, read_results, read_texts, run_and_print, timed, use_threads
from few_shot import Predict, fit_sksetfit
from multi_label import as_targets, most_frequent
from multi_label import sample as sample_of_labels
from sklearn.metrics import accuracy_score, f1_score

SHOTS = [64, 256, 0]
SETS = ["sst2", "cr", "trec", "ag_news", "tickets", "banking77", "goemotions"]
LEAST_EPOCHS, LEAST_STEPS, BATCH_SIZE = 3, 200, 16


def fit_cross_entropy(texts: list[str], targets: Any, seed: int) -> Predict:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import get_linear_schedule_with_warmup

    torch.manual_seed(seed)
    transformer, pooling, *_ = SentenceTransformer(body_source(MODEL))
    body = torch.nn.Sequential(transformer, pooling)  # without the normalisation
    several = isinstance(targets, pd.DataFrame)
    classes, of_text = (None, targets.to_numpy()) if several else np.unique(targets, return_inverse=True)
    wanted = torch.tensor(of_text, dtype=torch.float32 if several else torch.int64)
    layer = torch.nn.Linear(pooling.get_embedding_dimension(), wanted.shape[1] if several else len(classes))
    if several:
        loss: Any = torch.nn.BCEWithLogitsLoss(pos_weight=(1 - wanted).sum(dim=0) / wanted.sum(dim=0))
    else:
        loss = torch.nn.CrossEntropyLoss()

    def logits(batch: list[str]) -> Any:
        return layer(body(transformer.preprocess(batch))["sentence_embedding"])

    n_epochs = max(LEAST_EPOCHS, -(-LEAST_STEPS * BATCH_SIZE // len(texts)))
    n_steps = n_epochs * -(-len(texts) // BATCH_SIZE)
    groups = [{"params": body.parameters(), "lr": 5e-5}, {"params": layer.parameters(), "lr": 1e-3}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    schedule = get_linear_schedule_with_warmup(optimizer, n_steps // 10, n_steps)
    body.train()
    for _ in range(n_epochs):
        for batch in torch.randperm(len(texts)).split(BATCH_SIZE):
            loss(logits([texts[i] for i in batch]), wanted[batch]).backward()
            torch.nn.utils.clip_grad_norm_([*body.parameters(), *layer.parameters()], 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    body.eval()

    @torch.no_grad()
    def predict(test_texts: list[str]) -> Any:
        answers = torch.cat([logits(test_texts[i : i + 32]) for i in range(0, len(test_texts), 32)])
        return (answers > 0).int().numpy() if several else classes[answers.argmax(dim=1)]

    return predict


METHODS: dict[str, tuple[Callable[..., Predict], str]] = {
    "frozen": (partial(fit_sksetfit, model=MODEL, max_steps=0, label_texts=None), "sksetfit"),
    "sksetfit": (partial(fit_sksetfit, model=MODEL), "sksetfit"),
    "cross-entropy": (fit_cross_entropy, "sentence-transformers"),
}


def read_set(name: str, options: argparse.Namespace) -> tuple[list[str], Any, list[str], Any]:
    """Return training texts and their targets, and test texts and theirs."""
    train, test = (read_texts(options.data / f"{name}_{part}.csv") for part in ("train", "test"))
    test = test.sample(1000, random_state=0) if name == "banking77" else test.head(1000)
    if name != "goemotions":
        return train["text"].tolist(), train["label"], test["text"].tolist(), test["label"]
    names = most_frequent(train)
    (texts, targets), (test_texts, test_targets) = (as_targets(table, names) for table in (train, test))
    return texts, pd.DataFrame(targets, columns=names), test_texts, test_targets


def sample(targets: Any, shots: int, seed: int) -> Any:
    """Return the rows of the training texts: so many of each class, where it has as many; 0 takes all."""
    if shots == 0:
        return np.random.RandomState(seed).permutation(len(targets))
    if isinstance(targets, pd.DataFrame):
        return sample_of_labels(targets.to_numpy(), shots, seed)
    shuffled = targets.sample(frac=1, random_state=seed)
    return shuffled.groupby(shuffled).head(shots).index.to_numpy()


def run(options: argparse.Namespace) -> None:
    use_threads(1)
    for method in options.methods:
        METHODS[method][0](["good", "great", "bad", "awful"], pd.Series(["yes", "yes", "no", "no"]), 0)
    for name in options.sets:
        texts, targets, test_texts, test_targets = read_set(name, options)
        for shots in options.shots:
            for seed in options.seeds:
                rows = sample(targets, shots, seed)
                for method in options.methods:
                    fit, package = METHODS[method]
                    key = {"set": name, "shots": shots, "seed": seed, "method": method, "model": MODEL}
                    key |= {"test_size": 1000, "threads": 1}
                    if is_done(read_results(options.results), key, package):
                        continue
                    predict, times = timed("fit", fit, [texts[i] for i in rows], targets.iloc[rows], seed)
                    answers, predict_times = timed("predict", predict, test_texts)
                    several = name == "goemotions"
                    score = (
                        f1_score(test_targets, answers, average="macro")
                        if several
                        else accuracy_score(test_targets, answers)
                    )
                    row = {"train_rows": len(rows), "test_rows": len(test_texts), "score": round(score, 4)}
                    add_result(options.results, key, package, row | times | predict_times)
                    print(name, shots, seed, method, row["score"], times["fit_processor_seconds"], flush=True)


def table(results: pd.DataFrame) -> str:
    """Return a line for each set and number of texts: score in percent and processor seconds of fit of each method."""
    lines = [["set", "texts per class", "samples", *METHODS], ["---"] * (3 + len(METHODS))]
    groups = dict(iter(results.groupby(["set", "shots"])))
    for name, shots in sorted(groups, key=lambda each: (SETS.index(each[0]), SHOTS.index(each[1]))):
        rows, cells = groups[name, shots], []
        for method in METHODS:
            of_method = rows[rows["method"] == method]
            score, seconds = 100 * of_method["score"].mean(), of_method["fit_processor_seconds"].median()
            cells.append(f"{score:.1f}, {seconds:.0f} s" if len(of_method) else "")
        lines.append([name, str(shots or "all"), str(rows["seed"].nunique()), *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS, metavar="NAME")
    parser.add_argument("--shots", nargs="+", type=int, default=SHOTS, help="training texts per class, 0: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    run_and_print(parser, __file__, run, table, "Accuracy or macro F1 in percent, processor seconds of fit")


if __name__ == "__main__":
    main()
