"""The losses against their formulas, written as plainly as can be: a loop over each pair, in double precision."""

import math

import numpy as np
import pytest
import torch

from sksetfit.training.losses import (
    ANCHOR_TEMPERATURE,
    LOSSES,
    Anchors,
    anchor_cross_entropy,
    contrastive_loss,
    cosine_similarity,
    label_overlap,
    supervised_contrastive,
)

TEMPERATURE = 0.15


def overlap_of(labels, other):
    """Jaccard index of two rows of an indicator matrix."""
    common = sum(a and b for a, b in zip(labels, other, strict=True))
    either = sum(a or b for a, b in zip(labels, other, strict=True))
    return common / either if either else 0.0


def cosine_of(a, b):
    return sum(a * b) / math.sqrt(sum(a * a) * sum(b * b))


def plain_supcon(embeddings, indicator, temperature=TEMPERATURE):
    """Equation 2 of Khosla et al. (2020), its positives weighted by the overlap of their labels."""
    per_text = []
    for i, anchor in enumerate(embeddings):
        others = [j for j in range(len(embeddings)) if j != i]
        logits = {j: cosine_of(anchor, embeddings[j]) / temperature for j in others}
        log_sum = math.log(sum(math.exp(logit) for logit in logits.values())) if others else 0.0
        weights = {j: overlap_of(indicator[i], indicator[j]) for j in others}
        total = sum(weights.values())
        if total > 0:
            per_text.append(-sum(weights[j] * (logits[j] - log_sum) for j in others) / total)
    return sum(per_text) / len(per_text) if per_text else 0.0


def plain_cosine(embeddings, indicator):
    """Mean squared error over the pairs that share labels and over those that do not, in equal parts."""
    errors = {True: [], False: []}
    for i in range(len(embeddings)):
        for j in range(len(embeddings)):
            if i != j:
                overlap = overlap_of(indicator[i], indicator[j])
                errors[overlap > 0].append((cosine_of(embeddings[i], embeddings[j]) - overlap) ** 2)
    means = [sum(part) / len(part) for part in errors.values() if part]
    return sum(means) / len(means) if means else 0.0


PLAIN = {"supcon": plain_supcon, "cosine": plain_cosine}


def one_hot(*labels):
    return np.eye(max(labels) + 1, dtype=bool)[list(labels)]


def random_indicator(seed, n_texts=9, n_labels=4):
    return np.random.RandomState(seed).uniform(size=(n_texts, n_labels)) < 0.4


INDICATORS = {
    "two classes": one_hot(0, 1, 0, 1, 1),
    "a class of one text": one_hot(0, 0, 1, 1, 2),
    "no partners": one_hot(0, 1, 2, 3),
    "one class": one_hot(0, 0, 0),
    "one text": one_hot(0),
    "overlapping labels": np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]], dtype=bool),
    "texts without labels": np.array([[1, 0], [0, 0], [1, 0], [0, 0], [0, 1]], dtype=bool),
    "no label at all": np.zeros((3, 2), dtype=bool),
    **{f"random labels {seed}": random_indicator(seed) for seed in range(5)},
}


def loss_of(loss, embeddings, indicator):
    return LOSSES[loss](torch.as_tensor(embeddings), label_overlap(torch.from_numpy(indicator)))


def embeddings_for(indicator, seed=0, n_dimensions=5):
    return np.random.RandomState(seed).normal(size=(len(indicator), n_dimensions))


@pytest.fixture(params=INDICATORS)
def indicator(request):
    return INDICATORS[request.param]


@pytest.fixture(params=LOSSES)
def loss(request):
    return request.param


def test_the_plain_formulas_give_what_can_be_counted_by_hand():
    embeddings = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    indicator = one_hot(0, 0, 1)
    assert plain_supcon(embeddings, indicator, temperature=1) == pytest.approx(math.log(math.e + 1) - 1)
    assert plain_cosine(embeddings, indicator) == 0
    assert plain_cosine(embeddings[[0, 2, 1]], indicator) == pytest.approx((1 + (0 + 0 + 1 + 1) / 4) / 2)


def test_the_overlap_is_the_jaccard_index_of_the_labels(indicator):
    expected = [[overlap_of(row, other) for other in indicator] for row in indicator]
    overlap = label_overlap(torch.from_numpy(indicator))
    assert overlap.dtype == torch.float32
    np.testing.assert_allclose(overlap, expected, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_that_of_the_plain_formula(loss, indicator, seed):
    embeddings = embeddings_for(indicator, seed)
    assert loss_of(loss, embeddings, indicator).item() == pytest.approx(PLAIN[loss](embeddings, indicator), rel=1e-6)


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1.0])
def test_the_temperature_divides_the_similarities(temperature):
    indicator = one_hot(0, 1, 0, 1, 2, 2)
    embeddings = embeddings_for(indicator)
    value = supervised_contrastive(
        torch.from_numpy(embeddings), label_overlap(torch.from_numpy(indicator)), temperature=temperature
    )
    assert value.item() == pytest.approx(plain_supcon(embeddings, indicator, temperature), rel=1e-6)


def test_the_gradient_is_that_of_the_plain_formula(loss):
    indicator = INDICATORS["overlapping labels"]
    embeddings = torch.from_numpy(embeddings_for(indicator)).requires_grad_()
    loss_of(loss, embeddings, indicator).backward()
    step = 1e-6
    for place in np.ndindex(*embeddings.shape):
        values = []
        for sign in (1, -1):
            moved = embeddings.detach().numpy().copy()
            moved[place] += sign * step
            values.append(PLAIN[loss](moved, indicator))
        slope = (values[0] - values[1]) / (2 * step)
        assert embeddings.grad[place].item() == pytest.approx(slope, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("kind", ["identical", "opposite", "nearly identical", "random"])
def test_the_loss_and_its_gradient_are_finite(loss, indicator, kind):
    embeddings = torch.ones(len(indicator), 4)
    if kind == "opposite":
        embeddings[::2] *= -1
    elif kind == "nearly identical":
        embeddings += torch.from_numpy(embeddings_for(indicator, n_dimensions=4)).float() * 1e-7
    elif kind == "random":
        embeddings = torch.from_numpy(embeddings_for(indicator)).float()
    embeddings.requires_grad_()
    value = loss_of(loss, embeddings, indicator)
    value.backward()
    assert value.dtype == torch.float32
    assert torch.isfinite(value)
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize(
    ("loss", "name"), [("supcon", "no partners"), ("supcon", "no label at all"), ("cosine", "one text")]
)
def test_nothing_to_compare_moves_nothing(loss, name):
    indicator = INDICATORS[name]
    embeddings = torch.from_numpy(embeddings_for(indicator)).requires_grad_()
    value = loss_of(loss, embeddings, indicator)
    value.backward()
    assert value.item() == 0
    assert not embeddings.grad.any()


def test_the_loss_falls_as_classes_are_pulled_together(loss):
    indicator = one_hot(*[0, 1, 2] * 4)
    scattered, centres = embeddings_for(indicator), np.eye(3, 5)[[0, 1, 2] * 4]
    values = [loss_of(loss, scattered * (1 - pull) + centres * pull, indicator).item() for pull in np.linspace(0, 1, 6)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0] / 2


def test_a_step_along_the_gradient_lowers_the_loss(loss, indicator):
    embeddings = torch.from_numpy(embeddings_for(indicator)).requires_grad_()
    value = loss_of(loss, embeddings, indicator)
    value.backward()
    after = loss_of(loss, embeddings.detach() - 1e-3 * embeddings.grad, indicator)
    assert after.item() < value.item() or not embeddings.grad.abs().max() > 1e-9


def test_the_cosine_loss_of_separated_classes_is_zero():
    indicator = one_hot(0, 1, 2, 0, 1, 2)
    assert cosine_similarity(torch.eye(3).repeat(2, 1), label_overlap(torch.from_numpy(indicator))).item() == 0


def test_more_common_labels_pull_harder():
    indicator = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 0, 1]], dtype=bool)
    embeddings = torch.eye(4, requires_grad=True)
    loss_of("supcon", embeddings, indicator).backward()
    towards = -embeddings.grad[0]
    assert towards[1] > towards[2] > towards[3]


def test_the_length_of_embeddings_and_the_order_of_texts_do_not_matter(loss, indicator):
    embeddings = embeddings_for(indicator)
    order = np.random.RandomState(0).permutation(len(indicator))
    lengths = np.random.RandomState(1).uniform(0.5, 20, size=(len(indicator), 1))
    expected = loss_of(loss, embeddings, indicator).item()
    assert loss_of(loss, (embeddings * lengths)[order], indicator[order]).item() == pytest.approx(expected, rel=1e-6)


# -- anchors: the embeddings of label texts before the tuning


def plain_anchor_cross_entropy(embeddings, anchors, indicator, weights):
    """Mean over texts with an anchored class: minus the mean log probability of their anchored classes."""
    total = 0.0
    for embedding, own, weight in zip(embeddings, indicator, weights, strict=True):
        logits = [cosine_of(embedding, anchor) / ANCHOR_TEMPERATURE for anchor in anchors]
        log_sum = math.log(sum(math.exp(logit) for logit in logits))
        losses = [log_sum - logit for logit, is_own in zip(logits, own, strict=True) if is_own]
        total += weight * sum(losses) / len(losses) if losses else 0.0
    return total / sum(weight for own, weight in zip(indicator, weights, strict=True) if any(own))


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5, 3.0]])
@pytest.mark.parametrize(
    "indicator",
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]],
        [[1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]],  # several labels, and none
    ],
)
def test_the_cross_entropy_of_anchors_is_its_formula(indicator, weights):
    rng = np.random.RandomState(0)
    embeddings, anchors = rng.normal(size=(4, 5)), rng.normal(size=(3, 5))
    given = None if weights is None else torch.tensor(weights)
    value = anchor_cross_entropy(
        torch.tensor(embeddings), torch.tensor(anchors), torch.tensor(indicator, dtype=torch.bool), given
    )
    expected = plain_anchor_cross_entropy(embeddings, anchors, indicator, weights or [1.0] * 4)
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_anchor_loss_ignores_texts_without_anchor():
    embeddings = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = anchor_cross_entropy(embeddings, torch.eye(3), torch.zeros(2, 3, dtype=torch.bool))
    value.backward()
    assert value == 0
    assert not embeddings.grad.any()


def test_anchors_are_means_of_the_label_texts_of_each_class_that_has_some():
    embeddings = np.array([[1, 0], [0, 1], [4, 4]], dtype=np.float32)
    indicator = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 1]], dtype=bool)
    anchors = Anchors.of(embeddings, indicator, torch.device("cpu"))
    assert anchors.classes.tolist() == [1, 2]
    assert anchors.embeddings.tolist() == [[0.5, 0.5], [4, 4]]


def test_anchors_add_to_the_loss():
    indicator = np.eye(2, dtype=bool)[[0, 0, 1, 1]]
    embeddings = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    anchors = Anchors(torch.eye(2, 3), np.array([0, 1]))
    texts = np.array([2, 0, 1])
    plain = contrastive_loss("supcon", indicator, None)(embeddings[texts], texts)
    anchored = contrastive_loss("supcon", indicator, None, anchors)(embeddings[texts], texts)
    added = anchor_cross_entropy(embeddings[texts], anchors.embeddings, torch.from_numpy(indicator[texts]))
    torch.testing.assert_close(anchored, plain + added)
