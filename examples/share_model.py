"""
Share a model as one file with a card
=====================================

This example trains a classifier, saves it as one file with :func:`~sksetfit.dump`, and loads it in another process with
the same predictions. It writes a model card with :func:`~sksetfit.model_card` and explains its sections. Finally it
changes one byte of the file, and :func:`~sksetfit.load` refuses it. See :doc:`/sharing` and :doc:`/security`.

The folder ``shared-model``, or the one that ``--folder`` names, is what you hand on: ``model.skops`` and ``README.md``.
"""

# %%
# The parts of the card that are printed below, and how to read them.

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from own_data import example_parser, n_to_train, read_texts

from sksetfit import FewShotSplit, SetFitClassifier, dump, load, model_card

HOW_TO_READ = {
    "Labels": "It can answer with nothing else. A label of few training texts is known from these alone.",
    "Evaluation": "On texts it was not trained on. A good mean can hide a label that is never found: see its row.",
    "Training": "How long the training texts were, longer ones are new to it; and the loss, which should fall.",
    "Versions": "Install these for the same answers; load() warns if sksetfit or scikit-learn is another one.",
}

# %%
# Fit, and write one file. Parameters are in it as they were given, training texts are not.


def main(arguments: list[str] | None = None) -> None:
    parser = example_parser(__doc__)
    parser.add_argument("--folder", type=Path, default=Path("shared-model"), help="where to write (%(default)s)")
    parser.add_argument("--answer", type=Path, metavar="FILE", help="only load this file, and answer texts from stdin")
    options = parser.parse_args(arguments)
    if options.answer is not None:
        answer(options.answer)
        return

    X, y = read_texts(options)
    train, test = next(FewShotSplit(n_to_train(y, 8), too_few="take_all", random_state=0).split(X, y))
    clf = SetFitClassifier(options.model, random_state=0).fit(X.iloc[train], y.iloc[train])
    X_test, y_test = X.iloc[test], y.iloc[test]

    options.folder.mkdir(parents=True, exist_ok=True)
    file = options.folder / "model.skops"
    dump(clf, file)
    print(f"trained on {len(train)} texts of {len(clf.classes_)} classes")
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")

    compare(clf, file, X_test.iloc[:100].tolist())
    write_card(clf, X_test, y_test, options.folder)
    tamper(file)


# %%
# Another process knows nothing but the file. It gets texts as JSON and gives probabilities as JSON, in which a number
# comes back as it was.


def answer(file: Path) -> None:
    clf = load(file)
    json.dump(clf.predict_proba(json.load(sys.stdin)).tolist(), sys.stdout)


def compare(clf: SetFitClassifier, file: Path, texts: list[str]) -> None:
    command = [sys.executable, __file__, "--answer", str(file)]
    run = subprocess.run(command, input=json.dumps(texts), stdout=subprocess.PIPE, text=True, check=True)
    difference = np.abs(np.array(json.loads(run.stdout)) - clf.predict_proba(texts)).max()
    print(f"another process answered {len(texts)} texts; largest difference of a probability: {difference:.1g}")


# %%
# The card is the page that others read first. No text of the data is in it unless ``show_training_texts=True``.


def write_card(clf: SetFitClassifier, X_test: list[str], y_test: list[str], folder: Path) -> None:
    card = model_card(clf, X_test, y_test, scoring=["accuracy", "f1_macro"], model_name=folder.name)
    card.save(folder / "README.md")
    print(f"\n{folder / 'README.md'}, in part:")
    for section in card.text.split("\n## ")[1:]:
        name, *lines = section.splitlines()
        if name in HOW_TO_READ:
            rows = [line for line in lines if line and not line.startswith("| ---")]
            print(f"\n{name}. {HOW_TO_READ[name]}")
            print("\n".join(f"    {row}" for row in [*rows[:8], "..."][: len(rows)]))


# %%
# The checksums in the file detect damage. They are not a signature: an attacker can compute new ones, or train a model
# that predicts wrongly. Use models from people you trust.


def tamper(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    changed = file.with_name("changed.skops")
    changed.write_bytes(content)
    print("\nthe same file with one byte changed:")
    try:
        load(changed)
    except ValueError as error:
        print(f"ValueError: {error}")
    finally:
        changed.unlink()


if __name__ == "__main__":
    main()
