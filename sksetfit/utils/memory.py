"""What a fit has used goes back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def trim_memory() -> None:
    """Give the system what is free.

    glibc keeps the two hundred megabytes that a tuning has freed, and the large arrays that follow find no place in
    them. Other C libraries know no ``malloc_trim``, and Windows lets none be opened in this way: nothing happens there.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
