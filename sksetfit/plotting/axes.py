"""What all displays share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils._optional_dependencies import check_matplotlib_support

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class AxesMixin:
    """A display in the manner of scikit-learn, with the axes that it was drawn on; matplotlib is imported then."""

    ax_: Axes
    figure_: Figure

    def _set_axes(self, ax: Axes | None) -> Any:
        """Return the axes to draw on, new ones for None."""
        check_matplotlib_support(f"{type(self).__name__}.plot")
        from matplotlib import pyplot

        axes: Any = pyplot.subplots()[1] if ax is None else ax
        self.ax_, self.figure_ = axes, axes.figure
        return axes
