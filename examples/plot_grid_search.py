"""
A grid over body and head
=========================

A search over the head is cheap. A search over the body is not, because each candidate trains its own bodies. ``memory``
caches a body for all heads of a grid. This example searches both with :class:`~sklearn.model_selection.GridSearchCV`
and counts the trained bodies and the fits.
"""

# %%
# Sixteen labelled texts of each class are for the search, or two thirds if most classes have fewer than 24. The
# others are for the test. Classes of a single text are left out, because it cannot be in both folds of the search.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from own_data import example_parser, n_to_train, read_texts
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from sksetfit import FewShotSplit, SetFitClassifier

options = example_parser(__doc__).parse_args()
X, y = (column.to_numpy() for column in read_texts(options, at_least=2))
train, test = next(FewShotSplit(n_to_train(y, 16, at_least=5), too_few="take_all", random_state=0).split(X, y))
print(f"{len(train)} texts of {len(np.unique(y))} classes to search on, {len(test)} to test on")

# %%
# The grid
# --------
# ``learning_rate`` decides what body is tuned, ``head__C`` and ``head`` what is fitted on its embeddings. The default
# head, logistic regression, need not be built for ``head__C``; ``"auto"`` is the default C. In a list of grids, each
# part has its own parameters.

rates = [3e-5, 1e-4, 3e-4]
grid = [
    {"learning_rate": rates, "head__C": ["auto", 1, 10, 100]},
    {"learning_rate": rates, "head": [KNeighborsClassifier(), SVC(C=10)]},
]
cv = StratifiedKFold(n_splits=2, shuffle=True, random_state=0)

with tempfile.TemporaryDirectory() as folder:  # a folder that stays serves the next search as well
    clf = SetFitClassifier(options.model, memory=folder, random_state=0)
    search = GridSearchCV(clf, grid, cv=cv, error_score="raise").fit(X[train], y[train])
    n_tunings = len(list(Path(folder).rglob("output.pkl")))
    clf.fit(X[train], y[train])  # the defaults, to compare with

results = pd.DataFrame(search.cv_results_)
n_fits = len(results) * search.n_splits_ + 1
print(f"{len(results)} candidates in {search.n_splits_} folds and the refit: {n_fits} fits, {n_tunings} bodies tuned")

# %%
# What was found
# --------------
# The mean score of each candidate. Mind how far scores differ by chance: where the truth is 80%, the standard error of
# an accuracy on 160 texts is three points, and the best of many candidates is partly the luckiest. So the defaults are
# scored on the same test texts; :doc:`/searches` says which parameters are worth a search, and from how many texts on.

print(f"best candidate: {search.best_params_}")
print(f"accuracy of the best candidate in its folds   {search.best_score_:6.1%}")
print(f"accuracy of the best candidate on test texts  {search.score(X[test], y[test]):6.1%}")
print(f"accuracy of the defaults on test texts        {clf.score(X[test], y[test]):6.1%}")

# %%
# The heat map has a row per head and a column per body.

results["head"] = [
    f"LogisticRegression, C={params['head__C']}" if "head__C" in params else type(params["head"]).__name__
    for params in results["params"]
]
table = results.pivot_table("mean_test_score", "head", "param_learning_rate", sort=False)

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
image = ax.imshow(table, cmap="cividis", aspect="auto")
for row, scores in enumerate(table.to_numpy()):
    for column, score in enumerate(scores):
        ax.text(column, row, f"{score:.1%}", ha="center", va="center", bbox={"color": "white", "alpha": 0.8, "pad": 2})
ax.set_xticks(range(len(table.columns)), [f"{rate:g}" for rate in table.columns])
ax.set_yticks(range(len(table)), table.index)
ax.set(xlabel="learning_rate of the body", title="Mean accuracy over the folds")
plt.show()
