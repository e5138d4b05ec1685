"""Data sets whose classes have meaningful names, and their embeddings, computed once per body."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from common import body_source, read_texts
from numpy.typing import NDArray

TEST_SIZE = 300
LONG_TEST_SIZE = 200  # of film reviews, which are cut to MAX_TOKENS
MAX_TOKENS = 256
EMOTIONS = ["joy", "sadness", "anger", "love", "surprise", "fear"]
ATTITUDES = ["gratitude", "admiration", "curiosity", "disapproval", "remorse", "amusement"]


class NamedSet(NamedTuple):
    """The names of the classes, the test texts, and the class of each text as a position in ``names``."""

    names: list[str]
    texts: list[str]
    classes: NDArray[np.intp]


def _sampled(table: pd.DataFrame, names: list[str], size: int = TEST_SIZE) -> NamedSet:
    """Return a fixed random sample of the texts that have exactly one of the labels."""
    table = table[table["label"].isin(names)]
    table = table.sample(min(size, len(table)), random_state=0)
    return NamedSet(names, table["text"].tolist(), np.array([names.index(label) for label in table["label"]]))


def _from_file(file: str, names: list[str] | None = None, size: int = TEST_SIZE) -> Callable[[Path], NamedSet]:
    def read(data: Path) -> NamedSet:
        table = read_texts(data / f"{file}_test.csv")
        return _sampled(table, names or sorted(set(table["label"])), size)

    return read


def _shipped_tickets(data: Path) -> NamedSet:
    from sksetfit import load_tickets

    X, y = load_tickets(return_X_y=True)
    return _sampled(pd.DataFrame({"text": X, "label": y}), sorted(set(y.tolist())))


SETS: dict[str, Callable[[Path], NamedSet]] = {
    "ag_news": _from_file("ag_news", ["World", "Sports", "Business", "Sci/Tech"]),
    "trec": _from_file("trec", ["abbreviation", "entity", "description", "human", "location", "number"]),
    "sst2": _from_file("sst2", ["negative", "positive"]),
    "cr": _from_file("cr", ["negative", "positive"]),
    "movie_reviews": _from_file("movie_reviews", ["negative", "positive"], LONG_TEST_SIZE),
    "bug reports": _from_file("tickets", ["apache", "eclipse", "firefox", "linux", "openoffice"]),
    "emotions": _from_file("goemotions", EMOTIONS),
    "attitudes": _from_file("goemotions", ATTITUDES),
    "load_tickets": _shipped_tickets,
    "banking77": _from_file("banking77"),
}


@cache
def _body(model: str) -> Any:
    from sentence_transformers import SentenceTransformer

    body = SentenceTransformer(body_source(model), device="cpu")
    body.max_seq_length = MAX_TOKENS
    return body


def embed(model: str, texts: Sequence[str], folder: Path) -> NDArray[np.float32]:
    """Return the embeddings of the frozen body, from ``folder`` where the same texts were embedded before."""
    key = hashlib.sha256("\0".join([model, *texts]).encode()).hexdigest()[:16]
    file = folder / f"{key}.npy"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(file, _body(model).encode(list(texts), normalize_embeddings=True).astype(np.float32))
    embeddings: NDArray[np.float32] = np.load(file)
    return embeddings
