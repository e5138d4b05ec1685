"""
Pictures of a tuning: embeddings, loss and confusions
=====================================================

What does the contrastive tuning do to the texts? It brings those of one class together. This example draws texts that
were not trained on before and after it, then the loss of its steps with the scores of early stopping, and at last which
classes are still taken for each other.
"""

import matplotlib.pyplot as plt
from own_data import example_parser, read_texts
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split

from sksetfit import EmbeddingsDisplay, FewShotSplit, SetFitClassifier, SetFitEncoder, TuningCurveDisplay

options = example_parser(__doc__).parse_args()
X, y = read_texts(options)
X, y = X.to_numpy(), y.to_numpy()

# %%
# Eight texts of each class are for training, or all of a class that has fewer; of the others, 300 at most are drawn.
train, rest = next(FewShotSplit(n_per_class=8, too_few="take_all", random_state=0).split(X, y))
test = rest if len(rest) <= 300 else train_test_split(rest, train_size=300, random_state=0)[0]

# %%
# Before and after
# ----------------
# :class:`~sksetfit.SetFitEncoder` with ``max_steps=0`` is the Sentence Transformer as it comes.
untuned = SetFitEncoder(options.model, max_steps=0).fit(X[train], y[train])
clf = SetFitClassifier(options.model, random_state=0).fit(X[train], y[train])

figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for ax, title, estimator in zip(axes, ["before the tuning", "after it"], [untuned, clf], strict=True):
    EmbeddingsDisplay.from_estimator(estimator, X[test], y[test], ax=ax)
    ax.set_title(f"{len(test)} texts {title}")
axes[0].get_legend().remove()  # the two have the same classes
plt.show()

# %%
# The tuning, step by step
# ------------------------
# With early stopping, some of the training texts are kept back and scored along the way.
stopped = SetFitClassifier(options.model, early_stopping=True, validation_fraction=0.25, random_state=0)
stopped.fit(X[train], y[train])
TuningCurveDisplay.from_estimator(stopped)
plt.show()

# %%
# What is still confused
# ----------------------
answers = clf.predict(X[test])
print(f"accuracy on {len(test)} texts: {(answers == y[test]).mean():.1%}")
figure, ax = plt.subplots(figsize=(7, 6), layout="constrained")
ConfusionMatrixDisplay.from_predictions(y[test], answers, ax=ax, xticks_rotation="vertical", colorbar=False)
plt.show()
