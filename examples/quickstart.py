"""Quickstart: train on eight tickets per category, save the model in one file
==============================================================================

``make quickstart`` runs this script from a fresh clone. In an environment with ``sksetfit[offline]``, run ``python
examples/quickstart.py``. It uses no network. With ``--data FILE.csv --text COLUMN --label COLUMN`` it uses your texts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from own_data import example_parser, n_to_train, read_texts

from sksetfit import FewShotSplit, SetFitClassifier, dump, load

NEW_TICKETS = [
    "i was billed for march although i left in february",
    "the app takes forever to open since the update",
    "Where is my parcel? Tracking hasn't moved since Tuesday.",
]


def main() -> None:
    parser = example_parser(__doc__)
    parser.add_argument("--answer", type=Path, metavar="FILE", help="only load this file, and answer texts from stdin")
    options = parser.parse_args()
    if options.answer is not None:
        print_answers(load(options.answer), json.load(sys.stdin))
        return

    X, y = read_texts(options)
    n_most = n_to_train(y, 8)
    train, test = next(FewShotSplit(n_most, too_few="take_all", random_state=1).split(X, y))
    X_train, y_train, X_test, y_test = X[train], y[train], X[test], y[test]
    print(f"{len(train)} training texts, up to {n_most} of each of {y.nunique()} classes; {len(test)} test texts\n")

    start = time.perf_counter()
    clf = SetFitClassifier(options.model, random_state=0, verbose=1).fit(X_train, y_train)
    print(f"trained in {time.perf_counter() - start:.0f} seconds\n")

    frozen = SetFitClassifier(options.model, max_steps=0, label_texts=None).fit(X_train, y_train)
    print(f"accuracy of logistic regression on frozen embeddings  {frozen.score(X_test, y_test):6.1%}")
    print(f"accuracy of SetFitClassifier                          {clf.score(X_test, y_test):6.1%}")
    print("(a single split; docs/results.md has means over several splits and other data)\n")

    new_texts = NEW_TICKETS if options.data is None else X_test[:3].tolist()
    print_answers(clf, new_texts)

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.skops"
        dump(clf, file)
        size = file.stat().st_size / 1e6
        print(f"\nsaved as one file of {size:.0f} MB; a new process loads it and predicts the same:\n", flush=True)
        command = [sys.executable, __file__, "--answer", str(file)]
        subprocess.run(command, input=json.dumps(new_texts), text=True, check=True)


def print_answers(clf: SetFitClassifier, texts: list[str]) -> None:
    for text, label, row in zip(texts, clf.predict(texts), clf.predict_proba(texts), strict=True):
        print(f"{label:16} {row.max():4.0%}  {' '.join(text.split())[:90]}")


if __name__ == "__main__":
    main()
