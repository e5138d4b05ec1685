"""Every block of Python in the README and on the pages of docs/ runs, and the pages make a site without a warning.

`make test` runs the pages on a tiny model in the place of the default model. `make test-all` runs them on its real
weights as well, and makes the site. Blocks that begin with "# setfit" are code of setfit, which
test_coming_from_setfit.py runs.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sksetfit
from conftest import write_tiny_model
from hub_stand_in import quiet_client, stand_in_for_the_hub
from sksetfit import load_tickets

hub = pytest.fixture(stand_in_for_the_hub)
ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
IN_PROCESSES = {"scaling"}  # which take a minute to start, and do not know of another default model

NEEDS = {"serving": "onnxruntime"}


def stem(page):
    return page.stem


def blocks(page):
    return re.findall(r"^```python\n(?!# setfit)(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


PAGES_WITH_CODE = [page for page in PAGES if blocks(page)]


@pytest.fixture
def run_page(tmp_path, monkeypatch, hub):
    """Call with a page to run its blocks one after another."""
    monkeypatch.chdir(tmp_path)

    def run(page):
        if page.stem in NEEDS and importlib.util.find_spec(NEEDS[page.stem]) is None:
            pytest.skip(f"{NEEDS[page.stem]} is not installed")
        monkeypatch.setattr(sys, "path", [*sys.path])  # to which a page may add a folder
        namespace = {}
        for block in blocks(page):
            exec(compile(block, page.name, "exec"), namespace)

    return run


@pytest.fixture(scope="module")
def small_default(tmp_path_factory):
    """The folder of a tiny model that knows the words of the tickets, so that it reads them whole."""
    folder = tmp_path_factory.mktemp("small-default")
    words = re.findall(r"\w+", " ".join(load_tickets().data).lower())
    write_tiny_model(folder, more_words=sorted(set(words)), n_tokens=256)
    return str(folder)


@quiet_client
@pytest.mark.filterwarnings("ignore:No threshold reaches:UserWarning")  # that the tiny model is not sure is its own
@pytest.mark.parametrize("page", [page for page in PAGES_WITH_CODE if page.stem not in IN_PROCESSES], ids=stem)
def test_the_code_on_a_page_runs(page, run_page, small_default, monkeypatch):
    # Where the weights of the default model lie is no setting: a page names no model, so that this is to be patched.
    monkeypatch.setattr("sksetfit.body.loading.source._offline_minilm", lambda: small_default)
    run_page(page)


@quiet_client
@pytest.mark.slow
@pytest.mark.real_weights
@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=stem)
def test_the_code_on_a_page_runs_on_real_weights(page, run_page):
    run_page(page)


@pytest.mark.parametrize("page", PAGES, ids=stem)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.slow
def test_the_pages_make_a_site_without_a_warning(tmp_path):
    pytest.importorskip("sphinx_gallery", reason="the group docs is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", tmp_path / "trees", ROOT / "docs"]
    environment = {**os.environ, "SKSETFIT_DOCS": "without gallery"}
    run = subprocess.run([*command, tmp_path / "site"], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    reference = (tmp_path / "site" / "api.html").read_text(encoding="utf-8")
    assert [name for name in sksetfit.__all__ if f"sksetfit.{name}.html" not in reference] == []
