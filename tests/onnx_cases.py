"""Texts, and classifiers on a tiny table of tokens, whose export takes a second."""

from pathlib import Path

import numpy as np

from conftest import make_texts
from sksetfit import SetFitClassifier

X, Y = make_texts(8)
X_NEW = [*make_texts(10, seed=1)[0], "", "bread", "tennis goal " * 100, "Zwölf; boxers?", "bread"]
INDICATOR = np.array([[y == "food", y != "sport", "o" in x] for x, y in zip(X, Y, strict=True)]).astype(int)


def write_static_model(tiny_model, folder):
    """Write a StaticEmbedding of 16 dimensions with the tokenizer of the tiny model, and return its folder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(tiny_model) / "tokenizer.json"))
    weights = np.random.RandomState(0).randn(tokenizer.get_vocab_size(), 16).astype(np.float32)
    modules = [StaticEmbedding(tokenizer, embedding_weights=weights), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder), create_model_card=False)
    return str(folder)


def learner(model):
    """Return a function that fits a classifier on a model, without tuning."""

    def learn(y=Y, **params):
        return SetFitClassifier(model, max_steps=0, device="cpu", random_state=0, **params).fit(X, y)

    return learn
