import copy
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from scipy.sparse import csr_matrix
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import sksetfit
from conftest import TOPICS, make_texts
from sksetfit import SetFitClassifier, dump, load, model_card
from sksetfit.body.model import Body

X_TRAIN, Y_TRAIN = make_texts(8)  # of `fitted`
X_TEST, Y_TEST = make_texts(5, seed=1)
NASTY = [
    "a | b || c",
    "two\nlines\r\nand a\ttab\x85\u2028",
    "\n---\nlicense: mit\n---\n",
    "<script>alert('x')</script> <!-- &amp; -->",
    "`code` ```fence``` *bold* _slanted_ __init__ [link](https://x.y) ~~gone~~ $x$",
    "# heading",
    "- item: 'quoted' \"twice\" {a: b} [c] %d @e !f &g *h",
    "  yes  ",
    "{{ title }} {% raw %} {# x #}",
    "null",
    "1e3",
    "日本語 🐈 العربية \ufeff\u202e\x00\x07",
    "long " * 400,
]


@pytest.fixture(scope="module")
def many(tiny_model):
    """A multi-label classifier that no test may change, and its test data."""
    X, topics = make_texts(8)
    y = pd.DataFrame({topic: [int(topic == of) for of in topics] for topic in ["food", "music"]})
    clf = SetFitClassifier(tiny_model, max_steps=2, learning_rate=3e-3, random_state=0, label_texts=None).fit(X, y)
    return clf, X, y


def one_step(tiny_model, **params):
    return SetFitClassifier(tiny_model, **{"max_steps": 1, "random_state": 0} | params)


def as_it_is(X, texts=()):
    return X


def section(card, title):
    """Return what stands below a heading, up to the next one."""
    return re.search(rf"\n#+ {re.escape(title)}\n(.*?)(?=\n#+ |\Z)", card.text, re.DOTALL)[1]


def rows(text):
    """Return the tables of a text as a list of rows of cells, read as Markdown reads them."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


# -- what the Hub reads


def test_the_front_matter_says_what_the_hub_sorts_models_by(fitted):
    data = model_card(fitted, language="en", license="mit", dataset="jane/topics", widget_texts=["some bread"]).data
    assert data.to_dict() == {
        "language": "en",
        "license": "mit",
        "library_name": "sksetfit",
        "pipeline_tag": "text-classification",
        "tags": ["setfit", "sentence-transformers", "text-classification", "scikit-learn", "skops"],
        "datasets": ["jane/topics"],
        "widget": [{"text": "some bread"}],
    }


def test_the_results_are_a_model_index(fitted):
    card = model_card(fitted, X_TEST, Y_TEST, repo_id="jane/topics", dataset="jane/data")
    front = yaml.safe_load(str(card).split("\n---\n")[0].removeprefix("---\n"))
    name, (result,) = model_index_to_eval_results(front["model-index"])
    assert name == "topics"
    assert (result.task_type, result.dataset_type, result.dataset_split) == ("text-classification", "jane/data", "test")
    assert (result.metric_type, result.metric_value) == ("accuracy", fitted.score(X_TEST, Y_TEST))
    assert front["metrics"] == ["accuracy"]


def test_a_data_set_that_is_not_on_the_hub_is_told_by_its_name_only(fitted):
    card = model_card(fitted, X_TEST, Y_TEST, dataset="my | tickets")
    (result,) = card.data.eval_results
    assert (result.dataset_type, result.dataset_name) == ("unknown", "my | tickets")
    assert "datasets" not in card.data.to_dict()
    assert "- **Training data:** my \\| tickets\n" in card.text


@pytest.mark.parametrize("text", NASTY)
def test_front_matter_round_trips_any_text(fitted, text, tmp_path):
    card = model_card(fitted, X_TEST, Y_TEST, widget_texts=[text], model_name=text, dataset=text)
    assert card.data.widget == [{"text": text}]
    card.save(tmp_path / "README.md")
    for again in (ModelCard(str(card)), ModelCard.load(tmp_path / "README.md")):
        assert again.data.to_dict() == card.data.to_dict()
        assert again.text == card.text
    assert card.data.get("license") is None
    assert card.text.count("\n# ") == 1


def test_a_score_that_is_no_number_is_in_the_table_only(fitted):
    card = model_card(fitted, X_TEST, Y_TEST, scoring={"good": "accuracy", "none": lambda *_: float("nan")})
    assert card.data.metrics == ["good"]
    assert ["none", "nan"] in rows(section(card, "Evaluation"))


def test_without_test_data_there_are_no_results(fitted):
    card = model_card(fitted)
    assert "model-index" not in str(card)
    assert "metrics" not in card.data.to_dict()
    assert "## Evaluation" not in card.text


@pytest.mark.parametrize("model", ["sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"])
def test_a_name_on_the_hub_is_the_base_model(fitted, model):
    clf = copy.deepcopy(fitted)
    clf.encoder_.model = model
    card = model_card(clf)
    assert card.data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert ["model", "sentence-transformers/all-MiniLM-L6-v2"] in rows(section(card, "Parameters"))


@pytest.mark.parametrize(
    "folder",
    [
        *("/home/jane/bodies/mine", "/home/jane/bodies/mine/", "~/jane/mine", "./jane/mine", "jane/bodies/mine"),
        *(r"C:\Users\jane doe\mine", Path("jane/mine")),
    ],
)
def test_of_a_folder_only_its_last_part_is_shown(fitted, folder):
    clf = copy.deepcopy(fitted)
    clf.model = clf.encoder_.model = folder
    card = model_card(clf)
    assert "base_model" not in card.data.to_dict()
    assert "jane" not in str(card)
    assert "- **Body:** the Sentence Transformer mine (a local folder)\n" in card.text


def test_a_folder_that_looks_like_a_name_on_the_hub_is_a_folder(fitted, tmp_path, monkeypatch):
    (tmp_path / "jane" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    clf = copy.deepcopy(fitted)
    clf.encoder_.model = "jane/mine"
    card = model_card(clf)
    assert "base_model" not in card.data.to_dict()
    assert "jane" not in str(card)


# -- what people read


def test_a_card_names_the_labels_with_the_number_of_their_training_texts(fitted):
    table = rows(section(model_card(fitted), "Labels"))
    assert table == [["Label", "Training texts"], ["---", "---"], ["food", "8"], ["music", "8"], ["sport", "8"]]


def test_the_first_lines_say_what_the_model_is(fitted):
    text = model_card(fitted).text
    assert "Text classifier that gives each text one of 3 labels." in text
    assert "was fine-tuned on 24 labelled texts.\nThe head, LogisticRegression, was fitted on their embeddings." in text
    assert "- **Maximum sequence length:** 64 tokens\n- **Number of classes:** 3" in text


def test_model_card_of_frozen_body(tiny_model):
    card = model_card(one_step(tiny_model, max_steps=0).fit(X_TRAIN, Y_TRAIN))
    assert "was not fine-tuned.\nThe head, LogisticRegression, was fitted on its embeddings of 24 labelled" in card.text
    assert "### Loss" not in card.text


def test_a_card_says_how_to_load_the_model_from_the_hub_or_from_a_file(fitted):
    assert 'clf = load("jane/topics", revision="<commit>")\n' in model_card(fitted, repo_id="jane/topics").text
    assert 'clf = load("model.skops")\n' in model_card(fitted).text


def test_the_title_is_the_models_name_or_that_of_its_repository(fitted):
    assert model_card(fitted, model_name="Topics", repo_id="jane/x").text.startswith("\n# Topics\n")
    assert model_card(fitted, repo_id="jane/x").text.startswith("\n# x\n")
    assert model_card(fitted).text.startswith("\n# A SetFit text classifier\n")


def test_the_loss_is_told_in_at_most_ten_rows_that_cover_all_steps(tiny_model):
    clf = one_step(tiny_model, max_steps=25).fit(X_TRAIN, Y_TRAIN)
    table = rows(section(model_card(clf), "Loss"))[2:]
    spans = [[int(step) for step in steps.split(" to ")] for steps, _ in table]
    assert [step for first, last in spans for step in range(first, last + 1)] == list(range(1, 26))
    assert len(table) == 10
    assert table[0][1] == f"{clf.loss_curve_[:3].mean():.4f}"


def test_words_of_the_training_texts_are_counted(fitted):
    counts = [len(text.split()) for text in X_TRAIN]
    shown = [f"{count:g}" for count in (min(counts), np.median(counts), max(counts))]
    assert rows(section(model_card(fitted), "Training"))[2] == ["Words of a training text", *shown]


def test_of_a_model_that_was_tuned_elsewhere_the_card_says_what_is_known(fitted):
    clf = copy.deepcopy(fitted)
    del clf.encoder_.class_count_, clf.encoder_.word_counts_
    without = model_card(clf)
    assert rows(section(without, "Labels"))[0] == ["Label"]
    assert "was fine-tuned by another program" in without.text
    assert "It is not known how the body was tuned" in without.text
    assert "learning_rate" not in without.text
    assert "names took part in the training" not in without.text
    assert "Words of a training text" not in without.text
    counted = model_card(clf, X_train=X_TRAIN, y_train=Y_TRAIN)
    for title in ("Labels", "Training"):
        assert rows(section(counted, title))[:5] == rows(section(model_card(fitted), title))[:5]


def test_all_parameters_are_listed_as_they_were_in_the_fit(fitted):
    clf = copy.deepcopy(fitted).set_params(max_steps=99)
    table = dict(rows(section(model_card(clf), "Parameters")))
    assert clf.get_params(deep=False).keys() <= table.keys()
    assert (table["max_steps"], table["learning_rate"], table["device"]) == ("10", "0.003", "None")
    of_head = dict(rows(section(model_card(clf), "Parameters of the head, LogisticRegression")))
    expected = {name for name, value in LogisticRegression().get_params().items() if str(value) != "deprecated"}
    assert of_head.keys() - {"Parameter", "---"} == expected
    assert of_head["C"] == "9.375"  # 25 times three classes, divided by the eight texts of each


def test_versions_are_those_that_are_installed(fitted):
    versions = section(model_card(fitted), "Versions")
    assert f"- **sksetfit:** {sksetfit.__version__}\n" in versions
    assert f"- **scikit-learn:** {sklearn.__version__}\n" in versions


@pytest.mark.parametrize("text", NASTY)
def test_whatever_a_label_holds_a_table_keeps_its_columns(fitted, text):
    clf = copy.deepcopy(fitted)
    clf.classes_ = np.array(["food", "music", text])
    clf.head_.classes_ = clf.classes_
    card = model_card(clf, X_TEST, ["food"] * 14 + [text])
    shown = rows(section(card, "Labels"))[-1][0]
    assert {len(row) for row in rows(section(card, "Labels"))} == {2}
    assert {len(row) for row in rows(section(card, "Evaluation").split("For each label")[1])} == {5}
    assert len(shown) < 300
    assert shown.isprintable()
    assert not re.search(r"(?<!\\)[<>`*&\[\]|]", shown)
    assert card.text.count("\n# ") == 1


def test_a_label_that_is_a_number_is_shown_as_it_is(fitted):
    clf = copy.deepcopy(fitted)
    clf.classes_ = np.array([0.5, 1.0, 2.25])
    assert [row[0] for row in rows(section(model_card(clf), "Labels"))[2:]] == ["0.5", "1.0", "2.25"]


def test_underscores_within_words_stay_readable(fitted):
    clf = copy.deepcopy(fitted)
    clf.classes_ = np.array(["food_and__wine", "__music_", "_sport_"])
    labels = [row[0] for row in rows(section(model_card(clf), "Labels"))[2:]]
    assert labels == ["food_and__wine", r"\_\_music\_", r"\_sport\_"]


# -- the evaluation


def test_any_scoring_of_scikit_learn_is_taken(fitted):
    expected = {"accuracy": fitted.score(X_TEST, Y_TEST)}
    expected["f1_macro"] = f1_score(Y_TEST, fitted.predict(X_TEST), average="macro")
    loss = log_loss(Y_TEST, fitted.predict_proba(X_TEST))
    for scoring, values in [
        (None, [("accuracy", expected["accuracy"])]),
        (["accuracy", "f1_macro"], list(expected.items())),
        ({"mine": "neg_log_loss"}, [("mine", -loss)]),
        (make_scorer(accuracy_score), [("accuracy_score", expected["accuracy"])]),
        (lambda clf, X, y: {"n": len(X), "right": clf.score(X, y)}, [("n", 15), ("right", expected["accuracy"])]),
    ]:
        results = model_card(fitted, X_TEST, Y_TEST, scoring=scoring).data.eval_results
        assert [result.metric_name for result in results] == [name for name, _ in values]
        np.testing.assert_allclose([result.metric_value for result in results], [value for _, value in values])


def test_test_texts_are_encoded_once_however_many_metrics_there_are(fitted, monkeypatch):
    encoded = []
    encode = Body.encode
    monkeypatch.setattr(Body, "encode", lambda *given: encoded.append(len(given[1])) or encode(*given))
    model_card(fitted, X_TEST, Y_TEST, scoring=["accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr"])
    assert encoded == [len(X_TEST)]


def test_a_metric_may_look_at_other_texts_too(fitted):
    def of_the_first_half(clf, X, y):
        return clf.score(X[:7], y[:7])

    (result,) = model_card(fitted, X_TEST, Y_TEST, scoring=of_the_first_half).data.eval_results
    assert result.metric_value == fitted.score(X_TEST[:7], Y_TEST[:7])
    assert result.metric_name == "of_the_first_half"


def test_each_label_has_its_scores(fitted):
    table = rows(section(model_card(fitted, X_TEST, Y_TEST), "Evaluation").split("For each label")[1])[2:]
    f1 = f1_score(Y_TEST, fitted.predict(X_TEST), average=None)
    assert [(row[0], row[3], row[4]) for row in table] == [
        (label, f"{score:.4f}", "5") for label, score in zip(TOPICS, f1, strict=True)
    ]


def test_test_data_may_lack_a_label(fitted):
    table = rows(section(model_card(fitted, X_TEST[:1], Y_TEST[:1]), "Evaluation"))
    assert [row[-1] for row in table[-3:]].count("0") == 2


@pytest.mark.parametrize("form", [lambda y: y, lambda y: y.to_numpy(), csr_matrix, lambda y: y.to_numpy().tolist()])
def test_a_multi_label_classifier_is_described(many, form):
    clf, X, y = many
    card = model_card(clf, X, form(y), scoring=["accuracy", "f1_macro"])
    assert "Text classifier that gives each text any number of 2 labels." in card.text
    assert "A text that fits none of the labels may get no label." in card.text
    assert rows(section(card, "Labels"))[2:] == [["food", "8"], ["music", "8"]]
    assert [result.metric_value for result in card.data.eval_results] == [
        clf.score(X, y),
        f1_score(y, clf.predict(X), average="macro"),
    ]
    assert [row[0] for row in rows(section(card, "Evaluation"))[-2:]] == ["food", "music"]


def test_columns_in_another_order_are_aligned_by_name(many):
    clf, X, y = many
    turned = y[y.columns[::-1]]
    card = model_card(clf, X, turned, X_train=X, y_train=turned, show_training_texts=True)
    assert card.text == model_card(clf, X, y, X_train=X, y_train=y, show_training_texts=True).text


def test_other_columns_are_refused(many):
    clf, X, y = many
    other = y.set_axis(["food", "sport"], axis=1)
    for arguments in ({"X_test": X, "y_test": other}, {"X_train": X, "y_train": other}):
        with pytest.raises(ValueError, match=r"must have the columns \['food', 'music'\], in any order, got \['food'"):
            model_card(clf, **arguments)
    with pytest.raises(ValueError, match=r"a column for each of \['food', 'music'\], got shape \(\d+,\)"):
        model_card(clf, X, y["food"])


@pytest.mark.parametrize(
    "form",
    [
        lambda y: y.astype(object),
        lambda y: y.to_numpy().astype(object),
        lambda y: pd.Series(y.to_numpy().tolist()),
        lambda y: pd.DataFrame({"labels": y.to_numpy().tolist()}),
    ],
    ids=["frame of objects", "array of objects", "column of rows", "frame of rows"],
)
def test_every_form_of_multi_label_targets_is_scored(many, form):
    clf, X, y = many
    card = model_card(clf, X, form(y), X_train=X, y_train=form(y), show_training_texts=True)
    assert card.text == model_card(clf, X, y, X_train=X, y_train=y, show_training_texts=True).text


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda y: 2 * y, r"NAME has several columns that hold more than 0 and 1.* got 2 at row \d+, column 'food'"),
        (lambda y: y.astype(float).replace(1, float("nan")), r"NAME has a missing label at row \d+, column 'food'"),
        (lambda y: y.astype(str), r"Column 'food' of NAME holds the text .*NAME\.astype\(int\)"),
        (lambda y: y[:0], r"X_\w+ and NAME must have the same number of rows"),
    ],
)
def test_targets_that_fit_refuses_are_not_scored(many, spoil, message):
    clf, X, y = many
    for part in ("test", "train"):
        with pytest.raises(ValueError, match=message.replace("NAME", f"y_{part}")):
            model_card(clf, **{f"X_{part}": X, f"y_{part}": spoil(y)})


def test_a_matrix_is_no_target_of_a_single_label_classifier(fitted):
    with pytest.raises(ValueError, match=r"y_test must hold one label per text, .* got shape \(15, 2\)"):
        model_card(fitted, X_TEST, np.ones((15, 2), dtype=int))


@pytest.mark.parametrize("strategy", ["multi-output", "classifier-chain"])
def test_every_multi_label_strategy_is_described(many, tiny_model, strategy):
    _, X, y = many
    clf = one_step(tiny_model, multi_target_strategy=strategy).fit(X, y)
    card = model_card(clf, X, y, X_train=X, y_train=y, show_training_texts=True)
    assert "any number of 2 labels" in card.text
    assert type(clf.head_).__name__ in section(card, "Model")


# -- what stays private


def texts_within(card, texts):
    shown = str(card)
    return [text for text in texts if text in shown]


def test_no_text_of_the_data_is_in_a_card(fitted, many):
    clf, X, y = many
    cards = [
        model_card(fitted, X_TEST, Y_TEST, X_train=X_TRAIN, y_train=Y_TRAIN),
        model_card(clf, X, y, X_train=X, y_train=y),
    ]
    assert [texts_within(card, X_TRAIN + X_TEST) for card in cards] == [[], []]
    assert "widget" not in cards[0].data.to_dict()


def test_training_texts_are_shown_when_they_are_asked_for(fitted):
    card = model_card(fitted, X_TEST, Y_TEST, X_train=X_TRAIN, y_train=Y_TRAIN, show_training_texts=True)
    expected = [
        [label, text]
        for label in TOPICS
        for text in [x for x, y in zip(X_TRAIN, Y_TRAIN, strict=True) if y == label][:3]
    ]
    assert [row for row in rows(section(card, "Labels")) if row in expected] == expected
    assert card.data.widget == [{"text": expected[i][1]} for i in (0, 3, 6)]
    assert texts_within(card, X_TEST) == []


def test_own_widget_texts_come_before_training_texts(fitted):
    card = model_card(fitted, X_train=X_TRAIN, y_train=Y_TRAIN, show_training_texts=True, widget_texts=["some bread"])
    assert card.data.widget == [{"text": "some bread"}]


def test_label_texts_made_of_names_are_shown(tiny_model):
    clf = one_step(tiny_model, label_texts="auto").fit(X_TRAIN, Y_TRAIN)
    clf.encoder_.label_texts_ = {
        topic: [topic, f"This is {topic}", f"This sentence is about {topic}"] for topic in TOPICS
    }
    assert "such as “food”, “This is food”" in section(model_card(clf), "Labels")
    clf.encoder_.label_texts_ = {}
    assert "No texts made of the labels' names took part" in section(model_card(clf), "Labels")


def test_label_texts_of_the_user_are_counted_and_shown_only_when_asked_for(tiny_model, tmp_path):
    clf = one_step(tiny_model, label_texts={"food": ["secret soup"], "music": "secret song"}).fit(X_TRAIN, Y_TRAIN)
    dump(clf, tmp_path / "model.skops")
    for described in (clf, copy.deepcopy(clf).set_params(label_texts="auto"), load(tmp_path / "model.skops")):
        card = model_card(described)
        assert "secret" not in str(card)
        assert "2 label texts, written by hand, took part" in section(card, "Labels")
        assert ["label_texts", "dict of 2"] in rows(section(card, "Parameters"))
    shown = model_card(clf, X_train=X_TRAIN, y_train=Y_TRAIN, show_training_texts=True)
    assert ["food", "secret soup"] in rows(section(shown, "Labels"))


def test_parameters_hold_no_addresses_folders_texts_or_long_arrays(tiny_model):
    steps = FunctionTransformer(func=as_it_is), GaussianNB(priors=np.full(3, 1 / 3))
    head = make_pipeline(*steps, memory=None)
    clf = one_step(tiny_model, head=head, random_state=np.random.RandomState(0)).fit(X_TRAIN, Y_TRAIN)
    clf.head_.set_params(memory=os.path.join(os.sep, "home", "jane", "cache"))
    clf.head_[0].set_params(kw_args={"texts": ["secret soup"]})
    card = model_card(clf)
    assert re.search("0x[0-9a-fA-F]{4}", str(card)) is None
    assert "jane" not in str(card)
    assert "secret" not in str(card)
    table = dict(rows(section(card, "Parameters of the head, Pipeline")))
    assert (table["memory"], table["functiontransformer__func"]) == ("cache", "as_it_is")
    assert table["gaussiannb__priors"] == "array of shape (3,)"
    assert dict(rows(section(card, "Parameters")))["random_state"].isdigit()  # the number drawn


def test_parameters_that_name_labels_and_numbers_are_shown(tiny_model):
    head = LogisticRegression(class_weight={"food": 2, "music": 1, "sport": 0.5})
    card = model_card(one_step(tiny_model, head=head).fit(X_TRAIN, Y_TRAIN))
    shown = dict(rows(section(card, "Parameters of the head, LogisticRegression")))["class_weight"]
    assert shown == "{'food': 2, 'music': 1, 'sport': 0.5}"


def test_the_classifier_is_left_as_it_was(fitted):
    before, encoder = dict(vars(fitted)), fitted.encoder_
    model_card(fitted, X_TEST, Y_TEST)
    assert dict(vars(fitted)) == before
    assert fitted.encoder_ is encoder


# -- what is refused


def test_an_unfitted_classifier_is_refused():
    with pytest.raises(NotFittedError):
        model_card(SetFitClassifier())


def test_what_holds_a_classifier_is_refused_with_the_way_to_it(fitted):
    with pytest.raises(TypeError, match=r"got Pipeline\. Pass its step: pipeline\['setfitclassifier'\]"):
        model_card(make_pipeline(fitted))
    search = GridSearchCV(fitted, {})
    search.best_estimator_ = fitted
    with pytest.raises(TypeError, match=r"got GridSearchCV\. Pass its best_estimator_"):
        model_card(search)
    with pytest.raises(TypeError, match="got SetFitEncoder"):
        model_card(fitted.encoder_)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X_test": X_TEST}, "X_test was given without y_test"),
        ({"y_test": Y_TEST}, "y_test was given without X_test"),
        ({"X_train": X_TRAIN}, "X_train was given without y_train"),
        ({"X_test": X_TEST, "y_test": Y_TEST[1:]}, "X_test and y_test must have the same number of rows.*15, 14"),
        ({"X_test": Y_TEST, "y_test": X_TEST}, "labels that clf was not fitted on: .* Are X_test and y_test swapped"),
        ({"X_test": X_TEST, "y_test": [*Y_TEST[1:], "other"]}, "labels that clf was not fitted on: \\['other'\\]"),
        ({"scoring": "acuracy"}, "scoring has 'acuracy', .* Did you mean 'accuracy'"),
        ({"scoring": ["accuracy", "f1macro"]}, "scoring has 'f1macro', .* Did you mean 'f1_macro'"),
        ({"X_train": X_TRAIN, "y_train": Y_TRAIN[1:]}, "X_train and y_train must have the same number of rows"),
        ({"X_train": X_TRAIN, "y_train": [*Y_TRAIN[1:], "other"]}, "y_train has other labels"),
        ({"show_training_texts": True}, "pass X_train and y_train"),
        ({"scoring": "goodness"}, "goodness"),
        ({"repo_id": "topics"}, "repo_id must be 'owner/name'"),
        ({"repo_id": 'jane/x"); print("'}, "repo_id must be 'owner/name'"),
        ({"language": "English"}, "language must be codes"),
        ({"language": ["en", "DE"]}, "language must be codes"),
        ({"license": "MIT License"}, "license must be an identifier"),
    ],
)
def test_what_cannot_be_described_is_refused_before_anything_is_encoded(fitted, monkeypatch, given, message):
    monkeypatch.setattr(Body, "encode", None)
    with pytest.raises(ValueError, match=message):
        model_card(fitted, **given)


@pytest.mark.parametrize("texts", ["one text", [1, 2]])
def test_widget_texts_must_be_texts(fitted, texts):
    with pytest.raises(TypeError, match="widget_texts"):
        model_card(fitted, widget_texts=texts)


@pytest.mark.parametrize("language", ["no", ["en", "de"], "multilingual"])
def test_languages_are_codes(fitted, language):
    assert ModelCard(str(model_card(fitted, language=language))).data.language == language
