#!/usr/bin/env bash
# sentence-transformers 6.2.0 gives NaN for a text without tokens if a StaticEmbedding of float16 is followed by
# Normalize. With float32 the same model gives zeros. Static tables are often saved in float16, as model2vec does by
# default, and NaN embeddings spread silently into similarities and into the scikit-learn estimator behind them.
# Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    sentence-transformers==6.2.0 transformers==5.23.0 torch==2.13.0 tokenizers==0.23.3 numpy==2.4.6
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Tokenizer, models, pre_tokenizers

tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "cat": 1}, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
is_nan = {}
for dtype in (np.float32, np.float16):
    table = StaticEmbedding(tokenizer, embedding_weights=np.ones((2, 4), dtype))
    embeddings = SentenceTransformer(modules=[table, Normalize()], device="cpu").encode(["cat", ""])
    print(dtype.__name__, embeddings.tolist())
    is_nan[dtype.__name__] = np.isnan(embeddings).any(axis=1).tolist()
# Seen: float32 [[0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]], float16 [[0.5, 0.5, 0.5, 0.5], [nan, nan, nan, nan]].
assert is_nan == {"float32": [False, False], "float16": [False, True]}, is_nan
PYTHON
