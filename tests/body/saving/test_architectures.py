"""What is done with each kind of transformer: the table of docs/compatibility.md."""

import copy
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sklearn.base import clone
from transformers import CONFIG_MAPPING

from conftest import make_texts, write_tiny_model_of_kind
from sksetfit import SetFitClassifier, dump, load, read_setfit, write_setfit
from sksetfit.body.loading.load import load_body
from sksetfit.body.saving.architectures import TRANSFORMERS

PAGE = Path(__file__).parents[3] / "docs" / "compatibility.md"
COLUMNS = ("loads, equal embeddings", "tunes", "dump, load", "pickle, memory", "write_setfit, read_setfit")
LISTED = sorted(TRANSFORMERS)
OTHERS = [
    *("convbert", "deberta", "fnet", "gpt2", "mt5"),  # and those that only `make test-all` tries
    *("bart", "big_bird", "bloom", "data2vec-text", "esm", "gemma", "gemma2", "ibert", "layoutlm", "megatron-bert"),
    *("mobilebert", "nystromformer", "opt", "phi", "rembert", "roformer", "splinter", "umt5", "xlm", "xlnet"),
]
KINDS = [kind for kind in [*LISTED, *OTHERS] if kind in CONFIG_MAPPING]
TEXTS = ["bread and cheese", "tennis goal, medal PIANO! soup"]
X, Y = make_texts(2)
NOT_LISTED = "which dump does not save"


def outcome(kind, folder):
    """Return what is done with the model of a folder, as one bool for each of the columns."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=f".*{NOT_LISTED}")
        frozen = load_body(folder, device="cpu").encode(TEXTS)
        theirs = SentenceTransformer(str(folder), device="cpu", local_files_only=True).encode(TEXTS, batch_size=1)
        clf = SetFitClassifier(str(folder), max_steps=2, learning_rate=1e-2, label_texts=None, device="cpu")
        clf.set_params(memory=folder.parent / f"memory of {kind}", random_state=0).fit(X, Y)
        embeddings, answers = clf.encoder_.transform(TEXTS), clf.predict_proba(TEXTS)
        return (
            bool(np.abs(frozen - theirs).max() < 1e-5),
            bool(np.abs(embeddings - frozen).max() > 1e-4),
            _is_saved(clf, folder.parent / f"{kind}.skops", answers),
            _is_pickled(clf, answers),
            _is_exchanged(clf, folder.parent / f"{kind} of setfit", embeddings, answers),
        )


def _is_saved(clf, file, answers):
    try:
        dump(clf, file)
    except ValueError as error:
        if file.exists() or "write_setfit(clf, folder) writes a classifier as a folder" not in str(error):
            raise
        return False
    return bool(np.abs(load(file).predict_proba(TEXTS) - answers).max() < 1e-6)


def _is_pickled(clf, answers):
    from_memory = clone(clf).fit(X, Y)
    copies = from_memory, pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)
    return all(bool(np.abs(each.predict_proba(TEXTS) - answers).max() < 1e-6) for each in copies)


def _is_exchanged(clf, folder, embeddings, answers):
    write_setfit(clf, folder)
    theirs = SentenceTransformer(str(folder), device="cpu", local_files_only=True).encode(TEXTS, batch_size=1)
    again = read_setfit(folder, trust_pickle=True, device="cpu")
    same_answers = np.abs(again.predict_proba(TEXTS) - answers).max() < 1e-5
    return bool(np.abs(theirs - embeddings).max() < 1e-5 and same_answers)


def rows_of(page):
    """Return the rows of the table that stands in the page."""
    table = page[page.index("| kind of transformer |") :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    return {kind.strip("`"): tuple(cell == "yes" for cell in rest) for kind, *rest in cells}


def as_table(rows):
    """Return the table of outcomes as Markdown."""
    lines = ["| kind of transformer | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += [f"| `{kind}` | " + " | ".join("yes" if each else "no" for each in row) + " |" for kind, row in rows]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in OTHERS[5:] else []) for kind in KINDS]
)
def test_the_page_says_what_is_done_with_a_kind(tiny_model, tmp_path, kind):
    folder = tmp_path / kind
    write_tiny_model_of_kind(tiny_model, folder, kind)
    assert outcome(kind, folder) == rows_of(PAGE.read_text(encoding="utf-8"))[kind]


def test_the_page_has_every_kind():
    page = PAGE.read_text(encoding="utf-8")
    assert list(rows_of(page)) == [*LISTED, *OTHERS]
    assert len(OTHERS) + len(LISTED) >= 24
