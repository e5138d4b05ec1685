"""Names of setfit raise with their counterpart in sksetfit."""

import copy
import inspect
import pickle
import re
from pathlib import Path

import pytest

import sksetfit
from sksetfit.exchange.setfit.names import INSTEAD

PAGE = Path(__file__).parents[3] / "docs" / "coming_from_setfit.md"


@pytest.mark.parametrize("name", INSTEAD)
def test_importing_a_name_of_setfit_tells_what_there_is_here(name):
    with pytest.raises(ImportError) as raised:
        exec(f"from sksetfit import {name}")
    said = str(raised.value)
    assert said.startswith(f"sksetfit has no {name}, which is a name of setfit. Here ")
    assert "Coming from setfit" in said
    assert raised.value.name == "sksetfit"


@pytest.mark.parametrize("name", INSTEAD)
def test_what_is_named_instead_exists_and_stands_on_the_page(name):
    named = set(re.findall(r"[a-z]*_[a-z_]+|[A-Z][a-z]+[A-Z]\w+", INSTEAD[name]))
    assert named
    assert named <= set(sksetfit.__all__)
    assert all(each in PAGE.read_text(encoding="utf-8") for each in named)


def test_page_title_is_that_of_the_message():
    assert PAGE.read_text(encoding="utf-8").startswith("# Coming from setfit\n")


def test_any_other_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'sksetfit' has no attribute 'other'") as raised:
        sksetfit.other  # noqa: B018
    assert raised.value.name == "other"
    assert not hasattr(sksetfit, "other")
    with pytest.raises(ImportError, match="cannot import name 'other'"):
        from sksetfit import other  # noqa: F401


def test_the_names_of_the_package_are_those_that_there_were():
    assert INSTEAD.keys().isdisjoint(dir(sksetfit))
    assert INSTEAD.keys().isdisjoint(sksetfit.__all__)
    assert "typing" not in dir(sksetfit)
    everything = {}
    exec("from sksetfit import *", everything)
    assert everything.keys() - {"__builtins__"} == set(sksetfit.__all__)


def test_members_can_be_listed_and_classes_pickled_and_copied():
    assert dict(inspect.getmembers(sksetfit))["SetFitClassifier"] is sksetfit.SetFitClassifier
    assert pickle.loads(pickle.dumps(sksetfit.SetFitClassifier)) is sksetfit.SetFitClassifier
    assert copy.deepcopy(sksetfit.SetFitClassifier(max_steps=3)).max_steps == 3
