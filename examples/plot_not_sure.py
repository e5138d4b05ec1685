"""
How sure is it, and when to say "not sure"
==========================================

Some answers go straight to a customer, others are better seen by a person first. This example shows whether the
probabilities of a :class:`~sksetfit.SetFitClassifier` can be taken at their word, mends them with a temperature, and
lets a :class:`~sksetfit.RejectClassifier` answer only where a wanted share of the answers is right.
"""

# %%
# Eight texts of each class are to learn from. Of the others, one half stands for texts that are labelled later, while
# the classifier is in use, and one half is only tested on. Classes of fewer than 16 texts are left out: there would be
# too few to do all three.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from own_data import example_parser, read_texts
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import ConfusionMatrixDisplay, log_loss
from sklearn.model_selection import train_test_split

from sksetfit import FewShotSplit, RejectClassifier, RiskCoverageDisplay, SetFitClassifier

parser = example_parser(__doc__)
parser.add_argument("--precision", type=float, default=0.9, help="the share of answers to be right (%(default)s)")
options = parser.parse_args()

X, y = (column.to_numpy() for column in read_texts(options, at_least=16))

train, rest = next(FewShotSplit(n_per_class=8, random_state=0).split(X, y))
X_train, y_train = X[train], y[train]
X_later, X_test, y_later, y_test = train_test_split(X[rest], y[rest], test_size=0.5, stratify=y[rest], random_state=0)
print(f"{len(np.unique(y))} classes")
print(f"{len(X_train)} texts to learn from, {len(X_later)} labelled later, {len(X_test)} to be tested on")

# %%
# ``fit`` finds the threshold by cross-validation: with ``cv=3`` it tunes three bodies, each on two thirds of the
# texts, looks how sure they were of right and of wrong answers, and tunes a fourth body on all texts. Where no
# threshold reaches the precision, it warns and takes the one that comes closest; the warning is printed below.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    sure = RejectClassifier(
        SetFitClassifier(options.model, random_state=0), precision=options.precision, cv=3, random_state=0
    ).fit(X_train, y_train)

# %%
# Can the probabilities be taken at their word?
# ---------------------------------------------
# Of the answers that are given with 0.8, eight in ten should be right. With eight texts of each of several classes a
# classifier is often right more frequently than it says. A temperature is one number that all logits are divided by;
# it changes no answer, only how sure it is. It is fitted on the texts that were labelled later: a handful of texts is
# too few for it (:doc:`/probabilities`).

clf = sure.estimator_
scaled = CalibratedClassifierCV(FrozenEstimator(clf), method="temperature", cv=2).fit(X_later, y_later)

fig, ax = plt.subplots(figsize=(5, 5), layout="constrained")
print("\n                      right  said to be  log loss")
for name, classifier, color, marker in [
    ("as it is", clf, "#0072B2", "o"),
    ("with a temperature", scaled, "#D55E00", "D"),
]:
    probabilities = classifier.predict_proba(X_test).astype(float)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    right = classifier.classes_[probabilities.argmax(axis=1)] == y_test
    surest = probabilities.max(axis=1)
    loss = log_loss(y_test, probabilities, labels=classifier.classes_)
    print(f"{name:20} {right.mean():6.2f} {surest.mean():11.2f} {loss:9.2f}")
    CalibrationDisplay.from_predictions(
        right.astype(int), surest, n_bins=6, strategy="quantile", name=name, ax=ax, color=color, marker=marker
    )
ax.set(xlabel="Probability of the answer, mean of a bin", ylabel="Share of these answers that is right")
ax.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
plt.show()

# %%
# Above the dotted line the classifier is less sure than it may be, below it is too sure.
#
# Answer only where it is sure
# ----------------------------
# A threshold is found by counting right and wrong answers, so that it needs no calibrated probabilities. But counts of
# few texts are small: 19 right of 20 are 0.95, and the lowest threshold that looks good owes that partly to luck. In
# the measurements of :doc:`/decisions`, a wanted 0.9 was reached on new texts in 6 of 18 samples, and 0.87 in the mean.
# It can also be bad luck: if a few wrong answers are among the surest, hardly any text is answered. More labelled texts
# help; ``cv="prefit"`` finds the threshold on them without tuning again. ``confidence_level`` wants a lower bound of
# the precision to be high enough, and answers fewer texts for it.

with warnings.catch_warnings(record=True) as more_caught:
    warnings.simplefilter("always", UserWarning)
    wanted = {"precision": options.precision, "cv": "prefit"}
    from_later = RejectClassifier(clf, **wanted).fit(X_later, y_later)
    bounded = RejectClassifier(clf, confidence_level=0.95, **wanted).fit(X_later, y_later)
for warning in [*caught, *more_caught]:
    print(f"\nwarning: {warning.message}")

found_on = {
    f"{len(X_train)} training texts, cv=3": sure,
    f"{len(X_later)} later texts": from_later,
    f"{len(X_later)} later texts, level 0.95": bounded,
}
shares = pd.DataFrame(columns=["right there", "answered there", "right in test", "answered in test"], dtype=float)
for name, rejecting in found_on.items():
    answered = rejecting.predict(X_test) != rejecting.reject_label_
    right = pd.Series(clf.predict(X_test) == y_test)[answered].mean()  # not a number where nothing is answered
    shares.loc[name] = [rejecting.precision_, rejecting.coverage_, right, answered.mean()]
print(f"\n{options.precision} of the answers shall be right; the threshold is found on")
print(shares.to_string(float_format="{:.2f}".format))

# %%
# What the classifier was least sure of on the test texts goes to a person, with the answer it would have given.

least_sure = clf.predict_proba(X_test).max(axis=1).argsort()[:3]
print()
for text, answer, guess in zip(
    X_test[least_sure], sure.predict(X_test[least_sure]), clf.predict(X_test[least_sure]), strict=True
):
    print(f"{answer} ({guess}?): {text[:70]}")

# %%
# The curve shows what every threshold costs: the more texts are answered, the less sure ones are among them. The
# points are the three thresholds.

display = RiskCoverageDisplay.from_estimator(clf, X_test, y_test, name="test texts", color="#0072B2")
for (name, row), color, marker in zip(shares.iterrows(), ["#D55E00", "#CC79A7", "black"], "Dos", strict=True):
    point = (row["answered in test"], 1 - row["right in test"])
    display.ax_.scatter(*point, color=color, marker=marker, label=name, zorder=3)
display.ax_.axhline(1 - options.precision, color="grey", linestyle=":", label=f"{1 - options.precision:.0%} wrong")
display.ax_.set_ylim(bottom=0)
display.ax_.legend()
plt.show()

# %%
# Which classes are mixed up among the answers that were given? Those of the threshold from later texts:

answers = from_later.predict(X_test)
answered = answers != from_later.reject_label_
print(f"{answered.sum()} of {len(answered)} test texts are answered")
if answered.any():
    n_classes = len(clf.classes_)
    fig, ax = plt.subplots(figsize=(3 + 0.4 * n_classes, 3 + 0.4 * n_classes), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        y_test[answered],
        answers[answered],
        labels=clf.classes_,
        xticks_rotation="vertical",
        include_values=n_classes <= 20,
        cmap="Blues",
        colorbar=False,
        ax=ax,
    )
    ax.set(title="Answered test texts", xlabel="Answer", ylabel="Label")
    plt.show()
