"""Write a fitted classifier of texts as a folder that needs no torch: a graph for onnxruntime and what predicts by it.

torch, onnx and the packages around it take seconds to import, so they are imported inside the functions that need them.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sksetfit._version import __version__
from sksetfit.encoder import body_of
from sksetfit.exchange.onnx.comparison import (
    check_decision,
    check_folder,
    check_head,
    probabilities_of,
    texts_to_compare,
)
from sksetfit.exchange.onnx.head_graph import add_head
from sksetfit.exchange.onnx.nodes import Nodes
from sksetfit.exchange.onnx.unwrap import Decision, decision_of, encoder_of, inner_of
from sksetfit.inputs.texts import check_texts
from sksetfit.utils.files import free_place, new_folder

if TYPE_CHECKING:
    from sksetfit.body.model import Body

MODEL, HEAD, PREDICT = "model.onnx", "head.onnx", Path(__file__).with_name("predict.py")
LARGEST_FILE = 2_000_000_000  # bytes of weights; a file of Protocol Buffers holds less than 2 GiB
FORMAT = 1
_PACKAGES = ("onnx", "onnxruntime", "onnxscript", "skl2onnx")


def write_onnx(
    clf: Any, folder: str | os.PathLike[str], *, dtype: Literal["float32"] = "float32", texts: Any = None
) -> None:
    """Write a fitted classifier as a folder that predicts without torch, scikit-learn and this package.

    The folder holds ``model.onnx`` (body and head), ``tokenizer.json``, ``config.json`` and ``predict.py``, a module
    that needs numpy, onnxruntime and tokenizers only. ``Classifier(folder).predict(texts)`` of it gives the labels of
    `predict`, but where a probability is within 1e-4 of a threshold or of another one; ``python folder/predict.py "some
    text"`` prints one. The folder is written beside its place under another name and then renamed: an error or a full
    disk leaves nothing, a killed process may leave a hidden folder whose name ends in ``.partial``.

    Parameters
    ----------
    clf : fitted classifier of texts
        A `SetFitClassifier` or `DistilledSetFitClassifier`, a `Pipeline` of a `SetFitEncoder` and a classifier, or a
        `RejectClassifier`, `MultiLabelThresholdClassifier`, `CalibratedClassifierCV`, `FrozenEstimator` or fitted
        search around one of them. It must have `predict_proba` and one tuned body.
    folder : str or path
        Where to; it must not exist yet, or be empty.
    dtype : {"float32"}, default="float32"
        The type of the weights.
    texts : array-like of shape (n_texts,) or None, default=None
        Texts of your own, on which the folder is compared with the classifier. None compares on twenty texts only that
        are made of the words of the tokenizer.

    Raises
    ------
    NotFittedError
        If the classifier is not fitted.
    TypeError
        If it is no classifier of the kinds above, or ``texts`` are no texts.
    ImportError
        If the packages of the extra ``onnx`` are not installed.
    FileNotFoundError, FileExistsError
        If there is no such parent folder, or something is at ``folder`` already.
    ValueError
        If a part of the classifier cannot be converted, or its labels do not follow from its probabilities; before
        anything is written. Also if a probability by the folder differs from that of the classifier by more than 1e-4:
        the message names the text, and no folder is left.

    See Also
    --------
    dump : Keep a classifier in one file that this package loads.
    write_setfit : Write a folder that setfit loads.

    Notes
    -----
    Inputs of ``model.onnx`` are ``input_ids`` and ``attention_mask``, of shape (n_texts, n_tokens) and dtype int64. Its
    outputs are ``logits``, ``probabilities``, of shape (n_texts, n_classes), and ``embedding``, of shape (n_texts,
    n_dimensions). The softmax of the logits, for several labels per text the sigmoid, are the probabilities. Where
    texts are read in windows (``long_texts="windows"``), ``head.onnx`` holds the head alone, for the mean of the
    embeddings of the windows. Weights of more than 2 GB are in ``model.onnx.data``.

    It computes in float32, independent of ``precision``, ``backend`` and ``device`` of the classifier. Linear heads and
    temperature and sigmoid calibration are converted by this package, other heads of scikit-learn by skl2onnx. Export
    and comparison take from some seconds to more than a minute, and memory for a copy of the weights.

    Examples
    --------
    >>> from sksetfit import SetFitClassifier, write_onnx
    >>> clf = SetFitClassifier(random_state=0, max_steps=0)
    >>> clf = clf.fit(["great film", "loved it", "dull", "a waste of time"], ["good", "good", "bad", "bad"])
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     write_onnx(clf, os.path.join(parent, "films"))
    ...     sorted(os.listdir(os.path.join(parent, "films")))
    ['config.json', 'head.onnx', 'model.onnx', 'predict.py', 'tokenizer.json']
    """
    if dtype != "float32":
        raise ValueError(f"dtype must be 'float32', got {dtype!r}.")
    encoder, _ = encoder_of(clf)
    own_texts = [] if texts is None else check_texts(texts, "texts")
    place = free_place(folder)
    _check_installed()
    if not hasattr(clf, "predict_proba"):
        raise ValueError(
            f"write_onnx needs predict_proba, which this {type(clf).__name__} with a "
            f"{type(inner_of(clf)).__name__} as its head does not have. Take a head that has it, for example "
            f"CalibratedClassifierCV around this one."
        )
    decision, body = decision_of(clf), body_of(encoder)
    compared = [*texts_to_compare(body), *own_texts]
    expected, embeddings = _answers_in_float32(clf, compared)
    check_decision(clf, decision, compared, expected)
    head = _head_model(clf, decision, body.n_dimensions)
    check_head(head, embeddings, expected, f"a fitted {type(inner_of(clf)).__name__}")
    model = _whole_model(clf, decision, body)
    with new_folder(place) as partial:
        _save(model, partial / MODEL)
        if _has_windows(body):
            _save(head, partial / HEAD)
        body.tokenizer.save(str(partial / "tokenizer.json"))
        (partial / "config.json").write_text(
            json.dumps(_config(body, decision), indent=2, ensure_ascii=False), encoding="utf-8"
        )
        shutil.copyfile(PREDICT, partial / PREDICT.name)
        check_folder(partial, compared, expected)


def _check_installed() -> None:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"write_onnx needs packages that are not installed ({', '.join(missing)}): install the extra onnx, "
            f"pip install '.[onnx]' in a clone."
        )


def _answers_in_float32(clf: Any, texts: list[str]) -> tuple[Any, Any]:
    """Return the probabilities and embeddings of texts, by torch in float32 whatever the classifier is set to."""
    encoder, settings = encoder_of(clf)
    if settings.precision == "bfloat16" or getattr(settings, "backend", encoder.backend) != "torch":
        clf = copy.deepcopy(clf)
        encoder, settings = encoder_of(clf)
        for each in (encoder, settings):
            each.precision = "float32"
            each.backend = "torch"
    return probabilities_of(clf, texts), np.asarray(body_of(encoder).encode(texts))


def _head_model(clf: Any, decision: Decision, n_dimensions: int) -> Any:
    """Return the head alone as an `onnx_ir.Model`."""
    import onnx_ir

    embedding = onnx_ir.val("embedding", onnx_ir.DataType.FLOAT, ["n_texts", n_dimensions])
    graph = onnx_ir.Graph([embedding], [], nodes=[], name="head")
    _add_head(graph, clf, decision, embedding)
    return onnx_ir.Model(graph, ir_version=10)


def _whole_model(clf: Any, decision: Decision, body: Body) -> Any:
    """Return body and head as an `onnx_ir.Model`."""
    from sksetfit.body.saving.onnx_graph import body_graph

    model = body_graph(body)
    (embedding,) = model.graph.outputs
    model.graph.outputs.clear()
    _add_head(model.graph, clf, decision, embedding)
    embedding.name = "embedding"
    model.graph.outputs.append(embedding)
    return model


def _add_head(graph: Any, clf: Any, decision: Decision, embedding: Any) -> None:
    import onnx_ir

    nodes = Nodes()
    answers = add_head(nodes, clf, embedding, multi_label=decision.multi_label)
    for name, value in zip(("logits", "probabilities"), answers, strict=True):
        output = nodes.op("Identity", value)  # as a value has one name, and can be both
        output.name, output.type = name, onnx_ir.TensorType(onnx_ir.DataType.FLOAT)
        output.shape = onnx_ir.Shape(["n_texts", len(decision.classes)])
        graph.outputs.append(output)
    nodes.add_to(graph)


def _save(model: Any, file: Path) -> None:
    import onnx_ir

    n_bytes = sum(value.const_value.nbytes for value in model.graph.initializers.values())
    onnx_ir.save(model, file, external_data=f"{file.name}.data" if n_bytes > LARGEST_FILE else None)


def _has_windows(body: Body) -> bool:
    return body.has_layers and body.long_texts == "windows"


def _config(body: Body, decision: Decision) -> dict[str, Any]:
    reads_long = "whole" if body.long_texts == "windows" else body.long_texts
    return {
        "format": FORMAT,
        **decision.config(),
        "prompt": body.prompt,
        "max_seq_length": body.max_seq_length,
        "long_texts": body.long_texts if body.has_layers else reads_long,
        "direction": body.direction,
        "special_tokens": body.has_layers,
        "pad_token_id": body.pad_token_id,
        "padded": not body.reads_padding,
        "normalize": body.normalizes,
        "n_tokens": body.transformer.config.vocab_size,
        "n_dimensions": body.n_dimensions,
        "versions": {
            "sksetfit": __version__,
            **{name: version(name) for name in ("numpy", "onnxruntime", "tokenizers", "torch")},
        },
    }
