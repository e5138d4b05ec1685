"""
Label texts in the terminal, those first that help the most
===========================================================

You are shown one text after another, with the three labels that the classifier takes for the likeliest, and answer by a
number or a name. After every ten texts it is fitted on all answers and chooses the next ten, those that it is unsure of
and that differ, by `scikit-activeml <https://github.com/scikit-activeml/scikit-activeml>`_ (:doc:`/active_learning`).
Every answer is in ``answers.csv`` before the next text is shown: stop when you like, and the same command goes on from
there. At the end a model is saved.

.. code-block:: bash

    pip install scikit-activeml
    python ask_in_terminal.py --data FILE.csv --text COLUMN --labels billing delivery login

Without ``--data`` the shipped tickets are to be labelled, and only the names of their categories are known.
"""

# %%
# Labels of ``--labels`` that no text has yet take part by their names (:func:`~sksetfit.make_templated_texts`). Where
# the file has the column ``--label``, texts with a label there need not be asked for. With neither, texts are drawn by
# chance until two labels are known; a label is new when you type it for the first time.

from __future__ import annotations

import argparse
import csv
import difflib
import os
import shutil
import textwrap
import time
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from own_data import example_parser, printable, read_table
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import Clue

from sksetfit import SetFitClassifier, dump, make_templated_texts

HELP = "Answer by a number or a label; s skips, u undoes the last answer, ? shows all labels, q stops."
COMMANDS = {"s": "skip", "u": "undo", "q": "quit"}
POOL = 1000  # of how many texts at most the next ones are chosen: all of these are embedded anew in each round


def read_pool(options: argparse.Namespace) -> tuple[list[str], dict[str, str]]:
    """Return the texts, each once, and the labels of those that have one."""
    column, options.label = options.label, None  # the file may have no labels
    table = read_table(options, label_needed=False)
    table[options.text] = table[options.text].astype(str)
    known: dict[str, str] = {}
    if options.data is None:
        options.labels = options.labels or sorted(table[column].unique())  # all that is told of the shipped labels
    elif column in table and column != options.text:
        known = table.set_index(options.text)[column].dropna().convert_dtypes().astype(str).to_dict()
    if options.answers.exists() and options.answers.stat().st_size:
        answers = read_answers(options.answers)
        known |= answers[answers["label"] != ""].set_index("text")["label"].to_dict()
    return list(dict.fromkeys(table[options.text])), known


def read_answers(file: Path) -> pd.DataFrame:
    try:
        answers = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        why = (
            f"--answers: {file} cannot be read: {str(error).strip()}. Where its last line breaks off, delete that line"
        )
        raise SystemExit(f"{why} in an editor; or name another file.") from None
    if list(answers) != ["text", "label"] or not isinstance(answers.index, pd.RangeIndex):
        raise SystemExit(f"--answers: {file} is no file of answers. Name another.")
    return answers


def add_answer(file: Path, text: str, label: str) -> None:
    before = file.read_bytes() if file.exists() else b""
    with file.open("a", newline="", encoding="utf-8") as stream:
        if before and not before.endswith(b"\n"):  # a line that was cut off spoils itself and not the next
            stream.write("\r\n")
        csv.writer(stream).writerows([["text", "label"]] * (not before) + [[text, label]])
        keep(stream)


def keep(stream: TextIO) -> None:
    """Have what was written survive when the machine stops."""
    stream.flush()
    os.fsync(stream.fileno())


def drop_last_answer(file: Path) -> None:
    partial = file.with_name(f".{file.name}.partial")  # and renamed, so that no answer is lost in a crash
    with partial.open("w", newline="", encoding="utf-8") as stream:
        read_answers(file)[:-1].to_csv(stream, index=False, lineterminator="\r\n")  # which has a "\r" in a text quoted
        keep(stream)
    partial.replace(file)


def fit(options: argparse.Namespace, known: dict[str, str], before: SetFitClassifier | None) -> SetFitClassifier | None:
    """Return a classifier of all that is known, or None where that is less than two labels."""
    unseen = [label for label in options.labels if label not in known.values()]
    names, of_names = make_templated_texts(unseen) if unseen else ([], [])
    X, y = [*known, *names], [*known.values(), *of_names]
    if len(set(y)) < 2:
        return None
    print(f"\nfitting on {len(known)} texts and the names of {len(unseen)} other labels ...", end="", flush=True)
    start = time.perf_counter()
    if options.warm_start and before is not None and before.n_steps_:
        clf = before.set_params(warm_start=True).fit(X, y)
    else:
        mostly_names = unseen and len(known) < 2 * len(set(y))  # to tune on names costs the body what it knows of them
        clf = SetFitClassifier(options.model, max_steps=0 if mostly_names else "auto", random_state=0).fit(X, y)
    print(f" {time.perf_counter() - start:.0f} s", flush=True)
    return clf


def choose(clf: SetFitClassifier | None, texts: list[str], n_texts: int, seed: int) -> list[str]:
    """Return the texts to ask for next."""
    pool = np.random.RandomState(seed).permutation(np.array(texts, dtype=object))[:POOL]
    if clf is None or len(pool) <= n_texts:
        return pool[:n_texts].tolist()
    print(f"choosing {n_texts} of {len(pool)} texts ...", flush=True)
    unknown = np.full(len(pool), None, dtype=object)
    head = SklearnClassifier(clf.head_, missing_label=None)
    clue = Clue(method="margin_sampling", missing_label=None, random_state=seed)
    rows = clue.query(clf.encoder_.transform(pool), unknown, head, fit_estimator=False, batch_size=n_texts)
    return pool[rows].tolist()


def read_answer(choices: dict[str, str], labels: list[str]) -> tuple[str, str]:
    """Return what to do, and the label if there is one."""
    while True:
        typed = input("> ").strip()
        if typed in COMMANDS:
            return COMMANDS[typed], ""
        found = [choices[typed]] if typed in choices else [each for each in labels if each.lower() == typed.lower()]
        if found:
            return "label", found[0]
        if typed in ("", "?"):
            print(f"{HELP}\nLabels: {', '.join(map(printable, labels))}")
            continue
        near = difflib.get_close_matches(typed, labels, n=1)
        meant = f", but {near[0]!r} is one" if near else ""
        if input(f"{typed!r} is no label yet{meant}. Shall it be a new one? y/n > ").strip().lower() in ("y", "yes"):
            return "label", typed


def ask(text: str, clf: SetFitClassifier | None, labels: list[str]) -> tuple[str, str, str]:
    """Return what to do, the label that was given and the one that the classifier takes for the likeliest."""
    width = shutil.get_terminal_size().columns - 4
    print("\n" + textwrap.fill(printable(text), width, initial_indent="  ", subsequent_indent="  "))
    likeliest, chances = labels[:3], [""] * 3
    if clf is not None:
        proba = clf.predict_proba([text])[0]
        best = np.argsort(-proba)[:3]
        likeliest, chances = clf.classes_[best].tolist(), [f"{100 * p:3.0f} %" for p in proba[best]]
    keys = "abc" if any(label.isdigit() for label in labels) else "123"  # so that a number is a label or a choice
    for key, label, chance in zip(keys, likeliest, chances, strict=False):
        print(f"    {key}  {printable(label):20} {chance}".rstrip())
    guess = "" if clf is None else likeliest[0]
    return *read_answer(dict(zip(keys, likeliest, strict=False)), labels), guess


def ask_all(
    queue: list[str],
    clf: SetFitClassifier | None,
    known: dict[str, str],
    done: list[list[str]],
    options: argparse.Namespace,
) -> bool:
    """Ask for the texts of the queue, keep the answers, and return whether to go on."""
    while queue:
        labels = list(dict.fromkeys([*options.labels, *known.values()]))
        do, label, guess = ask(queue[0], clf, labels)
        if do == "quit":
            return False
        if do != "undo":
            if label:
                add_answer(options.answers, queue[0], label)
                known[queue[0]] = label
            done.append([queue.pop(0), label, guess])
        elif done:
            text, label, _ = done.pop()
            queue.insert(0, text)
            if label:
                drop_last_answer(options.answers)
                del known[text]
        else:
            print("Nothing was answered since the start. Earlier answers can be changed in the file.")
    return True


def main(arguments: list[str] | None = None) -> None:
    parser = example_parser(__doc__)
    parser.add_argument("--labels", nargs="+", default=[], metavar="NAME", help="labels that there will be")
    parser.add_argument(
        "--answers",
        type=Path,
        default="answers.csv",
        metavar="FILE.csv",
        help="the answers, kept and gone on with (%(default)s)",
    )
    parser.add_argument(
        "--output", type=Path, default="model.skops", metavar="FILE.skops", help="the model (%(default)s)"
    )
    parser.add_argument("--per-round", type=int, default=10, metavar="N", help="texts between two fits (%(default)s)")
    parser.add_argument("--warm-start", action="store_true", help="go on with the model: half the time, a little worse")
    options = parser.parse_args(arguments)
    texts, known = read_pool(options)
    clf, fitted_on, done, go_on = None, {}, [], True
    print(f"{len(texts)} texts, {sum(text in known for text in texts)} of them labelled.\n{HELP}")
    try:
        while go_on:
            clf, fitted_on = fit(options, known, clf), known.copy()
            answered = [label == guess for _, label, guess in done[-options.per_round :] if label and guess]
            if answered:
                print(f"the first choice was right for {sum(answered)} of the last {len(answered)} texts")
            seen = {text for text, *_ in done}
            left = [text for text in texts if text not in known and text not in seen]
            queue = choose(clf, left, options.per_round, seed=len(known))
            go_on = bool(queue) and ask_all(queue, clf, known, done, options)
    except (EOFError, KeyboardInterrupt):
        print()
    if options.output.exists() and not any(label for _, label, _ in done):
        print(f"Nothing was answered; {options.output} is left as it is.")
        return
    try:
        clf = clf if known == fitted_on else fit(options, known, clf)
    except KeyboardInterrupt:
        raise SystemExit(f"\nNo model was written. The answers are in {options.answers}.") from None
    if clf is None:
        print("There are not two labels yet: nothing to fit.")
    else:
        dump(clf, options.output)
        print(f"{len(known)} labelled texts; the model is in {options.output}, the answers are in {options.answers}")


if __name__ == "__main__":
    main()
