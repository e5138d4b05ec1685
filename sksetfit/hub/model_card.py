"""A model card: the README of a classifier on the Hugging Face Hub, as huggingface_hub's own object."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sksetfit.encoder import body_of
from sksetfit.heads.on_embeddings import HeadOnEmbeddings
from sksetfit.heads.strategies import is_multi_label
from sksetfit.hub.card_scores import both_given, checked_scorer, evaluate
from sksetfit.hub.card_text import Facts, Names, Scores, card_text, one_line
from sksetfit.inputs.label_texts import candidate_label_texts
from sksetfit.inputs.targets import Targets, check_targets
from sksetfit.inputs.texts import check_texts, word_counts

if TYPE_CHECKING:
    from huggingface_hub import ModelCard, ModelCardData

_TAGS = ["setfit", "sentence-transformers", "text-classification", "scikit-learn", "skops"]
_EXAMPLES, _WIDGETS = 3, 5  # texts per label, texts in all


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
    >>> print(card.text[:65].strip())
    # films
    <BLANKLINE>
    This model gives each text one of 2 labels. To that end
    """
    from huggingface_hub import ModelCard

    _check_classifier(clf)
    title = one_line(model_name or (repo_id or "").split("/")[-1] or "A SetFit text classifier")
    names = Names(title, repo_id, language, license, dataset)
    _check_names(names)
    scorer, score_name = checked_scorer(clf, scoring)
    train = _check_train(clf, X_train, y_train, show=show_training_texts)
    widgets = [] if widget_texts is None else check_texts(widget_texts, "widget_texts")
    if train and show_training_texts:
        widgets = widgets or list(dict.fromkeys(text for _, text in train.examples(1)))[:_WIDGETS]
    test = evaluate(clf, X_test, y_test, scorer, score_name) if both_given(X_test, y_test, "test") else None
    facts = _facts(clf, train, show_training_texts=show_training_texts)
    front = _front_matter(facts, test, widgets, names).to_yaml()
    return ModelCard(f"---\n{front}\n---\n\n{card_text(facts, test, names)}\n")


# -- what may go wrong


def _check_classifier(clf: Any) -> None:
    if not isinstance(clf, HeadOnEmbeddings):
        steps = [name for name, step in getattr(clf, "steps", []) if isinstance(step, HeadOnEmbeddings)]
        way = f"Pass its step: pipeline[{steps[0]!r}]." if steps else "Pass the classifier in it."
        way = "Pass its best_estimator_, or the step of that." if hasattr(clf, "best_estimator_") else way
        raise TypeError(f"model_card describes a fitted SetFitClassifier, got {type(clf).__name__}. {way}")
    check_is_fitted(clf)


def _check_names(names: Names) -> None:
    from sksetfit.utils.hub_client import check_repo_id

    if names.repo_id is not None:
        check_repo_id(names.repo_id)
    for code in [names.language] if isinstance(names.language, str) else names.language or []:
        if not re.fullmatch("[a-z]{2,3}|code|multilingual", code):
            raise ValueError(
                f"language must be codes of two or three small letters such as 'en', or 'multilingual', got {code!r}."
            )
    if names.license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", names.license):
        raise ValueError(
            f"license must be an identifier of the Hugging Face Hub in small letters, such as 'apache-2.0' or 'other', "
            f"got {names.license!r}. https://huggingface.co/docs/hub/repositories-licenses lists them."
        )


def _check_train(clf: HeadOnEmbeddings, X: Any, y: Any, *, show: bool) -> _Train | None:
    if not both_given(X, y, "train"):
        if show:
            raise ValueError("show_training_texts=True needs the texts: pass X_train and y_train.")
        return None
    texts = check_texts(X, "X_train")
    targets = check_targets(y, len(texts))
    if targets.multi_label != is_multi_label(clf.head_) or not np.array_equal(targets.classes, clf.classes_):
        raise ValueError("y_train has other labels than clf was fitted on. Pass the data of that fit.")
    return _Train(texts, targets)


def _is_hub_name(name: str) -> bool:
    from sksetfit.utils.hub_client import check_repo_id

    try:
        check_repo_id(name)
    except ValueError:
        return False
    return True


# -- what the card tells


class _Train(NamedTuple):
    texts: list[str]
    targets: Targets

    def examples(self, n: int) -> list[tuple[Any, str]]:
        """Return the first ``n`` texts of each label, with the label."""
        labels, has_label = self.targets.classes.tolist(), self.targets.indicator.T
        rows = [(label, i) for label, has in zip(labels, has_label, strict=True) for i in np.flatnonzero(has)[:n]]
        return [(label, self.texts[i]) for label, i in rows]


def _reads(body: Any) -> tuple[int, int]:
    """Return how many tokens a body reads at once, and in how many windows; a static one reads all of them at once."""
    from sksetfit.body.windows import MAX_WINDOWS

    n_windows = MAX_WINDOWS if body.long_texts == "windows" else 1
    return (body.max_seq_length, n_windows) if body.has_layers else (n_windows * body.max_seq_length, 1)


def _facts(clf: HeadOnEmbeddings, train: _Train | None, *, show_training_texts: bool) -> Facts:
    """Collect what may be shown; the fit's own counts come before those of ``train``."""
    encoder, labels = clf.encoder_, clf.classes_.tolist()
    base_model, body_name = _base_model(encoder.model)
    own = clf.get_params(deep=False)
    if is_student := "teacher" in own:
        del own["teacher"]
        own |= {"model": body_name} if own["model"] not in (None, "static") else {}
    else:  # the encoder's parameters are those of the fit: the classifier's may have been set since
        own |= encoder.get_params() | {"model": body_name, "head": clf.head_}
        auto = {name: getattr(encoder, f"{name}_", own[name]) for name in ("learning_rate", "batch_size")}
        own |= auto  # what "auto" chose
    # scikit-learn's "deprecated" stands for no value at all.
    of_head = {name: value for name, value in clf.head_.get_params().items() if str(value) != "deprecated"}
    n_read, n_windows = _reads(body_of(encoder))
    return Facts(
        labels=labels,
        multi_label=is_multi_label(clf.head_),
        base_model=base_model,
        body_name=body_name,
        made_of=_made_of(body_of(encoder), is_part=is_student and own["model"] is None),
        head_name=type(clf.head_).__name__,
        max_seq_length=n_read,
        max_windows=n_windows,
        parameters={name: _parameter(value, labels) for name, value in own.items()},
        head_parameters={name: _parameter(of_head[name], labels) for name in sorted(of_head)},
        loss_curve=clf.loss_curve_,
        label_texts=encoder.label_texts_,
        label_texts_are_names=encoder.label_texts_ == candidate_label_texts("auto", clf.classes_),
        show_label_texts=show_training_texts,
        examples=train.examples(_EXAMPLES) if train and show_training_texts else [],
        # A model of setfit has no counts.
        tuned="as a student" if is_student else "here" if hasattr(encoder, "class_count_") else "elsewhere",
        class_count=getattr(encoder, "class_count_", train and train.targets.indicator.sum(axis=0)),
        word_counts=getattr(encoder, "word_counts_", train and word_counts(train.texts)),
    )


def _made_of(body: Any, *, is_part: bool) -> str:
    """Return what of the body that is named the model has, where that is not all of it."""
    if not body.has_layers:
        return "a table of vectors of tokens, made from "
    return f"{body.transformer.config.num_hidden_layers} layers of " if is_part else ""


def _base_model(model: str | os.PathLike[str]) -> tuple[str | None, str]:
    """Return the name on the Hub, None for a folder, and what may be shown of it: of a folder its last part."""
    name = os.fsdecode(model)
    on_hub = name if "/" in name else f"sentence-transformers/{name}"
    if isinstance(model, os.PathLike) or os.path.isdir(name) or not _is_hub_name(on_hub):
        return None, _last_part(name)
    return on_hub, on_hub


def _last_part(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _parameter(value: Any, labels: list[Any]) -> str:
    """Return what may be shown of a parameter: no folders, no addresses in memory, no texts in lists."""
    if isinstance(value, str):
        return _last_part(value) if re.match(r"(~|[A-Za-z]:)?[/\\]", value) else value
    if isinstance(value, os.PathLike):
        return _last_part(os.fsdecode(value))
    if _is_plain(value, labels):
        return str(value)
    if isinstance(value, (Mapping, Sequence, set, frozenset)):
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}"
    return getattr(value, "__name__", type(value).__name__)


def _is_plain(value: Any, labels: list[Any]) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(part, labels) for part in [*value.keys(), *value.values()])
    if isinstance(value, (list, tuple)):
        return all(_is_plain(part, labels) for part in value)
    return value is None or isinstance(value, Number) or (isinstance(value, str) and value in labels)


# -- front matter, which the Hub reads


def _front_matter(facts: Facts, test: Scores | None, widgets: list[str], names: Names) -> ModelCardData:
    from huggingface_hub import EvalResult, ModelCardData

    dataset_on_hub = names.dataset if names.dataset and _is_hub_name(names.dataset) else None
    results = [
        EvalResult(
            task_type="text-classification",
            task_name="Text Classification",
            dataset_type=dataset_on_hub or "unknown",
            dataset_name=one_line(names.dataset or "Unknown"),
            dataset_split="test",
            metric_type=name,
            metric_name=name,
            metric_value=score,
        )
        for name, score in (test.scores if test else {}).items()
        if np.isfinite(score)
    ]
    return ModelCardData(
        language=names.language,
        license=names.license,
        library_name="sksetfit",
        pipeline_tag="text-classification",
        tags=_TAGS,
        base_model=facts.base_model,
        datasets=[dataset_on_hub] if dataset_on_hub else None,
        metrics=[result.metric_type for result in results] or None,
        widget=[{"text": text} for text in widgets] or None,
        model_name=names.title if results else None,
        eval_results=results or None,
    )
