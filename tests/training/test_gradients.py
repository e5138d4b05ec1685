"""The gradient of a batch: the same in however many parts, also when the memory runs out."""

import warnings

import numpy as np
import pytest
import torch

from conftest import make_texts
from sksetfit.body.contexts import is_out_of_memory
from sksetfit.body.layers import freeze_lowest
from sksetfit.body.loading.load import load_body
from sksetfit.body.model import Body
from sksetfit.training import gradients as gradients_module
from sksetfit.training.gradients import Gradients
from sksetfit.training.losses import label_overlap, supervised_contrastive

X, Y = make_texts(6)
INDICATOR = np.array(Y)[:, None] == np.unique(Y)


@pytest.fixture
def body(tiny_model):
    return load_body(tiny_model, device="cpu")


def loss(embeddings, texts):
    return supervised_contrastive(embeddings, label_overlap(torch.from_numpy(INDICATOR[texts])))


def gradient(body, precision="float32", all_at_once=True):
    gradients = Gradients(body, precision)
    gradients_module._all_at_once = all_at_once
    value = gradients.add(body.tokenize(X).tokens, np.arange(len(X)), loss)
    found = {name: each.grad.clone() for name, each in body.named_parameters() if each.grad is not None}
    body.zero_grad()
    return value, found


def assert_same(first, second, tolerance=1e-5):
    assert first[0] == pytest.approx(second[0], rel=10 * tolerance)
    assert first[1].keys() == second[1].keys() != set()
    for name, value in first[1].items():
        torch.testing.assert_close(value, second[1][name], atol=tolerance, rtol=1e-3)


@pytest.mark.parametrize("n_tokens", [10**6, 30, 1])
@pytest.mark.parametrize("all_at_once", [True, False])
def test_parts_do_not_change_it(body, monkeypatch, n_tokens, all_at_once):
    whole = gradient(body)
    monkeypatch.setattr(gradients_module, "MICRO_BATCH_TOKENS", n_tokens)
    assert_same(gradient(body, all_at_once=all_at_once), whole)


def test_in_bfloat16_the_parts_give_it_too(body):
    assert_same(gradient(body, "bfloat16", all_at_once=False), gradient(body, "bfloat16"), tolerance=1e-2)


class SmallMemory:
    """Lets a body embed a number of tokens at once, and keep a number for the way back."""

    def __init__(self, monkeypatch, at_once, kept):
        self.at_once, self.kept, self.held = at_once, kept, 0
        forward = Body.forward

        def limited(body, tokens, **how):
            n_tokens = sum(map(len, tokens))
            self.held += n_tokens if torch.is_grad_enabled() else 0
            if n_tokens > self.at_once or self.held > self.kept:
                self.held = 0
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate some.")
            embeddings = forward(body, tokens, **how)
            if embeddings.requires_grad:
                embeddings.register_hook(lambda _: self.release(n_tokens))
            return embeddings

        monkeypatch.setattr(Body, "forward", limited)

    def release(self, n_tokens):
        self.held -= n_tokens


def test_out_of_memory_step_gives_same_gradient_with_warning(body, monkeypatch):
    whole = gradient(body)
    SmallMemory(monkeypatch, at_once=40, kept=40)
    with pytest.warns(UserWarning, match="Out of memory on cpu while tuning.*at most 24 tokens at once"):
        found = gradient(body)
    assert_same(found, whole)


def test_what_has_been_found_out_is_remembered_for_the_next_steps(body, monkeypatch):
    SmallMemory(monkeypatch, at_once=40, kept=40)
    gradients = Gradients(body, "float32")
    tokens, batch = body.tokenize(X).tokens, np.arange(len(X))
    with pytest.warns(UserWarning, match="Out of memory"):
        gradients.add(tokens, batch, loss)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradients.add(tokens, batch, loss)


@pytest.mark.filterwarnings("ignore:Out of memory")
def test_a_text_that_alone_does_not_fit_is_an_error(body, monkeypatch):
    SmallMemory(monkeypatch, at_once=3, kept=10**6)
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        gradient(body)


def test_another_error_is_not_taken_for_a_lack_of_memory(body, monkeypatch):
    def broken(*_, **how):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(Body, "forward", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        gradient(body)


@pytest.mark.filterwarnings("ignore:Out of memory")
def test_a_whole_fit_goes_on_in_smaller_parts(tiny_classifier, monkeypatch):
    plain = tiny_classifier.set_params(precision="float32").fit(X, Y).predict_proba(X)
    SmallMemory(monkeypatch, at_once=60, kept=60)
    np.testing.assert_allclose(tiny_classifier.fit(X, Y).predict_proba(X), plain, atol=1e-3)


def test_predictions_are_made_in_smaller_parts_where_the_memory_runs_out(body, monkeypatch):
    plain = body.encode(X)
    SmallMemory(monkeypatch, at_once=12, kept=0)
    np.testing.assert_allclose(body.encode(X), plain, atol=1e-6)
    SmallMemory(monkeypatch, at_once=3, kept=0)
    with pytest.raises(torch.OutOfMemoryError):
        body.encode(X)


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (torch.OutOfMemoryError("anything"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_each_device_has_words_of_its_own(error, is_one):
    assert is_out_of_memory(error) is is_one


@pytest.mark.parametrize(("most_bytes", "n_computed"), [(2**25, 6), (0, 18)])
def test_frozen_layers_are_computed_once_for_each_text_within_the_bound(body, monkeypatch, most_bytes, n_computed):
    monkeypatch.setattr(gradients_module, "MOST_LOWER_BYTES", most_bytes)
    computed, compute = [], gradients_module.lower_states
    monkeypatch.setattr(
        gradients_module, "lower_states", lambda of, texts: computed.extend(texts) or compute(of, texts)
    )
    freeze_lowest(body)
    body.transformer.encoder.layer[0].requires_grad_(False)
    tokens = body.tokenize(X).tokens
    gradients = Gradients(body, "float32")
    for _ in range(3):
        gradients.add(tokens, np.arange(6), loss)
    assert len(computed) == n_computed


def test_states_behind_frozen_layers_give_the_same_gradient(body, monkeypatch):
    freeze_lowest(body)
    body.transformer.encoder.layer[0].requires_grad_(False)
    found = gradient(body)
    monkeypatch.setattr(gradients_module, "n_frozen_layers", lambda transformer: 0)
    assert_same(found, gradient(body))
