import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from conftest import TOPICS, make_texts
from sksetfit import SetFitClassifier, make_templated_texts
from sksetfit.inputs.label_texts import candidate_label_texts
from sksetfit.inputs.templates import TEMPLATES, names_only


def test_names_alone_give_as_many_distinct_texts_of_each_class():
    X, y = make_templated_texts(["late_delivery", "sign-in", "billing"])
    labels, counts = np.unique(y, return_counts=True)
    assert labels.tolist() == ["billing", "late_delivery", "sign-in"]
    assert set(counts) == {len(X) / 3}
    assert len(set(X)) == len(X) == len(y) > 3


def test_the_name_as_words_stands_in_every_text_of_its_class():
    X, y = make_templated_texts(["late_delivery", "sign-in"])
    words = {"late_delivery": "late delivery", "sign-in": "sign in"}
    assert all(words[label] in text for text, label in zip(X, y, strict=True))


def test_templated_rows_are_ordered_by_label_and_template():
    X, y = make_templated_texts(["b", "a"], templates=["{}", "the {}"])
    assert X == ["b", "the b", "a", "the a"]
    assert y.tolist() == ["b", "b", "a", "a"]
    assert make_templated_texts(["b", "a"])[0] == make_templated_texts(["b", "a"])[0]


def test_labels_keep_their_own_words():
    assert set(make_templated_texts(["sci/tech", "late_delivery"])[1]) == {"sci/tech", "late_delivery"}


@pytest.mark.parametrize(
    "labels",
    [("b", "a"), np.array(["b", "a"]), pd.Series(["b", "a"]), np.array(["b", "a"], dtype=object), pd.Index(["b", "a"])],
)
def test_any_sequence_of_names_gives_the_same(labels):
    X, y = make_templated_texts(labels)
    assert make_templated_texts(["b", "a"])[0] == X
    assert y.dtype.kind == "U"


@pytest.mark.parametrize(("keys", "kind"), [((3, 1), "i"), ((True, False), "b"), (("x", "y"), "U")])
def test_templates_accept_dict_of_names(keys, kind):
    X, y = make_templated_texts({keys[0]: "e-mail", keys[1]: ["by_post", "letters"]}, templates=["about {}"])
    assert X == ["about e-mail", "about by_post", "about letters"]
    assert y.tolist() == [keys[0], keys[1], keys[1]]
    assert y.dtype.kind == kind


def test_n_per_label_uses_each_name_before_next_template():
    labels = {"m": ["e-mail", "inbox"], "p": ["post", "letters", "parcels"]}
    X, y = make_templated_texts(labels, templates=["{}", "the {}"], n_per_label=3)
    assert X == ["e-mail", "inbox", "the e-mail", "post", "letters", "parcels"]
    assert y.tolist() == ["m"] * 3 + ["p"] * 3


def test_a_brace_of_the_text_itself_is_written_twice():
    assert make_templated_texts(["a"], templates=["{{{}}}"])[0] == ["{a}"]


def test_a_name_may_hold_braces():
    assert make_templated_texts(["a {} b"], templates=["the {}"])[0] == ["the a {} b"]


def test_the_first_templates_are_those_that_stand_next_to_labelled_texts():
    beside = candidate_label_texts("auto", np.array(["late_delivery", "login"]))
    X, y = make_templated_texts(["late_delivery", "login"], n_per_label=len(beside["login"]))
    assert {label: [text for text, of in zip(X, y, strict=True) if of == label] for label in beside} == beside


def test_the_templates_are_documented():
    notes = " ".join(make_templated_texts.__doc__.split())
    assert [template for template in TEMPLATES if f'"{template}"' not in notes] == []


# -- what is refused


@pytest.mark.parametrize(
    ("labels", "error", "said"),
    [
        ("billing", TypeError, "labels must be a sequence of texts, got a single str"),
        ({"billing", "login"}, TypeError, "A set has no order"),
        (5, TypeError, "labels must be a sequence"),
        ([], ValueError, "labels is empty"),
        ({}, ValueError, "labels is empty"),
        ([0, 1], TypeError, "labels must hold one str per row, got int at row 0"),
        (["a", None], ValueError, "labels has a missing value at row 1"),
        (["a", "_"], ValueError, "labels has an empty name for '_'"),
        ({0: "a", 1: " "}, ValueError, "labels has an empty name for 1"),
        ({0: "a", 1: []}, ValueError, r"labels\[1\] is empty"),
        ({0: "a", 1: [None]}, ValueError, r"labels\[1\] has a missing value"),
        ({0: "a", 1: 5}, TypeError, r"labels\[1\] must be a sequence of texts"),
        (["a", "b", "a"], ValueError, "the name 'a' twice, for 'a' and for 'a'"),
        (["sign_in", "sign-in"], ValueError, "the name 'sign in' twice, for 'sign_in' and for 'sign-in'"),
        ({0: ["x", "y"], 1: "y"}, ValueError, "the name 'y' twice, for 0 and for 1"),
        ({0: "a", "b": "b"}, ValueError, "labels mixes keys of several kinds: 0 and 'b'"),
        ({("a", "b"): "a"}, TypeError, "whose keys are str, int or bool, got tuple"),
        ({None: "a"}, TypeError, "whose keys are str, int or bool, got NoneType"),
    ],
)
def test_labels_that_name_no_classes_are_refused(labels, error, said):
    with pytest.raises(error, match=said):
        make_templated_texts(labels)


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("no place", r"got 'no place' at row 1 \(none\)"),
        ("{} and {}", r"at row 1 \(2\)"),
        ("{0}", "at row 1 .one with something in it"),
        ("{name}", "at row 1 .one with something in it"),
        ("{!r}", "at row 1 .one with something in it"),
        ("{:>9}", "at row 1 .one with something in it"),
        ("{} and }", "at row 1 .Single '}'"),
        ("{} and {", "at row 1 .Single '{'"),
        ("{{}}", r"at row 1 \(none\)"),
    ],
)
def test_a_template_without_exactly_one_place_for_the_name_is_refused(template, found):
    with pytest.raises(ValueError, match=f"templates must have one {{}} each.*{found}"):
        make_templated_texts(["a", "b"], templates=["{}", template])


@pytest.mark.parametrize(("templates", "error"), [("the {}", TypeError), ([], ValueError), ([3], TypeError)])
def test_templates_that_are_no_sequence_of_texts_are_refused(templates, error):
    with pytest.raises(error, match="templates"):
        make_templated_texts(["a", "b"], templates=templates)


@pytest.mark.parametrize("n_per_label", [0, -1, 3])
def test_more_texts_than_there_are_is_refused(n_per_label):
    with pytest.raises(ValueError, match=f"must be from 1 to 2, which is .* of 'a', got {n_per_label}"):
        make_templated_texts({"b": ["b", "c"], "a": "a"}, templates=["{}", "the {}"], n_per_label=n_per_label)


@pytest.mark.parametrize("n_per_label", [2.0, "2", True])
def test_a_number_of_texts_that_is_no_int_is_refused(n_per_label):
    with pytest.raises(TypeError, match="n_per_label must be an int or None"):
        make_templated_texts(["a", "b"], n_per_label=n_per_label)


# -- what it is for


def test_a_classifier_takes_what_is_made(tiny_classifier):
    fitted = tiny_classifier.fit(*make_templated_texts(list(TOPICS)))
    assert fitted.classes_.tolist() == sorted(TOPICS)
    assert set(fitted.predict(make_texts(2)[0])) <= set(TOPICS)


@pytest.mark.real_weights
def test_names_alone_tell_texts_apart():
    X, y = make_texts(5)
    zero_shot = SetFitClassifier(max_steps=0, head=LogisticRegression(fit_intercept=False))
    zero_shot.fit(*make_templated_texts(list(TOPICS)))
    assert zero_shot.score(X, y) > 0.8


def test_a_text_that_is_the_name_of_another_label_is_left_to_that_one():
    X, y = make_templated_texts(["positive", "very positive"])
    labels_of = {text: [label for each, label in zip(X, y, strict=True) if each == text] for text in X}
    assert labels_of["very positive"] == ["very positive"]
    assert all(len(labels) == 1 for labels in labels_of.values())
    assert are_names_only(X, y)


def test_equal_templates_make_one_text():
    assert make_templated_texts(["a", "b"], templates=["{}", "{}"])[0] == ["a", "b"]


@pytest.mark.parametrize("label", [2**63, "a\0", "\ud800"])
def test_labels_that_no_classifier_takes_are_refused(label):
    first = "b" if isinstance(label, str) else 0
    with pytest.raises(ValueError, match=r"labels holds (numbers that do not fit into int64|a label at row 1 .*)"):
        make_templated_texts({first: "bread", label: "cheese"})


# -- what a classifier makes of names alone


def are_names_only(X, y):
    classes, codes = np.unique(y, return_inverse=True)
    return names_only(list(X), np.eye(len(classes), dtype=bool)[codes], classes)


@pytest.mark.parametrize("n_per_label", [None, 1, 2])
def test_templated_texts_are_noticed(n_per_label):
    assert are_names_only(*make_templated_texts(["late_delivery", "sign-in"], n_per_label=n_per_label))


def test_descriptions_of_labels_that_are_codes_are_noticed():
    assert are_names_only(*make_templated_texts({0: ["delivery", "a late parcel"], 1: "login"}))


def test_one_text_of_another_kind_is_enough_to_be_no_names():
    X, y = make_templated_texts(["delivery", "login"])
    assert not are_names_only([*X, "where is my parcel?"], [*y, "delivery"])
    assert not are_names_only([*X, "login"], [*y, "delivery"])  # the name of another class
    assert not are_names_only(*make_texts(8))


def test_texts_without_a_label_are_no_names():
    assert not names_only(["music", "a text"], np.array([[True], [False]]), np.array(["music"]))


def test_the_body_is_left_as_it_is_and_the_head_has_no_intercept(tiny_model):
    clf = SetFitClassifier(tiny_model, random_state=0).fit(*make_templated_texts(list(TOPICS)))
    assert clf.n_steps_ == 0
    assert not clf.head_.fit_intercept
    with_texts = SetFitClassifier(tiny_model, random_state=0).fit(*make_texts(2))
    assert with_texts.n_steps_ > 0
    assert with_texts.head_.fit_intercept


def test_what_is_asked_for_is_done_on_names_as_well(tiny_model):
    clf = SetFitClassifier(tiny_model, max_steps=3, head=LogisticRegression(), random_state=0)
    clf.fit(*make_templated_texts(list(TOPICS)))
    assert clf.n_steps_ == 3
    assert clf.head_.fit_intercept
