import numpy as np
import pytest
import skops.io
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from conftest import make_texts
from sksetfit import SetFitClassifier, load
from sksetfit.persistence.components import check_components

rng = np.random.RandomState(0)
X = rng.standard_normal((30, 32)).astype(np.float32)
Y = np.array(["food", "music", "sport"])[np.arange(30) % 3]


def changed(estimator, **attributes):
    vars(estimator).update(attributes)
    return estimator


def beyond_its_end():
    random_state = np.random.RandomState(0)
    state = random_state.get_state(legacy=False)
    state["state"]["pos"] = 625
    random_state.set_state(state)
    return random_state


FORGED = {
    "a call of another method": (changed(StackingClassifier([]), stack_method_=["predict", "tofile"]), "would call"),
    "a chain's call": (changed(ClassifierChain(LogisticRegression()), chain_method_="tofile"), "would call 'tofile'"),
    "a place in no sequence": (
        changed(LogisticRegression(), random_state=beyond_its_end()),
        "a place that it does not",
    ),
    "arrays of another shape": (changed(LogisticRegression().fit(X, Y), coef_=X), "is missing or does not fit"),
    "a method that is hidden": (changed(LogisticRegression(), predict=np.float64), r"hide its methods: \['predict'\]"),
    "files that are read": (CountVectorizer(input="filename"), "would read files"),
    "open files that are read": (TfidfVectorizer(input="file"), "would read files"),
}


def in_rows(part):
    rows = np.empty((40, 2), dtype=object)
    rows[:] = [[1.5, "x"]]
    rows[-1, 0] = part
    return rows


AROUND = {
    "alone": lambda part: part,
    "in a pipeline": lambda part: make_pipeline("passthrough", part),
    "in columns": lambda part: ColumnTransformer([("a", part, 0)]),
    "as a key": lambda part: changed(VotingClassifier([]), kept={("a", part): 0}),
    "in objects": lambda part: changed(OneVsRestClassifier(LogisticRegression()), kept=in_rows(part)),
    "behind a mask": lambda part: changed(OneVsRestClassifier(None), kept=np.ma.MaskedArray(in_rows(part), mask=True)),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("case", FORGED)
def test_what_would_do_something_else_or_crash_is_refused(case, around):
    part, message = FORGED[case]
    with pytest.raises(ValueError, match=message):
        check_components(AROUND[around](part))


def test_a_parameter_that_an_older_scikit_learn_lacks_gets_its_default():
    older = LogisticRegression().fit(X, Y)
    del older.max_iter
    check_components(older)
    assert older.max_iter == LogisticRegression().max_iter


def test_a_parameter_without_a_default_must_be_there():
    lacking = OneVsRestClassifier(LogisticRegression())
    del lacking.estimator
    with pytest.raises(ValueError, match="a OneVsRestClassifier lacks its parameter estimator"):
        check_components(lacking)


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
