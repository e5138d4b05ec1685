#!/usr/bin/env bash
# fast-fit 1.2.1: the documented argument `clf_loss_factor`, the factor of the classification loss, has no effect, so
# that even 0 does not switch the loss off. FastFitTrainer passes the argument to FastFitConfig, which only knows
# `clf_factor`: it keeps `clf_loss_factor` as an attribute that nothing reads, and `clf_factor` stays 0.1. The
# classification loss itself is on: `clf_factor` set in the config of the trainer's model changes the training loss.
# Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    fast-fit==1.2.1 torch==2.13.0 transformers==4.44.2 datasets==2.21.0 accelerate==0.34.2 tokenizers==0.19.1 \
    numpy==2.4.6 scikit-learn==1.9.1 pyarrow==26.0.1
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys

import fastfit.train
import torch
from datasets import Dataset, DatasetDict, disable_progress_bars
from transformers import BertConfig, BertModel, BertTokenizerFast

disable_progress_bars()
fastfit.train.load_metric = lambda *_, **__: None  # it downloads a script, which only evaluate() uses
folder = sys.argv[1]
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefxy"]
with open(f"{folder}/vocab.txt", "w") as file:
    file.write("\n".join(vocabulary))
torch.manual_seed(0)
sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
BertModel(BertConfig(vocab_size=len(vocabulary), **sizes)).save_pretrained(f"{folder}/body")
BertTokenizerFast(f"{folder}/vocab.txt").save_pretrained(f"{folder}/body")
data = Dataset.from_dict({"text": ["a b c", "b c a", "c b", "d e f", "e f", "f d"], "label": ["x"] * 3 + ["y"] * 3})


def loss(clf_factor=None, **arguments):
    trainer = fastfit.FastFitTrainer(
        model_name_or_path=f"{folder}/body",
        text_column_name="text",
        label_column_name="label",
        dataset=DatasetDict(train=data, test=data),
        output_dir=f"{folder}/output",
        overwrite_output_dir=True,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        seed=0,
        **arguments,
    )
    if clf_factor is not None:
        trainer.model.config.clf_factor = clf_factor
    trainer.train()
    return round(trainer.trainer.state.log_history[-1]["train_loss"], 3)


factors = 0.0, 0.1, 10.0
by_argument = [loss(clf_loss_factor=factor) for factor in factors]
by_config = [loss(clf_factor=factor) for factor in factors]
print("argument:", by_argument, "config:", by_config)
# Seen: argument: [3.128, 3.128, 3.128] config: [3.059, 3.128, 9.998].
assert by_argument == [by_config[1]] * 3, by_argument
assert by_config[0] < by_config[1] < by_config[2] - 1, by_config
PYTHON
