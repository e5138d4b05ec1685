"""Every block of Python in the README and on the pages of docs/ runs, and the pages make a site without a warning.

Long pages run in `make test-all` only. Blocks that begin with "# setfit" are code of setfit, which
test_coming_from_setfit.py runs.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sksetfit
from hub_stand_in import quiet_client, stand_in_for_the_hub

hub = pytest.fixture(stand_in_for_the_hub)
ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SLOW = {  # about half a minute each, or more
    "coming_from_setfit",
    "decisions",
    "probabilities",
    "scaling",
    "sharing",
    "smaller_models",
    "training",
}


def blocks(page):
    return re.findall(r"^```python\n(?!# setfit)(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


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


def test_the_pages_make_a_site_without_a_warning(tmp_path):
    pytest.importorskip("sphinx_gallery", reason="the group docs is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", tmp_path / "trees", ROOT / "docs"]
    environment = {**os.environ, "SKSETFIT_DOCS": "without gallery"}
    run = subprocess.run([*command, tmp_path / "site"], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    reference = (tmp_path / "site" / "api.html").read_text(encoding="utf-8")
    assert [name for name in sksetfit.__all__ if f"sksetfit.{name}.html" not in reference] == []
