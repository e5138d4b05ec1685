"""What a release consists of: one version in all places, and dependencies that are stated as they are installed."""

import re
import tomllib
from importlib.metadata import metadata
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import sksetfit

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINNED = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def groups_of(name):
    """Return the requirements of a dependency group, with those of the groups that it includes."""
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, dict):
            yield from groups_of(entry["include-group"])
        else:
            yield Requirement(entry)


ASKED_FOR = [
    *map(Requirement, PROJECT["project"]["dependencies"]),
    *(
        Requirement(each)
        for extra in ("offline", "examples")
        for each in PROJECT["project"]["optional-dependencies"][extra]
    ),
    *(each for group in PROJECT["dependency-groups"] for each in groups_of(group)),
]


def test_version_matches_changelog():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, day = re.search(r"^## (\d\S*) - (\S+)$", changelog, re.MULTILINE).groups()
    assert (newest, day) == (citation["version"], str(citation["date-released"]))
    own = Version(sksetfit.__version__)
    is_next = own.is_devrelease and own > Version(newest) and "\n## Unreleased\n" in changelog
    assert own == Version(newest) or is_next


@pytest.mark.parametrize("line", PROJECT["project"]["dependencies"])
def test_dependencies_have_one_installable_lower_bound(line):
    assert re.fullmatch(r"[a-z\d-]+>=[\d.]+", line), "make test-lowest replaces >= by =="


@pytest.mark.parametrize("requirement", ASKED_FOR, ids=str)
def test_what_make_installs_is_pinned_within_its_bounds(requirement):
    pins = {canonicalize_name(name): version for name, version in PINNED.items()}
    assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_the_installed_package_brings_its_types_data_and_licence():
    for name in ("py.typed", "datasets/data/tickets.csv", "datasets/data/tickets.rst", "hub/model_card.md.jinja"):
        assert (files("sksetfit") / name).is_file()
    installed = metadata("sksetfit")
    assert installed["License-Expression"] == "BSD-3-Clause"
    assert installed.get_all("License-File") == ["LICENSE"]


def test_the_readme_of_an_index_has_no_link_that_leads_nowhere():
    text = metadata("sksetfit")["Description"]
    assert "# sksetfit" in text
    assert re.findall(r"\]\((?!https?://)[^)]*\)", text) == []


@pytest.mark.skipif(not WORKFLOWS, reason="the sdist has no workflows")
@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_a_workflow_may_read_only_and_runs_targets_of_the_makefile(workflow):
    described = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert described["permissions"] == {"contents": "read"}
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    steps = [step for job in described["jobs"].values() for step in job["steps"]]
    run = {target for step in steps for target in re.findall(r"make ([a-z-]+)", step.get("run", ""))}
    assert run <= targets
    assert run
    for used in (step["uses"] for step in steps if "uses" in step):
        assert re.fullmatch(r"actions/[a-z-]+@v\d+(\.\d+)*", used), used
