"""Names of setfit and their counterparts in this package."""

from __future__ import annotations

from typing import Any

INSTEAD = {
    "DistillationTrainer": "DistilledSetFitClassifier(teacher).fit(X) makes a smaller model",
    "SetFitHead": "SetFitClassifier(head=...) takes any classifier of scikit-learn, or TorchHead",
    "SetFitModel": "SetFitClassifier is the model, and read_setfit reads one that setfit has saved",
    "SetFitTrainer": "SetFitClassifier(...).fit(X, y) trains",
    "Trainer": "SetFitClassifier(...).fit(X, y) trains",
    "TrainingArguments": "its arguments are parameters of SetFitClassifier",
    "get_templated_dataset": "make_templated_texts(labels) makes texts of class names",
    "sample_dataset": "FewShotSplit(8).split(X, y) takes eight texts of each class",
}


def refuse_name(name: str) -> Any:
    """Raise an error for a name that the package does not have; it is what the package has for ``__getattr__``.

    Raises
    ------
    ImportError
        If it is a name of setfit. Of an AttributeError ``from sksetfit import name`` would not show the message.
    AttributeError
        If it is another name.
    """
    if name in INSTEAD:
        raise ImportError(
            f"sksetfit has no {name}, which is a name of setfit. Here {INSTEAD[name]}. The page 'Coming from setfit' "
            f"of the documentation has every name.",
            name="sksetfit",
        )
    raise AttributeError(f"module 'sksetfit' has no attribute {name!r}", name=name)
