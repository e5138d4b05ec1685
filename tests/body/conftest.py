"""All of these tests may concern how a body is read."""

import pytest


@pytest.fixture(autouse=True)
def _reading_anew(reading_anew):
    pass
