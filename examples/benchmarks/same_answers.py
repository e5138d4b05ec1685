"""Compare the predictions of two versions of sksetfit: one writes them, the other checks them.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    PYTHONPATH=BEFORE python same_answers.py --data DIR --write FOLDER
    PYTHONPATH=AFTER python same_answers.py --data DIR --check FOLDER

BEFORE and AFTER are checkouts of the two versions. DIR holds NAME_train.csv and NAME_test.csv with the columns text and
label; the labels of goemotions are joined by semicolons. Each set is fitted once at eight texts per class, seed 0, in
float32. ``--write`` keeps the predictions and probabilities of test texts, and the fitted classifier as a skops file, a
pickle and a folder of setfit. ``--check`` fits again, loads the three, and exits with 1 unless all predictions are
equal and all probabilities differ by at most 1e-6.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
from common import MODEL, body_source, read_texts, use_threads
from multi_label import as_targets, most_frequent
from multi_label import sample as sample_of_labels

SETS = ["sst2", "trec", "ag_news", "tickets", "goemotions"]
SHOTS, SEED, TEST_SIZE, TOLERANCE = 8, 0, 300, 1e-6


def read_set(name: str, data: Path) -> tuple[list[str], Any, list[str]]:
    """Return the sampled texts, their targets, and test texts."""
    train, test = (read_texts(data / f"{name}_{part}.csv") for part in ("train", "test"))
    test_texts = test["text"].head(TEST_SIZE).tolist()
    if name == "goemotions":
        texts, targets = as_targets(train, most_frequent(train))
        rows = sample_of_labels(targets, SHOTS, SEED)
        return [texts[i] for i in rows], targets[rows], test_texts
    some = train.groupby("label").sample(SHOTS, random_state=SEED)
    return some["text"].tolist(), some["label"].to_numpy(), test_texts


def fitted(texts: list[str], targets: Any) -> Any:
    from sksetfit import SetFitClassifier

    return SetFitClassifier(body_source(MODEL), precision="float32", random_state=SEED).fit(texts, targets)


def answers(classifier: Any, texts: list[str]) -> dict[str, Any]:
    return {"predictions": classifier.predict(texts), "probabilities": classifier.predict_proba(texts)}


def write(folder: Path, classifier: Any, texts: list[str]) -> None:
    from sksetfit import dump, write_setfit

    folder.mkdir(parents=True)
    np.savez(folder / "answers.npz", **answers(classifier, texts))
    dump(classifier, folder / "model.skops")
    (folder / "model.pkl").write_bytes(pickle.dumps(classifier))
    write_setfit(classifier, folder / "setfit")


def differences(folder: Path, classifier: Any, texts: list[str]) -> dict[str, float]:
    """Return for each source of a classifier the largest difference of a probability, infinity where answers differ."""
    from sksetfit import load, read_setfit

    sources = {
        "fit": classifier,
        "skops file": load(folder / "model.skops"),
        "pickle": pickle.loads((folder / "model.pkl").read_bytes()),  # noqa: S301  (written by this script)
        "setfit folder": read_setfit(folder / "setfit", trust_pickle=True),
    }
    before = np.load(folder / "answers.npz", allow_pickle=True)
    found = {}
    for source, model in sources.items():
        now = answers(model, texts)
        same = np.array_equal(before["predictions"], now["predictions"])
        found[source] = float(np.abs(before["probabilities"] - now["probabilities"]).max()) if same else float("inf")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS, metavar="NAME")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--write", type=Path, metavar="FOLDER", help="a folder that does not exist yet")
    task.add_argument("--check", type=Path, metavar="FOLDER", help="what --write has made")
    options = parser.parse_args()
    use_threads(1)
    worst = 0.0
    for name in options.sets:
        texts, targets, test_texts = read_set(name, options.data)
        classifier = fitted(texts, targets)
        if options.write:
            write(options.write / name, classifier, test_texts)
            continue
        for source, difference in differences(options.check / name, classifier, test_texts).items():
            print(f"{name}, {source}: {difference:.1e}", flush=True)
            worst = max(worst, difference)
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
