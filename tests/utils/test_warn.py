"""Warnings name the line of the caller, through this package, scikit-learn and joblib."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from conftest import make_texts
from sksetfit import FewShotSplit, MultiLabelThresholdClassifier, RejectClassifier

X, TOPICS = make_texts(4)
Y = pd.get_dummies(pd.Series(TOPICS)).astype(int)
UNKNOWN = [f"{text} ☃ ☃ ☃ ☃ ☃ ☃ ☃ ☃ ☃ ☃ ☃ ☃ ☃ ☃" for text in X]
REJECT = RejectClassifier(DummyClassifier(), precision=1.0, cv=2)


def through_pipeline(estimator):
    return make_pipeline(FunctionTransformer(), estimator)


CASES = {
    "texts of a fit": lambda c: c.fit(UNKNOWN, TOPICS),
    "texts of a fit from memory": lambda c: c.fit(UNKNOWN, TOPICS),
    "texts of a fit in a pipeline": lambda c: through_pipeline(c).fit(UNKNOWN, TOPICS),
    "texts of fits by joblib": lambda c: OneVsRestClassifier(c).fit(UNKNOWN, TOPICS),
    "precision": lambda c: REJECT.fit(X, TOPICS),
    "precision, in a pipeline": lambda c: through_pipeline(REJECT).fit(np.zeros((12, 1)), TOPICS),
    "labels of few rows": lambda c: MultiLabelThresholdClassifier(c, cv=2).fit(X, Y.assign(few=[1] + [0] * 11)),
    "groups": lambda c: next(FewShotSplit(1).split(X, TOPICS, groups=TOPICS)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_warning_names_the_line_of_the_caller(case, tiny_classifier, tmp_path):
    classifier = tiny_classifier.set_params(max_steps=1, label_texts=None, head=LogisticRegression())
    if case == "texts of a fit from memory":
        with pytest.warns(UserWarning, match="tokens that the model does not know"):
            classifier.set_params(memory=tmp_path).fit(UNKNOWN, TOPICS)
    with pytest.warns(UserWarning, match=r"does not know|No threshold|too few rows|groups") as caught:
        CASES[case](classifier)
    assert {warning.filename for warning in caught} == {__file__}
