"""
Calibrate probabilities and reject uncertain predictions
========================================================

This example checks whether the probabilities of a :class:`~sksetfit.SetFitClassifier` are calibrated and calibrates
them with a temperature. Then a :class:`~sksetfit.RejectClassifier` accepts only confident predictions, with a target
precision, and leaves the others to a person.
"""

# %%
# Eight texts of each class are for training. Half of the others are calibration texts, which are labelled later, while
# the classifier is in use. The other half are test texts. Classes with fewer than 16 texts are left out.

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
print(f"{len(X_train)} training texts, {len(X_later)} labelled later, {len(X_test)} test texts")

# %%
# ``fit`` finds the threshold by cross-validation. With ``cv=3`` it trains three bodies, each on two thirds of the
# texts, chooses the threshold on their out-of-fold predictions, and trains a fourth body on all texts. If no threshold
# reaches the precision, it warns and uses the closest one; the warning is printed below.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", UserWarning)
    sure = RejectClassifier(
        SetFitClassifier(options.model, random_state=0), precision=options.precision, cv=3, random_state=0
    ).fit(X_train, y_train)

# %%
# Are the probabilities calibrated?
# ---------------------------------
# Of the predictions with a probability of 0.8, eight in ten should be correct. With eight texts per class the accuracy
# is often higher than the mean probability. A temperature is one number that divides all logits. It changes the
# probabilities but no predicted class. It is fitted on the texts that were labelled later; a few texts are not enough
# (:doc:`/probabilities`).

clf = sure.estimator_
scaled = CalibratedClassifierCV(FrozenEstimator(clf), method="temperature", cv=2).fit(X_later, y_later)

fig, ax = plt.subplots(figsize=(5, 5), layout="constrained")
print("\n                   accuracy  confidence  log loss")
for name, classifier, color, marker in [
    ("uncalibrated", clf, "#0072B2", "o"),
    ("with a temperature", scaled, "#D55E00", "D"),
]:
    probabilities = classifier.predict_proba(X_test).astype(float)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    correct = classifier.classes_[probabilities.argmax(axis=1)] == y_test
    confidence = probabilities.max(axis=1)
    loss = log_loss(y_test, probabilities, labels=classifier.classes_)
    print(f"{name:20} {correct.mean():6.2f} {confidence.mean():11.2f} {loss:9.2f}")
    CalibrationDisplay.from_predictions(
        correct.astype(int), confidence, n_bins=6, strategy="quantile", name=name, ax=ax, color=color, marker=marker
    )
ax.set(xlabel="Mean confidence of a bin", ylabel="Accuracy of the bin")
ax.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
plt.show()

# %%
# Above the dotted line the classifier is underconfident, below it is overconfident.
#
# Reject uncertain predictions
# ----------------------------
# The threshold is chosen by counting correct and wrong
# predictions, so it needs no calibrated probabilities. With few texts the counts are noisy: 19 of 20 correct are 0.95,
# and the lowest good threshold is an optimistic choice. In the measurements of :doc:`/decisions`, a target of 0.9 was
# reached on new texts in 6 of 18 samples, and the mean was 0.87. The opposite happens too: a few wrong predictions
# among the most confident ones leave hardly any accepted text. More labelled texts help; ``cv="prefit"`` chooses the
# threshold on them without training again. ``confidence_level`` requires a lower bound of the precision to reach the
# target, and accepts fewer texts.

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
shares = pd.DataFrame(columns=["precision", "coverage", "precision in test", "coverage in test"], dtype=float)
for name, rejecting in found_on.items():
    accepted = rejecting.predict(X_test) != rejecting.reject_label_
    precision = pd.Series(clf.predict(X_test) == y_test)[accepted].mean()  # NaN if nothing is accepted
    shares.loc[name] = [rejecting.precision_, rejecting.coverage_, precision, accepted.mean()]
print(f"\ntarget precision {options.precision}; the threshold is chosen on")
print(shares.to_string(float_format="{:.2f}".format))

# %%
# The least confident predictions on the test texts go to a person, with the most probable class.

least_sure = clf.predict_proba(X_test).max(axis=1).argsort()[:3]
print()
for text, answer, guess in zip(
    X_test[least_sure], sure.predict(X_test[least_sure]), clf.predict(X_test[least_sure]), strict=True
):
    print(f"{answer} ({guess}?): {text[:70]}")

# %%
# The curve shows the error rate at every threshold: the more texts are accepted, the less confident they are. The
# points are the three thresholds.

display = RiskCoverageDisplay.from_estimator(clf, X_test, y_test, name="test texts", color="#0072B2")
for (name, row), color, marker in zip(shares.iterrows(), ["#D55E00", "#CC79A7", "black"], "Dos", strict=True):
    point = (row["coverage in test"], 1 - row["precision in test"])
    display.ax_.scatter(*point, color=color, marker=marker, label=name, zorder=3)
display.ax_.axhline(1 - options.precision, color="grey", linestyle=":", label=f"{1 - options.precision:.0%} wrong")
display.ax_.set_ylim(bottom=0)
display.ax_.legend()
plt.show()

# %%
# The confusion matrix shows the errors among the accepted texts, for the threshold from later texts:

predicted = from_later.predict(X_test)
accepted = predicted != from_later.reject_label_
print(f"{accepted.sum()} of {len(accepted)} test texts are accepted")
if accepted.any():
    n_classes = len(clf.classes_)
    fig, ax = plt.subplots(figsize=(3 + 0.4 * n_classes, 3 + 0.4 * n_classes), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        y_test[accepted],
        predicted[accepted],
        labels=clf.classes_,
        xticks_rotation="vertical",
        include_values=n_classes <= 20,
        cmap="Blues",
        colorbar=False,
        ax=ax,
    )
    ax.set(title="Accepted test texts", xlabel="Predicted label", ylabel="True label")
    plt.show()
