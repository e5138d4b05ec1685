"""Whether a folder answers as the classifier that it was made of: the texts, and what is compared."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sksetfit.exchange.onnx.unwrap import Decision
from sksetfit.inputs.texts import short_repr

if TYPE_CHECKING:
    from sksetfit.body.model import Body

TOLERANCE = 1e-4  # of probabilities
_N_WORDS = (1, 1, 2, 3, 4, 5, 7, 9, 12, 15, 18, 22, 27, 33, 40, 50, 65, 90, 150)
_MOST_WORDS = 700  # the longest text is more than one window of most models; long ones take long to encode


def texts_to_compare(body: Body) -> list[str]:
    """Return twenty texts of different lengths, of words that the model knows."""
    rng = np.random.RandomState(0)
    pieces = (token.lstrip("▁Ġ#") for token in sorted(body.tokenizer.get_vocab()))
    words = [piece for piece in pieces if len(piece) > 1 and piece.isalpha()] or ["a", "e", "n", "s", "t"]
    longest = min(int(2.5 * body.max_seq_length), _MOST_WORDS)
    return [" ".join(rng.choice(words, size=n)) for n in (*_N_WORDS, longest)]


def probabilities_of(clf: Any, texts: list[str]) -> NDArray[np.float64]:
    """Return the probabilities by the classifier itself, in silence."""
    from sksetfit.heads.strategies import stack_label_proba

    with warnings.catch_warnings(action="ignore"):
        return np.asarray(stack_label_proba(clf.predict_proba(texts)), dtype=np.float64)


def check_decision(clf: Any, decision: Decision, texts: list[str], probabilities: NDArray[np.float64]) -> None:
    """Raise ValueError if what a classifier predicts does not follow from its probabilities."""
    from sksetfit.exchange.onnx.predict import decisions

    with warnings.catch_warnings(action="ignore"):
        expected = np.asarray(clf.predict(texts))
    if probabilities.shape[1:] == (len(decision.classes),):
        found = decisions(probabilities, decision.classes, decision.config())
        if found.shape == expected.shape and (found == expected).all():
            return
    raise ValueError(
        f"The labels that this {type(clf).__name__} predicts do not follow from its probabilities, by which the folder "
        f"answers. Give it another head, for example CalibratedClassifierCV around the one it has."
    )


def check_head(head: Any, embeddings: NDArray[np.float32], probabilities: NDArray[np.float64], name: str) -> None:
    """Raise ValueError if the graph of a head, an `onnx_ir.Model`, does not give its probabilities."""
    import onnx_ir
    import onnxruntime

    graph = onnx_ir.to_proto(head).SerializeToString()
    try:
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        (found,) = session.run(["probabilities"], {"embedding": embeddings})
    except Exception as error:  # onnxruntime's errors are of no kind of their own
        raise ValueError(f"onnxruntime does not run the graph of {name}: {error}") from error
    if found.shape != probabilities.shape or not np.abs(found - probabilities).max() <= TOLERANCE:
        raise ValueError(f"The graph that is made of {name} does not give its probabilities. Take another head.")


def check_folder(folder: Path, texts: list[str], probabilities: NDArray[np.float64]) -> None:
    """Raise ValueError if the folder does not give these probabilities of texts.

    Raises
    ------
    ValueError
        It names the text of the largest difference.
    """
    from sksetfit.exchange.onnx.predict import Classifier

    differences = np.abs(Classifier(folder).predict_proba(texts) - probabilities).max(axis=1)
    worst = int(np.nan_to_num(differences, nan=np.inf).argmax())
    if not differences[worst] <= TOLERANCE:
        raise ValueError(
            f"The exported model does not give the probabilities of the classifier: of the text "
            f"{short_repr(texts[worst])} ({len(texts[worst].split())} words) they differ by {differences[worst]:.2g}, "
            f"and {TOLERANCE:.0e} is allowed. Nothing was written."
        )
