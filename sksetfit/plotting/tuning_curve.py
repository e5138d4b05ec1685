"""A picture of a tuning: the loss of each step and, with early stopping, the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from sksetfit.plotting.axes import AxesMixin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


class TuningCurveDisplay(AxesMixin):
    """The loss of each tuning step and the scores that early stopping has taken.

    It is made by `from_estimator`, as scikit-learn's displays are. The loss has the axis on the left, and the scores,
    where there are any, one of their own on the right, with a vertical line at the step whose weights were kept.

    Parameters
    ----------
    loss_curve : ndarray of shape (n_steps,)
        The loss of each step.
    validation_steps : ndarray of shape (n_scores,), default=()
        After how many steps the scores were taken.
    validation_scores : ndarray of shape (n_scores,), default=()
        The scores.
    score_name : str, default="score"
        What the scores are called in the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the loss.
    score_ax_ : matplotlib Axes or None
        The axes of the scores.
    figure_ : matplotlib Figure
        The figure that holds both.
    line_ : matplotlib Line2D
        The loss.
    score_line_ : matplotlib Line2D or None
        The scores.

    See Also
    --------
    SetFitClassifier : Whose attributes these are.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sksetfit import SetFitClassifier, TuningCurveDisplay
    >>> X = ["my card was charged twice", "wrong amount on the bill", "cannot sign in", "forgot my password"]
    >>> y = ["billing", "billing", "login", "login"]
    >>> clf = SetFitClassifier(early_stopping=True, max_steps=8, random_state=0).fit(X, y)
    >>> display = TuningCurveDisplay.from_estimator(clf)
    >>> display.ax_.get_xlabel()
    'step'
    >>> same = TuningCurveDisplay(loss_curve=clf.loss_curve_).plot()
    """

    __module__ = "sksetfit"

    line_: Line2D
    score_ax_: Axes | None
    score_line_: Line2D | None

    def __init__(
        self,
        *,
        loss_curve: NDArray[np.float64],
        validation_steps: Any = (),
        validation_scores: Any = (),
        score_name: str = "score",
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_steps = validation_steps
        self.validation_scores = validation_scores
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None, line_kw: dict[str, Any] | None = None) -> Self:
        """Draw the curves of a fitted estimator.

        Parameters
        ----------
        estimator : SetFitClassifier or SetFitEncoder
            Fitted.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        line_kw : dict or None, default=None
            For matplotlib's `plot`, of the line of the loss; goes before what is set here.

        Returns
        -------
        TuningCurveDisplay
            With what was drawn in its attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is another estimator.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not (hasattr(estimator, "label_texts") or hasattr(estimator, "teacher")):
            raise TypeError(
                f"estimator must be a SetFitClassifier or SetFitEncoder, or a DistilledSetFitClassifier, got "
                f"{type(estimator).__name__}. Of a pipeline pass the step, e.g. pipeline[-1]."
            )
        check_is_fitted(estimator, "loss_curve_")
        scoring = getattr(estimator, "scoring", None) or "accuracy"
        display = cls(
            loss_curve=estimator.loss_curve_,
            validation_steps=getattr(estimator, "validation_steps_", ()),
            validation_scores=getattr(estimator, "validation_scores_", ()),
            score_name=scoring if isinstance(scoring, str) else "score",
        )
        return display.plot(ax, line_kw=line_kw)

    def plot(self, ax: Axes | None = None, *, line_kw: dict[str, Any] | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        line_kw : dict or None, default=None
            For matplotlib's `plot`, of the line of the loss; goes before what is set here.

        Returns
        -------
        TuningCurveDisplay
            With what was drawn in its attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        axes = self._set_axes(ax)
        from matplotlib.ticker import MaxNLocator

        steps = np.arange(1, len(self.loss_curve) + 1)
        (self.line_,) = axes.plot(steps, self.loss_curve, **{"color": "C0", "label": "loss"} | (line_kw or {}))
        axes.set(xlabel="step", ylabel="loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        self.score_ax_ = self.score_line_ = None
        if len(self.validation_scores):
            self._plot_scores(axes.twinx())
        return self

    def _plot_scores(self, axes: Any) -> None:
        scores, steps = np.asarray(self.validation_scores), self.validation_steps
        best = len(scores) - 1 - int(scores[::-1].argmax())  # of equal ones the last, as early stopping has it
        (line,) = axes.plot(steps, scores, color="C1", marker="o", label=f"{self.score_name} of validation texts")
        kept = axes.axvline(steps[best], color="0.6", linestyle="--", zorder=0, label="weights that were kept")
        axes.set_ylabel(self.score_name)
        # Above the picture, where it hides neither curve.
        above: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": 3}
        axes.legend(handles=[self.line_, line, kept], frameon=False, fontsize="small", **above)
        self.score_ax_, self.score_line_ = axes, line
