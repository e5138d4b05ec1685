"""
Plot embeddings, loss and confusion matrix
==========================================

Contrastive training moves texts of one class together. This example plots the embeddings of test texts before and after
training, the loss with the scores of early stopping, and the confusion matrix.
"""

import matplotlib.pyplot as plt
from own_data import example_parser, n_to_train, read_texts
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split

from sksetfit import EmbeddingsDisplay, FewShotSplit, SetFitClassifier, SetFitEncoder, TuningCurveDisplay

options = example_parser(__doc__).parse_args()
X, y = read_texts(options)
X, y = X.to_numpy(), y.to_numpy()

# %%
# Eight texts of each class are for training, or two thirds if most classes have fewer than 12. At most 300 of the
# others are plotted.
train, rest = next(FewShotSplit(n_to_train(y, 8, at_least=2), too_few="take_all", random_state=0).split(X, y))
test = rest if len(rest) <= 300 else train_test_split(rest, train_size=300, random_state=0)[0]

# %%
# Before and after
# ----------------
# :class:`~sksetfit.SetFitEncoder` with ``max_steps=0`` is the frozen Sentence Transformer.
frozen = SetFitEncoder(options.model, max_steps=0).fit(X[train], y[train])
clf = SetFitClassifier(options.model, random_state=0).fit(X[train], y[train])

figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for ax, title, estimator in zip(axes, ["before training", "after training"], [frozen, clf], strict=True):
    EmbeddingsDisplay.from_estimator(estimator, X[test], y[test], ax=ax)
    ax.set_title(f"{len(test)} texts {title}")
axes[0].get_legend().remove()  # the two have the same classes
plt.show()

# %%
# Loss and validation score
# -------------------------
# With early stopping, some of the training texts are held out and scored during training.
stopped = SetFitClassifier(options.model, early_stopping=True, validation_fraction=0.25, random_state=0)
stopped.fit(X[train], y[train])
TuningCurveDisplay.from_estimator(stopped)
plt.show()

# %%
# Confusion matrix
# ----------------
predicted = clf.predict(X[test])
print(f"accuracy on {len(test)} texts: {(predicted == y[test]).mean():.1%}")
figure, ax = plt.subplots(figsize=(7, 6), layout="constrained")
ConfusionMatrixDisplay.from_predictions(y[test], predicted, ax=ax, xticks_rotation="vertical", colorbar=False)
plt.show()
