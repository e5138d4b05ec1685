#!/usr/bin/env bash
# skl2onnx 1.20.0 converts a CalibratedClassifierCV(method="isotonic") without an error or a warning, and the graph gives
# other probabilities than scikit-learn 1.9.1. With method="sigmoid" the same conversion gives equal probabilities. A
# classifier that was calibrated before it is served is then no longer calibrated.
# Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

X, y = make_classification(300, n_features=4, n_informative=3, n_redundant=0, flip_y=0.2, random_state=0)
X = X.astype(np.float32)
differences = {}
for method in ("sigmoid", "isotonic"):
    fitted = CalibratedClassifierCV(LogisticRegression(), method=method, cv=3).fit(X, y)
    graph = to_onnx(fitted, X[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    _, probabilities = session.run(None, {session.get_inputs()[0].name: X})
    differences[method] = float(np.abs(probabilities - fitted.predict_proba(X)).max())
print(differences)
assert differences["sigmoid"] < 1e-4, differences
assert differences["isotonic"] > 0.01, differences
PYTHON
