"""Choose the templates of `make_templated_texts`, and what to fit on them, by leave-one-set-out.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python templates.py --data DIR                       # run what the results lack, print the tables
    python templates.py --data DIR --model FOLDER        # the same with another body, which is in a folder
    python templates.py --data DIR --reference ag_news   # train setfit on the names of this set, too
    python templates.py --table-only

DIR holds NAME_test.csv with the columns text and label for each set. Test texts are a fixed random sample of each set
(named_sets.py), and the body is frozen: its embeddings are computed once and kept in --cache, so that a candidate costs
no more than the embeddings of a few names. A candidate is a list of templates (TEXTS) and a classifier of embeddings
(HEADS). The row "reference" is the package setfit on the same names, trained with its method for zero-shot
classification (zero_shot.py), and "reference, frozen" the same texts and head on the frozen body.

For each set in turn the table takes the candidate that is best on all other sets, by accuracy in percent averaged over
sets and bodies, and scores it on the set that was left out; then likewise without all sets of its kind. "The default"
is that of `make_templated_texts`, and "regression" without more is the default head of SetFitClassifier on such texts.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import (
    KEY,
    MODEL,
    add_result,
    is_done,
    is_installed,
    read_results,
    run_and_print,
    train_reference,
    use_threads,
)
from named_sets import SETS, TEST_SIZE, NamedSet, embed
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from zero_shot import RECIPE

from sksetfit import make_templated_texts

DEFAULT = [
    *("{}", "This is {}", "This sentence is about {}"),
    *("Tell me about {}", "very {}", "a kind of {}", "This is an example of {}", "{} is mentioned here"),
]
PLAIN = ["{}", "This is {}", "This text is about {}", "The topic is {}", "It is {}"]
CONTENT = [
    *("This text is about {}", "The topic is {}", "Category: {}", "It is about {}"),
    *("This text mentions {}", "The subject of this text is {}", "A message about {}", "The author writes about {}"),
]
KINDS = [
    "{}",
    "It is {}",
    "I feel {}",
    "very {}",
    "a kind of {}",
    "This text expresses {}",
    "I have a question about {}",
]
EXPRESSES = ["This text expresses {}", "This sentence is {}", "The author expresses {}", "It expresses {}", "{}"]
ARTICLES = ["a {}", "This is a {}", "This text is about a {}", "an example of a {}", "There is a {}"]


KINDS_OF_SETS = [["sst2", "cr", "movie_reviews"], ["emotions", "attitudes"]]  # which are left out together, too
OTHERS, OTHER_KINDS = "chosen on the others", "chosen on the sets of other kinds"


def _with_full_stops(templates: list[str]) -> list[str]:
    return [f"{template}." for template in templates]


def _distinct(*lists: list[str]) -> list[str]:
    return list(dict.fromkeys(template for templates in lists for template in templates))


SINGLE = ["{}", "This is {}", "This is {}.", "This is a {}", "This text is about {}", "This text is about {}."]
SINGLE += ["Category: {}", "This text expresses {}", "This sentence is {}"]
FROZEN_REFERENCE, REFERENCE, CURRENT = "reference, frozen", "reference", "8 of the default"
TEXTS = {
    FROZEN_REFERENCE: ["This sentence is {}"] * 8,
    **{f"1: {template}": [template] for template in SINGLE},
    "3 of the default": DEFAULT[:3],
    "3 plain": PLAIN[:3],
    "3 plain, full stop": _with_full_stops(PLAIN[:3]),
    "3 on content": CONTENT[:3],
    "3 with an article": ARTICLES[:3],
    "3 mixed": ["{}", "This text is about {}", "This text expresses {}"],
    "3 on what it expresses": EXPRESSES[:3],
    "5 of the default": DEFAULT[:5],
    "5 plain": PLAIN,
    "5 plain, full stop": _with_full_stops(PLAIN),
    "5 on content": CONTENT[:5],
    "5 with an article": ARTICLES,
    "5 on what it expresses": EXPRESSES,
    **{f"7 of the default, not {out}": [each for each in DEFAULT if each != out] for out in DEFAULT},
    CURRENT: DEFAULT,
    "8 of the default, full stop": _with_full_stops(DEFAULT),
    "8 on content": CONTENT,
    "8 mixed": [*PLAIN[:4], *KINDS[2:6]],
    "8 of the default and on what it expresses": [*DEFAULT[:6], *EXPRESSES[:2]],
    "9 of the default and on what it expresses": [*DEFAULT, *EXPRESSES[:1]],
    "12 of the default and on what it expresses": [*DEFAULT, *EXPRESSES[:4]],
    "12 of the default and on content": [*DEFAULT, *CONTENT[:4]],
    "12 of the default and on kinds": [
        *DEFAULT,
        "It is {}",
        "I feel {}",
        "This text expresses {}",
        "I have a question about {}",
    ],
    "12 of several kinds": _distinct(KINDS, PLAIN, CONTENT)[:12],
    "all": _distinct(DEFAULT, PLAIN, CONTENT, KINDS, ARTICLES, _with_full_stops(PLAIN)),
}
Names = NDArray[np.float32]  # of shape (n_templates, n_classes, n_dimensions)
Head = Callable[[Names, NDArray[np.float32]], NDArray[np.intp]]


def _normalized(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    normalized: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return normalized


def _centred(names: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract from each name the mean over the classes: what is common to a template is in it."""
    return names - names.mean(axis=-2, keepdims=True)


def _nearest(classes: NDArray[np.float32], texts: NDArray[np.float32]) -> NDArray[np.intp]:
    nearest: NDArray[np.intp] = np.argmax(texts @ _normalized(classes).T, axis=1)
    return nearest


def _regression(names: Names, texts: NDArray[np.float32], *, C: float | None, intercept: bool) -> NDArray[np.intp]:
    n_templates, n_classes, n_dimensions = names.shape
    C = 25 * n_classes / n_templates if C is None else C  # that of the default head
    head = LogisticRegression(C=C, fit_intercept=intercept, max_iter=1000)
    head.fit(names.reshape(-1, n_dimensions), np.tile(np.arange(n_classes), n_templates))
    predicted: NDArray[np.intp] = head.predict(texts)
    return predicted


DEFAULT_HEAD = "regression"
REFERENCES_HEAD = "regression, C=1, intercept"
HEADS: dict[str, Head] = {
    DEFAULT_HEAD: lambda names, texts: _regression(names, texts, C=None, intercept=False),
    "regression, intercept": lambda names, texts: _regression(names, texts, C=None, intercept=True),
    "regression, C=1": lambda names, texts: _regression(names, texts, C=1, intercept=False),
    REFERENCES_HEAD: lambda names, texts: _regression(names, texts, C=1, intercept=True),
    "regression, centred": lambda names, texts: _regression(_centred(names), texts, C=None, intercept=False),
    "largest dot product": lambda names, texts: np.argmax(texts @ names.mean(axis=0).T, axis=1),
    "nearest mean": lambda names, texts: _nearest(names.mean(axis=0), texts),
    "nearest mean, centred": lambda names, texts: _nearest(_centred(names.mean(axis=0)), texts),
    "nearest mean of centred": lambda names, texts: _nearest(_normalized(_centred(names)).mean(axis=0), texts),
}


def score_candidate(named: NamedSet, templates: list[str], model: str, cache: Path) -> dict[str, float]:
    """Return the accuracy of each head on the texts that a list of templates makes of the names."""
    texts = [make_templated_texts(named.names, templates=[template])[0] for template in templates]
    names = np.stack([embed(model, of_template, cache) for of_template in texts])
    embeddings = embed(model, named.texts, cache)
    predicted = {name: head(names, embeddings) for name, head in HEADS.items()}
    return {name: round(float(np.mean(classes == named.classes)), 4) for name, classes in predicted.items()}


def score_reference(named: NamedSet, model: str) -> dict[str, float]:
    """Return the accuracy of the package setfit, tuned on the same names as the candidates get."""
    import setfit

    import datasets

    datasets.disable_progress_bars()
    names = make_templated_texts(named.names, templates=["{}"])[0]
    templated = setfit.get_templated_dataset(candidate_labels=names, sample_size=8)
    classifier = train_reference(list(templated["text"]), list(templated["label"]), 0, model, RECIPE)
    predicted = np.asarray(classifier.predict(named.texts))
    return dict.fromkeys(HEADS, np.nan) | {REFERENCES_HEAD: round(float(np.mean(predicted == named.classes)), 4)}


def run(options: argparse.Namespace) -> None:
    use_threads(1)
    warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)  # one text per class is a candidate
    name = Path(options.model).name if Path(options.model).is_dir() else options.model
    for set_name, read in SETS.items():
        named = read(options.data)
        key = {"set": set_name, "shots": 0, "seed": 0, "model": name, "test_size": TEST_SIZE, "threads": 1}
        for texts, templates in TEXTS.items():
            _measure(options, key | {"method": texts}, score_candidate, named, templates, options.model, options.cache)
        if set_name in options.reference and is_installed("setfit"):
            _measure(options, key | {"method": REFERENCE}, score_reference, named, options.model)


def _measure(options: argparse.Namespace, key: dict[str, Any], score: Callable[..., Any], *arguments: object) -> None:
    package = "setfit" if key["method"] == REFERENCE else "sentence-transformers"
    if not is_done(read_results(options.results), key, package):
        scores = score(*arguments)
        add_result(options.results, {name: key[name] for name in KEY}, package, scores)
        print(key["set"], key["model"], key["method"], max(scores.values()), flush=True)


def choose(accuracy: pd.DataFrame, left_out: list[str]) -> tuple[str, str]:
    """Return the candidate of the highest mean over all sets but these."""
    best: tuple[str, str] = accuracy.drop(columns=left_out, level="set").mean(axis=1).idxmax()
    return best


def table(results: pd.DataFrame) -> str:
    """Return three tables: the mean of each candidate, what is chosen without each set, and mean differences."""
    results = results.rename(columns={"method": "texts"})
    of_heads = results.melt(["texts", "set", "model"], list(HEADS), var_name="head").dropna()
    accuracy = 100 * of_heads.pivot_table("value", ["texts", "head"], ["set", "model"], sort=False)
    candidates = accuracy.drop(index=[FROZEN_REFERENCE, REFERENCE], errors="ignore").dropna()
    choices = {name: choose(candidates, [name]) for name in SETS}
    other_kinds = {
        name: choose(candidates, next((kind for kind in KINDS_OF_SETS if name in kind), [name])) for name in SETS
    }
    compared = [(REFERENCE, REFERENCES_HEAD), (FROZEN_REFERENCE, REFERENCES_HEAD), (CURRENT, DEFAULT_HEAD)]
    scores = accuracy.reindex(pd.MultiIndex.from_tuples(compared, names=accuracy.index.names)).droplevel("head").T
    scores[OTHERS] = [accuracy.loc[choices[name], (name, model)] for name, model in scores.index]
    scores[OTHER_KINDS] = [accuracy.loc[other_kinds[name], (name, model)] for name, model in scores.index]
    means = candidates.mean(axis=1).unstack()
    means = means.loc[[texts for texts in TEXTS if texts in means.index], list(HEADS)].map("{:.1f}".format)
    of_sets = scores.drop(columns=[REFERENCE, OTHER_KINDS]).groupby("set").mean().loc[list(SETS)]
    of_sets.loc["mean"] = of_sets.mean()
    shown = of_sets.map("{:.1f}".format).assign(choice=[*map(", ".join, choices.values()), ""])
    return "\n\n".join([_markdown("templates", means), _markdown("set", shown), _markdown("", _gains(scores))])


def _gains(scores: pd.DataFrame) -> pd.DataFrame:
    """Return mean differences ± standard errors over sets; those to setfit where it was trained."""

    def gain(ours: str, theirs: str) -> str:
        of_set = (scores[ours] - scores[theirs]).dropna().groupby("set").mean()
        return f"{of_set.mean():+.1f} ± {of_set.sem():.1f} ({len(of_set)} sets)" if ours != theirs else ""

    ours, theirs = [CURRENT, OTHERS, OTHER_KINDS], [FROZEN_REFERENCE, REFERENCE, CURRENT]
    return pd.DataFrame({f"over {name}": [gain(each, name) for each in ours] for name in theirs}, index=ours)


def _markdown(title: str, text: pd.DataFrame) -> str:
    lines = [[title, *text], ["---"] * (1 + len(text.columns)), *text.itertuples(name=None)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MODEL, help="name or folder of a Sentence Transformer")
    parser.add_argument("--reference", nargs="*", default=[], choices=SETS, help="sets to train setfit on")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "templates_embeddings")
    run_and_print(parser, __file__, run, table, "Accuracy in percent, mean of all sets and bodies")


if __name__ == "__main__":
    main()
