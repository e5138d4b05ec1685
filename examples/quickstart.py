"""Quickstart: train on eight tickets per category, keep the model in one file
==============================================================================

``make quickstart`` runs this from a fresh clone, or, in an environment that has ``sksetfit[offline]``,
``python examples/quickstart.py``. No network is used.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from sklearn.model_selection import train_test_split

from sksetfit import SetFitClassifier, dump, load, load_tickets

NEW_TICKETS = [
    "i was billed for march although i left in february",
    "the app takes forever to open since the update",
    "Where is my parcel? Tracking hasn't moved since Tuesday.",
]


def main() -> None:
    X, y = load_tickets(return_X_y=True)
    n_classes = len(np.unique(y))
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=8 * n_classes, stratify=y, random_state=1)
    print(f"{len(X_train)} tickets to learn from, 8 of each of {n_classes} categories; {len(X_test)} to be tested on\n")

    start = time.perf_counter()
    clf = SetFitClassifier(random_state=0, verbose=1).fit(X_train, y_train)
    print(f"trained in {time.perf_counter() - start:.0f} seconds\n")

    frozen = SetFitClassifier(max_steps=0, label_texts=None).fit(X_train, y_train)
    print(f"accuracy of logistic regression on the untuned model  {frozen.score(X_test, y_test):6.1%}")
    print(f"accuracy of SetFitClassifier                          {clf.score(X_test, y_test):6.1%}")
    print("(one split of many; docs/results.md has means over several and other data)\n")

    print_answers(clf)

    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "tickets.skops")
        dump(clf, file)
        size = os.path.getsize(file) / 1e6
        print(
            f"\nsaved to one file of {size:.0f} MB; a fresh process loads it and gives the same answers:\n", flush=True
        )
        subprocess.run([sys.executable, __file__, file], check=True)


def print_answers(clf: SetFitClassifier) -> None:
    probabilities = clf.predict_proba(NEW_TICKETS)
    for text, label, row in zip(NEW_TICKETS, clf.predict(NEW_TICKETS), probabilities, strict=True):
        print(f"{label:16} {row.max():4.0%}  {text}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print_answers(load(sys.argv[1]))
    else:
        main()
