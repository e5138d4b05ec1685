"""The version of the package, and those of the libraries that its answers depend on."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

__version__ = "0.2.0.dev0"

_LIBRARIES = ("scikit-learn", "torch", "sentence-transformers", "transformers", "tokenizers", "numpy", "skops")


@cache
def versions() -> dict[str, str]:
    """Return {package: version} of this package and of the installed libraries."""
    return {"sksetfit": __version__} | {name: version(name) for name in _LIBRARIES}
