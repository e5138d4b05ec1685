import re

import numpy as np
import pytest
from safetensors.numpy import load_file

from conftest import make_texts
from sksetfit import DistilledSetFitClassifier, SetFitClassifier, SetFitEncoder, write_setfit
from sksetfit.training.plan import (
    FEW_STEPS,
    LEARNING_RATE,
    MAX_STEPS,
    MIN_STEPS,
    RIDGE,
    batch_size_of,
    learning_rate_of,
    leave_one_out_accuracy,
    planned_steps,
    warmup_then_linear,
)

TEXTS, LABELS = ["bread", "cheese", "piano", "violin"], ["food", "food", "music", "music"]
ALIKE = "differ by a number, case or punctuation only"


@pytest.mark.parametrize(
    ("n_texts", "n_classes", "batch_size", "steps"),
    [
        (2, 2, 24, FEW_STEPS),
        (22, 2, 24, FEW_STEPS),
        (38, 2, 24, 19),
        (66, 6, 24, FEW_STEPS),
        (134, 2, 24, MIN_STEPS),
        (110, 10, 24, 14),
        (240, 2, 24, 30),
        (250, 2, 24, 31),
        (2400, 2, 24, 300),
        (30, 0, 24, MIN_STEPS),
        (10**6, 2, 24, MAX_STEPS),
        (10**9, 2, 2, MAX_STEPS),
    ],
)
def test_the_plan_is_a_few_passes_within_bounds(n_texts, n_classes, batch_size, steps):
    assert planned_steps(n_texts, n_classes, batch_size) == steps
    assert type(planned_steps(n_texts, n_classes, batch_size)) is int


@pytest.mark.parametrize(
    ("n_texts", "batch_size", "steps"),
    [(22, 24, FEW_STEPS), (66, 24, 22), (330, 24, 110), (450, 24, 150), (1200, 24, 150), (2400, 24, 300)],
)
def test_more_passes_are_up_to_eight_and_no_more_than_150_batches_of_24(n_texts, batch_size, steps):
    assert planned_steps(n_texts, 6, batch_size, more=True) == steps


@pytest.mark.parametrize(("n_overlapping", "steps"), [(0, 30), (120, 80)])
def test_more_passes_are_made_where_the_frozen_body_confuses_the_classes(tiny_model, capsys, n_overlapping, steps):
    """Of 240 texts with labels in two classes, some have a label that their words say nothing of."""
    texts = [f"{word} {other} {i}" for word, other in [("bread", "soup"), ("piano", "drum")] for i in range(120)]
    labels = np.repeat([0, 1], 120)
    labels[60 : 60 + n_overlapping] = np.arange(n_overlapping) % 2
    encoder = SetFitEncoder(tiny_model, learning_rate=1e-9, random_state=0, verbose=1).fit(texts, labels)
    assert encoder.n_steps_ == steps
    passes = "3" if steps == 30 else "up to 8"
    assert re.search(rf"the frozen body is right on \d+% of the texts, .*: {passes} passes", capsys.readouterr().out)


def test_few_texts_take_no_more_passes_however_the_frozen_body_does(tiny_model):
    texts, labels = [f"{word} {i}" for i, word in enumerate(make_texts(40)[0])], np.arange(120) % 10
    encoder = SetFitEncoder(tiny_model, learning_rate=1e-9, label_texts=None, random_state=0).fit(texts, labels)
    assert planned_steps(120, 10, 24, more=True) == 40
    assert encoder.n_steps_ == planned_steps(120, 10, 24) == 15


@pytest.mark.parametrize("seed", range(3))
def test_leave_one_out_accuracy_is_that_of_as_many_fits(seed):
    rng = np.random.RandomState(seed)
    labels = rng.randint(3, size=20)
    embeddings = rng.normal(size=(20, 5)) + np.eye(3, 5)[labels]
    targets = np.eye(3)[labels]
    right = []
    for row in range(20):
        rest = np.arange(20) != row
        X, mean, Y = embeddings[rest], embeddings[rest].mean(axis=0), targets[rest]
        weights = np.linalg.solve((X - mean).T @ (X - mean) + RIDGE * np.eye(5), (X - mean).T @ (Y - Y.mean(axis=0)))
        right.append(((embeddings[row] - mean) @ weights + Y.mean(axis=0)).argmax() == labels[row])
    assert leave_one_out_accuracy(embeddings, targets.astype(bool)) == np.mean(right)


def test_leave_one_out_accuracy_is_subset_accuracy():
    embeddings = np.repeat(np.eye(4), 10, axis=0) * 10
    indicator = np.repeat([[1, 0], [0, 1], [1, 1], [0, 0]], 10, axis=0).astype(bool)
    assert leave_one_out_accuracy(embeddings, indicator) == 1
    indicator[0] = [False, True]
    assert leave_one_out_accuracy(embeddings, indicator) == 39 / 40


@pytest.mark.parametrize("more", [False, True])
def test_the_plan_never_shrinks_with_more_texts(more):
    plans = [planned_steps(n_texts, 2, 24, more=more) for n_texts in range(1, 9000, 7)]
    assert plans == sorted(plans)
    assert plans[0] == FEW_STEPS
    assert plans[-1] == MAX_STEPS


@pytest.mark.parametrize(("n_steps", "proportion"), [(1, 0.1), (10, 0.0), (10, 0.1), (10, 0.5), (10, 1.0)])
def test_the_learning_rate_rises_and_then_falls(n_steps, proportion):
    factor = warmup_then_linear(n_steps, proportion)
    factors = [factor(step) for step in range(n_steps)]
    top = int(np.argmax(factors))
    assert max(factors) == 1
    assert min(factors) > 0
    assert top == max(0, round(proportion * n_steps) - 1)
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)


@pytest.mark.parametrize(
    ("width", "rate"),
    [(32, LEARNING_RATE), (384, LEARNING_RATE), (768, LEARNING_RATE / 2), (1536, LEARNING_RATE / 4)],
)
def test_the_learning_rate_falls_with_the_width_of_the_body(width, rate):
    assert learning_rate_of(width, MIN_STEPS) == pytest.approx(rate)


@pytest.mark.parametrize(("n_steps", "factor"), [(0, 2), (1, 2), (12, 2), (16, 1.5), (24, 1), (1000, 1)])
def test_few_steps_have_a_higher_rate(n_steps, factor):
    assert learning_rate_of(384, n_steps) == pytest.approx(factor * LEARNING_RATE)
    assert learning_rate_of(768, n_steps) == pytest.approx(factor * LEARNING_RATE / 2)


def test_a_warm_start_makes_a_third_of_the_steps_at_the_rate_of_all(tiny_model):
    texts = [f"{word} {i}" for i, word in enumerate(make_texts(40)[0])]
    fitted = SetFitEncoder(tiny_model, warm_start=True, random_state=0).fit(texts, np.arange(120) % 10)
    cold = fitted.n_steps_, fitted.learning_rate_
    assert cold == (15, pytest.approx(learning_rate_of(32, 15)))
    fitted.fit(texts, np.arange(120) % 10)
    assert (fitted.n_steps_, fitted.learning_rate_) == (5, cold[1])


@pytest.mark.parametrize(("n_classes", "batch_size"), [(1, 24), (12, 24), (13, 26), (32, 64), (1000, 64)])
def test_a_batch_holds_two_texts_of_each_class_within_bounds(n_classes, batch_size):
    assert batch_size_of(n_classes) == batch_size


def test_the_plan_says_the_batch_size_that_auto_takes(tiny_model, capsys):
    labels = [f"label {name}" for name in "abcdefghijklmnop"]
    SetFitEncoder(tiny_model, max_steps=1, verbose=1, random_state=0).fit([f"text {i}" for i in range(32)], 2 * labels)
    assert "at most 32 texts" in capsys.readouterr().out


@pytest.fixture
def static_folder(tmp_path, tiny_model):
    teacher = SetFitClassifier(tiny_model, max_steps=0, label_texts=None).fit(TEXTS, LABELS)
    student = DistilledSetFitClassifier(teacher, model="static", max_steps=0).fit(TEXTS)
    write_setfit(student, tmp_path / "static")
    return tmp_path / "static"


def test_a_static_body_makes_no_fewer_steps_for_few_texts(static_folder):
    assert SetFitEncoder(static_folder, random_state=0).fit(TEXTS, LABELS).n_steps_ == MIN_STEPS


def test_a_static_body_gets_a_rate_in_proportion_to_its_vectors(static_folder):
    fitted = SetFitEncoder(static_folder, max_steps=1, random_state=0).fit(TEXTS, LABELS)
    (vectors,) = load_file(next(static_folder.rglob("*.safetensors"))).values()
    assert fitted.learning_rate_ == pytest.approx(3e-3 * np.sqrt(np.square(vectors).sum(axis=1).mean()), rel=1e-4)


@pytest.mark.parametrize("estimator", [SetFitClassifier, SetFitEncoder])
def test_auto_is_the_rate_that_a_fit_says_it_took(estimator, tiny_model):
    auto = estimator(tiny_model, max_steps=2, random_state=0).fit(TEXTS, LABELS)
    assert auto.learning_rate_ == 2 * LEARNING_RATE
    same = estimator(tiny_model, max_steps=2, learning_rate=2 * LEARNING_RATE, random_state=0).fit(TEXTS, LABELS)
    np.testing.assert_array_equal(auto.loss_curve_, same.loss_curve_)
    other = estimator(tiny_model, max_steps=2, learning_rate=0.02, random_state=0).fit(TEXTS, LABELS)
    assert other.learning_rate_ == 0.02


def test_scorers_see_planned_rate_and_batch_size(static_folder):
    seen = []  # the vectors become longer or shorter, and the rate that is taken from them must not

    def scorer(classifier, texts, labels):
        seen.append((classifier.learning_rate_, classifier.encoder_.batch_size_))
        return 0.5

    stopping = SetFitClassifier(static_folder, early_stopping=True, scoring=scorer, max_steps=2, random_state=0)
    stopping.fit(TEXTS, LABELS)
    assert set(seen) == {(stopping.learning_rate_, stopping.encoder_.batch_size_)}


@pytest.mark.parametrize(
    ("labels", "label_texts", "line"),
    [
        (["food", "music"], "auto", "label texts: 6, of 2 classes"),
        (["food", "R&D"], "auto", "label texts: 3, of 1 class; none of 'R&D' (no word)"),
        (["food", "R&D"], {"food": "a meal"}, "label texts: 1, of 1 class; none of 'R&D' (not in label_texts)"),
        (["A", "B"], "auto", "no label texts; none of 'A', 'B' (no word)"),
        (["top 1", "top 2"], "auto", f"no label texts; none of 'top 1', 'top 2' ({ALIKE})"),
        ([0, 1], "auto", "no label texts: the labels are numbers"),
        (["food", "R&D"], None, "no label texts"),
    ],
)
@pytest.mark.parametrize("n_steps", [1, 2])
def test_verbose_says_which_labels_have_no_label_texts_and_why(
    labels, label_texts, line, n_steps, tiny_encoder, capsys, monkeypatch
):
    monkeypatch.setattr("sksetfit.training.run.names_are_informative", lambda *_: True)
    tiny_encoder.set_params(label_texts=label_texts, max_steps=n_steps, verbose=1).fit(TEXTS, np.repeat(labels, 2))
    printed = capsys.readouterr().out
    assert f"[sksetfit] {line}\n" in printed
    assert f": {n_steps} tuning step{'' if n_steps == 1 else 's'} of at most" in printed
