"""Compare students with their teacher, and with a student of setfit.DistillationTrainer.

    export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
    python distillation.py --data DIR                # run what the results lack, print the table
    python distillation.py --table-only

DIR holds NAME_train.csv and NAME_test.csv with the columns text and label. The teacher learns from 16 texts of each
class, all students from what it makes of 1,000 other texts of the train file. Methods:

    teacher             SetFitClassifier(random_state=seed)
    third of layers     DistilledSetFitClassifier(teacher), two of six layers
    half of layers      DistilledSetFitClassifier(teacher, n_layers=3)
    static              DistilledSetFitClassifier(teacher, "static")
    reference           setfit.DistillationTrainer with batches of 16 and 500 steps, as its documentation has it; the
                        teacher is the same one (write_setfit), and the student begins as the model's own layers
                        that "third of layers" keeps

Each saved model is then read by a process of its own, which answers the first 1,000 test texts, whose accuracy counts,
and all of them, for the seconds; these are processor seconds of the answers alone and of the whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from common import MODEL, add_result, is_done, read_results, read_texts, run_and_print, timed, use_threads

SHOTS, N_UNLABELLED, N_TEST = 16, 1000, 1000
OF_OURS: dict[str, dict[str, Any]] = {
    "third of layers": {},
    "half of layers": {"n_layers": 3},
    "static": {"model": "static"},
}
REFERENCE_STEPS = {"batch_size": 16, "max_steps": 500}


def distil_by_reference(folder_of_teacher: str, texts: list[str], seed: int, folder: str) -> None:
    """Distil the teacher that is in a folder, and write the student to another."""
    import setfit
    from transformers.trainer_callback import ProgressCallback

    from datasets import Dataset
    from sksetfit.body.layers import with_fewer_layers
    from sksetfit.body.loading.load import load_body
    from sksetfit.body.saving.export import write_body

    setfit.logging.set_verbosity_error()
    write_body(with_fewer_layers(load_body(MODEL, device="cpu"), None), folder)
    teacher = setfit.SetFitModel.from_pretrained(folder_of_teacher)
    student = setfit.SetFitModel.from_pretrained(folder)
    nothing = {"logging_strategy": "no", "logging_first_step": False, "save_strategy": "no", "report_to": "none"}
    with tempfile.TemporaryDirectory() as place:
        arguments = setfit.TrainingArguments(place, **REFERENCE_STEPS, seed=seed, **nothing, show_progress_bar=False)
        trainer = setfit.DistillationTrainer(
            teacher_model=teacher,
            student_model=student,
            args=arguments,
            train_dataset=Dataset.from_dict({"text": texts}),
        )
        trainer.remove_callback(ProgressCallback)
        trainer.train()
    student.save_pretrained(folder)


def answer(model: str, data: str) -> None:
    """Print the accuracy and the time of a saved model, in a separate process."""
    use_threads(1)
    test = read_texts(Path(data))
    texts = test["text"].tolist()
    if os.path.isdir(model):
        from setfit import SetFitModel

        predict = SetFitModel.from_pretrained(model, device="cpu").predict
    else:
        from sksetfit import load

        predict = load(model).predict
    predicted = list(predict(texts[:N_TEST]))  # which also warms up
    right = [str(label) == true for label, true in zip(predicted, test["label"], strict=False)]
    _, seconds = timed("predict", predict, texts)
    print(json.dumps({"accuracy": sum(right) / len(right), **seconds}))


def measured(model: str, data: Path) -> dict[str, Any]:
    """Return the figures of a saved model from a separate process, with its size and the seconds of the process."""
    before = os.times()
    done = subprocess.run([sys.executable, __file__, "--answer", model, str(data)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    after = os.times()
    files = [path for path in Path(model).rglob("*") if path.is_file()] if os.path.isdir(model) else [Path(model)]
    process = after.children_user - before.children_user + after.children_system - before.children_system
    return {
        **json.loads(done.stdout.splitlines()[-1]),
        "whole_process_processor_seconds": round(process, 2),
        "megabytes": round(sum(path.stat().st_size for path in files) / 1e6, 1),
    }


def run(options: argparse.Namespace) -> None:
    use_threads(1)
    from sksetfit import DistilledSetFitClassifier, SetFitClassifier, dump, write_setfit

    for name in options.sets:
        train, test_file = read_texts(options.data / f"{name}_train.csv"), options.data / f"{name}_test.csv"
        for seed in options.seeds:
            few = train.groupby("label").sample(SHOTS, random_state=seed).sample(frac=1, random_state=seed)
            texts = train.drop(few.index).sample(N_UNLABELLED, random_state=seed)["text"].tolist()
            teacher, seconds = timed("fit", SetFitClassifier(random_state=seed).fit, few["text"], few["label"])
            with tempfile.TemporaryDirectory() as place:
                for method in options.methods:
                    package = "setfit" if method == "reference" else "sksetfit"
                    key = {"set": name, "shots": SHOTS, "seed": seed, "method": method, "model": MODEL}
                    key |= {"test_size": N_TEST, "threads": 1}
                    if is_done(read_results(options.results), key, package):
                        continue
                    model = os.path.join(place, method)
                    if method == "reference":
                        write_setfit(teacher, model + " teacher")
                        _, seconds = timed("fit", distil_by_reference, model + " teacher", texts, seed, model)
                    elif method == "teacher":
                        dump(teacher, model)
                    else:
                        student = DistilledSetFitClassifier(teacher, **OF_OURS[method], random_state=seed)
                        _, seconds = timed("fit", student.fit, texts)
                        dump(student, model)
                    add_result(options.results, key, package, seconds | measured(model, test_file))


def table(results: pd.DataFrame) -> str:
    lines = [
        "| set | method | accuracy | learned in | quicker than its teacher | as a process | megabytes |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, of_set in results.groupby("set"):
        medians = of_set.groupby("method", sort=False).median(numeric_only=True)
        means = of_set.groupby("method", sort=False)["accuracy"].mean()
        teacher = medians.loc["teacher"]
        for method in ["teacher", *OF_OURS, "reference"]:
            if method not in medians.index:
                continue
            row = medians.loc[method]
            quicker, whole = (
                teacher[column] / row[column]
                for column in ("predict_processor_seconds", "whole_process_processor_seconds")
            )
            lines.append(
                f"| {name} | {method} | {100 * means[method]:.1f} | {row['fit_processor_seconds']:.0f} s | "
                f"{quicker:.1f}x | {whole:.1f}x | {row['megabytes']:.0f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--answer"]:
        answer(*sys.argv[2:])
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["ag_news"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=["teacher", *OF_OURS, "reference"])
    run_and_print(parser, __file__, run, table, f"Students of a teacher of {SHOTS} texts per class")
