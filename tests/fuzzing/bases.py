"""The small models whose files are changed: kinds of transformers, of tokenizers and of heads."""

import json
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from transformers import CONFIG_MAPPING

from conftest import make_texts
from forging import read_members
from fuzzing.bodies import write_body
from fuzzing.heads import NAMED
from sksetfit import (
    DistilledSetFitClassifier,
    MultiLabelThresholdClassifier,
    RejectClassifier,
    SetFitClassifier,
    SetFitEncoder,
    TorchHead,
    dump,
    load,
)
from sksetfit.body.saving.architectures import TRANSFORMERS
from sksetfit.body.static import STATIC

KINDS = sorted(TRANSFORMERS)
TEXTS = ["bread and cheese", "", "tennis goal, medal PIANO! soup " * 30, "日本 🎻 x1", "a\tb\nc", "ab" * 5000]
X, Y = make_texts(6)
SEVERAL = np.array([[label == "food", label != "sport"] for label in Y], dtype=int)


def frozen(folder, **parameters):
    return SetFitClassifier(folder, max_steps=0, label_texts=None, random_state=0, device="cpu", **parameters)


def encoder(folder):
    return SetFitEncoder(folder, max_steps=0, label_texts=None, random_state=0, device="cpu")


def frame(texts):
    return pd.DataFrame({"text": texts, "kind": [text[:1] for text in texts]})


def with_columns(folder):
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2)
    columns = ColumnTransformer([("text", encoder(folder), "text"), ("kind", one_hot, ["kind"])])
    return make_pipeline(columns, LogisticRegression()).fit(frame(X), Y)


def in_pipeline(folder):
    return make_pipeline(encoder(folder), StandardScaler(), LogisticRegression()).fit(X, Y)


def rejecting(folder):
    return RejectClassifier(frozen(folder).fit(X, Y), coverage=0.8, cv="prefit").fit(X, Y)


def several(**parameters):
    return lambda folder: frozen(folder, **parameters).fit(X, SEVERAL)


def with_thresholds(folder):
    return MultiLabelThresholdClassifier(frozen(folder), cv=2, random_state=0).fit(X, SEVERAL)


def distilled(folder):
    teacher = frozen(folder).fit(X, Y)
    return DistilledSetFitClassifier(teacher, model="static", max_steps=1, random_state=0, device="cpu").fit(X)


def with_head(head=None):
    return lambda folder: frozen(folder, head=None if head is None else clone(head)).fit(X, Y)


# Of each name: the kinds of the tokenizer and of the transformer, and what makes a fitted estimator of that folder.
BASES = {
    "WordPiece, one-vs-rest": ("WordPiece", "bert", several()),
    "WordPiece, columns": ("WordPiece", "bert", with_columns),
    "WordPiece, distilled": ("WordPiece", "bert", distilled),
    "BPE, chain": ("BPE", "roberta", several(multi_target_strategy="classifier-chain")),
    "BPE, pipeline": ("BPE", "roberta", in_pipeline),
    "Unigram, torch head": ("Unigram", "xlm-roberta", with_head(TorchHead(max_iter=3))),
    "Unigram, multi-output": ("Unigram", "xlm-roberta", several(multi_target_strategy="multi-output")),
    "table, reject": ("WordLevel", STATIC, rejecting),
    "table, thresholds": ("WordLevel", STATIC, with_thresholds),
}
BASES |= {f"kind {kind}": ("WordPiece", kind, with_head()) for kind in KINDS if kind in CONFIG_MAPPING}
BASES |= {f"head {name}": ("WordLevel", STATIC, with_head(head)) for name, head in NAMED.items()}


@dataclass(frozen=True)
class Base:
    """The members of a model's file, the texts that it is asked about, and its answers."""

    members: dict[str, bytes]
    X: Any
    answers: Any


@cache
def _folder_of_all():
    return TemporaryDirectory(prefix="fuzzing-")  # which lasts as long as the process


@cache
def _body(tokenizer, kind):
    folder = Path(_folder_of_all().name) / f"{tokenizer}, {kind}"
    write_body(folder, tokenizer, kind)
    return str(folder)


@cache
def base(name):
    """Return the base of a name."""
    tokenizer, kind, fitted = BASES[name]
    folder = _body(tokenizer, kind)
    file = Path(folder).with_name("base.skops")
    with warnings.catch_warnings(action="ignore"):
        dump(fitted(folder), file)
        asked = frame(TEXTS) if name.endswith("columns") else TEXTS
        answers = answers_of(load(file), asked)
    return Base(canonical(read_members(file, with_seal=True), folder), asked, answers)


def answers_of(model, X):
    """Return the probabilities of a model, the answers of one that has none, and what a transformer makes of X."""
    method = next(name for name in ("predict_proba", "predict", "transform") if hasattr(model, name))
    return getattr(model, method)(X)


def canonical(members, folder):
    """Return members in which names and identities are numbers in their order, so that every build has the same."""
    schema = json.loads(members["schema.json"].replace(json.dumps(json.dumps(folder))[1:-1].encode(), b'\\"body\\"'))
    numbers, renamed = {}, {}
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("__id__"), int):
                value["__id__"] = numbers.setdefault(value["__id__"], len(numbers) + 1)
            if value.get("file") in members:
                value["file"] = renamed.setdefault(value["file"], f"{len(renamed) + 1}.npy")
            waiting.extend(reversed(list(value.values())))
        elif isinstance(value, list):
            waiting.extend(reversed(value))
    arrays = {new: members[old] for old, new in renamed.items()}
    return arrays | {"schema.json": json.dumps(schema).encode(), "sha256.json": members["sha256.json"]}
