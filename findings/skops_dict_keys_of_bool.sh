#!/usr/bin/env bash
# skops 0.16.0: a dict with the keys True and False comes back with one key, so that a LogisticRegression with
# class_weight={True: 5.0, False: 1.0} has another class_weight after skops.io.dump and load, without an error or a
# warning. A fit of the loaded estimator gives another model. Keys are written as text and restored by their type, and
# bool("False") is True. Fails if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    skops==0.16.0 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import skops.io
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

X, y = make_classification(200, weights=[0.8], random_state=0)
y = y.astype(bool)
clf = LogisticRegression(class_weight={True: 5.0, False: 1.0}).fit(X, y)
loaded = skops.io.loads(skops.io.dumps(clf))
print("before:", clf.class_weight, "after:", loaded.class_weight)
# Seen: before: {True: 5.0, False: 1.0} after: {True: 1.0}
assert loaded.class_weight == {True: 1.0}
again = loaded.fit(X, y)
difference = np.abs(again.predict_proba(X) - clf.predict_proba(X)).max()
print("largest difference of a probability after a fit:", round(float(difference), 2))
# Seen: largest difference of a probability after a fit: 0.62
assert difference > 0.1
PYTHON
