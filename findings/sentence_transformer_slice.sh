#!/usr/bin/env bash
# sentence-transformers 6.2.0: `SentenceTransformer` is a `torch.nn.Sequential`, and a slice of one is documented to be
# another one. `model[:1]` raises a TypeError that speaks of a path, because Sequential gives the constructor a dict of
# modules, and the constructor expects the name of a model. Length, iteration and single modules work.
# Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    sentence-transformers==6.2.0 transformers==5.23.0 torch==2.13.0 numpy==2.4.6 scikit-learn==1.9.1
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - <<'PYTHON'
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Tokenizer, models

table = StaticEmbedding(Tokenizer(models.WordLevel({"[UNK]": 0, "word": 1}, unk_token="[UNK]")), embedding_dim=4)
model = SentenceTransformer(modules=[table, Normalize()], device="cpu")
assert isinstance(model, torch.nn.Sequential)
assert (len(model), list(model)) == (2, [model[0], model[1]])
assert len(torch.nn.Sequential(*model)[:1]) == 1
try:
    sliced = model[:1]
except TypeError as error:
    print("TypeError:", error)
else:
    raise SystemExit(f"it gives {sliced}")
# Seen: TypeError: stat: path should be string, bytes, os.PathLike or integer, not OrderedDict.
PYTHON
