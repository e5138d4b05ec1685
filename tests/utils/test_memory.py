import ctypes
import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from sksetfit.utils.memory import trim_memory


def test_where_the_c_library_cannot_give_memory_back_nothing_happens(monkeypatch):
    for error in (OSError, AttributeError, TypeError):
        monkeypatch.setattr(ctypes, "CDLL", Mock(side_effect=error))
        trim_memory()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc to read")
def test_freed_memory_is_given_back():
    def held():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    pieces = [b"x" * 50_000 for _ in range(4000)]
    before, last = held(), pieces[-1]
    del pieces
    trim_memory()
    assert held() < before - 50_000 * 3000
    assert len(last) == 50_000
