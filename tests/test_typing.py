"""The types that the package states: for mypy in a project of a user, and for the values when they are there."""

import ast
import subprocess
import sys
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

import typed_use
from test_architecture import CLASSES, METHODS, PUBLIC, entries

USE = Path(typed_use.__file__)
CONFIG = """
[mypy]
strict = true
[mypy-pandas.*,sklearn.*]
ignore_missing_imports = true
"""


def is_of(value, stated):
    """Say whether a value is of a stated type, with the types of arrays and of what containers hold."""
    origin, inner = get_origin(stated), get_args(stated)
    if stated is Any:
        return True
    if origin is Literal:
        return value in inner
    if origin in {Union, UnionType}:
        return any(is_of(value, each) for each in inner)
    if origin is np.ndarray:
        (kind,) = get_args(inner[1])
        return isinstance(value, np.ndarray) and (kind is Any or np.issubdtype(value.dtype, get_origin(kind) or kind))
    if origin is tuple:
        return len(value) == len(inner) and all(map(is_of, value, inner))
    if origin is list:
        return isinstance(value, list) and all(is_of(each, inner[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(is_of(each, inner[1]) for each in value.values())
    return isinstance(value, stated)


def check(value, stated):
    assert is_of(value, stated), f"{stated} is stated, and got {type(value)}: {value!r}"
    return value


@pytest.fixture
def at_run_time(monkeypatch):
    monkeypatch.setattr(typed_use, "assert_type", check)


@pytest.fixture
def clf(tiny_model, at_run_time):
    return typed_use.classifier(tiny_model)


def test_the_check_at_run_time_sees_another_type():
    assert not is_of(np.ones(2), np.ndarray[tuple[int], np.dtype[np.int64]])
    assert not is_of([1], list[str])
    assert not is_of({"a": [1]}, dict[Any, list[str]])
    assert not is_of(1.0, int | str)
    assert not is_of("many", int | Literal["auto"])


def test_the_types_of_data_hold(at_run_time):
    typed_use.data()


def test_the_types_of_an_encoder_hold(at_run_time, tiny_model):
    typed_use.encoder(tiny_model)


def test_the_types_of_heads_and_of_those_around_a_classifier_hold(clf):
    typed_use.heads_and_those_around(clf)


def test_the_types_of_files_hold(clf, tmp_path):
    typed_use.files(clf, tmp_path)


def test_the_types_of_pictures_hold(clf):
    matplotlib.use("agg")
    typed_use.pictures(clf, pyplot.subplots()[1])
    pyplot.close("all")


def test_every_public_name_is_used():
    used = {node.id for node in ast.walk(ast.parse(USE.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}
    assert PUBLIC.keys() - used == set()


@pytest.mark.parametrize("name", CLASSES)
def test_every_learned_attribute_has_a_stated_type(name):
    stated = {
        attribute
        for kind in CLASSES[name].__mro__
        if kind.__module__.startswith("sksetfit")
        for attribute in [*vars(kind).get("__annotations__", {}), *vars(kind)]
    }
    assert entries(CLASSES[name], "Attributes").keys() - stated == set()


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - CLASSES.keys() | METHODS.keys()))
def test_every_parameter_and_answer_of_a_function_has_a_stated_type(name):
    member = (PUBLIC | METHODS)[name]
    code = member.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    assert {*parameters, "return"} - member.__annotations__.keys() <= {"self", "cls"}


@pytest.mark.slow
def test_types_are_visible_to_other_projects(tmp_path):
    pytest.importorskip("mypy", reason="the group dev is not installed")
    (tmp_path / USE.name).write_text(USE.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "mypy.ini").write_text(CONFIG, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", USE.name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr) == ("Success: no issues found in 1 source file\n", "")
