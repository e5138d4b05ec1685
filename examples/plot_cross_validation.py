"""
Cross-validation and learning curves
====================================

This example measures the accuracy with eight labelled texts per class, its variation between samples, and the gain of
more texts. :class:`~sksetfit.FewShotSplit` draws the samples for the tools of scikit-learn.
:class:`~sksetfit.SetFitClassifier` is compared with its frozen body and with word counts.
"""

# %%
# Three classifiers and three splits
# ----------------------------------
# Each split trains on eight texts of each class, or on two thirds if most classes have fewer than 12, and tests on
# three tenths of all texts. ``max_steps=0`` freezes the body. ``memory`` caches the body of a split for the second
# part. If there is time, use five splits or more.

import tempfile

import matplotlib.pyplot as plt
import pandas as pd
from own_data import example_parser, n_to_test, n_to_train, read_texts
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LearningCurveDisplay, cross_validate
from sklearn.pipeline import make_pipeline

from sksetfit import FewShotSplit, SetFitClassifier

options = example_parser(__doc__).parse_args()
X, y = read_texts(options)
n_most = n_to_train(y, 8, at_least=4)
cv = FewShotSplit(n_most, n_splits=3, test_size=n_to_test(y, n_most), too_few="take_all", random_state=0)

folder = tempfile.TemporaryDirectory()
classifiers = {
    "SetFitClassifier": SetFitClassifier(options.model, memory=folder.name, random_state=0),
    "frozen body": SetFitClassifier(options.model, max_steps=0, label_texts=None),
    "word counts": make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),
}

# %%
# Several scores at once
# ----------------------
# Means and standard deviations over the splits. ``return_estimator=True`` would keep the classifiers as well.

scoring = ["accuracy", "f1_macro", "matthews_corrcoef"]
results = {name: cross_validate(clf, X, y, cv=cv, scoring=scoring) for name, clf in classifiers.items()}

print(f"{'mean (standard deviation)':26}", *(f"{name:>18}" for name in scoring), " seconds of a fit")
for name, result in results.items():
    scores = (f"{result[f'test_{score}'].mean():.3f} ({result[f'test_{score}'].std():.3f})" for score in scoring)
    print(f"{name:26}", *(f"{score:>18}" for score in scores), f"{result['fit_time'].mean():17.1f}")

# %%
# All three use the same test texts in a split, so compare them within a split.

accuracy = pd.DataFrame({name: result["test_accuracy"] for name, result in results.items()})
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(accuracy.columns, accuracy.T, "o-", color="C0", alpha=0.5)
ax.set(ylabel="Accuracy", title="One line per split")
plt.show()

# %%
# Would more texts help?
# ----------------------
# The first rows of :class:`~sksetfit.FewShotSplit` are balanced: of eight texts per class, the first quarter has two of
# each class, the first half four. The bands are ± one standard deviation.

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for place, (name, clf) in enumerate(classifiers.items()):
    display = LearningCurveDisplay.from_estimator(
        clf,
        X,
        y,
        cv=cv,
        train_sizes=[0.25, 0.5, 1.0],
        score_type="test",
        score_name="Accuracy",
        ax=ax,
        line_kw={"color": f"C{place}", "marker": "os^"[place]},
        fill_between_kw={"color": f"C{place}", "alpha": 0.2},
    )
    display.lines_[0].set_label(name)
    sizes, means = display.train_sizes, display.test_scores.mean(axis=1)
    print(f"{name:16}", *(f"  {size} texts {mean:.1%}" for size, mean in zip(sizes, means, strict=True)))
ax.legend()
ax.set(xlabel="Training texts", xticks=sizes)
plt.show()
folder.cleanup()
