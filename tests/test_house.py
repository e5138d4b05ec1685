"""The house: which room of the package stands on which floor, may know what, and looks how."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from packaging.requirements import Requirement
from packaging.version import Version
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

import sksetfit
from conftest import make_texts

HOUSE = Path(sksetfit.__file__).parent
ROOMS = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HOUSE.glob("*.py"))}

BESIDE_3 = 3.5  # knows floor 3, and floor 3 does not know it
FLOORS = {
    "_archive": 0,
    "_batches": 0,
    "_callbacks": 0,
    "_card_text": 0,
    "_datasets": 0,
    "_early_stopping": 0,
    "_embeddings_display": 0,
    "_estimator_state": 0,
    "_few_shot_split": 0,
    "_head_on_embeddings": 0,
    "_heads": 0,
    "_held_out": 0,
    "_label_texts": 0,
    "_labelled": 0,
    "_memory": 0,
    "_parts": 0,
    "_reject": 0,
    "_risk_coverage": 0,
    "_schedule": 0,
    "_schema": 0,
    "_setfit_heads": 0,
    "_setfit_names": 0,
    "_spread": 0,
    "_staging": 0,
    "_targets": 0,
    "_templates": 0,
    "_thresholds": 0,
    "_trust": 0,
    "_tuning_curve": 0,
    "_validation": 0,
    "_version": 0,
    "_weights": 0,
    "_body": 1,
    "_distilling": 1,
    "_layers": 1,
    "_static_body": 1,
    "_body_folder": 1,
    "_body_parts": 1,
    "_body_source": 1,
    "_body_state": 1,
    "_finetune": 1,
    "_gradients": 1,
    "_head_loss": 1,
    "_hub": 1,
    "_losses": 1,
    "_packing": 1,
    "_plan": 1,
    "_tuning": 1,
    "_tuning_cache": 1,
    "_windows": 1,
    "_encoder": 2,
    "_torch_head": 2,
    "_classifier": 3,
    "_distillation": 3,
    "_card_scores": BESIDE_3,
    "_model_card": BESIDE_3,
    "_persistence": BESIDE_3,
    "_setfit_format": BESIDE_3,
    "_sharing": BESIDE_3,
    "__init__": 4,
}
# Importing these takes seconds: skops too, because it imports torch.
HEAVY = {"huggingface_hub", "safetensors", "sentence_transformers", "skops", "tokenizers", "torch", "transformers"}
OPENS_HEAVY_ROOMS = {
    *("_distillation", "_encoder", "_model_card", "_persistence", "_setfit_format", "_sharing", "_torch_head")
}
LIBRARIES = {
    0: {"matplotlib", "numpy", "pandas", "scipy", "sklearn"},
    1: HEAVY - {"skops"} | {"joblib", "numpy", "threadpoolctl", "tqdm"},
    2: {"numpy", "sklearn"},
    3: {"numpy", "sklearn"},
    BESIDE_3: {"huggingface_hub", "joblib", "numpy", "scipy", "sentence_transformers", "sklearn", "skops"},
    4: set(),
}


class Import(NamedTuple):
    room: str  # where it stands
    module: str  # what is imported
    when: str  # "at the top", "in a function" or "for types"

    @property
    def library(self):
        return self.module.split(".")[0]

    @property
    def imported_room(self):
        """The room of this package, or None; ``import sksetfit`` and names of it mean the top floor."""
        if self.library != "sksetfit":
            return None
        return ".".join(self.module.split(".")[1:]) or "__init__"


def imports_of(room):
    """Yield all imports of a room, wherever in it they stand."""

    def walk(node, when):
        if isinstance(node, ast.Import):
            yield from (Import(room, alias.name, when) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{room} imports relatively"
            yield Import(room, node.module, when)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            when = "in a function"
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            when = "for types"
        for child in ast.iter_child_nodes(node):
            yield from walk(child, when)

    return walk(ROOMS[room], "at the top")


IMPORTS = [found for room in ROOMS for found in imports_of(room)]


# -- the floors


def test_every_room_has_its_floor():
    assert FLOORS.keys() == ROOMS.keys()


@pytest.mark.parametrize("room", sorted(FLOORS.keys() - {"__init__"}))
def test_a_room_says_its_floor_at_the_door(room):
    said = "Beside floor 3" if FLOORS[room] == BESIDE_3 else f"Floor {FLOORS[room]}"
    assert f"\n{said}: knows " in ast.get_docstring(ROOMS[room])


def test_imports_never_go_up():
    inside = [found for found in IMPORTS if found.imported_room]
    assert len(inside) > 15
    assert [found for found in inside if FLOORS[found.imported_room] > FLOORS[found.room]] == []


def test_imports_never_go_in_a_circle():
    known = {room: {found.imported_room for found in IMPORTS if found.room == room} - {None} for room in ROOMS}
    order = list(TopologicalSorter(known).static_order())  # raises CycleError
    assert order[-1] == "__init__"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_the_libraries_of_its_floor_only(room):
    foreign = {found.library for found in IMPORTS if found.room == room} - sys.stdlib_module_names - {"sksetfit"}
    assert foreign <= LIBRARIES[FLOORS[room]]


def test_every_library_that_is_imported_is_a_dependency():
    build = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {Requirement(line).name.replace("-", "_") for line in build["project"]["dependencies"]}
    imported = {found.library for found in IMPORTS} - sys.stdlib_module_names - {"sksetfit"}
    assert {"tqdm", "torch"} <= imported
    asked_for_where_it_is_used = {"matplotlib"}
    names = {"sklearn": "scikit_learn"}
    assert {names.get(library, library) for library in imported - asked_for_where_it_is_used} == declared


def is_heavy(found):
    return found.library in HEAVY or FLOORS.get(found.imported_room) == 1


def test_heavy_libraries_are_imported_at_the_top_of_floor_1_only():
    at_the_top = [found for found in IMPORTS if is_heavy(found) and found.when == "at the top"]
    assert {found.room for found in at_the_top} == {room for room, floor in FLOORS.items() if floor == 1}


def test_heavy_rooms_are_opened_inside_functions_of_the_rooms_above_them_only():
    in_functions = [found for found in IMPORTS if is_heavy(found) and found.when == "in a function"]
    assert {found.room for found in in_functions} == OPENS_HEAVY_ROOMS
    for_types = [found for found in IMPORTS if is_heavy(found) and found.when == "for types"]
    assert {found.room for found in for_types} <= OPENS_HEAVY_ROOMS


IMPORT_AND_LOOK = """
import json, os, sys, warnings
for module in sys.argv[1:]:
    __import__(module)
before = dict(os.environ), list(warnings.filters), list(sys.path), os.listdir()
import sksetfit
from sklearn.base import clone
for estimator in (sksetfit.SetFitClassifier(), sksetfit.SetFitEncoder()):
    repr(clone(estimator).set_params(max_steps=3)), estimator.get_params()
    for X, y in [("a text", ["label"]), (["a", "b"], ["x", "x"]), (["a", None], ["x", "y"])]:
        try:
            estimator.fit(X, y)
        except (TypeError, ValueError):
            continue
        raise AssertionError(X)
sksetfit.load_tickets()
assert (dict(os.environ), list(warnings.filters), list(sys.path), os.listdir()) == before
print(json.dumps(sorted({module.split(".")[0] for module in sys.modules})))
"""


def test_importing_the_package_and_refusing_bad_input_load_nothing_heavy_and_change_nothing(tmp_path):
    light = {found.module for found in IMPORTS if found.when == "at the top" and FLOORS[found.room] != 1}
    outside = sorted(
        module for module in light if not module.startswith(("sksetfit", "__future__")) and find_spec(module)
    )
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_AND_LOOK, *outside],
        env=os.environ | {"PYTHONPATH": str(HOUSE.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert HEAVY.isdisjoint(json.loads(done.stdout))


# -- what stands in the rooms


def functions_of(room):
    return [node for node in ast.walk(ROOMS[room]) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def n_lines(function):
    """The lines of a function without its docstring."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    return function.end_lineno - function.lineno + 1 - (docstring.end_lineno - docstring.lineno + 1 if docstring else 0)


@pytest.mark.parametrize("room", ROOMS)
def test_no_function_is_longer_than_50_lines_without_its_docstring(room):
    lines = {function.name: n_lines(function) for function in functions_of(room)}
    lines.pop("__init__", None)  # which stores the parameters, as many as there are
    assert {name: n for name, n in lines.items() if n > 50} == {}


def calls_of(room):
    """Yield the name of each call of a room, and whether it stands under an ``if`` that reads ``verbose``."""

    def walk(node, verbose):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, verbose
        if isinstance(node, ast.If) and "verbose" in ast.unparse(node.test):
            yield from (call for child in node.body for call in walk(child, True))
            yield from (call for child in [node.test, *node.orelse] for call in walk(child, verbose))
            return
        for child in ast.iter_child_nodes(node):
            yield from walk(child, verbose)

    return walk(ROOMS[room], False)


def test_nothing_is_printed_but_under_verbose():
    prints = [(room, verbose) for room in ROOMS for name, verbose in calls_of(room) if name == "print"]
    assert ("_tuning", True) in prints
    assert [room for room, verbose in prints if not verbose] == []


THE_CALLERS_OWN = {
    *("basicConfig", "filterwarnings", "resetwarnings", "setLevel", "simplefilter"),
    *("manual_seed", "manual_seed_all", "seed", "set_rng_state", "set_state"),
    *("set_default_device", "set_default_dtype", "set_num_interop_threads", "set_num_threads"),
    *("chdir", "putenv", "seterr", "setdefault", "use_deterministic_algorithms"),
}


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_calls_what_would_change_the_callers_settings(room):
    assert {name for name, _ in calls_of(room)} & THE_CALLERS_OWN == set()


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_has_the_means_to_run_what_it_reads(room):
    names = {node.id for node in ast.walk(ROOMS[room]) if isinstance(node, ast.Name)}  # body.eval() is an attribute
    assert names & {"__import__", "compile", "eval", "exec"} == set()
    libraries = {found.library for found in imports_of(room)}
    libraries -= {"ctypes"} if room == "_memory" else set()  # which reads nothing
    # For the heads of the reference, which are pickles, and for bodies in a folder that is the user's own.
    libraries -= {"joblib"} if room in {"_setfit_format", "_tuning_cache"} else set()
    assert libraries & {"ctypes", "joblib", "marshal", "pickle", "shelve", "socket", "subprocess"} == set()


# -- the public names


PUBLIC = {name: getattr(sksetfit, name) for name in sksetfit.__all__}
CLASSES = {name: member for name, member in PUBLIC.items() if isinstance(member, type)}
METHODS = {
    f"{name}.{method}": inspect.unwrap(member)
    for name, kind in CLASSES.items()
    for part in reversed(kind.__mro__)
    if part.__module__.startswith("sksetfit")
    for method, member in vars(part).items()
    if not method.startswith("_") and not isinstance(member, property) and callable(inspect.unwrap(member))
}
SECTIONS = [
    *("Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns"),
    *("See Also", "Notes", "References", "Examples"),
]


def sections(member):
    """Return {title: lines} of a numpydoc docstring, with what stands before all sections under ""."""
    lines = inspect.cleandoc(member.__doc__ or "").splitlines()
    found, title = {"": []}, ""
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line and below == "-" * len(line):
            title = line
            assert title not in found
            found[title] = []
        elif line != "-" * len(title) or not title:
            found[title].append(line)
    return found


def entries(member, section):
    """Return {name: type} of a section that lists names."""
    lines = [line for line in sections(member).get(section, []) if line and not line.startswith(" ")]
    return {name.lstrip("*"): kind for name, _, kind in (line.partition(" : ") for line in lines)}


def parameters_of(member):
    given = inspect.signature(member).parameters
    return {name: parameter for name, parameter in given.items() if name not in {"self", "cls"}}


def test_the_public_names_are_sorted_and_exist():
    assert sksetfit.__all__ == sorted(set(sksetfit.__all__))
    assert {"SetFitClassifier", "SetFitEncoder", "dump", "load", "load_tickets"} <= PUBLIC.keys()
    assert CLASSES.keys() == {name for name in PUBLIC if name[0].isupper()}
    defined_elsewhere = [name for name, member in PUBLIC.items() if not member.__module__.startswith("sksetfit")]
    assert defined_elsewhere == []


def test_no_other_name_is_public():
    found = {
        name for name, member in vars(sksetfit).items() if not name.startswith("_") and not inspect.ismodule(member)
    }
    assert found == PUBLIC.keys()


@pytest.mark.parametrize("name", PUBLIC | METHODS)
def test_a_docstring_starts_with_one_sentence_and_has_known_sections_in_order(name):
    found = sections((PUBLIC | METHODS)[name])
    summary, *blank = found[""][:2]
    assert summary.endswith(".")
    assert not any(blank)
    assert [title for title in SECTIONS if title in found] == list(found)[1:]


@pytest.mark.parametrize("name", PUBLIC | METHODS)
def test_the_documented_parameters_are_those_of_the_signature(name):
    member = (PUBLIC | METHODS)[name]
    documented = entries(member, "Parameters")
    assert list(documented) == list(parameters_of(member))
    assert all(documented.values()), "each parameter has a type"


@pytest.mark.parametrize("name", PUBLIC | METHODS)
def test_the_documented_defaults_are_those_of_the_signature(name):
    member = (PUBLIC | METHODS)[name]
    documented = entries(member, "Parameters")
    defaults = {
        parameter: value.default
        for parameter, value in parameters_of(member).items()
        if value.default is not value.empty
    }
    said = {parameter: kind.partition("default=")[2] for parameter, kind in documented.items() if "default=" in kind}
    assert {parameter: ast.literal_eval(text) for parameter, text in said.items()} == defaults


@pytest.mark.parametrize("name", sorted((PUBLIC | METHODS).keys() - CLASSES.keys()))
def test_what_is_returned_is_documented(name):
    member = (PUBLIC | METHODS)[name]
    returns = inspect.signature(member).return_annotation not in {None, "None"}
    assert ("Returns" in sections(member)) == returns


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_an_example_that_uses_it(name):
    example = "\n".join(sections(PUBLIC[name]).get("Examples", []))
    assert ">>> from sksetfit import " in example
    assert f"{name}(" in example


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_documents_exactly_what_it_has_learned(name, fitted):
    matplotlib.use("agg")
    X, y = make_multilabel_classification(30, n_classes=3, random_state=0)
    head = LogisticRegression()
    all_fitted = [
        fitted,
        fitted.encoder_,
        sksetfit.DistilledSetFitClassifier(fitted, max_steps=0).fit(make_texts(2)[0]),
        sksetfit.FewShotSplit(),
        sksetfit.MultiLabelThresholdClassifier(OneVsRestClassifier(head), cv=2).fit(pd.DataFrame(X).add_prefix("x"), y),
        sksetfit.RejectClassifier(head, coverage=0.5, cv=2).fit(pd.DataFrame(X).add_prefix("x"), y[:, 0]),
        sksetfit.TorchHead().fit(pd.DataFrame(X).add_prefix("x"), y),
        sksetfit.EmbeddingsDisplay(points=np.zeros((2, 2))).plot(),
        sksetfit.RiskCoverageDisplay(coverage=np.ones(1), risk=np.zeros(1)).plot(),
        sksetfit.TuningCurveDisplay(loss_curve=[1.0], validation_steps=[0], validation_scores=[1.0]).plot(),
    ]
    pyplot.close("all")
    (estimator,) = (each for each in all_fitted if type(each).__name__ == name)
    ours = [kind for kind in type(estimator).__mro__ if kind.__module__.startswith("sksetfit")]
    properties = [name for kind in ours for name, member in vars(kind).items() if isinstance(member, property)]
    learned = {attribute for attribute in [*vars(estimator), *properties] if attribute.endswith("_")}
    assert entries(CLASSES[name], "Attributes").keys() == {name for name in learned if not name.startswith("_")}


def test_the_version_is_written_in_one_place():
    places = [room for room, tree in ROOMS.items() for node in ast.walk(tree) if "__version__" in targets(node)]
    assert places == ["_version"]
    assert str(Version(sksetfit.__version__)) == sksetfit.__version__
    build = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in build["project"]
    assert "version" in build["project"]["dynamic"]
    assert build["tool"]["hatch"]["version"]["path"] == "sksetfit/_version.py"


def targets(node):
    """Return the names that an assignment sets."""
    return {ast.unparse(target) for target in node.targets} if isinstance(node, ast.Assign) else set()


def parameter_sections(estimator):
    """Return the documentation of each parameter."""
    section = inspect.getdoc(estimator).split("Parameters\n----------\n")[1].split("\n\n")[0]
    starts = [match.start() for match in re.finditer(r"^\w+ : ", section, re.MULTILINE)]
    parts = [section[i:j] for i, j in zip(starts, [*starts[1:], None], strict=True)]
    return {part.split(" : ")[0]: part.strip() for part in parts}


def test_the_classifier_documents_the_parameters_of_the_encoder_in_the_same_words_and_defaults():
    encoder, classifier = (parameter_sections(of) for of in (sksetfit.SetFitEncoder, sksetfit.SetFitClassifier))
    assert set(encoder) == set(sksetfit.SetFitEncoder().get_params())
    assert {name for name in encoder if encoder[name] != classifier[name]} == {"random_state"}  # which has a head
    defaults = sksetfit.SetFitClassifier().get_params()
    assert sksetfit.SetFitEncoder().get_params().items() <= defaults.items()
