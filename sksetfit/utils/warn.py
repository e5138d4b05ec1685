"""Warnings that name the caller's line, however deep in the package they arise."""

from __future__ import annotations

import inspect
import warnings

# Which modules may stand between the caller and the place that warns. Python has `skip_file_prefixes` from 3.12 on.
_BETWEEN = {"sksetfit", "sklearn", "joblib", "torch", "contextlib", "threading", "concurrent"}


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn with the line of the first frame that is not of this package nor of a library through which it is called."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
