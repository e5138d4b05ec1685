"""A body as a folder that sentence-transformers reads, and as what its OpenVINO backend makes of that folder."""

from __future__ import annotations

import copy
import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from sksetfit.body.contexts import building
from sksetfit.body.model import ENCODE_TOKENS, Body
from sksetfit.body.packing import split_by_length
from sksetfit.body.static import StaticBody
from sksetfit.body.windows import Tokens
from sksetfit.inputs.texts import distinct
from sksetfit.inputs.unread import UnreadTexts

_TALKERS = ("sentence_transformers.backend.utils", "optimum.intel.openvino.modeling_base")


def write_body(body: Body, folder: str | os.PathLike[str]) -> None:
    """Write the body so that ``SentenceTransformer(folder)`` gives its embeddings.

    Parameters
    ----------
    body : Body
    folder : str or path
        Is made where it does not exist.
    """
    if isinstance(body, StaticBody):
        _write_static(body, folder)
        return
    with building():
        body.transformer.save_pretrained(folder)
        _whole_tokenizer(body).save_pretrained(folder)
        first = Transformer(os.fspath(folder), max_seq_length=body.max_seq_length)
        modules = [first, *copy.deepcopy(body.tail)]  # which would be taken to the device
        whole = SentenceTransformer(modules=modules, device="cpu", **_prompts(body))
        whole.save_pretrained(os.fspath(folder), create_model_card=False)


def _whole_tokenizer(body: Body) -> PreTrainedTokenizerFast:
    """Return the tokenizer with what transformers wants to know of it."""
    tokenizer = Tokenizer.from_str(body.tokenizer.to_str())
    side = (tokenizer.truncation or {})["direction"]
    tokenizer.no_truncation()
    # By these sentence-transformers tells whether the last token of a prompt is the one that closes a text.
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special}
    special |= set(tokenizer.encode("").tokens)
    padding = tokenizer.id_to_token(body.pad_token_id)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=padding,
        extra_special_tokens=sorted(special - {padding}),
        truncation_side=side,
    )


def _write_static(body: StaticBody, folder: str | os.PathLike[str]) -> None:
    tokenizer = Tokenizer.from_str(body.tokenizer.to_str())  # which keeps the length to which texts are cut
    first = StaticEmbedding(tokenizer, body.transformer.weight.detach().cpu())
    with building():
        whole = SentenceTransformer(modules=[first, *copy.deepcopy(body.tail)], device="cpu", **_prompts(body))
        whole.save_pretrained(os.fspath(folder), create_model_card=False)


def _prompts(body: Body) -> dict[str, Any]:
    return {"prompts": {"own": body.prompt}, "default_prompt_name": "own"} if body.prompt else {}


def has_openvino() -> bool:
    """Tell whether the packages of the extra are installed, without importing them."""
    try:
        return importlib.util.find_spec("optimum.intel") is not None
    except ModuleNotFoundError:
        return False


def check_openvino() -> None:
    """Refuse the backend where its packages are not installed.

    Raises
    ------
    ValueError
        If they are not.
    """
    if not has_openvino():
        raise ValueError(
            "backend='openvino' needs packages that are not installed: install the extra openvino, "
            "pip install '.[openvino]' in a clone, or take backend='torch' (of a fitted estimator: "
            "set_params(backend='torch'))."
        )


def openvino_body(body: Body, precision: str) -> OpenVINOBody:
    """Return what OpenVINO made of a body, which takes seconds the first time."""
    if precision not in body.exports:
        body.exports[precision] = OpenVINOBody(body, precision)
    made: OpenVINOBody = body.exports[precision]
    return made


class OpenVINOBody:
    """A body whose transformer OpenVINO computes, on the processor; it takes seconds to make.

    Parameters
    ----------
    body : Body
    precision : {"float32", "bfloat16"}
        What products are computed in.
    """

    def __init__(self, body: Body, precision: str) -> None:
        if isinstance(body, StaticBody):
            raise ValueError(
                "backend='openvino' is for transformers, and this body is a table of tokens: take 'torch'."
            )
        check_openvino()
        hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
        options: dict[str, Any] = {"export": True, "ov_config": {"INFERENCE_PRECISION_HINT": hint}}
        with torch.inference_mode(False), TemporaryDirectory() as folder:
            write_body(body, folder)
            with building(), _silence():
                self._model = SentenceTransformer(
                    folder, backend="openvino", device="cpu", local_files_only=True, model_kwargs=options
                )

    def encode(self, texts: Sequence[str], body: Body, unread: UnreadTexts | None = None) -> NDArray[np.float32]:
        """Return the embeddings of texts in their order, split and counted as by the body; each distinct one once."""
        once, rows = distinct(texts)
        windows = body.tokenize(once)
        if unread is not None:
            unread.add(once, windows.unknown, windows.cut)
        if windows.split:
            embeddings = windows.means(self._encode_tokens(windows.tokens, body), normalize=body.normalizes)
        else:
            embeddings = self._model.encode(once, show_progress_bar=False)
        return embeddings[rows]

    @torch.inference_mode()
    def _encode_tokens(self, tokens: Tokens, body: Body) -> NDArray[np.float32]:
        """Return the embeddings of windows, of which sentence-transformers would take texts only."""
        embeddings = np.empty((len(tokens), body.n_dimensions), dtype=np.float32)
        for part in split_by_length(np.array([len(ids) for ids in tokens]), ENCODE_TOKENS):
            input_ids, mask = body.padded([tokens[i] for i in part])
            features: dict[str, Any] = {"input_ids": input_ids, "attention_mask": mask.long()}
            if body.prompt_length:
                features["prompt_length"] = body.prompt_length
            embeddings[part] = self._model(features)["sentence_embedding"].float().numpy()
        return embeddings


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what the exporters have to say of themselves from whoever just wants to predict."""
    talkers = [logging.getLogger(name) for name in _TALKERS]
    before = [logger.disabled for logger in talkers]
    try:
        for logger in talkers:
            logger.disabled = True
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for logger, was_disabled in zip(talkers, before, strict=True):
            logger.disabled = was_disabled
