"""The text of a model card, in Markdown, of what is known of a classifier."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sksetfit._version import versions

_CITATION = """```bibtex
@misc{tunstall2022setfit,
  title = {Efficient Few-Shot Learning Without Prompts},
  author = {Tunstall, Lewis and Reimers, Nils and Jo, Unso Eun Seo and Bates, Luke and Korat, Daniel
            and Wasserblat, Moshe and Pereg, Oren},
  year = {2022},
  eprint = {2209.11055},
  archivePrefix = {arXiv},
  doi = {10.48550/arXiv.2209.11055}
}
```"""
_LOSS_ROWS, _LONGEST = 10, 200  # rows of a table, characters of its cells


class Names(NamedTuple):
    """What the caller calls things."""

    title: str
    repo_id: str | None
    language: str | list[str] | None
    license: str | None
    dataset: str | None


class Scores(NamedTuple):
    """How a classifier did on test texts."""

    n_texts: int
    scores: dict[str, float]
    of_labels: list[tuple[Any, ...]]  # label, precision, recall, F1, number of texts


class Facts(NamedTuple):
    """What is known of a classifier and of the data it was trained on, as far as it may be shown."""

    labels: list[Any]
    multi_label: bool
    base_model: str | None  # a name on the Hub, None for a folder
    body_name: str
    made_of: str  # what of that body it is: "" for all, or the beginning of "2 layers of ..."
    head_name: str
    max_seq_length: int
    max_windows: int  # more than one where long texts are read in windows
    parameters: dict[str, str]
    head_parameters: dict[str, str]
    loss_curve: NDArray[np.float64]
    label_texts: dict[Any, list[str]]
    label_texts_are_names: bool
    show_label_texts: bool  # those that are no names
    examples: list[tuple[Any, str]]
    tuned: str  # "here", "as a student" or "elsewhere"
    class_count: NDArray[np.int64] | None
    word_counts: NDArray[np.float64] | None


def card_text(facts: Facts, test: Scores | None, names: Names) -> str:
    """Return the text that people read; what the Hub reads stands before it."""
    return "\n\n".join(_sections(facts, test, names))


def _sections(facts: Facts, test: Scores | None, names: Names) -> Iterable[str]:
    yield f"# {_escaped(names.title)}"
    yield _summary(facts)
    yield from _about_use(facts, names.repo_id)
    yield from _about_model(facts, names)
    yield from _about_labels(facts)
    yield from _about_evaluation(test)
    yield from _about_training(facts)
    yield "## Versions\n\nOf the environment in which this card was written:"
    yield _bullets({"Python": platform.python_version()} | versions())
    yield f"## Citation\n\nThe method is from:\n\n{_CITATION}"


def _summary(facts: Facts) -> str:
    answer = f"any number of {len(facts.labels)} labels" if facts.multi_label else f"one of {len(facts.labels)} labels"
    texts = "labelled texts"
    if facts.class_count is not None and not facts.multi_label:
        texts = f"{facts.class_count.sum()} labelled texts"
    reads = f"a head, {_escaped(facts.head_name)}, was fitted on the embeddings"
    if facts.tuned == "elsewhere":
        tuned = "was tuned by another program"
    elif facts.tuned == "as a student":
        tuned = "learned to give the embeddings that a larger model gives unlabelled texts"
        reads = f"the head of that model, {_escaped(facts.head_name)}, reads them"
    elif len(facts.loss_curve):
        tuned = f"was tuned on {texts}"
    else:
        tuned = f"was left as it is, {texts} were encoded"
    body = f"{'' if facts.made_of.startswith('a table') else 'a Sentence Transformer, '}{_body(facts)}, {tuned}"
    return f"This model gives each text {answer}. To that end {body}, and {reads}."


def _body(facts: Facts) -> str:
    if facts.base_model:
        return f"{facts.made_of}[{facts.base_model}](https://huggingface.co/{facts.base_model})"
    return f"{facts.made_of}{_escaped(facts.body_name)} (a local folder)"


def _about_use(facts: Facts, repo_id: str | None) -> Iterable[str]:
    yield f"## Use\n\nWith sksetfit {versions()['sksetfit']} or newer installed:"
    place = f'"{repo_id}", revision="<commit>"' if repo_id else '"model.skops"'
    yield f"```python\nfrom sksetfit import load\n\nclf = load({place})\nprint(clf.predict([...]))  # texts\n```"
    commit = " For `<commit>` put the full hash of the commit that you want." if repo_id else ""
    yield f"The file holds data; nothing in it is run when it is loaded.{commit}"
    unfit = "may get no label at all" if facts.multi_label else "gets one of them too"
    long = f"What follows after the first {facts.max_seq_length} tokens of a text is not read."
    if facts.max_windows > 1:
        long = (
            f"A text of more than {facts.max_seq_length} tokens is split into windows of at most that length, up to "
            f"{facts.max_windows} of them, whose embeddings are averaged."
        )
    yield f"{long} A text that none of the labels fits {unfit}."


def _about_model(facts: Facts, names: Names) -> Iterable[str]:
    language = names.language if isinstance(names.language, str) else ", ".join(names.language or [])
    given = {"Training data": names.dataset, "Language": language, "License": names.license}
    yield "## Model"
    yield _bullets(
        {
            "Method": "[SetFit](https://arxiv.org/abs/2209.11055)",
            "Body": _body(facts),
            "Head": _escaped(facts.head_name),
            "Maximum sequence length": f"{facts.max_seq_length} tokens",
            "Number of classes": str(len(facts.labels)),
            **{name: _escaped(value) for name, value in given.items() if value},
        }
    )


def _about_labels(facts: Facts) -> Iterable[str]:
    yield "## Labels"
    if facts.class_count is None:
        yield _table(["Label"], [[label] for label in facts.labels])
    else:
        counted = zip(facts.labels, facts.class_count.tolist(), strict=True)
        yield _table(["Label", "Training texts"], counted)
    if facts.tuned == "here":
        yield from _about_label_texts(facts)
    if facts.examples:
        yield "Some of the training texts:"
        yield _table(["Label", "Training text"], facts.examples)


def _about_label_texts(facts: Facts) -> Iterable[str]:
    rows = [(label, text) for label, texts in facts.label_texts.items() for text in texts]
    if not rows:
        yield "No texts made of the labels' names took part in the training."
    elif facts.label_texts_are_names:
        some = ", ".join(f"“{_escaped(text)}”" for _, text in rows[: len(rows) // len(facts.labels)])
        yield f"{len(rows)} texts made of the labels' names took part in the training, such as {some}."
    elif facts.show_label_texts:
        yield "These label texts, written by hand, took part in the training:"
        yield _table(["Label", "Label text"], rows)
    else:
        yield f"{len(rows)} label texts, written by hand, took part in the training; they are not shown here."


def _about_evaluation(test: Scores | None) -> Iterable[str]:
    if test:
        yield f"## Evaluation\n\nOn {test.n_texts} test texts:"
        yield _table(["Metric", "Value"], test.scores.items())
        yield "For each label:"
        yield _table(["Label", "Precision", "Recall", "F1", "Test texts"], test.of_labels)


def _about_training(facts: Facts) -> Iterable[str]:
    yield "## Training"
    if facts.word_counts is not None:
        words = [f"{count:g}" for count in facts.word_counts]
        yield _table(["", "Minimum", "Median", "Maximum"], [["Words of a training text", *words]])
    if n_steps := len(facts.loss_curve):
        yield f"### Loss\n\nThe body was tuned in {n_steps} steps. The mean loss along the way:"
        parts = np.array_split(np.arange(n_steps), min(_LOSS_ROWS, n_steps))
        yield _table(["Steps", "Loss"], [(_steps(part), facts.loss_curve[part].mean()) for part in parts])
    if facts.tuned != "elsewhere":
        yield "### Parameters"
        yield _table(["Parameter", "Value"], facts.parameters.items())
    else:
        yield "How the Sentence Transformer was tuned is not known."
    yield f"### Parameters of the head, {_escaped(facts.head_name)}"
    yield _table(["Parameter", "Value"], facts.head_parameters.items())


def _steps(part: NDArray[np.intp]) -> str:
    first, last = part[0] + 1, part[-1] + 1
    return str(first) if first == last else f"{first} to {last}"


def _bullets(items: Mapping[str, str]) -> str:
    return "\n".join(f"- **{name}:** {value}" for name, value in items.items())


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else _escaped(value)


def _escaped(value: Any) -> str:
    """Return one line that Markdown shows as it is, in a table too, cut where it is very long."""
    text = one_line(value)
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    # Underscores within a word are just that; elsewhere they would make what follows slanted.
    # A colon before slashes and an at sign would become a link and a mention.
    special = r"[\\`*\[\]<>&|~$#@]|:(?=//)|(?<!\w)_+|_+(?!\w)"
    return re.sub(special, lambda found: "".join(f"\\{c}" for c in found[0]), text)


def one_line(value: Any) -> str:
    """Return a text without line breaks and what else cannot be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
