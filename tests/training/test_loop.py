import shutil

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel

from conftest import make_texts, write_tiny_model_of_kind
from sksetfit import SetFitClassifier, TorchHead
from sksetfit.body.loading.load import load_body
from sksetfit.training import gradients as gradients_module
from sksetfit.training.callbacks import ProgressBar, TrainingCallback, TrainingState
from sksetfit.training.loop import run_steps
from sksetfit.training.losses import contrastive_loss, cosine_similarity, label_overlap, supervised_contrastive
from sksetfit.training.plan import Plan
from sksetfit.training.sampler import balanced_batches

PLAN = Plan(batch_size=24, n_steps=10, learning_rate=1e-2, precision="float32")


@pytest.fixture
def body(tiny_model):
    return load_body(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def texts():
    X, y = make_texts(8)
    return X, np.array(y)[:, None] == np.unique(y)


def tune(body, texts, seed=0, loss="supcon", callbacks=(), **changes):
    """Tune a body by a changed plan, and return the loss of each step."""
    X, indicator = texts
    state = TrainingState(body, {}, PLAN._replace(**changes))
    batches = balanced_batches(indicator, state.plan.n_steps, 24, np.random.RandomState(seed))
    loss = contrastive_loss(loss, indicator, None)
    tokens = body.tokenize(X).tokens
    run_steps(state, tokens, batches, loss, warmup_proportion=0.1, weight_decay=0.01, callbacks=callbacks)
    return state.result().loss_curve


@pytest.mark.parametrize(("loss", "function"), [("supcon", supervised_contrastive), ("cosine", cosine_similarity)])
def test_tuning_brings_texts_of_a_class_together(body, texts, loss, function):
    X, indicator = texts
    overlap = label_overlap(torch.from_numpy(indicator))
    before = function(torch.from_numpy(body.encode(X)), overlap)
    curve = tune(body, texts, loss=loss)
    assert function(torch.from_numpy(body.encode(X)), overlap) < 0.8 * before
    assert curve.shape == (10,)
    assert curve[-1] < curve[0]


def test_run_steps_makes_no_step_after_a_stop_at_the_beginning(body, texts):
    class StopAtOnce(TrainingCallback):
        def on_train_begin(self, state):
            state.stop = True

    X, _ = texts
    before = body.encode(X)
    assert len(tune(body, texts, callbacks=[StopAtOnce()])) == 0
    np.testing.assert_array_equal(body.encode(X), before)


def test_the_body_is_left_in_evaluation_mode_and_without_gradients(body, texts):
    tune(body, texts)
    assert not any(module.training for module in body.modules())
    assert all(parameter.grad is None for parameter in body.parameters())


def test_training_freezes_embeddings_and_lowest_layers(tiny_model, tmp_path, texts):
    shutil.copytree(tiny_model, tmp_path, dirs_exist_ok=True)
    config = AutoConfig.from_pretrained(tiny_model, num_hidden_layers=6)
    AutoModel.from_config(config).save_pretrained(tmp_path)
    body = load_body(tmp_path, device="cpu")
    before = {name: tensor.clone() for name, tensor in body.transformer.named_parameters()}
    tune(body, texts)
    same = {name for name, tensor in body.transformer.named_parameters() if torch.equal(tensor, before[name])}
    lowest = {name for name in before if name.startswith(("embeddings.", "encoder.layer.0."))}
    assert {name for name in same if not name.startswith("pooler")} == lowest


def test_no_steps_leave_the_weights_as_they_were(body, texts):
    before = {name: tensor.clone() for name, tensor in body.state_dict().items()}
    assert len(tune(body, texts, n_steps=0)) == 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in body.state_dict().items())


def test_micro_batches_do_not_change_the_gradient(tiny_model, texts, monkeypatch):
    embeddings = []
    for n_tokens in (10**6, 10):
        monkeypatch.setattr(gradients_module, "MICRO_BATCH_TOKENS", n_tokens)
        body = load_body(tiny_model, device="cpu")
        tune(body, texts, n_steps=1)
        embeddings.append(body.encode(texts[0]))
    np.testing.assert_allclose(embeddings[0], embeddings[1], atol=1e-3)


@pytest.mark.parametrize(
    ("n_steps", "how"), [(10, "the loss of step 2 of 10 is nan"), (1, "embeddings are not finite")]
)
def test_a_rate_that_is_too_high_ends_in_an_error_that_says_so(body, texts, n_steps, how):
    with pytest.raises(ValueError, match=rf"diverged: {how}.*Lower learning_rate \(it was 1e\+39\)"):
        tune(body, texts, learning_rate=1e39, n_steps=n_steps)


def test_a_bar_is_shown_only_where_it_is_asked_for(body, texts, capsys):
    tune(body, texts, n_steps=2)
    assert capsys.readouterr().err == ""
    tune(body, texts, n_steps=2, callbacks=[ProgressBar()])
    assert "2/2" in capsys.readouterr().err


def test_a_callers_autocast_does_not_reach_the_look_at_the_outcome(body, texts):
    with torch.no_grad():
        body.transformer.embeddings.LayerNorm.weight.mul_(1e6)  # beyond what float16 holds
    with torch.autocast("cpu", torch.float16):
        tune(body, texts, n_steps=0)
        assert not body(body.tokenize(texts[0]).tokens).isfinite().all()


def test_products_are_of_weights_in_the_precision_of_the_tuning(body):
    assert {weight.dtype for weight in gradients_module.weights_in("bfloat16", body).values()} == {torch.bfloat16}
    assert gradients_module.weights_in("float32", body) == {}


@pytest.mark.parametrize("head", [None, TorchHead()])
def test_a_body_without_layers_has_nothing_to_tune(tiny_model, tmp_path, head):
    write_tiny_model_of_kind(tiny_model, tmp_path, "bert", num_hidden_layers=0)
    X, y = make_texts(2)
    clf = SetFitClassifier(tmp_path, head=head, max_steps=2, label_texts=None, device="cpu")
    with pytest.raises(ValueError, match=r"has nothing to tune: .* Set max_steps=0 to use it as it is"):
        clf.fit(X, y)
    assert clf.set_params(max_steps=0).fit(X, y).predict(X).shape == (6,)
