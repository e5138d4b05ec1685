"""A picture of embeddings: texts as points of a plane, in the colours of their classes.

Floor 0: knows numpy and scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_consistent_length, check_is_fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

_MARKERS = "osv^DPX*<>"  # beside the colours, which not everyone tells apart


class EmbeddingsDisplay:
    """Texts as points of a plane, so that those with like embeddings are near each other.

    It is made by `from_estimator` or `from_embeddings`, as scikit-learn's displays are. Drawn before and after a
    tuning it shows what the tuning does: texts of one class come together. What is seen are neighbours; distances
    between groups and their sizes say little, as with every map of hundreds of dimensions on two.

    Parameters
    ----------
    points : ndarray of shape (n_texts, 2)
        The places of the texts.
    y : ndarray of shape (n_texts,) or None, default=None
        Their classes; None draws all in one colour.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure that holds them.
    scatters_ : list of matplotlib PathCollection
        The points of each class.

    See Also
    --------
    TuningCurveDisplay : The loss of each tuning step.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from matplotlib import pyplot
    >>> from sksetfit import EmbeddingsDisplay, SetFitEncoder
    >>> X = ["my card was charged twice", "wrong amount on the bill", "cannot sign in", "forgot my password"]
    >>> y = ["billing", "billing", "login", "login"]
    >>> figure, (before, after) = pyplot.subplots(1, 2)
    >>> untuned = SetFitEncoder(max_steps=0).fit(X, y)
    >>> tuned = SetFitEncoder(max_steps=8, random_state=0).fit(X, y)
    >>> display = EmbeddingsDisplay.from_estimator(untuned, X, y, ax=before)
    >>> display = EmbeddingsDisplay.from_estimator(tuned, X, y, ax=after)
    >>> display.points.shape
    (4, 2)
    >>> same = EmbeddingsDisplay(points=display.points, y=display.y).plot()
    """

    __module__ = "sksetfit"

    ax_: Axes
    figure_: Figure
    scatters_: list[PathCollection]

    def __init__(self, *, points: NDArray[np.floating[Any]], y: NDArray[Any] | None = None) -> None:
        self.points = points
        self.y = y

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any = None, *, reducer: Any = None, ax: Axes | None = None
    ) -> Self:
        """Encode texts by a fitted estimator and draw them.

        Parameters
        ----------
        estimator : SetFitClassifier, DistilledSetFitClassifier, SetFitEncoder or another transformer
            Fitted. Of a classifier, its ``encoder_`` is taken.
        X : array-like of shape (n_texts,)
            The texts. Those that were not trained on tell more.
        y : array-like of shape (n_texts,) or None, default=None
            Their classes; None draws all in one colour.
        reducer : transformer or None, default=None
            What brings the embeddings to two dimensions by its ``fit_transform``, e.g. ``PCA(2)``. None is
            `sklearn.manifold.TSNE` of cosine distances with a fixed seed: it keeps neighbours together, which with
            more than two or three classes no linear map does.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        EmbeddingsDisplay
            With what was drawn in its attributes.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator gives no embeddings.
        ValueError
            If there is one text only, or X and y have different lengths, or the reducer does not give two columns.
        """
        encoder = getattr(estimator, "encoder_", estimator)
        if not hasattr(encoder, "transform"):
            check_is_fitted(estimator)
            raise TypeError(
                f"estimator must have a method transform or an attribute encoder_, got {type(estimator).__name__}. "
                "Of a pipeline that ends in a classifier pass what stands before it, e.g. pipeline[:-1]."
            )
        return cls.from_embeddings(encoder.transform(X), y, reducer=reducer, ax=ax)

    @classmethod
    def from_embeddings(
        cls, embeddings: ArrayLike, y: Any = None, *, reducer: Any = None, ax: Axes | None = None
    ) -> Self:
        """Draw embeddings.

        Parameters
        ----------
        embeddings : array-like of shape (n_texts, n_dimensions)
            The embeddings.
        y : array-like of shape (n_texts,) or None, default=None
            The classes of the texts; None draws all in one colour.
        reducer : transformer or None, default=None
            As in `from_estimator`.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        EmbeddingsDisplay
            With what was drawn in its attributes.

        Raises
        ------
        ValueError
            If there is one text only, or the lengths differ, or the reducer does not give two columns.
        """
        values = check_array(embeddings, ensure_min_samples=2, input_name="embeddings")
        classes = None if y is None else column_or_1d(y)
        check_consistent_length(values, classes)
        points = np.asarray((_neighbours(len(values)) if reducer is None else clone(reducer)).fit_transform(values))
        if points.shape != (len(values), 2):
            raise ValueError(
                f"reducer must give two columns, as PCA(n_components=2) does; got an array of shape {points.shape} "
                f"for {len(values)} texts from {reducer!r}."
            )
        return cls(points=points, y=classes).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        EmbeddingsDisplay
            With what was drawn in its attributes.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        from matplotlib import pyplot

        axes: Any = pyplot.subplots()[1] if ax is None else ax
        self.ax_, self.figure_ = axes, axes.figure
        self.scatters_ = []
        classes = [None] if self.y is None else list(np.unique(self.y))
        for number, label in enumerate(classes):
            shown = slice(None) if label is None else self.y == label
            marker, color = _MARKERS[number % 10], f"C{(number + number // 10) % 10}"  # 100 that differ
            across, up = self.points[shown].T
            look: Any = {"marker": marker, "color": color, "s": 16, "alpha": 0.8, "linewidths": 0}
            self.scatters_.append(self.ax_.scatter(across, up, label=str(label), **look))
        self.ax_.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
        if self.y is not None:
            columns = -(-len(classes) // 20)
            self.ax_.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize="small", ncols=columns)
        return self


def _neighbours(n_texts: int) -> Any:
    """Return the default reducer; its neighbourhoods are to be smaller than a third of the texts."""
    from sklearn.manifold import TSNE

    return TSNE(metric="cosine", perplexity=max(1.0, min(30.0, (n_texts - 1) / 3)), random_state=0)
