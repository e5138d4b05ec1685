"""Every block of Python in the README and on the pages of docs/ runs; on pages of a minute, in `make test-all` only."""

import re
from pathlib import Path

import pytest

from hub_stand_in import quiet_client, stand_in_for_the_hub

hub = pytest.fixture(stand_in_for_the_hub)
ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
SLOW = {"decisions", "scaling", "smaller_models"}  # a minute each


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


@quiet_client
@pytest.mark.real_weights
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.slow] * (page.stem in SLOW)) for page in PAGES if blocks(page)],
    ids=lambda page: page.stem,
)
def test_the_code_on_a_page_runs(page, tmp_path, monkeypatch, hub):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks(page):
        exec(compile(block, page.name, "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
