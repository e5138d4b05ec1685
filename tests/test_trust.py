import numpy as np
import pytest
import skops.io
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, NuSVC

from conftest import make_texts
from sksetfit import SetFitClassifier, load
from sksetfit._trust import check_parts, trusted_types

rng = np.random.RandomState(0)
X = rng.standard_normal((30, 32)).astype(np.float32)
Y = np.array(["food", "music", "sport"])[np.arange(30) % 3]


def changed(estimator, **attributes):
    vars(estimator).update(attributes)
    return estimator


def linear(a, b):
    return a @ b.T


def svc(**attributes):
    return changed(SVC().fit(X, Y), **attributes)


def test_the_types_are_those_of_installed_estimators_and_a_few_more():
    assert "sklearn.linear_model._logistic.LogisticRegression" in trusted_types()
    assert "sklearn.preprocessing._function_transformer.FunctionTransformer" not in trusted_types()
    assert not any("Hashing" in name or name[-4:] == "Tree" for name in trusted_types())


SOUND = {
    "a machine of three classes": svc(),
    "a machine of two": SVC(kernel="linear").fit(X, Y == "food"),
    "a machine with probabilities": NuSVC(nu=0.3).fit(X, Y),
    "a machine with a kernel of its own": SVC(kernel=linear).fit(X, Y),
    "a machine with a kernel that is given": SVC(kernel="precomputed").fit(X @ X.T, Y),
    "an unfitted machine": SVC(),
    "a stack": StackingClassifier([("a", SVC()), ("b", LogisticRegression())], cv=2).fit(X, Y),
    "a chain": ClassifierChain(LogisticRegression()).fit(X, np.stack([Y == "food", Y == "sport"], 1)),
    "words": CountVectorizer().fit(["some words"]),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_predicts_passes(name):
    check_parts(make_pipeline("passthrough", SOUND[name]))


FORGED = {
    "support that lies": (svc(_n_support=np.array([2 * 10**9, -(2 * 10**9), 30], np.int32)), "do not fit together"),
    "support beyond its end": (svc(_n_support=np.array([10**6, 0, 0], np.int32)), "do not fit together"),
    "more classes than there are": (svc(_n_support=np.zeros(20_000, np.int32)), "do not fit together"),
    "coefficients cut off": (svc(_dual_coef_=np.zeros((1, 1))), "do not fit together"),
    "coefficients that are sparse": (svc(_dual_coef_=sparse.csr_matrix((2, 30))), "do not fit together"),
    "a machine of sparse data": (svc(_sparse=True), "do not fit together"),
    "support outside the texts": (svc(support_=svc().support_ + 1), "do not fit together"),
    "other texts than it was fitted on": (
        changed(SVC(kernel=linear).fit(X, Y), _BaseLibSVM__Xfit=X[:3]),
        "do not fit together",
    ),
    "a machine of another length": (svc(n_features_in_=10**6), "do not fit together"),
    "a call of another method": (changed(StackingClassifier([]), stack_method_=["predict", "tofile"]), "would call"),
    "a chain's call": (changed(ClassifierChain(LogisticRegression()), chain_method_="tofile"), "would call 'tofile'"),
    "files that are read": (CountVectorizer(input="filename"), "would read files"),
    "open files that are read": (TfidfVectorizer(input="file"), "would read files"),
}
AROUND = {
    "alone": lambda part: part,
    "in a pipeline": lambda part: make_pipeline("passthrough", part),
    "in columns": lambda part: ColumnTransformer([("a", part, 0)]),
    "in objects": lambda part: changed(OneVsRestClassifier(LogisticRegression()), estimators_=np.array([part, 1])),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("case", FORGED)
def test_what_would_do_something_else_or_crash_is_refused(case, around):
    part, message = FORGED[case]
    with pytest.raises(ValueError, match=message):
        check_parts(AROUND[around](part))


@pytest.fixture
def with_head(tiny_model, tmp_path):
    """Return a file of a classifier, as skops writes it, whose head was exchanged for another."""
    classifier = SetFitClassifier(tiny_model, max_steps=0).fit(*make_texts(2))

    def write(head):
        skops.io.dump(changed(classifier, head_=head), tmp_path / "model.skops")
        return tmp_path / "model.skops"

    return write


def writing_stack(path):
    """Return a head that would write a file when it is asked for an answer."""
    stack = StackingClassifier([("a", LogisticRegression())])
    written = {"estimators_": [np.array(["print(1)"])], "stack_method_": ["tofile"], "classes_": np.unique(Y)}
    return changed(stack, **written, final_estimator_=LogisticRegression().fit(X, Y), passthrough=False)


def test_a_head_that_would_write_a_file_is_refused_by_load_and_by_skops(with_head, tmp_path):
    file = with_head(make_pipeline("passthrough", writing_stack(tmp_path / "written")))
    with pytest.raises(ValueError, match=r"would call \['tofile'\]"):
        load(file)
    with pytest.raises(ValueError, match=r"would call \['tofile'\]"):
        skops.io.load(file, trusted=["sksetfit.SetFitClassifier", "sksetfit.SetFitEncoder"])
    assert not (tmp_path / "written").exists()


QUESTIONED = {
    "a function": FunctionTransformer(np.positive),
    "a type that is called": FunctionTransformer(np.bytes_),
    "texts from files": HashingVectorizer(input="filename"),
    "a sparse array": changed(LogisticRegression(), coef_=sparse.csr_matrix((3, 32))),
}


@pytest.mark.parametrize("case", QUESTIONED)
def test_what_skops_takes_without_question_is_questioned(with_head, case):
    file = with_head(make_pipeline(QUESTIONED[case], LogisticRegression().fit(X, Y)))
    with pytest.raises(ValueError, match="holds types that are not trusted"):
        load(file)
