"""
Score a saved model and list what it gets wrong
===============================================

Loads what ``train.py`` has saved and scores it on the tickets that were put aside, or on those of ``--data``. Each
wrong prediction is printed, the most confident first. Look there for labels that are wrong themselves, and for labels
that mean nearly the same. In the file of ``--mistakes``, a spreadsheet takes a text that begins with ``=``, ``+``,
``-`` or ``@`` for a formula: import that column as text.

.. code-block:: bash

    python score.py tickets.skops --mistakes mistakes.csv
    python score.py own.skops --data TEST.csv --text COLUMN --label COLUMN
"""

# %%
# Texts of ``--data`` are taken as new ones. Those that the model was trained on would make it look better than it is.

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from sklearn.metrics import accuracy_score, classification_report

from sksetfit import load

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where own_data.py lies
from own_data import example_parser, printable, read_table, write_csv


def main(arguments: list[str] | None = None) -> None:
    parser = example_parser(__doc__, model=False)
    parser.add_argument("file", type=Path, metavar="FILE.skops", help="what train.py saved")
    parser.add_argument("--mistakes", type=Path, metavar="FILE.csv", help="where to write the wrong predictions")
    options = parser.parse_args(arguments)
    if options.data is None:
        options.data = options.file.with_suffix(".test.csv")
    tickets = read_table(options)
    clf = load(options.file)

    proba = clf.predict_proba(tickets[options.text])
    tickets["predicted"] = clf.classes_[proba.argmax(axis=1)]
    tickets["confidence"] = proba.max(axis=1).round(4)
    y, predicted = tickets[options.label], tickets["predicted"]
    print(f"{accuracy_score(y, predicted):.1%} of {len(tickets)} tickets of {options.data} are right\n")
    print(classification_report(y, predicted, zero_division=0))

    mistakes = tickets[y != predicted].sort_values("confidence", ascending=False, kind="stable")
    print(f"{len(mistakes)} are wrong, the most confident first:\n")
    for text, label, answer, confidence in mistakes[[options.text, options.label, "predicted", "confidence"]].values:
        print(f"{confidence:4.0%}  {printable(answer)}, labelled {printable(label)}")
        print(textwrap.fill(printable(text), 110, initial_indent=6 * " ", subsequent_indent=6 * " "))
    if options.mistakes is not None:
        write_csv(mistakes, options.mistakes, "--mistakes", options.data)


if __name__ == "__main__":
    main()
