"""A model card: the README of a classifier on the Hugging Face Hub, as huggingface_hub's own object."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sksetfit.heads.on_embeddings import HeadOnEmbeddings
from sksetfit.heads.strategies import is_multi_label
from sksetfit.hub.card_facts import TrainingTexts, card_facts, one_line
from sksetfit.hub.card_scores import evaluate
from sksetfit.inputs.targets import align_columns, target_array, targets_of
from sksetfit.inputs.texts import both_given, check_texts
from sksetfit.model_selection.scoring import check_scorer

if TYPE_CHECKING:
    from huggingface_hub import ModelCard, ModelCardData
    from jinja2 import Template

_TAGS = ["setfit", "sentence-transformers", "text-classification", "scikit-learn", "skops"]
_WIDGETS, _LONGEST = 5, 200  # texts to try the model on, characters of a value


def model_card(
    clf: HeadOnEmbeddings,
    X_test: Any = None,
    y_test: Any = None,
    *,
    scoring: Any = "accuracy",
    X_train: Any = None,
    y_train: Any = None,
    show_training_texts: bool = False,
    widget_texts: Any = None,
    model_name: str | None = None,
    repo_id: str | None = None,
    language: str | list[str] | None = None,
    license: str | None = None,
    dataset: str | None = None,
) -> ModelCard:
    """Describe a fitted classifier as a model card, the README of its repository on the Hugging Face Hub.

    No text of the data is in the card unless it is asked for, and no folder of this machine but its last part. The
    Hub is not asked anything.

    Parameters
    ----------
    clf : SetFitClassifier or DistilledSetFitClassifier
        A fitted one.
    X_test : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, default=None
        Texts to evaluate on. They are encoded once, whatever ``scoring`` is.
    y_test : array-like of shape (n_texts,) or indicator matrix of shape (n_texts, n_labels), default=None
        Their labels.
    scoring : str, callable, list, tuple, set or dict, default="accuracy"
        What is measured on the test texts, as scikit-learn's `check_scoring` has it; several by a list or dict.
        Precision, recall and F1 of each label are always in the card.
    X_train : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, default=None
        The training texts. Only needed to show some of them, or to count them for a model that has no counts.
    y_train : array-like of shape (n_texts,) or indicator matrix of shape (n_texts, n_labels), default=None
        Their labels.
    show_training_texts : bool, default=False
        Show three training texts of each label, offer some for trying the model out, and show label texts that were
        given by hand. Off, because a card is public and training texts may not be.
    widget_texts : sequence of str, default=None
        Texts that the Hub offers for trying the model out.
    model_name : str, default=None
        The title. None takes the name in ``repo_id``.
    repo_id : str, default=None
        The place on the Hub, "owner/name"; the card then says how to load the model from there.
    language : str or list of str, default=None
        Codes of the texts' languages, such as "en", or "multilingual".
    license : str, default=None
        The Hub's identifier of the license, such as "apache-2.0".
    dataset : str, default=None
        What the model was trained on: "owner/name" of the Hub's data sets, or any other name.

    Returns
    -------
    huggingface_hub.ModelCard
        ``str(card)`` is the text, ``card.save("README.md")`` writes it, and what the Hub reads can be changed in
        ``card.data``.

    Raises
    ------
    NotFittedError
        If the classifier is not fitted.
    TypeError
        If it is no `SetFitClassifier`, or texts are no texts.
    ValueError
        If texts come without labels or labels without texts, training texts are to be shown and not given, or a name
        is none that the Hub takes; before anything is encoded.

    See Also
    --------
    dump : Write the file that the card describes.

    Examples
    --------
    >>> from sksetfit import SetFitClassifier, model_card
    >>> clf = SetFitClassifier(max_steps=0)
    >>> clf = clf.fit(["great film", "loved it", "dull", "a waste of time"], ["good", "good", "bad", "bad"])
    >>> card = model_card(clf, ["what a wonderful evening"], ["good"], repo_id="jane/films", language="en")
    >>> print(card.data.base_model, card.data.metrics, card.data.eval_results[0].metric_value)
    sentence-transformers/all-MiniLM-L6-v2 ['accuracy'] 1.0
    >>> print(card.text.splitlines()[3])
    Text classifier that gives each text one of 2 labels.
    """
    from huggingface_hub import ModelCard

    _check_classifier(clf)
    _check_names(repo_id, language, license)
    scoring = "accuracy" if scoring is None else scoring
    scorer = check_scorer(clf, scoring)
    train = _check_train(clf, X_train, y_train, show=show_training_texts)
    widgets = [] if widget_texts is None else check_texts(widget_texts, "widget_texts")
    if train and show_training_texts:
        widgets = widgets or list(dict.fromkeys(text for _, text in train.examples(1)))[:_WIDGETS]
    facts = card_facts(clf, train, show_training_texts=show_training_texts) | {
        "title": one_line(model_name or (repo_id or "").split("/")[-1] or "A SetFit text classifier"),
        "repo_id": repo_id,
        "language": language,
        "license": license,
        "dataset": dataset,
        "test": evaluate(clf, X_test, y_test, scorer, scoring) if both_given(X_test, y_test, "test") else None,
    }
    text = re.sub(r"\n{3,}", "\n\n", _template().render(facts))  # sections left out leave empty lines
    # ModelCard.from_template would take no function that escapes the values.
    return ModelCard(f"---\n{_front_matter(facts, widgets).to_yaml()}\n---\n\n{text}\n")


class _Markdown(str):
    """What the template marks as Markdown, which is not escaped again."""

    __slots__ = ()


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        finalize=_escaped,  # of every value, so that none can be forgotten
        autoescape=False,  # noqa: S701  # that is for HTML, and this is Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["markdown"] = _Markdown
    return environment.from_string(files(__package__).joinpath("model_card.md.jinja").read_text(encoding="utf-8"))


def _escaped(value: Any) -> str:
    """Return one line that Markdown shows as it is, in a table too, cut where it is very long."""
    if isinstance(value, _Markdown):
        return value
    text = one_line(value)
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    # Underscores within a word are just that; elsewhere they would make what follows slanted.
    # A colon before slashes, a dot after www and an at sign would become links and a mention.
    special = r"[\\`*\[\]<>&|~$#@]|:(?=//)|(?<=[wW]{3})\.|(?<=\\)[()]|(?<!\w)_+|_+(?!\w)"
    return re.sub(special, lambda found: "".join(f"\\{c}" for c in found[0]), text)


def _check_classifier(clf: Any) -> None:
    if not isinstance(clf, HeadOnEmbeddings):
        steps = [name for name, step in getattr(clf, "steps", []) if isinstance(step, HeadOnEmbeddings)]
        way = f"Pass its step: pipeline[{steps[0]!r}]." if steps else "Pass the classifier in it."
        way = "Pass its best_estimator_, or the step of that." if hasattr(clf, "best_estimator_") else way
        raise TypeError(f"model_card describes a fitted SetFitClassifier, got {type(clf).__name__}. {way}")
    check_is_fitted(clf)


def _check_names(repo_id: str | None, language: str | list[str] | None, license: str | None) -> None:
    from sksetfit.utils.hub_client import check_repo_id

    if repo_id is not None:
        check_repo_id(repo_id)
    for code in [language] if isinstance(language, str) else language or []:
        if not re.fullmatch("[a-z]{2,3}|code|multilingual", code):
            raise ValueError(
                f"language must be codes of two or three small letters such as 'en', or 'multilingual', got {code!r}."
            )
    if license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", license):
        raise ValueError(
            f"license must be an identifier of the Hugging Face Hub in small letters, such as 'apache-2.0' or 'other', "
            f"got {license!r}. https://huggingface.co/docs/hub/repositories-licenses lists them."
        )


def _check_train(clf: HeadOnEmbeddings, X: Any, y: Any, *, show: bool) -> TrainingTexts | None:
    if not both_given(X, y, "train"):
        if show:
            raise ValueError("show_training_texts=True needs the texts: pass X_train and y_train.")
        return None
    texts = check_texts(X, "X_train")
    multi_label = is_multi_label(clf.head_)
    y = align_columns(y, clf.classes_, "y_train") if multi_label else y
    names = clf.classes_.tolist() if multi_label else None
    targets = targets_of(target_array(y, len(texts), "y_train"), names, "y_train")
    if targets.multi_label != multi_label or not np.array_equal(targets.classes, clf.classes_):
        raise ValueError("y_train has other labels than clf was fitted on. Pass the data of that fit.")
    return TrainingTexts(texts, targets)


def _front_matter(facts: dict[str, Any], widgets: list[str]) -> ModelCardData:
    """Return what the Hub reads."""
    from huggingface_hub import EvalResult, ModelCardData

    from sksetfit.utils.hub_client import is_repo_id

    dataset, test = facts["dataset"], facts["test"]
    dataset_on_hub = dataset if dataset and is_repo_id(dataset) else None
    results = [
        EvalResult(
            task_type="text-classification",
            task_name="Text Classification",
            dataset_type=dataset_on_hub or "unknown",
            dataset_name=one_line(dataset or "Unknown"),
            dataset_split="test",
            metric_type=name,
            metric_name=name,
            metric_value=score,
        )
        for name, score in (test.scores if test else {}).items()
        if np.isfinite(score)
    ]
    return ModelCardData(
        language=facts["language"],
        license=facts["license"],
        library_name="sksetfit",
        pipeline_tag="text-classification",
        tags=_TAGS,
        base_model=facts["base_model"],
        datasets=[dataset_on_hub] if dataset_on_hub else None,
        metrics=[result.metric_type for result in results] or None,
        widget=[{"text": text} for text in widgets] or None,
        model_name=facts["title"] if results else None,
        eval_results=results or None,
    )
