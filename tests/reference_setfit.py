"""Predictions of setfit, as a separate script: setfit takes ten seconds to import and prints.

``python reference_setfit.py FOLDER`` reads FOLDER/task.json, loads every model of FOLDER/written, trains small ones of
its own into FOLDER/trained, and writes FOLDER/answers.json.
"""

import json
import sys
from pathlib import Path


def answers(model, texts):
    predicted = model.predict(texts, as_numpy=True)
    return {
        "predict": predicted if isinstance(predicted, list) else predicted.tolist(),
        "predict_proba": model.predict_proba(texts, as_numpy=True).tolist(),
    }


def trained(task, name, folder):
    from setfit import SetFitModel, Trainer, TrainingArguments

    from datasets import Dataset

    case = task["train"][name]
    torch_head = case["model"].get("use_differentiable_head", False)
    model = SetFitModel.from_pretrained(task["model"], device="cpu", **case["model"])
    arguments = TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        batch_size=8,
        num_epochs=(1, 20) if torch_head else 1,
        max_steps=3,
        head_learning_rate=0.1,
        end_to_end=False,
        report_to="none",
        save_strategy="no",
    )
    data = Dataset.from_dict({"text": task["X"], "label": case["y"]})
    Trainer(model=model, args=arguments, train_dataset=data).train()
    model.save_pretrained(str(folder / "trained" / name))
    return SetFitModel.from_pretrained(str(folder / "trained" / name), device="cpu")


def main(folder):
    from sentence_transformers import SentenceTransformer
    from setfit import SetFitModel

    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    found = {"written": {}, "trained": {}, "embeddings": {}}
    for path in sorted((folder / "written").iterdir()):
        model = SetFitModel.from_pretrained(str(path), device="cpu")
        found["written"][path.name] = answers(model, task["X_new"]) | {"labels": model.labels}
        body = SentenceTransformer(str(path), device="cpu")
        found["embeddings"][path.name] = body.encode(task["X_new"]).tolist()
    for name in task["train"]:
        found["trained"][name] = answers(trained(task, name, folder), task["X_new"])
    (folder / "answers.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
