"""Texts made of the names of classes, to fit on where there are no labelled ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Integral
from string import Formatter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksetfit.inputs.labels import check_label, plain_keys
from sksetfit.inputs.texts import check_texts, short_repr

# The first three stand next to labelled texts, where more bring nothing. Without labelled texts the other five bring
# 1.4 points, as the mean of ten sets and two bodies. Chosen by leave-one-set-out, 41 lists with 9 classifiers of
# embeddings are 1.0 ± 0.8 points below these eight (examples/benchmarks/templates.py).
TEMPLATES = (
    *("{}", "This is {}", "This sentence is about {}"),
    *("Tell me about {}", "very {}", "a kind of {}", "This is an example of {}", "{} is mentioned here"),
)


def as_words(name: str) -> str:
    """Return the name of a class as words: underscores and dashes are read as spaces."""
    return re.sub(r"[_\-\s]+", " ", name).strip()


def templated(words: str) -> list[str]:
    """Return the texts that are made of the name of a class."""
    return [template.format(words) for template in TEMPLATES]


def names_only(texts: Sequence[str], indicator: NDArray[np.bool_], classes: NDArray[Any]) -> bool:
    """Tell whether all texts are made of the names of their classes, as `make_templated_texts` makes them.

    A name is that of the class, or a text that also stands in another template. Where there is nothing but names, there
    is nothing to tune a body on: to pull the texts of a name together brings the body away from what it knows of that
    name. And how alike the names are says nothing about how frequent the classes are.
    """
    for label, of_class in zip(classes.tolist(), indicator.T, strict=True):
        own = {text for text, has in zip(texts, of_class.tolist(), strict=True) if has}
        names = {text for text in own if len(own.intersection(templated(text))) > 1}
        names |= {as_words(label)} if isinstance(label, str) else set()
        if not own.issubset(form for name in names for form in templated(name)):
            return False
    return bool(indicator.any(axis=1).all())


def make_templated_texts(
    labels: Any, *, templates: Sequence[str] | None = None, n_per_label: int | None = None
) -> tuple[list[str], NDArray[Any]]:
    """Return texts made of the names of classes, and their labels: what to fit on without any labelled text.

    Parameters
    ----------
    labels : sequence of str, or dict of {label: text or list of texts}
        The names of the classes; underscores and dashes in them are read as spaces. A dict gives names or descriptions
        of labels that are codes or numbers, or several of one label, and they are taken as they are.
    templates : sequence of str or None, default=None
        Texts with one ``{}`` each, where the name goes. None takes eight English ones; see Notes.
    n_per_label : int or None, default=None
        How many texts to make of each label: the first ones, where a label has more. None makes all.

    Returns
    -------
    X : list of str
        The texts, label by label.
    y : ndarray of shape (n_texts,)
        Their labels.

    Raises
    ------
    ValueError, TypeError
        If a label has no name, two labels have the same, a template is not a text with one ``{}``, or there are fewer
        texts than ``n_per_label``.

    See Also
    --------
    SetFitClassifier : Whose parameter ``label_texts`` adds such texts to labelled ones by itself.

    Notes
    -----
    The templates are "{}", "This is {}", "This sentence is about {}", "Tell me about {}", "very {}", "a kind of {}",
    "This is an example of {}" and "{} is mentioned here". Other lists were no better on data sets other
    than those they were chosen on.

    `SetFitClassifier` recognises such texts. Training on names alone is less accurate than a frozen body, so
    ``max_steps="auto"`` makes no steps. The default head has no intercept, because names contain no class frequencies.
    With your own templates, or if a dict gives a single text of each name, set ``max_steps=0`` and
    ``head__fit_intercept=False``. The choice of the names can matter more than the templates. A text that would be made
    for two labels goes to the label whose name it is: "very positive" to that label, and not to "positive".

    Examples
    --------
    >>> from sksetfit import SetFitClassifier, make_templated_texts
    >>> X, y = make_templated_texts(["late_delivery", "login"])
    >>> X[:2], y[:2].tolist()
    (['late delivery', 'This is late delivery'], ['late_delivery', 'late_delivery'])
    >>> clf = SetFitClassifier(random_state=0).fit(X, y)
    >>> print(clf.predict(["where is my parcel?", "I forgot my password"]))
    ['late_delivery' 'login']

    Labels that are numbers are described, in any language that the model knows:

    >>> names = {0: ["Lieferung", "Versand"], 1: "Anmeldung"}
    >>> make_templated_texts(names, templates=["Es geht um: {}"])
    (['Es geht um: Lieferung', 'Es geht um: Versand', 'Es geht um: Anmeldung'], array([0, 0, 1]))
    """
    named = _named(labels)
    templates = TEMPLATES if templates is None else _checked_templates(templates)
    texts = {label: dict.fromkeys(each.format(name) for each in templates for name in names) for label, names in named}
    n_labels = Counter(text for of_label in texts.values() for text in of_label)
    own = {label: [text for text in texts[label] if n_labels[text] == 1 or text in names] for label, names in named}
    if n_per_label is not None:
        _check_n_per_label(n_per_label, own)
    chosen = [of_label[:n_per_label] for of_label in own.values()]
    return [text for of_label in chosen for text in of_label], np.repeat(list(own), [len(each) for each in chosen])


def _named(labels: Any) -> list[tuple[Any, list[str]]]:
    """Return each label with its names, no two of which are the same."""
    if isinstance(labels, Mapping):
        labels = plain_keys(labels)
        _check_labels(list(labels))
        named = [
            (label, check_texts([texts] if isinstance(texts, str) else texts, f"labels[{label!r}]"))
            for label, texts in labels.items()
        ]
    else:
        names = _checked_names(labels)
        _check_labels(names)
        named = [(label, [as_words(label)]) for label in names]
    label_of: dict[str, Any] = {}
    for label, names in named:
        for name in names:
            if not name.strip():
                raise ValueError(f"labels has an empty name for {short_repr(label)}. Say what the class is about.")
            if name in label_of:
                raise ValueError(
                    f"labels has the name {short_repr(name)} twice, for {short_repr(label_of[name])} and for "
                    f"{short_repr(label)}. "
                    f"Give each class names of its own, each of them once; of targets pass the classes, sorted(set(y))."
                )
            label_of[name] = label
    return named


def _checked_names(labels: Any) -> list[str]:
    try:
        return check_texts(labels, "labels")
    except TypeError as error:
        raise TypeError(f"{error} For labels that are codes or numbers give a dict: {{0: 'name', ...}}.") from None


def _check_labels(labels: list[Any]) -> None:
    """Raise an error unless the labels of a dict are something that a classifier takes, all of one kind."""
    if not labels:
        raise ValueError("labels is empty: at least one class with its name is needed.")
    for i, label in enumerate(labels):
        if not isinstance(label, (str, Integral, np.bool_)):
            raise TypeError(
                f"labels must be a dict whose keys are str, int or bool, got {type(label).__name__}: "
                f"{short_repr(label)}. "
                f"The names of a class are its value."
            )
        if isinstance(label, str) != isinstance(labels[0], str):
            raise ValueError(
                f"labels mixes keys of several kinds: {short_repr(labels[0])} and {short_repr(label)}. Make all of "
                "them str."
            )
        check_label(label, i, labels[0], "labels")


def _checked_templates(templates: Any) -> list[str]:
    checked = check_texts(templates, "templates")
    for i, template in enumerate(checked):
        try:
            fields = [field for _, *field in Formatter().parse(template) if field[0] is not None]
        except ValueError as error:  # a brace that stands alone
            raise ValueError(_template_error(template, i, f"{error}")) from error
        if fields != [["", "", None]]:
            found = "none" if not fields else f"{len(fields)}" if len(fields) > 1 else "one with something in it"
            raise ValueError(_template_error(template, i, found))
    return checked


def _template_error(template: str, i: int, found: str) -> str:
    return (
        f"templates must have one {{}} each, where the name of a class goes, got {short_repr(template)} at row {i} "
        f"({found}). A brace of the text itself is written twice: '{{{{' or '}}}}'."
    )


def _check_n_per_label(n_per_label: Any, texts: dict[Any, list[str]]) -> None:
    """Raise an error unless each label has so many texts."""
    if not isinstance(n_per_label, (int, np.integer)) or isinstance(n_per_label, bool):
        raise TypeError(
            f"n_per_label must be an int or None, got {type(n_per_label).__name__}: {short_repr(n_per_label)}."
        )
    n_texts, fewest = min((len(of_label), short_repr(label)) for label, of_label in texts.items())
    if not 1 <= n_per_label <= n_texts:
        raise ValueError(
            f"n_per_label must be from 1 to {n_texts}, which is how many texts there are of {fewest}, "
            f"got {n_per_label}. Give more templates or more names; the same text twice teaches nothing."
        )
