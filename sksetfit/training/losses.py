"""The contrastive losses: functions of a batch's embeddings and of how alike its targets are.

Both losses read every pair of the batch from one similarity matrix, so that each text is encoded once per step
however many pairs it is in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]

ANCHOR_TEMPERATURE = 0.1


def label_overlap(indicator: Tensor) -> Tensor:
    """Return how alike the label sets of each pair are: their Jaccard index.

    It is 1 for equal labels and 0 for different ones where every text has one label, and between the two where
    label sets overlap. Texts without labels are like no other text.

    Parameters
    ----------
    indicator : Tensor of shape (n_texts, n_labels), dtype bool

    Returns
    -------
    Tensor of shape (n_texts, n_texts), dtype float32
    """
    labels = indicator.float()
    common = labels @ labels.T
    counts = labels.sum(dim=1)
    union = counts[:, None] + counts[None, :] - common
    return common / union.clamp(min=1)


def supervised_contrastive(
    embeddings: Tensor, overlap: Tensor, weights: Tensor | None = None, temperature: float = 0.15
) -> Tensor:
    """Supervised contrastive loss over all pairs of a batch [1]_.

    For each text, the mean negative log probability of picking the texts of its class among all others, where the
    probability is the softmax of the cosine similarities divided by the temperature. Pairs that share some of their
    labels weigh as much as their label sets overlap. Texts without a partner in the batch are only compared against.

    Parameters
    ----------
    embeddings : Tensor of shape (n_texts, n_dimensions), dtype float32
    overlap : Tensor of shape (n_texts, n_texts)
        From `label_overlap`; its diagonal is not read.
    weights : Tensor of shape (n_texts,) or None, default=None
        How much each text counts, as one that is compared and as a partner; None: all alike.
    temperature : float, default=0.15
        Smaller ones weigh the nearest texts more. At eight texts per class 0.1, the value of [1]_, to 0.2 measure
        about the same.

    Returns
    -------
    Tensor of shape ()

    References
    ----------
    .. [1] Khosla et al. (2020). "Supervised Contrastive Learning", equation 2. arXiv:2004.11362.
    """
    normalized = F.normalize(embeddings, dim=1)
    itself = torch.eye(len(embeddings), dtype=torch.bool, device=embeddings.device)
    logits = (normalized @ normalized.T / temperature).masked_fill(itself, float("-inf"))
    # The diagonal's log probability is -inf; its weight is 0, and 0 * -inf is NaN.
    log_probability = logits.log_softmax(dim=1).masked_fill(itself, 0.0)
    weights = embeddings.new_ones(len(embeddings)) if weights is None else weights
    pull = overlap.masked_fill(itself, 0.0) * weights
    total = pull.sum(dim=1)
    has_partner = total > 0
    per_text = -(pull * log_probability).sum(dim=1)[has_partner] / total[has_partner]
    return _mean(per_text, weights[has_partner]) if has_partner.any() else embeddings.sum() * 0.0


def cosine_similarity(embeddings: Tensor, overlap: Tensor, weights: Tensor | None = None) -> Tensor:
    """Squared error of each pair's cosine similarity against 1 (same class) or 0: the objective of SetFit [1]_.

    Pairs of the same class and pairs of different classes have the same total weight, as in setfit, which enumerates
    equal numbers of both.

    Parameters
    ----------
    embeddings : Tensor of shape (n_texts, n_dimensions), dtype float32
    overlap : Tensor of shape (n_texts, n_texts)
        From `label_overlap`; its diagonal is not read.
    weights : Tensor of shape (n_texts,) or None, default=None
        How much each text counts; a pair counts as the product of its texts. None: all alike.

    Returns
    -------
    Tensor of shape ()

    References
    ----------
    .. [1] Tunstall et al. (2022). "Efficient Few-Shot Learning Without Prompts". arXiv:2209.11055.
    """
    normalized = F.normalize(embeddings, dim=1)
    error = (normalized @ normalized.T - overlap).square()
    different_text = ~torch.eye(len(embeddings), dtype=torch.bool, device=embeddings.device)
    alike, unlike = different_text & (overlap > 0), different_text & (overlap == 0)
    of_pair = torch.ones_like(error) if weights is None else torch.outer(weights, weights)
    means = [_mean(error[pairs], of_pair[pairs]) for pairs in (alike, unlike) if pairs.any()]
    return torch.stack(means).mean() if means else embeddings.sum() * 0.0


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum()


LOSSES: dict[str, Loss] = {"supcon": supervised_contrastive, "cosine": cosine_similarity}


class Anchors(NamedTuple):
    """Fixed embeddings of the classes that have label texts.

    Attributes
    ----------
    embeddings : Tensor of shape (n_anchors, n_dimensions)
        The mean embedding of the label texts of each of these classes, on the body before the tuning.
    classes : ndarray of shape (n_anchors,)
        Which columns of the indicator matrix they are of.
    """

    embeddings: Tensor
    classes: NDArray[np.intp]

    @classmethod
    def of(cls, embeddings: NDArray[np.float32], indicator: NDArray[np.bool_], device: torch.device) -> Anchors:
        """Return the anchors of label texts with these embeddings, of the classes that ``indicator`` says."""
        classes = np.flatnonzero(indicator.any(axis=0))
        sums = indicator[:, classes].T.astype(np.float32) @ embeddings
        return cls(torch.from_numpy(sums / indicator[:, classes].sum(axis=0)[:, None]).float().to(device), classes)


def anchor_cross_entropy(
    embeddings: Tensor,
    anchors: Tensor,
    indicator: Tensor,
    weights: Tensor | None = None,
    temperature: float = ANCHOR_TEMPERATURE,
) -> Tensor:
    """Cross-entropy of the classes of texts, where the logits are cosine similarities to fixed anchors.

    Parameters
    ----------
    embeddings : Tensor of shape (n_texts, n_dimensions), dtype float32
    anchors : Tensor of shape (n_anchors, n_dimensions), dtype float32
    indicator : Tensor of shape (n_texts, n_anchors), dtype bool
        Which text has the class of which anchor. Texts of several share their probability; texts of none are left out.
    weights : Tensor of shape (n_texts,) or None, default=None
        How much each text counts; None: all alike.
    temperature : float, default=0.1
        What the similarities are divided by.

    Returns
    -------
    Tensor of shape ()
    """
    has_anchor = indicator.any(dim=1)
    if not has_anchor.any():
        return embeddings.sum() * 0.0
    logits = F.normalize(embeddings[has_anchor], dim=1) @ F.normalize(anchors, dim=1).T / temperature
    target = F.normalize(indicator[has_anchor].float(), p=1, dim=1)
    values = F.cross_entropy(logits, target, reduction="none")
    return values.mean() if weights is None else _mean(values, weights[has_anchor])


def contrastive_loss(
    loss: str, indicator: NDArray[np.bool_], weights: NDArray[np.float64] | None, anchors: Anchors | None = None
) -> Callable[[Tensor, NDArray[np.intp]], Tensor]:
    """Return the loss of this name as a function of embeddings and of the texts that they are of.

    Anchors, which make a difference where there are two at least, add their cross-entropy.
    """

    def loss_of(embeddings: Tensor, texts: NDArray[np.intp]) -> Tensor:
        labels = torch.from_numpy(indicator[texts]).to(embeddings.device)
        of_texts = None if weights is None else torch.from_numpy(weights[texts]).float().to(embeddings.device)
        value = LOSSES[loss](embeddings, label_overlap(labels), of_texts)
        if anchors is None:
            return value
        return value + anchor_cross_entropy(embeddings, anchors.embeddings, labels[:, anchors.classes], of_texts)

    return loss_of
