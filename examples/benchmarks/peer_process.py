"""Fit a peer of sksetfit in its own environment: peers.py makes that environment and runs this script in it.

    python peer_process.py METHOD SAMPLE ANSWER --seed 0 --limit 900

SAMPLE is a folder of train.csv (columns text and label) and test.csv (column text). ANSWER is the JSON file to write:
the predictions for test.csv and the times of fit and predict, or the error if the peer cannot be fitted. Loading the
body is part of the fit. One untimed fit on four texts comes first.

    FastFit                         the settings of the example in its README, but in float32 where that says fp16=True
                                    for a GPU; predicts with the pipeline of the same example
    model2vec                       StaticModelForClassification with its defaults, on a static model that model2vec's
                                    distiller makes of the body once; the fit loads that static model
    model2vec, logistic regression  scikit-learn's LogisticRegression on the embeddings of that static model
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from common import MODEL, body_source, read_texts, timed, use_threads
from threadpoolctl import threadpool_limits

Predict = Callable[[list[str]], Sequence[str]]
WARM_UP = ["good", "great", "bad", "awful"], ["yes", "yes", "no", "no"]
N_TIMED_STEPS = 3
TABLE = Path(sys.prefix) / "static_model"
ONCE = Path(sys.prefix) / "distillation.json"


class OverLimitError(Exception):
    """A fit would take more processor seconds than allowed."""


def fit_fastfit(texts: list[str], labels: list[str], seed: int, limit: float) -> Predict:
    import fastfit.train
    from transformers import AutoTokenizer, TrainerCallback, pipeline

    from datasets import Dataset, DatasetDict

    class Limit(TrainerCallback):
        """Extrapolate the time of the first steps, so that a fit that is too long stops early."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 0:
                self.start = time.process_time()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            seconds = time.process_time() - self.start
            if state.global_step == N_TIMED_STEPS and seconds / N_TIMED_STEPS * state.max_steps > limit:
                raise OverLimitError(
                    f"over {limit:.0f} s: {N_TIMED_STEPS} of {state.max_steps} steps took {seconds:.0f} s"
                )

    fastfit.train.load_metric = lambda *_, **__: None  # it downloads a script, and only evaluate() uses the metric
    train = Dataset.from_dict({"text": texts, "label": labels})
    with tempfile.TemporaryDirectory() as folder:
        trainer = fastfit.FastFitTrainer(
            model_name_or_path=body_source(MODEL),
            label_column_name="label",
            text_column_name="text",
            num_train_epochs=40 if limit else 1,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=64,
            max_text_length=128,
            dataloader_drop_last=False,
            num_repeats=4,
            optim="adafactor",
            clf_loss_factor=0.1,
            dataset=DatasetDict(train=train, test=train),  # it raises without a test set; only labels are read from it
            seed=seed,
            output_dir=folder,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        if limit:
            trainer.trainer.add_callback(Limit())
        trainer.train().save_pretrained(folder)
        model = fastfit.FastFit.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(body_source(MODEL))
    tokenizer.model_input_names = ["input_ids", "attention_mask"]  # its model takes no token_type_ids
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, truncation=True, max_length=128)
    return lambda test_texts: [answer["label"] for answer in classify(test_texts, batch_size=64)]


def load_table() -> Any:
    """Load the static model, which is distilled once for each environment because it depends on the body only."""
    from model2vec import StaticModel
    from model2vec.distill import distill

    if not TABLE.exists():
        model, times = timed("distill", partial(distill, body_source(MODEL), device="cpu"))
        ONCE.write_text(json.dumps(times))
        model.save_pretrained(TABLE)
    return StaticModel.from_pretrained(TABLE)


def fit_model2vec(texts: list[str], labels: list[str], seed: int, limit: float) -> Predict:
    from model2vec.train import StaticModelForClassification

    classifier = StaticModelForClassification.from_static_model(model=load_table())
    classifier.fit(texts, labels, device="cpu", random_seed=seed)
    return lambda test_texts: classifier.predict(test_texts).tolist()


def fit_logistic(texts: list[str], labels: list[str], seed: int, limit: float) -> Predict:
    from sklearn.linear_model import LogisticRegression

    static = load_table()
    head = LogisticRegression(max_iter=1000, random_state=seed).fit(static.encode(texts), labels)
    return lambda test_texts: head.predict(static.encode(test_texts)).tolist()


class Method(NamedTuple):
    fit: Callable[[list[str], list[str], int, float], Predict]
    package: str


METHODS = {
    "FastFit": Method(fit_fastfit, "fast-fit"),
    "model2vec": Method(fit_model2vec, "model2vec"),
    "model2vec, logistic regression": Method(fit_logistic, "model2vec"),
}


def answer(method: str, sample: Path, seed: int, limit: float) -> dict[str, Any]:
    """Return predictions and times, or the error of the peer."""
    fit = METHODS[method].fit
    train, test = (read_texts(sample / f"{part}.csv") for part in ("train", "test"))
    try:
        fit(*WARM_UP, seed, 0)
        predict, fit_times = timed("fit", fit, train["text"].tolist(), train["label"].tolist(), seed, limit)
        predictions, predict_times = timed("predict", predict, test["text"].tolist())
    except Exception as error:  # whatever a peer raises is its result
        name = "" if isinstance(error, OverLimitError) else f"{type(error).__name__}: "
        return {"error": f"{name}{error}"}
    once = json.loads(ONCE.read_text()) if METHODS[method].package == "model2vec" else {}
    return {"predictions": predictions, "times": {**fit_times, **predict_times, **once}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("sample", type=Path, help="folder of train.csv and test.csv")
    parser.add_argument("answer", type=Path, help="JSON file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=900, help="processor seconds that a fit may take")
    options = parser.parse_args()
    use_threads(1)
    with threadpool_limits(1):
        result = answer(options.method, options.sample, options.seed, options.limit)
    options.answer.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
