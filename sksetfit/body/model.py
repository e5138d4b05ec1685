"""The body: a Sentence Transformer found, loaded, fed with tokens and read as embeddings.

Of sentence-transformers it uses loading and the modules that follow the transformer (pooling, dense, normalize); the
step from texts to tokens is made here, so that a text is tokenised once however often it is encoded.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal
from uuid import uuid4
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling
from tokenizers import Encoding, Tokenizer
from torch import Tensor, nn

from sksetfit.body.bert import Prepacked, can_prepack
from sksetfit.body.contexts import autocast, is_out_of_memory, threads
from sksetfit.body.packing import packed_states, quick_attention, rounded_up, split_by_length, use_packing
from sksetfit.body.windows import Tokens, Windows, encodings_of, is_mostly_unknown, split_into_windows, unknown_token
from sksetfit.inputs.texts import distinct
from sksetfit.inputs.unread import UnreadTexts

# Tokens per prediction batch, with any padding. A processor is quickest with what fits its caches, a GPU wants many.
ENCODE_TOKENS, ENCODE_TOKENS_ELSEWHERE = 1024, 65536
EMBEDDING = "sentence_embedding"  # what sentence-transformers' modules call it
MOST_OF_PROMPT = 2000  # characters; the longest instructions that models want have a few hundred
MOST_TOKENS = 10**6  # of a text, where a model sets no bound itself
ENCODED_AT_ONCE = 1000  # texts; a long one has up to a hundred windows, each of which has an embedding
_FLOAT32_ONLY = {"deberta"}  # in transformers it hides padding by a number that bfloat16 does not have
TOKENIZED_AT_ONCE = 1000  # texts; what the tokenizer tells of each is many times larger than its token numbers


class Body(nn.Module):
    """A Sentence Transformer as three parts: tokenizer, transformer and the modules that make one embedding of it.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        A copy of its own: truncation is set on it.
    transformer : transformers.PreTrainedModel
        Its output has ``last_hidden_state``.
    tail : sequence of nn.Module
        Modules of sentence-transformers that turn ``token_embeddings`` into ``sentence_embedding``.
    pad_token_id : int
        What fills up the shorter texts of a batch.
    max_seq_length : int
        The most tokens that are read of a text, special tokens included.
    prompt : str, default=""
        Stands before each text.
    """

    has_layers = True
    reads_padding = False  # whether the embedding of a text depends on the padding behind it, as where tokens are mixed
    long_texts: Literal["truncate", "windows"] = "truncate"  # what becomes of texts of more than max_seq_length tokens

    def __init__(
        self,
        tokenizer: Tokenizer,
        transformer: Any,
        tail: Sequence[nn.Module],
        *,
        pad_token_id: int,
        max_seq_length: int,
        prompt: str = "",
    ) -> None:
        super().__init__()
        if len(prompt) > MOST_OF_PROMPT:
            raise ValueError(f"prompt has {len(prompt)} characters. It must have {MOST_OF_PROMPT} at most.")
        direction = (tokenizer.truncation or {"direction": "right"})["direction"]
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.enable_truncation(max_seq_length, direction=direction)
        self.tokenizer = tokenizer
        self.transformer = transformer
        self.tail = nn.ModuleList(tail)
        self.pad_token_id = pad_token_id
        self.max_seq_length = max_seq_length
        self.direction = direction  # from which side a text is read
        self.prompt = prompt
        self._prompt_lengths = {"": 0, prompt: self._count(prompt)}
        self.unknown_token = unknown_token(tokenizer)
        self.packs = self.has_layers and use_packing(transformer)
        self.n_long_texts = 0  # among those that it was tuned on: of more than max_seq_length tokens
        self.exports: dict[Any, Any] = {}  # what OpenVINO and oneDNN made of its weights, by precision; never saved
        self._arrays: WeakValueDictionary[str, NDArray[np.float32]] = WeakValueDictionary()
        self.name = uuid4().hex  # of this body and no other, though it be tuned alike
        self.wanted_device: Any = None  # the parameter that it was last placed by
        self.eval()

    def __deepcopy__(self, memo: dict[int, Any]) -> Body:
        """Copy all but the exports, which hold programs and weights in formats that cannot be copied."""
        memo[id(self.exports)] = {}
        copied = memo[id(self)] = self.__class__.__new__(self.__class__)
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied

    def built(self) -> Body:
        """Return the body itself, as a body from the cache does."""
        return self

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        device: torch.device = next(self.transformer.parameters()).device
        return device

    @property
    def n_dimensions(self) -> int:
        """The length of an embedding: what the last module that makes it says, or else the transformer's width."""
        n_dimensions: int = self.transformer.config.hidden_size
        for module in self.tail:
            if isinstance(module, Pooling) or (isinstance(module, Dense) and module.module_output_name == EMBEDDING):
                n_dimensions = module.get_embedding_dimension()
        return n_dimensions

    @property
    def prompt_length(self) -> int:
        """In tokens, without the special one that closes a text where there is one.

        A prompt that was set later, as that of a file, is counted at its first use.
        """
        if self.prompt not in self._prompt_lengths:
            self._prompt_lengths[self.prompt] = self._count(self.prompt)
        return self._prompt_lengths[self.prompt]

    def _count(self, prompt: str) -> int:
        """Return the length of a prompt; raise ValueError if it leaves nothing of what is read to a text."""
        if not prompt:
            return 0
        alone = self.tokenizer.encode(prompt)  # of all its tokens, as many as are read
        if len(alone.ids) >= self.max_seq_length:
            raise ValueError(
                f"prompt takes all of the {self.max_seq_length} tokens that are read, and leaves nothing to the text. "
                f"Shorten it or raise max_seq_length."
            )
        return len(alone.ids) - sum(alone.special_tokens_mask[-1:])

    @property
    def normalizes(self) -> bool:
        """Whether all embeddings have unit length."""
        return any(
            isinstance(module, Normalize) and module.module_output_name == EMBEDDING for module in self.tail[-1:]
        )

    def tokenize(self, texts: Sequence[str], long_texts: str | None = None) -> Windows:
        """Return the token numbers of each text, prompt and special tokens included.

        What is behind ``max_seq_length`` tokens is cut off, or in further windows, as ``long_texts`` says; None takes
        the body's own way.
        """
        windows = Windows()
        long_texts = long_texts or self.long_texts
        n_known = self.transformer.config.vocab_size
        for start in range(0, len(texts), TOKENIZED_AT_ONCE):
            chunk = texts[start : start + TOKENIZED_AT_ONCE]
            for encoding in encodings_of(self._encodings, chunk, self.prompt):
                pieces = [encoding, *encoding.overflowing]
                ids, n_text_tokens, is_cut = self._windows_of(pieces, long_texts)
                if (highest := max(map(max, filter(None, ids)), default=0)) >= n_known:
                    raise ValueError(
                        f"The model's tokenizer and transformer do not fit together: a text holds token {highest}, and "
                        f"the transformer knows {n_known}."
                    )
                windows.add(
                    ids,
                    n_text_tokens,
                    is_long=len(pieces) > 1,
                    is_cut=is_cut,
                    is_unknown=any(self.unknown_token in window for window in ids) and self._is_unknown(pieces),
                )
        return windows

    def _encodings(self, texts: list[str]) -> list[Encoding]:
        encodings: list[Encoding] = self.tokenizer.encode_batch(texts)
        return encodings

    def _is_unknown(self, pieces: list[Encoding]) -> bool:
        n_prompt_characters = len(self.prompt) if self.has_layers else 0  # static bodies have no offsets of tokens
        unknown = self.unknown_token
        return unknown is not None and is_mostly_unknown(self.tokenizer, unknown, pieces, n_prompt_characters)

    def _windows_of(self, pieces: list[Encoding], long_texts: str) -> tuple[list[list[int]], list[int], bool]:
        """Return what `split_into_windows` returns, given what the tokenizer keeps of a text and what it cuts off."""
        if len(pieces) == 1 or long_texts == "truncate":
            return [pieces[0].ids], [len(pieces[0])], len(pieces) > 1
        return split_into_windows(pieces, self.direction, self.max_seq_length, len(self.prompt))

    def forward(self, tokens: Tokens, **how: Any) -> Tensor:
        """Return the embeddings of a batch of tokenised texts, float32 of shape (n_texts, n_dimensions).

        Further arguments are those of `packed_states`, for texts that are packed.
        """
        parts = packed_states(self.transformer, tokens, **how) if self.packs else self._padded_states(tokens)
        embeddings = torch.cat([self._embeddings(states.float(), mask) for _, states, mask in parts])
        place = np.argsort(np.concatenate([texts for texts, _, _ in parts]))
        return embeddings[torch.from_numpy(place).to(self.device)]

    def _padded_states(self, tokens: Tokens) -> list[tuple[NDArray[np.intp], Tensor, Tensor]]:
        """Return what `packed_states` returns, computed on texts that are padded to one length.

        A transformer that reads padding gets texts of one length at a time.
        """
        lengths = np.array([len(ids) for ids in tokens])
        groups = (
            [np.flatnonzero(lengths == n) for n in np.unique(lengths)]
            if self.reads_padding
            else [np.arange(len(tokens))]
        )
        parts = []
        for group in groups:
            input_ids, mask = (each.to(self.device) for each in self.padded([tokens[i] for i in group]))
            with quick_attention(self.transformer, input_ids.shape[1]):
                output = self.transformer(input_ids=input_ids, attention_mask=mask.long(), return_dict=True)
            parts.append((group, output.last_hidden_state, mask))
        return parts

    def padded(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """Return the token numbers of texts padded to one length, and which of them are no padding."""
        width = max(map(len, tokens))
        if not self.reads_padding:
            width = min(rounded_up(width, self.device), self.max_seq_length)
        input_ids = torch.full((len(tokens), width), self.pad_token_id)
        mask = torch.zeros(input_ids.shape, dtype=torch.bool)
        for row, ids in enumerate(tokens):
            input_ids[row, : len(ids)] = torch.from_numpy(ids)
            mask[row, : len(ids)] = True
        return input_ids, mask

    def padded_embeddings(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        """Return the embeddings of padded texts, without packing: what an exporter traces.

        Parameters
        ----------
        input_ids : Tensor of shape (n_texts, width), dtype int64
        mask : Tensor of shape (n_texts, width), dtype int64
            1 for a token and 0 for padding.
        """
        output = self.transformer(input_ids=input_ids, attention_mask=mask, return_dict=True)
        return self._embeddings(output.last_hidden_state.float(), mask)

    def _embeddings(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return the embeddings that the tail makes of the last hidden states."""
        features: dict[str, Any] = {"token_embeddings": states, "attention_mask": mask.long()}
        if self.prompt_length:
            features["prompt_length"] = self.prompt_length
        return self._after_tail(features)

    def _after_tail(self, features: dict[str, Any]) -> Tensor:
        """Return the embeddings that the tail makes of features, in float32."""
        for module in self.tail:
            features = module(features)
        embeddings: Tensor = features[EMBEDDING]
        return embeddings.float()

    def array_of(self, name: str, tensor: Tensor) -> NDArray[np.float32]:
        """Return the array of a weight: the same one as long as somebody has it."""
        array = self._arrays.get(name)
        if array is None or (self.device.type == "cpu" and array.ctypes.data != tensor.data_ptr()):
            array = self._arrays[name] = tensor.cpu().numpy()
        return array

    def weights_changed(self) -> None:
        """Forget what was made of the weights before: exports, and the name under which embeddings are cached."""
        self.exports.clear()
        self._arrays.clear()
        self.name = uuid4().hex

    def copy_of_weights(self) -> dict[str, Tensor]:
        """Return a copy of the weights that are tuned."""
        return {name: each.detach().clone() for name, each in self.named_parameters() if each.requires_grad}

    def training_precision(self, precision: str) -> str:
        """Resolve "auto": bfloat16 where the processor or GPU multiplies it faster than float32, float32 elsewhere."""
        if precision != "auto":
            return precision
        if self.transformer.config.model_type in _FLOAT32_ONLY:
            return "float32"
        quick = False
        if self.device.type == "cuda":
            quick = torch.cuda.is_bf16_supported(including_emulation=False)
        elif self.device.type == "cpu":
            # torch before 2.12 cannot be asked.
            capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
            has = {name for name, is_there in capabilities.items() if is_there is True}
            # AVX512-FP16 stands for Intel's processors that are built to multiply bfloat16 by AMX. Where a virtual
            # machine hides AMX, AVX512-BF16 takes twice the time of float32 there.
            quick = not has.isdisjoint({"amx_bf16", "bf16"}) or ("avx512_bf16" in has and "avx512_fp16" not in has)
        return "bfloat16" if quick else "float32"

    def encode(
        self, texts: Sequence[str], precision: str = "float32", unread: UnreadTexts | None = None
    ) -> NDArray[np.float32]:
        """Return the embeddings of texts in their order; each distinct text is encoded once, and counted in ``unread``.

        Raises
        ------
        ValueError
            If they are not finite, or the tokenizer makes tokens that the transformer does not know.
        """
        once, rows = distinct(texts)
        embeddings = np.empty((len(once), self.n_dimensions), dtype=np.float32)
        for start in range(0, len(once), ENCODED_AT_ONCE):
            part = once[start : start + ENCODED_AT_ONCE]
            windows = self.tokenize(part)
            if unread is not None:
                unread.add(part, windows.unknown, windows.cut)
            of_windows = self.encode_tokens(windows.tokens, precision)
            embeddings[start : start + ENCODED_AT_ONCE] = windows.means(of_windows, normalize=self.normalizes)
        return embeddings if len(once) == len(texts) else embeddings[rows]

    @torch.inference_mode()
    def encode_tokens(self, tokens: Tokens, precision: str = "float32") -> NDArray[np.float32]:
        """Return the embeddings of texts that have been tokenised, in their order."""
        fills_caches = self.has_layers and self.device.type == "cpu"
        max_tokens = ENCODE_TOKENS if fills_caches else ENCODE_TOKENS_ELSEWHERE
        embeddings = np.empty((len(tokens), self.n_dimensions), dtype=np.float32)
        with threads(), autocast(self.device, precision):
            how = self._quickest(precision)
            for part in split_by_length(np.array([len(ids) for ids in tokens]), max_tokens, padded=not self.packs):
                embeddings[part] = self._encode_part([tokens[i] for i in part], how)
        if not np.isfinite(embeddings).all():
            raise ValueError(
                "The Sentence Transformer gives embeddings that are not finite: its weights are damaged. Fetch, load "
                "or fit it again."
            )
        return embeddings

    def _quickest(self, precision: str) -> dict[str, Any]:
        """Return the arguments of `packed_states` by which it is quickest, without gradients."""
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        if not self.packs or not can_prepack(self.transformer, dtype):
            return {}
        if dtype not in self.exports:
            self.exports[dtype] = Prepacked(self.transformer, dtype)
        return {"product": self.exports[dtype]}

    def _encode_part(self, tokens: Tokens, how: dict[str, Any]) -> NDArray[np.float32]:
        """Return the embeddings of a batch, in two halves where the memory does not hold it."""
        try:
            embeddings: NDArray[np.float32] = self(tokens, **how).cpu().numpy()
            return embeddings
        except RuntimeError as error:
            if len(tokens) == 1 or not is_out_of_memory(error):
                raise
        if self.device.type == "cuda":  # outside of `except`, where the error would still hold on to the batch
            torch.cuda.empty_cache()
        half = len(tokens) // 2
        return np.concatenate([self._encode_part(part, how) for part in (tokens[:half], tokens[half:])])


def n_positions(transformer: Any) -> int | None:
    """Return how many tokens the transformer has positions for, None where there is no such bound."""
    reads: int | None = getattr(transformer.config, "max_position_embeddings", None)
    if reads is None or reads <= 0:
        return None
    positions = getattr(getattr(transformer, "embeddings", None), "position_embeddings", None)
    offset = getattr(positions, "padding_idx", None)  # RoBERTa and MPNet count from behind their padding token
    return reads if offset is None else reads - offset - 1
