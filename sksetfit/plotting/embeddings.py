"""A picture of embeddings: texts as points of a plane, in the colours of their classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from sksetfit.inputs.targets import as_labels
from sksetfit.inputs.texts import short_repr
from sksetfit.plotting.axes import AxesMixin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

_MARKERS = "osv^DPX*<>"  # beside the colours, which not everyone tells apart


class EmbeddingsDisplay(AxesMixin):
    """Texts as points of a plane, so that those with like embeddings are near each other.

    It is made by `from_estimator` or `from_embeddings`, as scikit-learn's displays are. Drawn before and after a
    tuning it shows what the tuning does: texts of one class come together. What is seen are neighbours; distances
    between groups and their sizes say little, as with every map of hundreds of dimensions on two.

    Parameters
    ----------
    points : ndarray of shape (n_texts, 2)
        The places of the texts.
    y : array-like of shape (n_texts,) or None, default=None
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
    >>> frozen = SetFitEncoder(max_steps=0).fit(X, y)
    >>> tuned = SetFitEncoder(max_steps=8, random_state=0).fit(X, y)
    >>> display = EmbeddingsDisplay.from_estimator(frozen, X, y, ax=before)
    >>> display = EmbeddingsDisplay.from_estimator(tuned, X, y, ax=after)
    >>> display.points.shape
    (4, 2)
    >>> same = EmbeddingsDisplay(points=display.points, y=display.y).plot()
    """

    __module__ = "sksetfit"

    scatters_: list[PathCollection]

    def __init__(self, *, points: NDArray[np.floating[Any]], y: ArrayLike | None = None) -> None:
        self.points = points
        self.y = y

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        reducer: Any = None,
        ax: Axes | None = None,
        scatter_kw: dict[str, Any] | None = None,
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
        scatter_kw : dict or None, default=None
            For matplotlib's `scatter`, of each class; goes before what is set here.

        Returns
        -------
        EmbeddingsDisplay
            With what was drawn in its attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator gives no embeddings.
        ValueError
            If there is one text only, a label is missing or there are several kinds of labels, X and y have different
            lengths, or the reducer does not give two columns.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        encoder = getattr(estimator, "encoder_", estimator)
        if not hasattr(encoder, "transform"):
            check_is_fitted(estimator)
            raise TypeError(
                f"estimator must have a method transform or an attribute encoder_, got {type(estimator).__name__}. "
                "Of a pipeline that ends in a classifier pass what stands before it, e.g. pipeline[:-1]."
            )
        return cls.from_embeddings(encoder.transform(X), y, reducer=reducer, ax=ax, scatter_kw=scatter_kw)

    @classmethod
    def from_embeddings(
        cls,
        embeddings: ArrayLike,
        y: Any = None,
        *,
        reducer: Any = None,
        ax: Axes | None = None,
        scatter_kw: dict[str, Any] | None = None,
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
        scatter_kw : dict or None, default=None
            For matplotlib's `scatter`, of each class; goes before what is set here.

        Returns
        -------
        EmbeddingsDisplay
            With what was drawn in its attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is one text only, a label is missing or there are several kinds of labels, the lengths differ, or
            the reducer does not give two columns.
        """
        check_matplotlib_support(f"{cls.__name__}.from_embeddings")
        values = check_array(embeddings, ensure_min_samples=2, input_name="embeddings")
        labels = None if y is None else _labels(y, len(values))
        points = np.asarray((_neighbours(values) if reducer is None else clone(reducer)).fit_transform(values))
        if points.shape != (len(values), 2):
            raise ValueError(
                f"reducer must give two columns, as PCA(n_components=2) does; got an array of shape {points.shape} "
                f"for {len(values)} texts from {reducer!r}."
            )
        return cls(points=points, y=labels).plot(ax, scatter_kw=scatter_kw)

    def plot(self, ax: Axes | None = None, *, scatter_kw: dict[str, Any] | None = None) -> Self:
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        scatter_kw : dict or None, default=None
            For matplotlib's `scatter`, of each class; goes before what is set here.

        Returns
        -------
        EmbeddingsDisplay
            With what was drawn in its attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If a label is missing, there are several kinds of labels, or the lengths differ.
        """
        points = np.asarray(self.points)
        labels = np.zeros(len(points)) if self.y is None else _labels(self.y, len(points))
        classes, codes = np.unique(labels, return_inverse=True)
        axes, self.scatters_ = self._set_axes(ax), []
        for number in range(len(classes)):
            marker, color = _MARKERS[number % 10], f"C{(number + number // 10) % 10}"  # 100 that differ
            look: Any = {"marker": marker, "color": color, "s": 16, "alpha": 0.8, "linewidths": 0}
            look |= {"label": None if self.y is None else str(classes[number])} | (scatter_kw or {})
            self.scatters_.append(axes.scatter(*points[codes == number].T, **look))
        axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
        if self.y is not None:
            # Handles and labels are given, as the axes leave out those that begin with "_"; "$" would begin a formula.
            names = [str(scatter.get_label()).replace("$", r"\$") for scatter in self.scatters_]
            outside: Any = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "ncols": -(-len(classes) // 20)}
            axes.legend(self.scatters_, names, frameon=False, fontsize="small", **outside)
        return self


def _labels(y: Any, n_texts: int) -> NDArray[Any]:
    """Return the labels, none of which is missing, and all of which can be sorted."""
    labels: NDArray[Any] = column_or_1d(as_labels(y, n_texts))
    kinds = np.array([isinstance(label, str) for label in labels])
    if len(other := np.flatnonzero(kinds != kinds[0])):
        raise ValueError(
            f"y mixes labels of several kinds: {short_repr(labels[0])} at row 0, {short_repr(labels[other[0]])} at row "
            f"{other[0]}. Labels can be made str: [str(label) for label in y]."
        )
    return labels


def _neighbours(embeddings: NDArray[Any]) -> Any:
    """Return the default reducer; its neighbourhoods are to be smaller than a third of the texts."""
    from sklearn.manifold import TSNE

    perplexity = max(1.0, min(30.0, (len(embeddings) - 1) / 3))
    # PCA needs two columns; and its start is divided by the spread: without any the process would die of NaN.
    start = "random" if embeddings.shape[1] < 2 or np.allclose(embeddings, embeddings[0]) else "pca"
    return TSNE(metric="cosine", init=start, perplexity=perplexity, random_state=0)
