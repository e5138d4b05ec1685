"""TorchHead: on rows of numbers, as a head of its own, and as a head that is trained with the body."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from conftest import TOPICS, make_texts
from sksetfit import SetFitClassifier, TorchHead, dump, load, model_card, read_setfit, write_setfit
from sksetfit.body.loading.load import load_body
from sksetfit.heads.head_loss import HeadLoss
from sksetfit.training import run as run_module
from sksetfit.training.gradients import Gradients

TEXTS, LABELS = make_texts(8)


def rows_of_numbers(n_classes=3):
    return make_classification(120, 8, n_informative=5, n_classes=n_classes, random_state=0)


def rows_of_several_labels():
    return make_multilabel_classification(100, 8, n_classes=3, random_state=0)


def several_labels(texts):
    """Return which topics the words of each text are of; two topics overlap in some texts."""
    both = [f"{a} {b}" if i % 3 else a for i, (a, b) in enumerate(zip(texts, texts[::-1], strict=True))]
    return both, np.array([[any(word in text.split() for word in words) for words in TOPICS.values()] for text in both])


def smoothed(logits, target):
    return F.cross_entropy(logits, target, label_smoothing=0.2, reduction="none")


def mean_of_squares(logits, target):
    return (logits.softmax(dim=1) - F.one_hot(target, logits.shape[1])).square().mean()


@pytest.fixture
def with_head(tiny_classifier):
    """A classifier whose head is trained with the body."""
    return tiny_classifier.set_params(head=TorchHead())


@pytest.fixture
def tunings(monkeypatch):
    """The losses that bodies were tuned by."""
    losses = []
    run_steps = run_module.run_steps

    def recording_steps(state, tokens, batches, loss, **parameters):
        losses.append(loss)
        run_steps(state, tokens, batches, loss, **parameters)

    monkeypatch.setattr(run_module, "run_steps", recording_steps)
    return losses


# -- on rows of numbers


@parametrize_with_checks([TorchHead(), TorchHead("focal", C=1.0, class_weight="balanced")])
def test_it_is_a_classifier_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("weighted", [False, True])
def test_with_cross_entropy_it_is_logistic_regression(n_classes, class_weight, weighted):
    X, y = rows_of_numbers(n_classes)
    weights = np.random.RandomState(0).rand(len(X)) if weighted else None
    head = TorchHead(C=2.0, class_weight=class_weight).fit(X, y, weights)
    same = LogisticRegression(C=2.0, class_weight=class_weight, tol=1e-8, max_iter=1000).fit(X, y, weights)
    assert head.coef_.shape == same.coef_.shape
    np.testing.assert_allclose(head.coef_, same.coef_, atol=1e-3)
    np.testing.assert_allclose(head.decision_function(X), same.decision_function(X), atol=1e-2)
    np.testing.assert_allclose(head.predict_proba(X), same.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("weighted", [False, True])
def test_for_several_labels_it_is_one_logistic_regression_per_label(class_weight, weighted):
    X, y = rows_of_several_labels()
    weights = np.random.RandomState(0).rand(len(X)) if weighted else None
    head = TorchHead(C=2.0, class_weight=class_weight).fit(X, y, weights)
    for i, of_label in enumerate(y.T):
        same = LogisticRegression(C=2.0, class_weight=class_weight, tol=1e-8, max_iter=1000).fit(X, of_label, weights)
        np.testing.assert_allclose(head.predict_proba(X)[:, i], same.predict_proba(X)[:, 1], atol=1e-3)
    assert head.multilabel_
    assert head.predict(X).shape == y.shape
    np.testing.assert_array_equal(head.predict(X), head.decision_function(X) > 0)


@pytest.mark.parametrize("several", [False, True])
def test_auto_is_what_the_default_head_takes(several):
    X, y = rows_of_several_labels() if several else rows_of_numbers()
    C = 10.0 if several else 25 * 9 / 120
    explicit = TorchHead(C=C, class_weight="balanced" if several else None).fit(X, y)
    np.testing.assert_allclose(TorchHead().fit(X, y).coef_, explicit.coef_)


def test_any_loss_of_torch_is_made_small():
    X, y = rows_of_numbers()
    losses = {
        "a function": smoothed,
        "a module": torch.nn.CrossEntropyLoss(label_smoothing=0.2),
        "a module with weights of classes": torch.nn.CrossEntropyLoss(weight=torch.ones(3), label_smoothing=0.2),
    }
    coefs = {name: TorchHead(loss, C=2.0).fit(X, y).coef_ for name, loss in losses.items()}
    plain = TorchHead(C=2.0).fit(X, y).coef_
    for coef in coefs.values():
        np.testing.assert_allclose(coef, coefs["a function"], atol=1e-3)
        assert np.abs(coef).sum() < 0.9 * np.abs(plain).sum(), "smoothed labels want smaller weights"


def test_focal_loss_counts_less_what_is_answered_well():
    X, y = rows_of_numbers(2)
    far = np.abs(TorchHead("focal", C=2.0).fit(X, y).predict_proba(X)[:, 1] - 0.5).mean()
    assert far < np.abs(TorchHead(C=2.0).fit(X, y).predict_proba(X)[:, 1] - 0.5).mean()


def test_a_fit_neither_reads_nor_sets_torchs_generator():
    X, y = rows_of_numbers()
    before = torch.random.get_rng_state()
    coef = TorchHead().fit(X, y).coef_
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        np.testing.assert_array_equal(TorchHead().fit(X, y).coef_, coef)


def test_what_a_caller_has_switched_in_torch_does_not_reach_the_fit():
    X, y = rows_of_numbers()
    coef = TorchHead().fit(X, y).coef_
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        np.testing.assert_array_equal(TorchHead().fit(X, y).coef_, coef)


def test_too_few_iterations_warn():
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        TorchHead(max_iter=3).fit(*rows_of_numbers())


def test_a_loss_that_stops_being_finite_is_told_and_changes_nothing():
    X, y = rows_of_numbers()
    head = TorchHead(lambda logits, target: logits.sum() * float("inf"), C=1.0)
    with pytest.raises(ValueError, match="is nan on its training texts"):
        head.fit(X, y)
    assert [name for name in vars(head) if name.endswith("_")] == []


def test_names_of_columns_are_those_of_the_last_fit():
    pd = pytest.importorskip("pandas")
    X, y = rows_of_numbers()
    head = TorchHead().fit(pd.DataFrame(X).add_prefix("x"), y)
    assert head.feature_names_in_[0] == "x0"
    assert not hasattr(head.fit(X, y), "feature_names_in_")


@pytest.mark.parametrize(
    ("loss", "error", "says"),
    [
        ("huber", ValueError, "'loss' parameter of TorchHead must be"),
        (torch.nn.CrossEntropyLoss, TypeError, r"is a class. Call it first: loss=CrossEntropyLoss\(\)"),
        (lambda logits: logits.sum(), ValueError, r"cannot be called as loss\(logits, target\) with logits of shape"),
        (torch.nn.MSELoss(), ValueError, "cannot be called as loss"),
        (lambda logits, target: 1.0, TypeError, "must give a Tensor, got float"),
        (lambda logits, target: logits, ValueError, r"of shape \(\) or \(2,\) as its targets, got shape \(2, 3\)"),
        (lambda logits, target: logits.detach().sum(), ValueError, "without a gradient"),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_a_loss_that_cannot_be_learned_from_is_told_before_any_training(loss, error, says, tiny_classifier, tunings):
    X, y = rows_of_numbers()
    with pytest.raises(error, match=says):
        TorchHead(loss).fit(X, y)
    for end_to_end in (True, False):
        with pytest.raises(error, match=says):
            tiny_classifier.set_params(head=TorchHead(loss, end_to_end=end_to_end)).fit(TEXTS, LABELS)
    assert tunings == []


@pytest.mark.parametrize("end_to_end", [True, False])
def test_one_number_for_all_texts_cannot_be_weighted(end_to_end, tiny_classifier, tunings):
    tiny_classifier.set_params(head=TorchHead(mean_of_squares, end_to_end=end_to_end))
    with pytest.raises(ValueError, match=r'cannot be weighted.*one per text.*reduction="none"'):
        tiny_classifier.fit(TEXTS, LABELS, sample_weight=np.ones(len(TEXTS)))
    tiny_classifier.set_params(head__loss=torch.nn.BCEWithLogitsLoss())
    with pytest.raises(ValueError, match=r"one per text and label.*class_weight=None in the head"):
        tiny_classifier.fit(*several_labels(TEXTS))
    assert tunings == []
    tiny_classifier.set_params(head__class_weight=None).fit(*several_labels(TEXTS))


# -- as a head


@pytest.mark.parametrize("end_to_end", [True, False])
def test_head_loss_trains_body_only_end_to_end(end_to_end, tiny_classifier):
    plain = clone(tiny_classifier).fit(TEXTS, LABELS)
    tiny_classifier.set_params(head=TorchHead(end_to_end=end_to_end)).fit(TEXTS, LABELS)
    same = np.array_equal(plain.encoder_.transform(TEXTS), tiny_classifier.encoder_.transform(TEXTS))
    assert same is not end_to_end
    assert tiny_classifier.n_steps_ == plain.n_steps_
    if not end_to_end:
        np.testing.assert_allclose(tiny_classifier.predict_proba(TEXTS), plain.predict_proba(TEXTS), atol=5e-3)


def test_torch_head_is_fitted_on_final_embeddings(with_head, tunings):
    with_head.fit(TEXTS, LABELS)
    (loss,) = tunings
    assert loss.coef.abs().sum() > 0
    embeddings = with_head.encoder_.transform(TEXTS)
    layer = loss.coef.detach().numpy()
    assert np.mean(with_head.classes_[(embeddings @ layer.T).argmax(axis=1)] == np.array(LABELS)) > 0.9
    assert with_head.score(TEXTS, LABELS) == 1
    C = 25 * 9 / len(TEXTS)
    fitted = LogisticRegression(C=C, tol=1e-8, max_iter=1000)
    names = with_head.encoder_.label_texts_
    label_texts = [text for texts in names.values() for text in texts]
    y = LABELS + [label for label, texts in names.items() for _ in texts]
    fitted.fit(with_head.encoder_.transform(TEXTS + label_texts), y)
    np.testing.assert_allclose(with_head.head_.coef_, fitted.coef_, atol=1e-2)


def test_the_loss_of_a_step_is_the_sum_of_both(with_head, tiny_classifier):
    plain = clone(tiny_classifier).set_params(head=None, max_steps=1).fit(TEXTS, LABELS)
    both = with_head.set_params(max_steps=1).fit(TEXTS, LABELS)
    np.testing.assert_allclose(both.loss_curve_ - plain.loss_curve_, np.log(3), atol=1e-3)  # of a layer of zeros


def test_without_steps_nothing_is_tuned(with_head):
    assert with_head.set_params(max_steps=0).fit(TEXTS, LABELS).n_steps_ == 0


def test_a_fit_depends_on_the_seed_alone(with_head):
    before = torch.random.get_rng_state()
    first = clone(with_head).fit(TEXTS, LABELS)
    assert torch.equal(torch.random.get_rng_state(), before)
    again = clone(with_head).fit(TEXTS, LABELS)
    np.testing.assert_array_equal(first.head_.coef_, again.head_.coef_)
    other = with_head.set_params(random_state=1).fit(TEXTS, LABELS)
    assert not np.array_equal(first.head_.coef_, other.head_.coef_)


@pytest.mark.parametrize("loss", ["focal", smoothed, mean_of_squares, torch.nn.CrossEntropyLoss()])
def test_any_loss_tunes_the_body(loss, with_head):
    with_head.set_params(head__loss=loss).fit(TEXTS, LABELS)
    assert with_head.score(TEXTS, LABELS) == 1


@pytest.mark.parametrize("end_to_end", [True, False])
def test_several_labels_need_no_strategy(end_to_end, with_head):
    texts, y = several_labels(TEXTS)
    with_head.set_params(head__end_to_end=end_to_end, multi_target_strategy="classifier-chain").fit(texts, y)
    assert isinstance(with_head.head_, TorchHead)
    assert with_head.predict(texts).shape == y.shape
    assert with_head.predict_proba(texts).shape == y.shape
    assert (with_head.predict(texts) == y).mean() > 0.9


def test_columns_of_several_labels_keep_their_names_also_in_a_file(with_head, tmp_path):
    pd = pytest.importorskip("pandas")
    texts, y = several_labels(TEXTS)
    with_head.fit(texts, pd.DataFrame(y.astype(int), columns=list(TOPICS)))
    dump(with_head, tmp_path / "model.skops")
    again = load(tmp_path / "model.skops")
    assert again.classes_.tolist() == list(TOPICS)
    np.testing.assert_array_equal(again.predict_proba(texts), with_head.predict_proba(texts))


def test_a_text_that_counts_more_is_learned_better(with_head, tunings):
    weights = np.ones(len(TEXTS))
    twice = [*LABELS[:-1], "food" if LABELS[-1] != "food" else "music"]
    with_head.set_params(max_steps=4)
    light = clone(with_head).fit(TEXTS, twice, sample_weight=weights * np.r_[np.ones(len(TEXTS) - 1), 1e-3])
    heavy = clone(with_head).fit(TEXTS, twice, sample_weight=weights * np.r_[np.ones(len(TEXTS) - 1), 50])
    column = light.classes_.tolist().index(twice[-1])
    assert heavy.predict_proba(TEXTS[-1:])[0, column] > light.predict_proba(TEXTS[-1:])[0, column] + 0.2
    assert tunings[1].weights.max() > 40 * tunings[1].weights.median()


def test_weights_of_several_labels_are_of_both_sides_of_each(with_head, tunings):
    texts, y = several_labels(TEXTS)
    with_head.set_params(label_texts=None, max_steps=1, class_weight="balanced").fit(texts, y)
    sums = [(tunings[0].weights * side).sum(dim=0) for side in (tunings[0].target, 1 - tunings[0].target)]
    torch.testing.assert_close(*sums)


def test_a_text_under_two_labels_is_learned_from(with_head):
    with_head.fit([*TEXTS, TEXTS[0]], [*LABELS, "sport" if LABELS[0] != "sport" else "food"])
    assert with_head.score(TEXTS[1:], LABELS[1:]) == 1


def test_clones_and_grids_reach_its_parameters(with_head):
    assert clone(with_head).head.get_params() == with_head.head.get_params()
    grid = GridSearchCV(
        with_head.set_params(max_steps=2),
        {"head__learning_rate": [0.01, 0.1], "head__loss": ["focal", smoothed]},
        cv=2,
        error_score="raise",
    )
    grid.fit(TEXTS, LABELS)
    assert grid.best_estimator_.head_.learning_rate == grid.best_params_["head__learning_rate"]
    assert grid.best_estimator_.head_.loss == grid.best_params_["head__loss"]


def test_early_stopping_scores_it_and_goes_back_to_the_best(with_head):
    with_head.set_params(early_stopping=True, validation_fraction=0.25).fit(TEXTS, LABELS)
    assert len(with_head.validation_scores_) == len(with_head.validation_steps_) > 1
    assert with_head.score(TEXTS, LABELS) > 0.9


@pytest.mark.skipif(not hasattr(SetFitClassifier, "set_callbacks"), reason="scikit-learn below 1.9 has no callbacks")
def test_callbacks_see_its_steps(with_head):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    with_head.set_params(max_steps=3).set_callbacks(monitor).fit(TEXTS, LABELS)
    steps = monitor.get_logs().data_as_pandas.query("task_name == 'tuning step'")
    assert len(steps) == 3


def test_a_warm_start_goes_on_with_the_body(with_head):
    with_head.set_params(warm_start=True, max_steps=3).fit(TEXTS, LABELS)
    before = with_head.encoder_.transform(TEXTS)
    with_head.fit(TEXTS, LABELS)
    after = with_head.encoder_.transform(TEXTS)
    fresh = clone(with_head).fit(TEXTS, LABELS).encoder_.transform(TEXTS)
    np.testing.assert_array_equal(fresh, before)
    assert np.abs(after - before).max() > 1e-3


@pytest.mark.parametrize(
    ("change", "n_tuned"),
    [
        ({"head__C": 3.0}, 1),
        ({"head__max_iter": 500}, 1),
        ({"head__loss": "focal"}, 2),
        ({"head__loss": smoothed}, 2),
        ({"head__class_weight": "balanced"}, 2),
        ({"head__learning_rate": 0.1}, 2),
        ({"head__end_to_end": False}, 2),
        ({"head": None}, 2),
    ],
)
def test_a_memory_finds_the_body_where_the_head_is_the_same_to_it(change, n_tuned, with_head, tmp_path, tunings):
    with_head.set_params(memory=tmp_path, max_steps=2).fit(TEXTS, LABELS)
    clone(with_head).set_params(**change).fit(TEXTS, LABELS)
    assert len(tunings) == n_tuned


def test_a_memory_tells_the_settings_of_a_module_apart(with_head, tmp_path, tunings):
    with_head.set_params(memory=tmp_path, max_steps=1)
    for smoothing in (0.1, 0.2, 0.1):
        with_head.set_params(head__loss=torch.nn.CrossEntropyLoss(label_smoothing=smoothing)).fit(TEXTS, LABELS)
    assert len(tunings) == 2


def test_the_plan_says_that_the_head_takes_part(with_head, capsys):
    with_head.set_params(verbose=1, max_steps=1).fit(TEXTS, LABELS)
    assert "texts with the loss of the head in" in capsys.readouterr().out
    with_head.set_params(head__end_to_end=False).fit(TEXTS, LABELS)
    assert "loss of the head" not in capsys.readouterr().out


def test_rate_at_which_it_diverges_raises(with_head):
    with pytest.raises(ValueError, match=r"The tuning diverged.*learning_rate"):
        with_head.set_params(head__learning_rate=1e38).fit(TEXTS, LABELS)


def test_micro_batches_that_are_made_again_do_not_count_twice(tiny_model, monkeypatch):
    """A step that runs out of memory is made again in parts: what it had added to the layer's gradient is dropped."""
    body = load_body(tiny_model, device="cpu")
    tokens = body.tokenize(TEXTS).tokens
    indicator = np.array(LABELS)[:, None] == np.unique(LABELS)
    batch = np.arange(len(TEXTS))

    def gradient(failing):
        loss = HeadLoss("cross_entropy", indicator, None, n_dimensions=32, multi_label=False, learning_rate=0.1)
        gradients = Gradients(body, "float32")
        if failing:
            gradients._all_at_once = False
            embed, calls = gradients._embed, []

            def fails_once(*arguments):
                calls.append(arguments)
                if len(calls) == 2 * failing:
                    raise RuntimeError("out of memory")
                return embed(*arguments)

            monkeypatch.setattr(gradients, "_embed", fails_once)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gradients.add(tokens, batch, loss)
        body.zero_grad()
        return loss.coef.grad

    torch.testing.assert_close(gradient(failing=1), gradient(failing=0))


# -- in files


@pytest.mark.parametrize("kind", ["two classes", "three classes", "several labels"])
def test_the_reference_gets_a_logistic_regression_of_equal_answers(kind, with_head, tmp_path):
    texts, y = several_labels(TEXTS) if kind == "several labels" else (TEXTS, np.array(LABELS))
    y = np.where(y == "food", "food", "other") if kind == "two classes" else y
    with_head.set_params(max_steps=1, label_texts=None).fit(texts, y)
    write_setfit(with_head, tmp_path / "folder")
    again = read_setfit(tmp_path / "folder", trust_pickle=True)
    assert not isinstance(again.head_, TorchHead)
    np.testing.assert_allclose(again.predict_proba(texts), with_head.predict_proba(texts), atol=1e-5)


def test_a_file_answers_alike_and_needs_no_trust(with_head, tmp_path):
    with_head.set_params(head__loss="focal").fit(TEXTS, LABELS)
    dump(with_head, tmp_path / "model.skops")
    again = load(tmp_path / "model.skops")
    assert again.head_.get_params() == with_head.head_.get_params()
    np.testing.assert_array_equal(again.predict_proba(TEXTS), with_head.predict_proba(TEXTS))
    assert again.fit(TEXTS, LABELS).score(TEXTS, LABELS) == 1


@pytest.mark.parametrize("loss", [smoothed, torch.nn.CrossEntropyLoss()])
def test_a_file_has_no_code_of_a_loss_and_a_fit_asks_for_it(loss, with_head, tmp_path):
    with_head.set_params(head__loss=loss).fit(TEXTS, LABELS)
    dump(with_head, tmp_path / "model.skops")
    again = load(tmp_path / "model.skops")
    np.testing.assert_array_equal(again.predict_proba(TEXTS), with_head.predict_proba(TEXTS))
    with pytest.raises(ValueError, match=r"'loss' parameter of TorchHead.*a callable that is not in the file"):
        again.fit(TEXTS, LABELS)
    assert again.set_params(head__loss=loss).fit(TEXTS, LABELS).score(TEXTS, LABELS) == 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda head: pickle.loads(pickle.dumps(head))])
def test_pickles_and_copies_keep_the_loss(copied):
    head = TorchHead(smoothed).fit(*rows_of_numbers())
    assert copied(head).loss is smoothed
    np.testing.assert_array_equal(copied(head).coef_, head.coef_)


def test_a_state_of_another_kind_is_refused():
    head = TorchHead().fit(*rows_of_numbers())
    with pytest.raises(ValueError, match="coef_ must be of type ndarray"):
        TorchHead().__setstate__(head.__getstate__() | {"coef_": [1.0]})
    with pytest.raises(ValueError, match="hide its methods"):
        TorchHead().__setstate__(head.__getstate__() | {"predict": 1})


@pytest.mark.parametrize("several", [False, True])
def test_weights_of_another_shape_are_refused_in_a_file(several, with_head):
    texts, y = several_labels(TEXTS) if several else (TEXTS, LABELS)
    state = with_head.set_params(max_steps=0).fit(texts, y).__getstate__()
    state["head_"].coef_ = state["head_"].coef_[:, :5]
    with pytest.raises(ValueError, match="of a TorchHead is missing or does not fit"):
        SetFitClassifier().__setstate__(state)


def test_a_card_names_it(with_head):
    with_head.fit(TEXTS, LABELS)
    assert "TorchHead" in str(model_card(with_head))
