"""The example on active learning, on the tiny model."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from conftest import load_example, make_texts
from sksetfit import SetFitClassifier

pytest.importorskip("skactiveml", reason="the extra examples is not installed")


@pytest.fixture(scope="module")
def example():
    return load_example("active_learning.py")


@pytest.fixture
def file(tmp_path):
    """Texts of three topics: 40 of each of two, 10 of the third."""
    texts, topics = make_texts(40)
    rows = pd.DataFrame({"words": texts, "topic": topics})
    few = rows[rows["topic"] == "sport"].index[10:]
    rows.drop(few).to_csv(tmp_path / "texts.csv", index=False)
    return tmp_path / "texts.csv"


@pytest.fixture
def arguments(file, tiny_model):
    return ["--data", str(file), "--text", "words", "--label", "topic", "--model", tiny_model]


@pytest.fixture(scope="module")
def data(example):
    pool, pool_labels = (np.array(column, dtype=object) for column in make_texts(20))
    test, test_labels = (np.array(column, dtype=object) for column in make_texts(5, seed=1))
    return example.Data(pool, pool_labels, test, test_labels)


def test_a_curve_has_a_point_for_each_round_of_each_strategy_and_seed(example, arguments, tmp_path, capsys):
    picture = tmp_path / "curves.png"
    strategies = ["random", "margin", "clue"]
    rounds = ["--labels-per-class", "2", "5", "--per-round", "2", "--seeds", "2", "--figure", str(picture)]
    results = example.main([*arguments, *rounds, "--strategies", *strategies])
    assert results.groupby(["strategy", "seed"])["labels"].agg(list).to_dict() == {
        (strategy, seed): [6, 12, 15] for strategy in strategies for seed in (0, 1)
    }
    assert results["accuracy"].between(0, 1).all()
    start = results[results["labels"] == 6]
    assert start.groupby("seed")["accuracy"].nunique().eq(1).all()  # all begin with the same texts
    assert imread(picture).std() > 0.01
    assert "labels for" in capsys.readouterr().out


def test_no_text_is_asked_for_twice_and_all_are_of_the_pool(example, data, tiny_model):
    start = [row for topic in np.unique(data.pool_labels) for row in np.flatnonzero(data.pool_labels == topic)[:2]]
    classifier = SetFitClassifier(tiny_model, max_steps=4, random_state=0)
    classifier.fit(data.pool[start], data.pool_labels[start])
    chosen = {}
    for strategy in example.STRATEGIES:
        *_, last = example.learning_curve(strategy, classifier, data, start, 20, per_round=8, seed=0)
        chosen[strategy] = last["asked"]
        assert last["asked"][: len(start)] == start
        assert len(set(last["asked"])) == last["labels"] == 20
        assert set(last["asked"]) <= set(range(len(data.pool)))
    assert len({frozenset(asked) for asked in chosen.values()}) > 3


def test_the_library_sees_the_probabilities_of_the_classifier(example, data, tiny_model):
    start = [row for topic in np.unique(data.pool_labels) for row in np.flatnonzero(data.pool_labels == topic)[:2]]
    classifier = SetFitClassifier(tiny_model, max_steps=4, random_state=0)
    classifier.fit(data.pool[start], data.pool_labels[start])
    known = np.full(len(data.pool), None, dtype=object)
    known[start] = data.pool_labels[start]
    confidence = classifier.predict_proba(data.pool).max(axis=1)
    confidence[start] = np.inf
    assert set(example.ask("least-confident", classifier, data.pool, known, 5, 0)) == set(np.argsort(confidence)[:5])


def test_results_that_are_there_are_not_measured_again(example, arguments, tmp_path):
    kept = ["--results", str(tmp_path / "curves.csv"), "--labels-per-class", "2", "3", "--per-round", "1"]
    before = example.main([*arguments, *kept, "--strategies", "random"])
    again = example.main([*arguments, *kept, "--strategies", "random", "margin"])
    pd.testing.assert_frame_equal(again[again["strategy"] == "random"], before, check_dtype=False)
    assert again["strategy"].unique().tolist() == ["random", "margin"]
    assert pd.read_csv(tmp_path / "curves.csv")["versions"].str.contains("scikit-activeml").all()


def test_the_largest_labels_and_a_file_of_test_texts_are_taken(example, file, tiny_model):
    options = ["--data", str(file), "--text", "words", "--label", "topic", "--largest", "2"]
    options = [*options, "--test", str(file), "--labels-per-class", "2", "2", "--strategies", "random"]
    results = example.main([*options, "--model", tiny_model])
    assert results["labels"].tolist() == [4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--labels-per-class", "8", "9"], "'sport' has 7 texts to choose from, and the start takes 8"),
        (["--labels-per-class", "2", "30"], "must rise and end within the 60 texts of 3 labels .* at 20 or below"),
        (["--labels-per-class", "3", "2"], "must rise"),
        (["--label", "theme"], r"has no column \['theme'\], but \['words', 'topic'\]"),
        (["--test", "nowhere.csv"], "no file nowhere.csv"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is_fitted(example, arguments, options, message):
    with pytest.raises(SystemExit, match=message):
        example.main([*arguments, *options])


def test_the_advice_for_a_small_file_works(example, tiny_model, tmp_path, capsys):
    texts, topics = make_texts(10)
    file = tmp_path / "small.csv"
    pd.DataFrame({"words": [*texts, "ten"], "topic": [*topics, "rare"]}).to_csv(file, index=False)
    options = ["--data", str(file), "--text", "words", "--label", "topic", "--model", tiny_model]
    with pytest.raises(SystemExit, match=r"start with fewer: --labels-per-class \d+ \d+\.$") as ended:
        example.main(options)
    assert "left out, with fewer than 3 texts: rare" in capsys.readouterr().out
    advice = str(ended.value).rstrip(".").split()[-3:]
    assert len(example.main([*options, *advice, "--strategies", "random"]))
