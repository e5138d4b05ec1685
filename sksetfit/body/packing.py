"""Texts of different lengths side by side in one row, so that only attention is padded.

All of a transformer but its attention looks at one token at a time, and does not mind to which text it belongs. A
third to a half of a batch that is padded to one length is padding, on which most of the work of a step would be
spent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import AttentionInterface, PreTrainedModel

from sksetfit.body.bert import embedded, has_layers_of_bert, layers_of_bert, multiply, n_frozen_layers, states_after

# Transformers whose tokens see all others of their text, with keys for each head, and which take position_ids.
_KINDS = {"albert", "bert", "distilbert", "electra", "ernie", "jina_embeddings_v3", "nomic_bert"}
# Among them those whose first position follows that of padding.
_KINDS_COUNTING_FROM_PADDING = {"camembert", "mpnet", "roberta", "xlm-roberta"}
# Padded tokens of the texts that attend side by side: small blocks pad little, a GPU wants large ones.
BLOCK_TOKENS, BLOCK_TOKENS_ELSEWHERE = 384, 16384
# On a processor, torch's fused attention in bfloat16 is two to four times slower backwards than plain matrix products,
# whose memory grows with the square of the length.
PLAIN_ATTENTION_TOKENS = 256


class Block:
    """Texts of similar length: where they are in a row, and how they lie when each has a line of its own.

    Parameters
    ----------
    start : int
        The place of the first token in the row.
    lengths : ndarray of shape (n_texts,)
        Tokens per text.
    width : int
        Tokens per line.
    device : torch.device
    """

    def __init__(self, start: int, lengths: NDArray[np.int64], width: int, device: torch.device) -> None:
        self.n_texts, self.start, self.stop, self.width = len(lengths), start, start + int(lengths.sum()), width
        is_token = np.arange(width) < lengths[:, None]
        self.mask = torch.from_numpy(is_token).to(device)
        self.is_full = bool(is_token.all())
        self._text, self._column = (torch.from_numpy(indices).to(device) for indices in is_token.nonzero())
        self._places: dict[tuple[int, int], Tensor] = {}

    def pad(self, values: Tensor, n_heads: int = 1) -> Tensor:
        """Return rows of tokens, of shape (n_tokens, n_heads * n), as (n_texts, n_heads, width, n); 0 elsewhere."""
        (padded,) = self.pad_parts(values, n_heads, 1)
        return padded

    def pad_parts(self, values: Tensor, n_heads: int, n_parts: int) -> tuple[Tensor, ...]:
        """Do what `pad` does with parts that lie side by side, of shape (n_tokens, n_parts * n_heads * n)."""
        size = values.shape[1] // (n_parts * n_heads)
        if self.is_full:
            return values.view(self.n_texts, self.width, n_parts, n_heads, size).permute(2, 0, 3, 1, 4).unbind()
        empty = values.new_zeros(n_parts * self.n_texts * n_heads * self.width, size)
        padded = empty.index_copy(0, self._places_of(n_heads, n_parts), values.reshape(-1, size))
        return padded.view(n_parts, self.n_texts, n_heads, self.width, size).unbind()

    def unpad(self, padded: Tensor) -> Tensor:
        """Undo `pad`."""
        n_heads, size = padded.shape[1], padded.shape[3]
        if self.is_full:
            return padded.transpose(1, 2).reshape(-1, n_heads * size)
        return padded.reshape(-1, size).index_select(0, self._places_of(n_heads, 1)).view(-1, n_heads * size)

    def _places_of(self, n_heads: int, n_parts: int) -> Tensor:
        if (n_heads, n_parts) not in self._places:
            part, head = (torch.arange(n, device=self._text.device) for n in (n_parts, n_heads))
            line = (part[:, None] * self.n_texts + self._text[:, None, None]) * n_heads + head
            self._places[n_heads, n_parts] = (line * self.width + self._column[:, None, None]).flatten()
        return self._places[n_heads, n_parts]


def rounded_up(n_tokens: int, device: torch.device) -> int:
    """Return a number of tokens that is not too small and, in bfloat16, one of few: four between 256 and 512.

    In bfloat16 torch keeps a program, hundreds of kilobytes large, for every shape of matrices that it has multiplied.
    """
    n_tokens = max(n_tokens, 1)  # texts without any token have a shape, too
    if not torch.is_autocast_enabled(device.type):
        return n_tokens
    multiple = 1 << max(4, n_tokens.bit_length() - 3)
    return n_tokens + -n_tokens % multiple


def use_packing(transformer: PreTrainedModel) -> bool:
    """Let a transformer take `packed_states` where that gives what it gives for padded texts; tell whether it does."""
    kind = transformer.config.model_type
    if kind not in _KINDS | _KINDS_COUNTING_FROM_PADDING or getattr(transformer.config, "is_decoder", False):
        return False
    if has_layers_of_bert(transformer):
        return True
    transformer.set_attn_implementation(ATTENTION)  # which may decline in silence
    return attention_of(transformer) == ATTENTION


def attention_of(transformer: PreTrainedModel) -> str:
    """Return the name of the implementation of attention that a transformer uses."""
    name: str = transformer.config._attn_implementation  # noqa: SLF001  (transformers has a setter only)
    return name


def plain_is_quick(device: torch.device, n_tokens: int) -> bool:
    """Tell whether plain matrix products are the quicker attention for tuning on texts of so many tokens."""
    return device.type == "cpu" and torch.is_autocast_enabled("cpu") and n_tokens <= PLAIN_ATTENTION_TOKENS


@contextmanager
def quick_attention(transformer: PreTrainedModel, width: int) -> Iterator[None]:
    """Let a transformer, where it is tuned, attend plainly while texts of this width go through it."""
    chosen = attention_of(transformer)
    if chosen != "sdpa" or not torch.is_grad_enabled() or not plain_is_quick(transformer.device, width):
        yield
        return
    transformer.set_attn_implementation("eager")
    try:
        yield
    finally:
        transformer.set_attn_implementation(chosen)


class _Row:
    """Texts side by side, and the blocks in which they attend.

    Parameters
    ----------
    tokens : list of ndarray
    device : torch.device
    """

    def __init__(self, tokens: list[NDArray[np.int32]], device: torch.device) -> None:
        self.lengths = np.array([len(ids) for ids in tokens])
        self.parts = split_by_length(self.lengths, BLOCK_TOKENS if device.type == "cpu" else BLOCK_TOKENS_ELSEWHERE)
        self.order = np.concatenate(self.parts)
        self.blocks: list[Block] = []
        for part in self.parts:
            start = self.blocks[-1].stop if self.blocks else 0
            width = rounded_up(int(self.lengths[part].max()), device)
            self.blocks.append(Block(start, self.lengths[part], width, device))
        self.n_tokens = self.blocks[-1].stop
        self.n_filler = rounded_up(self.n_tokens, device) - self.n_tokens

    def inputs(self, transformer: Any, tokens: list[NDArray[np.int32]]) -> dict[str, Tensor]:
        """Return what the embeddings of a transformer take, each of shape (1, n_tokens)."""
        filler = np.zeros(self.n_filler, dtype=np.int64)
        input_ids = np.concatenate([*(tokens[i] for i in self.order), filler]).astype(np.int64)
        positions = np.concatenate([*(_positions(transformer, tokens[i]) for i in self.order), filler])
        return {
            name: torch.from_numpy(values)[None].to(transformer.device)
            for name, values in (("input_ids", input_ids), ("position_ids", positions))
        }


def packed_states(
    transformer: PreTrainedModel,
    tokens: list[NDArray[np.int32]],
    product: Callable[..., Tensor] = multiply,
    lower: list[Tensor] | None = None,
) -> list[tuple[NDArray[np.intp], Tensor, Tensor]]:
    """Return the last hidden states of texts, computed in one row.

    Parameters
    ----------
    transformer : PreTrainedModel
    tokens : list of ndarray
    product : callable, default=multiply
        What multiplies in layers like those of BERT.
    lower : list of Tensor or None, default=None
        The `lower_states` of the texts, from which their last ones are computed; None computes these, too.

    Returns
    -------
    list of (texts, states, mask)
        Indices of texts, their states, of shape (n_texts, width, n_dimensions) and 0 beyond their ends, and which of
        these are tokens, of shape (n_texts, width) and dtype bool. Together they hold each text once.
    """
    row = _Row(tokens, transformer.device)
    if not has_layers_of_bert(transformer):
        inputs = row.inputs(transformer, tokens)
        states = transformer(**inputs, return_dict=True, blocks=row.blocks).last_hidden_state[0]
    elif lower is None:
        inputs = row.inputs(transformer, tokens)
        states = states_after(
            layers_of_bert(transformer), embedded(transformer, inputs), _attention(transformer, row), product
        )
    else:
        states = torch.cat([*(lower[i] for i in row.order), lower[0].new_zeros(row.n_filler, lower[0].shape[1])])
        layers = layers_of_bert(transformer)[n_frozen_layers(transformer) :]
        states = states_after(layers, states, _attention(transformer, row), product)
    return [
        (part, block.pad(states[block.start : block.stop]).squeeze(1), block.mask)
        for part, block in zip(row.parts, row.blocks, strict=True)
    ]


@torch.no_grad()
def lower_states(transformer: PreTrainedModel, tokens: list[NDArray[np.int32]]) -> list[Tensor]:
    """Return the states of each text behind the layers that are frozen, each of shape (n_tokens, n_dimensions)."""
    row = _Row(tokens, transformer.device)
    layers = layers_of_bert(transformer)[: n_frozen_layers(transformer)]
    inputs = row.inputs(transformer, tokens)
    states = states_after(layers, embedded(transformer, inputs), _attention(transformer, row))
    of_text = states[: row.n_tokens].split(row.lengths[row.order].tolist())
    return [of_text[place] for place in np.argsort(row.order)]


def _attention(transformer: Any, row: _Row) -> Callable[[Tensor], Tensor]:
    return partial(
        _attended,
        n_heads=transformer.config.num_attention_heads,
        blocks=row.blocks,
        biases=_biases(transformer, row.blocks),
    )


def _positions(transformer: Any, ids: NDArray[np.int32]) -> NDArray[np.int64]:
    if transformer.config.model_type not in _KINDS_COUNTING_FROM_PADDING:
        return np.arange(len(ids))
    padding = transformer.embeddings.padding_idx  # in MPNet always 1, whatever its config says
    counts = ids != padding
    positions: NDArray[np.int64] = np.cumsum(counts) * counts + padding
    return positions


def _attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    blocks: list[Block],
    **_: Any,
) -> tuple[Tensor, None]:
    """Let the tokens of each text attend to each other; a function of transformers' attention interface."""
    n_tokens, n_heads = query.shape[2], query.shape[1]
    rows = torch.cat([values.transpose(1, 2).reshape(n_tokens, -1) for values in (query, key, value)], dim=1)
    return _attended(rows, n_heads, blocks, scale=scaling).view(1, n_tokens, n_heads, -1), None


ATTENTION = "sksetfit_packed"
AttentionInterface.register(ATTENTION, _attend)


def _attended(
    rows: Tensor,
    n_heads: int,
    blocks: list[Block],
    biases: dict[int, Tensor] | None = None,
    scale: float | None = None,
) -> Tensor:
    """Return the attention output of each token, computed over the tokens of the same text.

    Parameters
    ----------
    rows : Tensor of shape (n_tokens, 3 * n_heads * n)
        Queries, keys and values.
    n_heads : int
    blocks : list of Block
    biases : dict of {int: Tensor of shape (1, n_heads, width, width)} or None, default=None
        What is added to the scores of texts that lie in lines of each width.
    scale : float or None, default=None
        What the scores are multiplied by; None is one by the root of ``n``.

    Returns
    -------
    Tensor of shape (n_tokens, n_heads * n)
    """
    size = rows.shape[1] // 3
    scale = scale or (size // n_heads) ** -0.5
    attended = []
    for block in blocks:
        q, k, v = block.pad_parts(rows[block.start : block.stop], n_heads, 3)
        added = _added_to_scores(block, q.dtype, biases)
        is_plain = q.requires_grad and plain_is_quick(q.device, block.width)
        if is_plain or (added is not None and added.requires_grad):  # the fused attention has no gradient of a bias
            scores = (q * scale) @ k.transpose(2, 3)
            padded = F.softmax(scores if added is None else scores + added, dim=-1) @ v
        else:
            padded = F.scaled_dot_product_attention(q, k, v, attn_mask=added, scale=scale)
        attended.append(block.unpad(padded))
    attended.append(rows[blocks[-1].stop :, 2 * size :])  # each token of the filler attends to itself
    return torch.cat(attended)


def _added_to_scores(block: Block, dtype: torch.dtype, biases: dict[int, Tensor] | None) -> Tensor | None:
    """Return what hides padding, and the bias where there is one; None adds nothing."""
    mask = None if block.is_full else torch.where(block.mask, 0.0, -1e30).to(dtype)[:, None, None]
    if biases is None:
        return mask
    bias = biases[block.width].to(dtype)
    return bias if mask is None else bias + mask


def _biases(transformer: Any, blocks: list[Block]) -> dict[int, Tensor] | None:
    """Return what MPNet adds to the scores by the distance of two tokens, for each width; None where nothing is."""
    if transformer.config.model_type != "mpnet":
        return None
    bias_of, device = transformer.encoder.compute_position_bias, transformer.device
    return {width: bias_of(torch.empty(1, width, 0, device=device)) for width in {block.width for block in blocks}}


def split_by_length(lengths: NDArray[np.integer], max_tokens: int, *, padded: bool = True) -> list[NDArray[np.intp]]:
    """Split texts into parts of similar length, so that little of a part is padding.

    Parameters
    ----------
    lengths : ndarray of shape (n_texts,)
        Tokens per text.
    max_tokens : int
        The largest number of tokens of a part (a single longer text is a part of its own).
    padded : bool, default=True
        Whether the texts of a part count as if they were all as long as its longest.

    Returns
    -------
    list of ndarray
        Indices into ``lengths``, longest texts first; together they are a permutation.
    """
    order = np.argsort(-lengths, kind="stable")
    tokens_until = np.cumsum(lengths[order])
    parts = []
    start = 0
    while start < len(order):
        longest = int(lengths[order[start]])
        if padded:
            stop = start + max_tokens // max(longest, 1)
        else:
            stop = int(np.searchsorted(tokens_until, tokens_until[start] - longest + max_tokens, side="right"))
        parts.append(order[start : max(stop, start + 1)])
        start += len(parts[-1])
    return parts
