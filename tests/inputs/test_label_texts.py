import numpy as np
import pytest

from conftest import make_texts
from sksetfit import SetFitEncoder
from sksetfit.inputs.label_texts import candidate_label_texts, label_rows, names_are_informative


def texts_of(labels):
    return candidate_label_texts("auto", np.array(labels, dtype=object))


def test_labels_that_are_words_become_texts():
    assert texts_of(["late_delivery", "sign-in"]) == {
        "late_delivery": ["late delivery", "This is late delivery", "This sentence is about late delivery"],
        "sign-in": ["sign in", "This is sign in", "This sentence is about sign in"],
    }


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1],
        [True, False],
        ["0", "1"],
        ["a", "b"],
        ["class_1", "class_2"],
        ["level 1", "level 2"],
        ["Billing", "billing"],
        ["late_delivery", "late delivery"],
    ],
)
def test_labels_that_say_nothing_become_no_texts(labels):
    assert texts_of(labels) == {}


@pytest.mark.parametrize("odd", ["2", "R&D", "5G", "C", "n/a", "Q&A", "e\u0301", "👍", 7])
def test_labels_without_a_word_go_without_texts(odd):
    assert list(texts_of(["delivery", odd, "sign-in"])) == ["delivery", "sign-in"]


def test_labels_that_differ_by_a_number_go_without_texts():
    assert list(texts_of(["level 1", "level 2", "delivery", "sign-in"])) == ["delivery", "sign-in"]


@pytest.mark.parametrize(
    "labels",
    [
        ["देर", "दूर"],  # Hindi: the same letters with other vowels
        ["की", "की बात"],
        ["ผา", "ผี"],  # Thai
        ["好", "坏"],  # Chinese: one character is a word
        ["돈", "집"],  # Korean
        ["ねこ", "いぬ"],  # Japanese
        ["caf\u00e9", "cafe"],
    ],
)
def test_words_of_every_script_become_texts(labels):
    texts = texts_of(labels)
    assert list(texts) == labels
    assert texts[labels[0]][0] == labels[0]
    assert not set(texts[labels[0]]) & set(texts[labels[1]])


@pytest.mark.parametrize("labels", [["Größe", "Farbe"], ["доставка", "возврат"], ["sci/tech", "AT&T"]])
def test_words_of_any_language_are_words(labels):
    assert list(texts_of(labels)) == labels


def test_none_is_none_and_a_dict_is_taken_as_it_is():
    assert candidate_label_texts(None, np.array(["good", "bad"])) == {}
    assert candidate_label_texts({"good": "fine"}, np.array(["good", "bad"])) == {"good": ["fine"]}


def test_a_dict_may_name_more_labels_than_a_fold_has():
    label_texts = {"good": "fine", "bad": "poor", "rare": "seldom"}
    assert candidate_label_texts(label_texts, np.array(["good", "bad"])) == {"good": ["fine"], "bad": ["poor"]}


@pytest.mark.parametrize(
    ("label_texts", "classes", "meant"),
    [
        ({"0": "a", 1: "b"}, [0, 1], "0, of type int"),
        ({0: "a", "1": "b"}, ["0", "1"], "'0', of type str"),
        ({"goood": "a", "bad": "b"}, ["bad", "good"], "'good'"),
    ],
)
def test_a_misspelt_label_gets_a_suggestion_that_works(label_texts, classes, meant):
    with pytest.raises(ValueError, match=f"Did you mean {meant}\\?"):
        candidate_label_texts(label_texts, np.array(classes))


def test_label_rows_are_rows_of_one_label():
    texts, indicator = label_rows({"c": ["x", "y"], "a": ["z"]}, np.array(["a", "b", "c"]))
    assert texts == ["x", "y", "z"]
    assert indicator.tolist() == [[False, False, True], [False, False, True], [True, False, False]]


def test_no_label_texts_are_no_rows():
    texts, indicator = label_rows({}, np.array(["a", "b"]))
    assert texts == []
    assert indicator.shape == (0, 2)


@pytest.fixture
def classes():
    """Return 3 classes of 5 texts scattered around 3 directions, and an embedding of each name near its direction."""
    rng = np.random.RandomState(0)
    indicator = np.repeat(np.eye(3, dtype=bool), 5, axis=0)
    directions = rng.normal(size=(3, 40))
    offset = rng.normal(size=40)
    embeddings = directions[indicator.argmax(axis=1)] + rng.normal(size=(15, 40)) + offset
    names = directions + rng.normal(size=(3, 40))
    return embeddings.astype(np.float32), indicator, names.astype(np.float32), np.eye(3, dtype=bool)


def test_names_near_their_classes_tell(classes):
    assert names_are_informative(*classes)


def test_names_of_the_wrong_classes_do_not_tell(classes):
    embeddings, indicator, names, of_class = classes
    assert not names_are_informative(embeddings, indicator, names[[1, 2, 0]], of_class)


def test_equal_names_do_not_tell(classes):
    embeddings, indicator, names, of_class = classes
    assert not names_are_informative(embeddings, indicator, np.repeat(names[:1], 3, axis=0), of_class)


def test_meaningless_names_rarely_tell():
    rng = np.random.RandomState(1)
    indicator = np.repeat(np.eye(6, dtype=bool), 8, axis=0)
    aligned = [
        names_are_informative(
            rng.normal(size=(48, 384)).astype(np.float32),
            indicator,
            rng.normal(size=(6, 384)).astype(np.float32),
            np.eye(6, dtype=bool),
        )
        for _ in range(50)
    ]
    assert np.mean(aligned) < 0.2


def test_a_class_that_was_not_looked_at_is_passed_over(classes):
    embeddings, indicator, names, of_class = classes
    two = indicator[:, :2].any(axis=1)
    assert names_are_informative(embeddings[two], indicator[two], names, of_class)


# -- anchors in a fit


def first_loss(tiny_model, **parameters):
    encoder = SetFitEncoder(tiny_model, max_steps=1, random_state=0, device="cpu", precision="float32", **parameters)
    return encoder.fit(*make_texts(4)).loss_curve_[0]


def test_label_texts_add_cross_entropy_to_supcon(tiny_model):
    X, y = make_texts(4)  # all of which, and the label texts, are in the first batch
    names = {"food": ["bread", "cheese"], "music": ["a song"], "sport": ["tennis"]}
    frozen = SetFitEncoder(tiny_model, max_steps=0, label_texts=None, device="cpu").fit(X, y)
    labelled = [(text, label) for label, texts in names.items() for text in texts]
    rows, labels = X + [text for text, _ in labelled], list(y) + [label for _, label in labelled]
    embeddings = frozen.transform(rows).astype(np.float64)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    anchors = np.array([embeddings[len(X) :][[own == label for _, own in labelled]].mean(axis=0) for label in names])
    logits = unit @ (anchors / np.linalg.norm(anchors, axis=1, keepdims=True)).T / 0.1
    log_sums = np.log(np.exp(logits).sum(axis=1))
    own = logits[np.arange(len(rows)), [list(names).index(label) for label in labels]]
    similar = unit @ unit.T / 0.15 - np.diag(np.full(len(rows), np.inf))
    log_probability = similar - np.log(np.exp(similar).sum(axis=1, keepdims=True))
    alike = (np.array(labels)[:, None] == np.array(labels)) & ~np.eye(len(rows), dtype=bool)
    supcon = [-values[partners].mean() for values, partners in zip(log_probability, alike, strict=True)]
    expected = np.mean(supcon) + np.mean(log_sums - own)
    assert first_loss(tiny_model, label_texts=names) == pytest.approx(expected, rel=1e-4)


def test_the_cosine_loss_has_no_anchors(tiny_model):
    X, y = make_texts(4)
    names = {"food": "bread", "music": "a song", "sport": "tennis"}
    params = {"max_steps": 1, "loss": "cosine", "precision": "float32", "random_state": 0, "device": "cpu"}
    named = SetFitEncoder(tiny_model, label_texts=None, **params)
    rows = named.fit(X + list(names.values()), list(y) + list(names)).loss_curve_[0]
    assert first_loss(tiny_model, loss="cosine", label_texts=names) == pytest.approx(rows, rel=1e-4)
