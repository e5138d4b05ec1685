"""The architecture: sub-packages, imports, what no module may do, and the form of the public names."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib.util import find_spec, module_from_spec, spec_from_file_location
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

PACKAGE = Path(sksetfit.__file__).parent
BUILD = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
RUFF = BUILD["tool"]["ruff"]["lint"]
HEAVY = set(RUFF["flake8-tidy-imports"]["banned-module-level-imports"])


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
IMPORT_HEAVY = {  # at the top, which ruff allows here
    module_name(path)
    for pattern, rules in RUFF["per-file-ignores"].items()
    if "TID253" in rules
    for path in PACKAGE.rglob("*.py")
    if fnmatch(str(path.relative_to(PACKAGE.parent)), pattern)
}


class Import(NamedTuple):
    module: str  # where it stands
    imported: str
    at_the_top: bool

    @property
    def library(self):
        return self.imported.split(".")[0]


def is_for_types(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports_of(module):
    """Yield all imports of a module, wherever in it they stand."""

    def walk(node, at_the_top):
        if isinstance(node, ast.Import):
            yield from (Import(module, alias.name, at_the_top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield Import(module, node.module, at_the_top)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or is_for_types(node):
            at_the_top = False
        for child in ast.iter_child_nodes(node):
            yield from walk(child, at_the_top)

    return walk(MODULES[module], True)


IMPORTS = [found for module in MODULES for found in imports_of(module)]


# -- packages and imports


def test_sub_packages_are_small_and_documented():
    packages = [path.parent for path in PACKAGE.rglob("*/__init__.py")]
    at_the_top = [path for path in packages if path.parent == PACKAGE]
    assert len(at_the_top) == 11
    assert {path.name: n for path in packages if (n := len(list(path.glob("*.py"))) - 1) > 9} == {}
    docstrings = [ast.get_docstring(MODULES[module_name(path / "__init__.py")]) for path in packages]
    assert [text for text in docstrings if not re.fullmatch(r"[^.]+\.", text)] == []
    n_entries = len(at_the_top) + len([path for path in PACKAGE.glob("*.py") if not path.name.startswith("_")])
    assert n_entries <= 14


def test_every_library_that_is_imported_is_a_dependency():
    declared = {Requirement(line).name.replace("-", "_") for line in BUILD["project"]["dependencies"]}
    imported = {found.library for found in IMPORTS} - sys.stdlib_module_names - {"sksetfit"}
    assert {"tqdm", "torch"} <= imported
    asked_for_where_it_is_used = {"matplotlib", "onnx", "onnx_ir", "onnxruntime", "peft", "skl2onnx"}
    names = {"sklearn": "scikit_learn"}
    assert {names.get(library, library) for library in imported - asked_for_where_it_is_used} == declared


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


def test_import_and_input_errors_load_no_torch(tmp_path):
    light = {found.imported for found in IMPORTS if found.at_the_top and found.module not in IMPORT_HEAVY}
    outside = sorted(
        module for module in light if not module.startswith(("sksetfit", "__future__")) and find_spec(module)
    )
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_AND_LOOK, *outside],
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert HEAVY.isdisjoint(json.loads(done.stdout))


# -- what the modules do


def functions_of(module):
    return [node for node in ast.walk(MODULES[module]) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def n_lines(function):
    """The lines of a function without its docstring."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    return function.end_lineno - function.lineno + 1 - (docstring.end_lineno - docstring.lineno + 1 if docstring else 0)


@pytest.mark.parametrize("module", MODULES)
def test_no_function_is_longer_than_50_lines_without_its_docstring(module):
    lines = {function.name: n_lines(function) for function in functions_of(module)}
    lines.pop("__init__", None)  # which stores the parameters, as many as there are
    assert {name: n for name, n in lines.items() if n > 50} == {}


def calls_of(module):
    """Yield the name of each call of a module, and whether it stands under an ``if`` that reads ``verbose``."""

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

    return walk(MODULES[module], False)


def test_nothing_is_printed_but_under_verbose():
    prints = [(module, verbose) for module in MODULES for name, verbose in calls_of(module) if name == "print"]
    assert ("sksetfit.training.run", True) in prints
    assert [module for module, verbose in prints if not verbose] == []


THE_CALLERS_OWN = {
    *("basicConfig", "filterwarnings", "resetwarnings", "setLevel", "simplefilter"),
    *("manual_seed", "manual_seed_all", "seed", "set_rng_state", "set_state"),
    *("set_default_device", "set_default_dtype", "set_num_interop_threads", "set_num_threads"),
    *("chdir", "putenv", "seterr", "setdefault", "use_deterministic_algorithms"),
}


@pytest.mark.parametrize("module", MODULES)
def test_no_module_calls_what_would_change_the_callers_settings(module):
    # In a forked process torch can compute on one thread only.
    allowed = {"set_num_threads"} if module == "sksetfit.body.contexts" else set()
    assert {name for name, _ in calls_of(module)} & THE_CALLERS_OWN == allowed


@pytest.mark.parametrize("module", MODULES)
def test_no_module_has_the_means_to_run_what_it_reads(module):
    names = {node.id for node in ast.walk(MODULES[module]) if isinstance(node, ast.Name)}  # body.eval() is an attribute
    assert names & {"__import__", "compile", "eval", "exec"} == set()
    libraries = {found.library for found in imports_of(module)}
    libraries -= {"ctypes"} if module == "sksetfit.utils.memory" else set()  # which reads nothing
    # For the heads of setfit, which are pickles, and for bodies in a folder that is the user's own.
    libraries -= {"joblib"} if module in {"sksetfit.exchange.setfit.folder", "sksetfit.training.cache"} else set()
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
def test_docstrings_have_summary_and_ordered_sections(name):
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
        sksetfit.LogisticRegressionHead().fit(pd.DataFrame(X).add_prefix("x"), y[:, 0]),
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
    places = [module for module, tree in MODULES.items() for node in ast.walk(tree) if "__version__" in targets(node)]
    assert places == ["sksetfit._version"]
    assert str(Version(sksetfit.__version__)) == sksetfit.__version__
    assert "version" not in BUILD["project"]
    assert "version" in BUILD["project"]["dynamic"]
    assert BUILD["tool"]["hatch"]["version"]["path"] == "sksetfit/_version.py"


def targets(node):
    """Return the names that an assignment sets."""
    return {ast.unparse(target) for target in node.targets} if isinstance(node, ast.Assign) else set()


def parameter_sections(estimator):
    """Return the documentation of each parameter."""
    section = inspect.getdoc(estimator).split("Parameters\n----------\n")[1].split("\n\n")[0]
    starts = [match.start() for match in re.finditer(r"^\w+ : ", section, re.MULTILINE)]
    parts = [section[i:j] for i, j in zip(starts, [*starts[1:], None], strict=True)]
    return {part.split(" : ")[0]: part.strip() for part in parts}


def test_shared_parameters_have_equal_docs_and_defaults():
    encoder, classifier = (parameter_sections(of) for of in (sksetfit.SetFitEncoder, sksetfit.SetFitClassifier))
    assert set(encoder) == set(sksetfit.SetFitEncoder().get_params())
    assert {name for name in encoder if encoder[name] != classifier[name]} == {"random_state"}  # which has a head
    defaults = sksetfit.SetFitClassifier().get_params()
    assert sksetfit.SetFitEncoder().get_params().items() <= defaults.items()


def test_the_picture_of_the_architecture_shows_the_imports():
    pytest.importorskip("grimp")  # which comes with import-linter
    spec = spec_from_file_location("draw_architecture", PACKAGE.parent / "docs" / "draw_architecture.py")
    drawing = module_from_spec(spec)
    spec.loader.exec_module(drawing)
    assert f"<dc:description>{drawing.description()}</dc:description>" in drawing.PICTURE.read_text(encoding="utf-8")
