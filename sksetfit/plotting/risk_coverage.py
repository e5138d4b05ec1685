"""RiskCoverageDisplay: what it costs to answer more, as a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils._optional_dependencies import check_matplotlib_support

from sksetfit.inputs.targets import target_array
from sksetfit.inputs.texts import column_names, short_repr
from sksetfit.model_selection.threshold_search import answered_by_threshold
from sksetfit.plotting.axes import AxesMixin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


class RiskCoverageDisplay(AxesMixin):
    """Risk-coverage curve: the error rate on the most confident predictions, for each share of accepted texts.

    Texts are sorted by the largest probability of `predict_proba`. The coverage is the share of accepted texts, most
    confident first, and the risk is the error rate on these texts [1]_. If confidence separates errors well, the curve
    is low on the left and rises late; its right end is the error rate on all texts. Create it with `from_estimator` or
    `from_predictions`.

    Parameters
    ----------
    coverage : ndarray of shape (n_thresholds,)
        The share of texts that is answered, ascending up to 1.
    risk : ndarray of shape (n_thresholds,)
        The share of these answers that is wrong.
    area : float or None, default=None
        The area under the curve [2]_, the mean risk over all coverages; less is better. None shows none.
    name : str or None, default=None
        Of the curve, for the legend. None shows none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the curve is drawn.
    figure_ : matplotlib Figure
        The figure of ``ax_``.
    line_ : matplotlib Artist
        The curve.

    See Also
    --------
    RejectClassifier : Answers down to one point of this curve only.

    Notes
    -----
    Texts of the same confidence are answered together or not at all: no threshold could part them, so the curve has one
    point for all of them. Its left end is the mean of few answers and says little.

    References
    ----------
    .. [1] El-Yaniv and Wiener (2010). "On the Foundations of Noise-free Selective Classification". Journal of Machine
       Learning Research 11.
    .. [2] Geifman, Uziel and El-Yaniv (2019). "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers".
       arXiv:1805.08206.

    Examples
    --------
    >>> import numpy as np
    >>> from sksetfit import RiskCoverageDisplay
    >>> proba = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    >>> display = RiskCoverageDisplay.from_predictions(["ham", "ham", "spam", "spam"], proba)
    >>> print(display.coverage, display.risk, display.area)
    [0.25 0.5  0.75 1.  ] [0.   0.   0.   0.25] 0.0625
    >>> again = RiskCoverageDisplay(coverage=display.coverage, risk=display.risk, name="mail").plot()
    """

    __module__ = "sksetfit"

    line_: Line2D

    def __init__(
        self,
        *,
        coverage: NDArray[np.floating],
        risk: NDArray[np.floating],
        area: float | None = None,
        name: str | None = None,
    ) -> None:
        self.coverage = coverage
        self.risk = risk
        self.area = area
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, name: str | None = None, ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Draw the curve of a fitted classifier on labelled texts.

        Parameters
        ----------
        estimator : estimator instance
            A fitted classifier with `predict_proba`.
        X : array-like, or whatever the classifier takes, of shape (n_samples, ...)
            Texts that it was not fitted on.
        y : array-like of shape (n_samples,)
            Their labels.
        name : str or None, default=None
            Of the curve. None takes the name of the estimator's class.
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            For matplotlib's `plot`.

        Returns
        -------
        RiskCoverageDisplay
            The curve, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``y`` is not what it must be.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        name = type(estimator).__name__ if name is None else name
        proba = estimator.predict_proba(X)
        return cls.from_predictions(y, proba, labels=estimator.classes_, name=name, ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_proba: Any,
        *,
        labels: Any = None,
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the curve of probabilities, such as those of `cross_val_predict`.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            The true labels.
        y_proba : array-like of shape (n_samples, n_classes)
            The probability of each class, also where there are two. The columns of a frame that are named by the labels
            are found by their names.
        labels : array-like of shape (n_classes,) or None, default=None
            The label of each column. None takes the names of the columns where the labels of ``y_true`` are among them,
            and else the sorted labels of ``y_true``.
        name : str or None, default=None
            Of the curve. None shows none.
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a new figure.
        **kwargs : dict
            For matplotlib's `plot`.

        Returns
        -------
        RiskCoverageDisplay
            The curve, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the arrays do not fit together, or some columns of a frame are named by labels and others are not.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        names = column_names(y_proba) or []
        y_true, y_proba = column_or_1d(target_array(y_true, name="y_true")), check_array(y_proba, input_name="y_proba")
        check_consistent_length(y_true, y_proba)
        if labels is None:
            labels = names if set(names) >= set(y_true.tolist()) else np.unique(y_true)
        columns = column_or_1d(target_array(labels, name="labels"))
        y_proba = _in_order(y_proba, names, columns.tolist())
        if len(columns) != y_proba.shape[1]:
            raise ValueError(
                f"y_proba must have a column for each of the {len(columns)} labels, got {y_proba.shape[1]}: "
                f"{short_repr(columns.tolist())}. Give labels, the label of each column."
            )
        right = columns[y_proba.argmax(axis=1)] == y_true
        _, n_answered, n_right = answered_by_threshold(y_proba.max(axis=1), right)
        coverage, risk = n_answered / len(y_true), 1 - n_right / n_answered
        area = float(np.sum(risk * np.diff(coverage, prepend=0)))
        return cls(coverage=coverage, risk=risk, area=area, name=name).plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, *, name: str | None = None, **kwargs: Any) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None makes a new figure.
        name : str or None, default=None
            Of the curve. None takes that of the display.
        **kwargs : dict
            For matplotlib's `plot`.

        Returns
        -------
        RiskCoverageDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        axes = self._set_axes(ax)
        from matplotlib.ticker import PercentFormatter

        # From the left, as a step that ends at each point: what lies below the line is then the area.
        style: dict[str, Any] = {"drawstyle": "steps-pre", "label": self._legend(self.name if name is None else name)}
        (self.line_,) = axes.plot(np.append(0, self.coverage), np.append(self.risk[0], self.risk), **(style | kwargs))
        axes.set(xlabel="Coverage: answered, of all", ylabel="Risk: wrong, of those answered", xlim=(0, 1))
        axes.set_ylim(bottom=0, auto=True)  # so that a second curve can be higher
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1))
        if axes.get_legend_handles_labels()[1]:
            axes.legend(loc="upper left")
        return self

    def _legend(self, name: str | None) -> str | None:
        if self.area is None:
            return name
        area = f"area = {self.area:.3f}"
        return area if name is None else f"{name} ({area})"


def _in_order(y_proba: NDArray[np.floating], names: list[Any], labels: list[Any]) -> NDArray[np.floating]:
    """Return the columns in the order of the labels, if they are named by them."""
    if set(names) == set(labels):
        return y_proba[:, [names.index(label) for label in labels]]
    is_numbered = names == list(range(len(names)))  # as pandas does where there are no names
    if not is_numbered and not set(names).isdisjoint(labels):
        raise ValueError(
            f"y_proba must have one column of the name of each label, or no such name: got the columns "
            f"{short_repr(names)} and the labels {short_repr(labels)}. Rename the columns, or pass an array and "
            f"labels, the label of each column."
        )
    return y_proba
