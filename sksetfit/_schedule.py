"""How long and how fast a body is tuned: batch size, number of steps, learning rate and its schedule.

Floor 0: knows numpy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

PASSES, MIN_STEPS, MAX_STEPS = 3, 24, 1000
MIN_BATCH_SIZE, MAX_BATCH_SIZE = 24, 64
LEARNING_RATE, WIDTH = 1e-4, 384  # the rate that measured best on all-MiniLM-L6-v2, and the width of its embeddings
STATIC_LEARNING_RATE = 3e-3  # of static embeddings whose vectors, one per token, have a root mean square length of 1


def batch_size_of(n_classes: int) -> int:
    """Return the batch size: two texts of each class, within bounds."""
    return int(np.clip(2 * n_classes, MIN_BATCH_SIZE, MAX_BATCH_SIZE))


def planned_steps(
    n_texts: int, batch_size: int, passes: int = PASSES, least: int = MIN_STEPS, most: int = MAX_STEPS
) -> int:
    """Return how many steps tune well: a few passes over the texts, within bounds."""
    return int(np.clip(round(passes * n_texts / batch_size), least, most))


def learning_rate_of(width: int) -> float:
    """Return the learning rate for a transformer whose hidden states have ``width`` dimensions.

    It falls in inverse proportion to the width, the rule for Adam of Yang et al. (2022), "Tensor Programs V",
    arXiv:2203.03466. Narrower transformers than the one that was measured keep its rate.
    """
    return LEARNING_RATE * min(1.0, WIDTH / width)


def warmup_then_linear(n_steps: int, warmup_proportion: float) -> Callable[[int], float]:
    """Return the factor of the learning rate at each step: it rises to 1, then falls linearly towards 0."""
    n_warmup = max(1, round(warmup_proportion * n_steps))

    def factor(step: int) -> float:
        return min((step + 1) / n_warmup, (n_steps - step) / max(n_steps - n_warmup, 1), 1.0)

    return factor
