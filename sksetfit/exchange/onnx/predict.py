"""Classify texts with a folder that sksetfit.write_onnx has written. It needs numpy, onnxruntime and tokenizers only.

python predict.py "where is my parcel?"       prints the label and its probability
python predict.py --json < texts.txt          prints a line of JSON for each line of the input

from predict import Classifier
labels = Classifier("folder").predict(["where is my parcel?"])
"""

from __future__ import annotations

import argparse
import json
import os
import reprlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

FORMAT = 1  # of the folder
BATCH_TOKENS = 512  # padding included; what fits the caches of a processor
ROUNDING = 1e-6  # of probabilities in float32
MAX_WINDOWS = 100  # of a text that is longer than the model reads at once
TOKENIZED_AT_ONCE = 1000  # texts

Tokens = list[NDArray[np.int64]]


class Classifier:
    """The classifier of a folder.

    Parameters
    ----------
    folder : str or path, default=the folder of this module
        What `sksetfit.write_onnx` has written.
    providers : sequence of str, default=("CPUExecutionProvider",)
        What onnxruntime computes with, the first of them that it has.
    n_threads : int or None, default=None
        Threads of a computation. None takes one for each core; they wait for each other by spinning, so that on a busy
        machine a smaller number is quicker.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, in the order of the columns of probabilities.
    config : dict
        What config.json says.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] = Path(__file__).parent,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        n_threads: int | None = None,
    ) -> None:
        self._folder, self._providers, self._n_threads = Path(folder), list(providers), n_threads
        self.config = json.loads((self._folder / "config.json").read_text(encoding="utf-8"))
        if self.config["format"] != FORMAT:
            raise ValueError(f"{str(folder)!r} has format {self.config['format']}, and this module reads {FORMAT}.")
        self.classes_ = np.array(self.config["labels"], dtype=self.config["labels_dtype"])
        self._tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        self._model = self._session("model.onnx")
        self._head: Any = self._session("head.onnx") if self.config["long_texts"] == "windows" else None

    def _session(self, name: str) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._n_threads or 0  # 0: as many as there are cores
        return onnxruntime.InferenceSession(str(self._folder / name), options, providers=self._providers)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each text; for several labels per text a matrix of 0 and 1.

        Parameters
        ----------
        X : list, tuple, array or Series of str, of shape (n_texts,)

        Returns
        -------
        ndarray of shape (n_texts,) or (n_texts, n_labels)
        """
        return decisions(self.predict_proba(X), self.classes_, self.config)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class for each text.

        Parameters
        ----------
        X : list, tuple, array or Series of str, of shape (n_texts,)

        Returns
        -------
        ndarray of shape (n_texts, n_classes)
            Columns as in ``classes_``.
        """
        texts = check_texts(X)
        once = list(dict.fromkeys(texts))  # each distinct text is computed once
        place = {text: i for i, text in enumerate(once)}
        starts = range(0, len(once), TOKENIZED_AT_ONCE)
        parts = [self._probabilities(once[start : start + TOKENIZED_AT_ONCE], texts) for start in starts]
        probabilities = np.concatenate(parts)[[place[text] for text in texts]].astype(np.float64)
        return probabilities if self.config["multi_label"] else probabilities / probabilities.sum(axis=1, keepdims=True)

    def _probabilities(self, once: list[str], texts: list[str]) -> NDArray[np.float32]:
        windows, n_tokens, starts = [], [], [0]
        for encoding in self._encodings(once, texts):
            of_text, weights = windows_of(encoding, self.config)
            windows += of_text
            n_tokens += weights
            starts.append(len(windows))
        probabilities, embeddings = self._run([np.array(ids, dtype=np.int64) for ids in windows])
        answers = probabilities[starts[:-1]]
        for text in np.flatnonzero(np.diff(starts) > 1):  # the head sees the mean of all windows
            rows = slice(starts[text], starts[text + 1])
            mean = np.average(embeddings[rows], axis=0, weights=n_tokens[rows])
            if self.config["normalize"]:
                mean /= max(float(np.linalg.norm(mean)), 1e-12)
            (answers[text],) = self._head.run(["probabilities"], {"embedding": mean[None].astype(np.float32)})[0]
        return answers

    def _encodings(self, once: list[str], texts: list[str]) -> list[Encoding]:
        try:
            whole = [self.config["prompt"] + text for text in once]
            special = self.config["special_tokens"]
            encodings: list[Encoding] = self._tokenizer.encode_batch(whole, add_special_tokens=special)
            return encodings
        except BaseException as error:  # a panic of the tokenizer, which is Rust, is no Exception
            if not (type(error) is Exception or type(error).__name__ == "PanicException"):
                raise
            if len(once) == 1:
                raise ValueError(
                    f"The model's tokenizer fails at the text {short_repr(once[0])} at row {texts.index(once[0])}. "
                    f"Leave the text out, or take another model."
                ) from error
        return [self._encodings([text], texts)[0] for text in once]

    def _run(self, tokens: Tokens) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the probabilities and the embedding of each list of tokens."""
        if (highest := max((int(ids.max()) for ids in tokens if len(ids)), default=0)) >= self.config["n_tokens"]:
            raise ValueError(
                f"The model's tokenizer and transformer do not fit together: a text holds token {highest}, and the "
                f"transformer knows {self.config['n_tokens']}."
            )
        probabilities = np.empty((len(tokens), len(self.classes_)), dtype=np.float32)
        embeddings = np.empty((len(tokens), self.config["n_dimensions"]), dtype=np.float32)
        for part in batches(np.array([len(ids) for ids in tokens]), padded=self.config["padded"]):
            input_ids, mask = padded([tokens[i] for i in part], self.config["pad_token_id"])
            inputs = {"input_ids": input_ids, "attention_mask": mask}
            probabilities[part], embeddings[part] = self._model.run(["probabilities", "embedding"], inputs)
        return probabilities, embeddings


def decisions(probabilities: NDArray[Any], classes: NDArray[Any], config: dict[str, Any]) -> NDArray[Any]:
    """Return what is predicted at these probabilities."""
    if config["multi_label"]:
        thresholds = config["thresholds"]
        has_label = probabilities > 0.5 if thresholds is None else probabilities >= np.array(thresholds)
        return has_label.astype(np.int64)
    labels: NDArray[Any] = classes[probabilities.argmax(axis=1)]
    if config["reject"] is None:
        return labels
    labels = labels.astype(np.int64) if labels.dtype.kind == "u" else labels
    threshold = config["reject"]["threshold"] - ROUNDING  # which can be the very confidence of a text
    return np.where(probabilities.max(axis=1) >= threshold, labels, np.asarray(config["reject"]["label"]))


def windows_of(encoding: Encoding, config: dict[str, Any]) -> tuple[list[list[int]], list[int]]:
    """Return the tokens of each window of a text, and how many of them are tokens of the text."""
    pieces = [encoding, *encoding.overflowing]
    if len(pieces) == 1 or config["long_texts"] == "truncate":
        return [encoding.ids], [1]
    from_left, width = config["direction"] == "right", config["max_seq_length"]
    pieces = pieces[: MAX_WINDOWS + 1] if from_left else pieces[::-1]
    is_own = ~np.concatenate([piece.special_tokens_mask for piece in pieces]).astype(bool)
    own = np.concatenate([piece.ids for piece in pieces])[is_own].tolist()
    if config["long_texts"] == "whole":  # the mean of so many tokens at once
        return [own[: MAX_WINDOWS * width] if from_left else own[-MAX_WINDOWS * width :]], [1]
    ends = np.concatenate([np.reshape(piece.offsets, (-1, 2))[:, 1] for piece in pieces])[is_own]
    inside = np.flatnonzero(np.array(pieces[0].special_tokens_mask) == 0)
    before, after = pieces[0].ids[: inside[0]], pieces[0].ids[inside[-1] + 1 :]
    n_prompt = int(np.argmax(np.append(ends > len(config["prompt"]), True))) if config["prompt"] else 0
    n_prompt = min(n_prompt, width - len(before) - len(after) - 1)
    before, text = before + own[:n_prompt], own[n_prompt:]
    n_taken = width - len(before) - len(after)
    n_windows = min(-(-len(text) // n_taken), MAX_WINDOWS)
    n_read = n_windows * n_taken
    parts = np.array_split(text[:n_read] if from_left else text[-n_read:], n_windows)
    return [[*before, *part.tolist(), *after] for part in parts], [len(part) for part in parts]


def batches(lengths: NDArray[np.integer], *, padded: bool) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of each batch, the longest first; without padding those of one length only."""
    order, start = np.argsort(-lengths, kind="stable"), 0
    while start < len(order):
        longest = int(lengths[order[start]])
        stop = start + max(BATCH_TOKENS // max(longest, 1), 1)
        part = order[start:stop]
        yield (part := part if padded else part[lengths[part] == longest])
        start += len(part)


def padded(tokens: Tokens, pad_token_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a matrix of tokens, and which of them are no padding."""
    width = max(1, *map(len, tokens))
    input_ids, mask = np.full((len(tokens), width), pad_token_id), np.zeros((len(tokens), width), dtype=np.int64)
    for row, ids in enumerate(tokens):
        input_ids[row, : len(ids)], mask[row, : len(ids)] = ids, 1
    return input_ids, mask


# -- the checks of texts, with the errors of the estimator

_short = reprlib.Repr()
_short.maxstring = _short.maxlong = _short.maxother = 60


def short_repr(value: Any) -> str:
    """Return a representation in one line."""
    return " ".join(_short.repr(value.item() if isinstance(value, np.generic) else value).split())


def check_texts(X: Any) -> list[str]:
    """Return the texts as a list of str; raise TypeError or ValueError for what is none."""
    kind = type(X).__name__
    if isinstance(X, (str, bytes, bytearray, memoryview)):
        way = "Wrap it in a list: [text]."
        raise TypeError(f"X must be a sequence of texts, got a single {kind}: {short_repr(X)}. {way}")
    rows = _rows(X)
    if rows is None:
        way = "Pass a list, an array or a DataFrame column."
        raise TypeError(f"X must be a sequence of texts, got {kind}: {short_repr(X)}. {way}")
    if not rows:
        raise ValueError("X is empty: at least one text is needed (got 0 samples; a minimum of 1 is required).")
    missing = [i for i, row in enumerate(rows) if row is None or _is_nan(row)]
    if missing:
        others = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(
            f"X has a missing value at row {missing[0]}: got {short_repr(rows[missing[0]])}{others} (NaN and None are "
            f"no texts). Drop such rows or fill them, e.g. with the empty string. pandas.read_csv(..., "
            f'keep_default_na=False) keeps "None" and "n/a" as text.'
        )
    return [_check_text(row, i) for i, row in enumerate(rows)]


def _rows(X: Any) -> list[Any] | None:
    if isinstance(X, (list, tuple)):
        return list(X)
    if isinstance(X, type) or not hasattr(X, "__array__"):
        return None
    array = (
        X if isinstance(X, np.ndarray) else np.asarray(X, dtype=object)
    )  # a masked one gives None where it is masked
    if array.ndim > 2 or (array.ndim == 2 and array.shape[1] != 1):
        raise ValueError(
            f"X must have one column of texts, got an array of shape {array.shape}. Select the column that holds the "
            f"text, e.g. X[:, 0]."
        )
    return array.ravel().tolist() if array.ndim else None


def _is_nan(row: Any) -> bool:
    return type(row).__name__ in {"NAType", "NaTType"} or (isinstance(row, (float, np.floating)) and bool(row != row))


def _check_text(row: Any, i: int) -> str:
    if isinstance(row, str):
        try:
            row.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"X holds a text at row {i} that is no valid Unicode: a lone surrogate at character {error.start} "
                f"({row[error.start]!r}). Decode the source with errors='replace'."
            ) from None
        return str.__str__(row)
    if isinstance(row, bytes):
        way = "Decode it first, e.g. row.decode('utf-8')."
    elif isinstance(row, (list, tuple, set, frozenset, np.ndarray)):
        way = "Pass a flat sequence; join the parts of a text first, e.g. ' '.join(row)."
    else:
        way = "Select the column that holds the text, or make text of it, e.g. str(row)."
    raise TypeError(f"X must hold one str per row, got {type(row).__name__} at row {i}: {short_repr(row)}. {way}")


# -- the command


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the label of each text and its probability."""
    parser = argparse.ArgumentParser(description="Print the label of each text and its probability.")
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="without any, each line of the standard input is one")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each text")
    given = parser.parse_args(arguments)
    texts = given.texts or [line.rstrip("\r\n") for line in sys.stdin]
    classifier = Classifier()
    try:
        probabilities = classifier.predict_proba(texts)
    except (TypeError, ValueError) as error:
        sys.exit(f"predict.py: {error}")
    answers = decisions(probabilities, classifier.classes_, classifier.config).tolist()
    write = as_json if given.json else as_words
    for row in zip(texts, answers, probabilities.tolist(), strict=True):
        sys.stdout.write(write(classifier.config, *row) + "\n")


def as_words(config: dict[str, Any], text: str, answer: Any, probabilities: list[float]) -> str:
    """Return the answer to a text as a line: labels and their probabilities."""
    if not config["multi_label"]:
        return f"{answer}\t{max(probabilities):.4f}"
    columns = zip(config["labels"], answer, probabilities, strict=True)
    return ", ".join(f"{label}\t{probability:.4f}" for label, has_label, probability in columns if has_label)


def as_json(config: dict[str, Any], text: str, answer: Any, probabilities: list[float]) -> str:
    """Return the answer to a text as a JSON object in one line."""
    labels = config["labels"]
    if config["multi_label"]:
        found: dict[str, Any] = {
            "labels": [label for label, has_label in zip(labels, answer, strict=True) if has_label]
        }
    else:
        found = {"label": answer, "probability": max(probabilities)}
    by_label = dict(zip(map(str, labels), probabilities, strict=True))
    return json.dumps({"text": text, **found, "probabilities": by_label}, ensure_ascii=False)


if __name__ == "__main__":
    main()
