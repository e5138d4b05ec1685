"""
Multi-label classification
==========================

A ticket may be urgent and come from an angry customer, or have no tag at all. :class:`~sksetfit.SetFitClassifier`
learns such labels from a matrix of 0 and 1. This example measures each label by its F1 score, finds a threshold for
each with :class:`~sksetfit.MultiLabelThresholdClassifier` and compares three ways to decide which labels a text gets.
"""

# %%
# Each cell of the column holds all labels of a text, with a separator between them. A text without labels is a text
# like any other: most texts lack most labels, and the classifier has to know them. Its cell is empty.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from own_data import example_parser, read_table
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MultiLabelBinarizer

from sksetfit import MultiLabelThresholdClassifier, SetFitClassifier

parser = example_parser(__doc__)
parser.set_defaults(label="tags")
parser.add_argument("--separator", default=";", help="what stands between the labels of a text (%(default)s)")
options = parser.parse_args()

table = read_table(options, label_needed=False)
X = table[options.text]
cells = table[options.label].fillna("").astype(str).str.split(options.separator)
binarizer = MultiLabelBinarizer()
matrix = binarizer.fit_transform([{name.strip() for name in cell if name.strip()} for cell in cells])
y = pd.DataFrame(matrix, columns=binarizer.classes_)
print(f"{len(y)} texts, {y.shape[1]} labels, {y.to_numpy().sum(axis=1).mean():.2f} labels per text in the mean")

# %%
# The texts to learn from are drawn as they come, not so many of each label: thresholds suit data in which labels are as
# frequent as they were in training. Labels that are too rare to be held out and learned at once are left out.

if len(X) < 16:
    raise SystemExit("--data: this script needs 16 texts or more.")
n_train = min(160, len(X) // 2)
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=n_train, random_state=0)
learnable = y_train.sum().between(4, n_train - 4)
if not learnable.all():
    print(f"left out, with fewer than 4 texts to learn from: {', '.join(y.columns[~learnable])}")
if learnable.sum() < 2:
    raise SystemExit(
        "--data: this script needs two labels or more with at least 4 texts each among those to learn from."
    )
y_train, y_test = y_train.loc[:, learnable], y_test.loc[:, learnable]
print(f"{n_train} texts to learn from, {len(X_test)} to be tested on, {learnable.sum()} labels")

# %%
# The head here is a plain logistic regression. It knows that each label is rare, so its probabilities are low, and few
# of them reach 0.5, where ``predict`` draws the line. ``cv=2`` tunes a body on each half of the texts, finds the
# thresholds at which F1 is best on the other half, and tunes a body on all of them.

plain = SetFitClassifier(options.model, head=LogisticRegression(C=10), random_state=0)
tuned = MultiLabelThresholdClassifier(plain, cv=2, random_state=0).fit(X_train, y_train)

# %%
# The head that :class:`~sksetfit.SetFitClassifier` takes by itself is balanced: each label counts as much as its
# absence. That needs no thresholds and one body instead of three.

balanced = SetFitClassifier(options.model, random_state=0).fit(X_train, y_train)

answers = {
    "0.5": tuned.estimator_.predict(X_test),
    "own threshold": tuned.predict(X_test),
    "balanced, 0.5": balanced.predict(X_test),
}
f1 = pd.DataFrame(
    {name: f1_score(y_test, answer, average=None, zero_division=0) for name, answer in answers.items()},
    index=y_test.columns,
)
shown = f1.assign(threshold=tuned.thresholds_, texts=y_test.sum()).sort_values("own threshold", ascending=False)
print(shown.round(2).to_string())
print("\nmacro F1, the mean over labels")
print(f1.mean().round(3).to_string())

# %%
# F1 at 0.5 and at the label's own threshold, with the balanced head beside them. A label of few test texts moves by
# chance: look at the column ``texts`` before you trust its row.

places = np.arange(len(shown))[::-1]
fig, ax = plt.subplots(figsize=(7, 1.5 + 0.35 * len(shown)), layout="constrained")
ax.hlines(places, shown["0.5"], shown["own threshold"], color="lightgrey", linewidth=3, zorder=1)
ax.scatter(shown["0.5"], places, color="#0072B2", label=f"plain head at 0.5 (macro {f1['0.5'].mean():.2f})")
ax.scatter(
    shown["own threshold"],
    places,
    color="#D55E00",
    marker="D",
    label=f"plain head, own thresholds (macro {f1['own threshold'].mean():.2f})",
)
ax.scatter(
    shown["balanced, 0.5"],
    places,
    facecolor="none",
    edgecolor="black",
    marker="s",
    label=f"balanced head at 0.5 (macro {f1['balanced, 0.5'].mean():.2f})",
)
ax.set(yticks=places, yticklabels=shown.index, xlabel="F1 on test texts", xlim=(-0.03, 1.03))
fig.legend(loc="outside upper center", ncols=1, frameon=False)
plt.show()

# %%
# The balanced head comes near with a third of the work: start with it. Take thresholds for a classifier that cannot be
# balanced, for probabilities that shall stay as the frequencies have them, or for a metric of your own, such as
# ``scoring=make_scorer(fbeta_score, beta=2)`` where a label that is missed costs more than one too many.
# :doc:`/decisions` has figures on other data.
