"""Whether this process was forked from one that had imported torch."""

from __future__ import annotations

import os
import sys

_forked_with: list[bool] = []


def is_fork_of_torch() -> bool:
    """Tell whether torch was imported when this process, or one that it comes from, was forked.

    It is known of forks after the import of this module, which ``import sksetfit`` does.
    """
    return any(_forked_with)


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=lambda: _forked_with.append("torch" in sys.modules))
