"""A body without a transformer: the embedding of a text is the mean of one vector for each of its tokens."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer
from torch import Tensor, nn

from sksetfit.body.model import Body
from sksetfit.body.windows import MAX_WINDOWS, Tokens, in_order

STATIC = "static"  # in the place of the type of a transformer
RARITY = 1e-3  # the share of a token in all text from which on its vector is shortened, as in the paper


class TokenTable(nn.Module):
    """One vector for each token, in the place of a transformer.

    Parameters
    ----------
    weight : Tensor of shape (n_tokens, n_dimensions), dtype float32
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        vocab_size, hidden_size = weight.shape
        self.config = SimpleNamespace(model_type=STATIC, vocab_size=vocab_size, hidden_size=hidden_size)


class StaticBody(Body):
    """A body with a `TokenTable` for a transformer; the modules behind it take and give a ``sentence_embedding``."""

    has_layers = False

    def _encodings(self, texts: list[str]) -> list[Encoding]:
        encodings: list[Encoding] = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return encodings

    def _windows_of(self, pieces: list[Encoding], long_texts: str) -> tuple[list[list[int]], list[int], bool]:
        """Return the tokens of a text; more than ``max_seq_length`` in one window, as they are averaged anyway."""
        if long_texts == "truncate":
            return super()._windows_of(pieces, long_texts)
        ids = [id_ for piece in in_order(pieces, self.direction) for id_ in piece.ids]
        n_read = MAX_WINDOWS * self.max_seq_length
        kept = ids[:n_read] if self.direction == "right" else ids[-n_read:]
        return [kept], [len(kept)], len(ids) > n_read

    def forward(self, tokens: Tokens, **_: Any) -> Tensor:
        """Return the embeddings of a batch of tokenised texts, float32 of shape (n_texts, n_dimensions)."""
        starts = np.cumsum([0, *map(len, tokens[:-1])])
        ids, offsets = (torch.from_numpy(each).long().to(self.device) for each in (np.concatenate(tokens), starts))
        means = F.embedding_bag(ids, self.transformer.weight, offsets, mode="mean")
        return self._after_tail({"sentence_embedding": means})

    def padded_embeddings(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        """Return the embeddings of padded texts; that of a text without any token is what the tail makes of zeros."""
        vectors = F.embedding(input_ids, self.transformer.weight) * mask[..., None]
        return self._after_tail({"sentence_embedding": vectors.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)})


@torch.inference_mode(False)  # what is built under it can never be tuned
def static_body_of(body: Body, texts: Sequence[str], precision: str = "float32") -> StaticBody:
    """Return a static body whose vectors are what a body makes of each of its tokens alone.

    The mean of all is taken off, and vectors of tokens that are frequent in the texts, which say little of each, are
    shortened [1]_.

    References
    ----------
    .. [1] Arora, Liang, Ma (2017). "A Simple but Tough-to-Beat Baseline for Sentence Embeddings". ICLR.
    """
    if isinstance(body, StaticBody):
        raise ValueError("The teacher's body is a table of tokens already: a student of it would be no smaller.")
    n_tokens = body.transformer.config.vocab_size
    before, after = _around(body)
    alone = [np.array([*before, token, *after], dtype=np.int32) for token in range(n_tokens)]
    vectors = body.encode_tokens(alone, precision)
    table = TokenTable(torch.from_numpy(vectors - vectors.mean(axis=0)))
    static = StaticBody(
        Tokenizer.from_str(body.tokenizer.to_str()),
        table.to(body.device),
        copy.deepcopy(last_normalize(body)),
        pad_token_id=body.pad_token_id,
        max_seq_length=body.max_seq_length,
    )
    static.long_texts = body.long_texts
    counts = np.bincount(np.concatenate(static.tokenize(texts).tokens), minlength=n_tokens)
    shares = torch.from_numpy(counts / max(counts.sum(), 1)).float().to(body.device)
    with torch.no_grad():
        table.weight.mul_((RARITY / (RARITY + shares))[:, None])
    return static


def last_normalize(body: Body) -> list[nn.Module]:
    """Return the last module of a body if that makes its embeddings equally long."""
    return list(body.tail[-1:]) if body.normalizes else []


def _around(body: Body) -> tuple[list[int], list[int]]:
    """Return the tokens that a body's texts begin and end with."""
    probe = body.tokenizer.encode("a")
    own = np.flatnonzero(np.array(probe.special_tokens_mask) == 0)
    prompt = body.tokenizer.encode(body.prompt, add_special_tokens=False)
    return [*probe.ids[: own[0]], *prompt.ids], probe.ids[own[-1] + 1 :]


def of_seen_tokens(body: StaticBody, tokens: Tokens) -> tuple[StaticBody, Tokens, NDArray[np.integer]]:
    """Return a body of the vectors of these tokens only, the tokens under its numbers, and what numbers they had.

    A few thousand texts hold a tenth of a vocabulary, so that a step takes a tenth of the time.
    """
    seen = np.unique(np.concatenate(tokens))
    weight = body.transformer.weight.detach()[torch.from_numpy(seen).long()]
    smaller = StaticBody(
        body.tokenizer, TokenTable(weight), list(body.tail), pad_token_id=0, max_seq_length=body.max_seq_length
    )
    return smaller, [np.searchsorted(seen, ids).astype(np.int32) for ids in tokens], seen
