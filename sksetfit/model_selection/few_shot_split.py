"""FewShotSplit: train on a few texts of each class, test on others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseShuffleSplit
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _num_samples

from sksetfit.inputs.targets import Targets, check_targets
from sksetfit.inputs.texts import local_random_state, short_repr
from sksetfit.utils.warn import warn_caller

Rows = NDArray[np.intp]


class FewShotSplit(BaseShuffleSplit):
    """Random splits that train on a fixed number of texts of each class.

    Scores over such splits tell how well a classifier does with so few labelled texts, and how much that depends on
    which ones. Every split is drawn anew from all texts, so that a text may be tested on in several splits or in none:
    a splitter for `cross_val_score`, `GridSearchCV`, `learning_curve` and others, though not for `cross_val_predict`.
    ``next(cv.split(X, y))`` is a single sample.

    Parameters
    ----------
    n_per_class : int, default=8
        How many texts of each class to train on.
    n_splits : int, default=5
        How many splits to draw.
    test_size : int, float or None, default=None
        How many texts to test on: a number, a share of all texts, or None for all that are not trained on. A number
        or share is drawn from these such that each class keeps its part.
    too_few : {"raise", "take_all"}, default="raise"
        What to do where a class has no more than ``n_per_class`` texts, so that none is left to test on: raise an
        error, or train on all that it has.
    random_state : int, RandomState instance or None, default=None
        Decides which texts are drawn. An int gives the same splits in each call of `split`, None draws anew each time.

    See Also
    --------
    sklearn.model_selection.StratifiedShuffleSplit : Random splits in which each class keeps its share.
    SetFitClassifier : A classifier for so few texts.

    Notes
    -----
    Classes take turns, in random order within each turn. The first rows to train on are therefore as balanced as all
    of them, and `sklearn.model_selection.learning_curve`, which fits on the first rows, needs no ``shuffle``.

    For several labels per text, the label with the fewest texts so far draws one, and the text counts for all its
    labels. Texts whose other labels have enough already come last, so that labels seldom get more than
    ``n_per_class``. Texts without any label are a class as well, of which no more than half are drawn. Where one label
    is on all texts that were drawn, a text without it is added, because no classifier could learn it otherwise. The
    number of texts to train on then differs a little from split to split.

    Where ``test_size`` is given, texts are sorted by their labels, the rarest first, and taken at even distances from a
    random start (systematic sampling [1]_). With one label per text, a class misses its share by less than one text.

    References
    ----------
    .. [1] Madow, Madow (1944). "On the Theory of Systematic Sampling, I". Annals of Mathematical Statistics 15(1).

    Examples
    --------
    >>> from sksetfit import FewShotSplit
    >>> X = ["wrong sum", "no access", "paid twice", "locked out", "new password", "bad total", "cannot sign in"]
    >>> y = ["billing", "login", "billing", "login", "login", "billing", "login"]
    >>> for train, test in FewShotSplit(2, n_splits=3, random_state=0).split(X, y):
    ...     print([y[i] for i in train], train, test)
    ['login', 'billing', 'billing', 'login'] [6 2 0 1] [3 4 5]
    ['billing', 'login', 'login', 'billing'] [5 4 6 2] [0 1 3]
    ['login', 'billing', 'billing', 'login'] [4 0 5 6] [1 2 3]
    """

    __module__ = "sksetfit"  # the public place, so that pickles and saved searches do not depend on this module

    _parameter_constraints: dict[str, Any] = {
        "n_per_class": [Interval(Integral, 1, 10**9, closed="both")],
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "test_size": [Interval(Integral, 1, None, closed="left"), Interval(RealNotInt, 0, 1, closed="neither"), None],
        "too_few": [StrOptions({"raise", "take_all"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_per_class: int = 8,
        *,
        n_splits: int = 5,
        test_size: float | None = None,
        too_few: str = "raise",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_per_class = n_per_class
        self.n_splits = n_splits
        self.test_size = test_size
        self.too_few = too_few
        self.random_state = random_state

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Draw the rows to train and to test on.

        Parameters
        ----------
        X : sequence of shape (n_texts,)
            The texts, or anything of their length: nothing else is read of it.
        y : array-like of shape (n_texts,), or indicator matrix of shape (n_texts, n_labels)
            One label per text (str, int, bool or object), or several as a matrix of 0 and 1 (dense, sparse or
            DataFrame).
        groups : object, default=None
            Ignored, with a warning.

        Returns
        -------
        splits : iterator of (train, test), each an ndarray of int
            Indices of rows: those to train on in turns of the classes, those to test on sorted.

        Raises
        ------
        ValueError
            If a parameter is invalid, ``y`` cannot be the targets of a classifier, a class has too few texts or there
            are fewer texts to test on than asked for.
        TypeError
            If ``X`` has no length or ``y`` is no sequence of labels.

        Warns
        -----
        UserWarning
            If there are groups.
        """
        self._check_parameters()
        if groups is not None:
            warn_caller(f"The groups parameter is ignored by {type(self).__name__}")
        targets = check_targets(y, _num_samples(X))
        return self._draw(targets.indicator, self._wanted(targets))

    def _check_parameters(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool):  # which Python and scikit-learn count among the integers
                raise InvalidParameterError(f"The {name!r} parameter of FewShotSplit must be no bool, got {value}.")
        validate_parameter_constraints(self._parameter_constraints, vars(self), caller_name=type(self).__name__)

    def _wanted(self, targets: Targets) -> NDArray[np.intp]:
        """Return how many texts of each class to train on."""
        counts: NDArray[np.intp] = targets.indicator.sum(axis=0)
        few = counts <= self.n_per_class
        if self.too_few == "raise" and few.any():
            found = dict(zip(targets.classes[few].tolist(), counts[few].tolist(), strict=True))
            raise ValueError(
                f"y has too few texts of {len(found)} of its {len(counts)} classes: {short_repr(found)}. For "
                f"n_per_class={self.n_per_class} each needs {self.n_per_class + 1}, one of them to test on. Lower "
                f"n_per_class, label more texts, or train on all of such classes with too_few='take_all'."
            )
        return np.minimum(counts, self.n_per_class)

    def _draw(self, indicator: NDArray[np.bool_], wanted: NDArray[np.intp]) -> Iterator[tuple[Rows, Rows]]:
        # A class of its own: no classifier learns to answer with no label from texts that all have one.
        unlabelled = ~indicator.any(axis=1)
        groups = np.column_stack([indicator, unlabelled])
        wanted = np.append(wanted, min(self.n_per_class, unlabelled.sum() // 2))
        rng = local_random_state(self.random_state)
        for _ in range(self.n_splits):
            train = _rows_in_turns(groups, wanted, rng)
            rest = np.setdiff1d(np.arange(len(groups)), train)
            yield train, rest[_evenly(groups[rest], self._n_test(len(train), len(rest)), rng)]

    def _n_test(self, n_train: int, n_rest: int) -> int:
        if self.test_size is None:
            n_test = n_rest
        elif isinstance(self.test_size, Integral):
            n_test = int(self.test_size)
        else:
            n_test = math.ceil(self.test_size * (n_train + n_rest))
        if not 1 <= n_test <= n_rest:
            raise ValueError(
                f"{n_train} of {n_train + n_rest} texts are drawn to train on, which leaves {n_rest} to test on, where "
                f"test_size={self.test_size} wants {max(n_test, 1)}. Lower n_per_class or test_size, or label more "
                f"texts."
            )
        return n_test


def _rows_in_turns(groups: NDArray[np.bool_], wanted: NDArray[np.intp], rng: np.random.RandomState) -> Rows:
    """Return rows in the order in which groups draw them, the one that has the fewest first, until all have enough."""
    shuffled = rng.permutation(len(groups))  # so that the first row that will do is a random one
    groups = groups[shuffled]
    members = [np.flatnonzero(of_group) for of_group in groups.T]
    drawn = np.zeros_like(wanted)
    left = np.ones(len(groups), dtype=bool)
    rows: list[int] = []
    while (lacking := drawn < wanted).any():
        group = np.lexsort((rng.random_sample(len(wanted)), drawn, ~lacking))[0]
        own = members[group] = members[group][left[members[group]]]
        row = int(own[groups[own][:, ~lacking].sum(axis=1).argmin()])  # with the fewest labels that have enough
        rows.append(row)
        left[row] = False
        drawn += groups[row]
    while (constant := groups[rows].all(axis=0) & ~groups.all(axis=0)).any():  # such a label cannot be learned
        rows.append(int(groups[:, constant.argmax()].argmin()))
    return shuffled[rows]


def _evenly(groups: NDArray[np.bool_], n_chosen: int, rng: np.random.RandomState) -> Rows:
    """Return so many rows, sorted, of each group its share: at even distances where rows of a group lie together."""
    rare_last = np.argsort(-groups.sum(axis=0), kind="stable")
    order = np.lexsort((rng.random_sample(len(groups)), *groups.T[rare_last]))
    places = (np.arange(n_chosen) * len(groups) + rng.randint(len(groups))) // n_chosen
    return np.sort(order[places])
