"""The page for those who come from setfit: its code runs with the real package, and it leaves nothing out."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sksetfit import load_tickets

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "coming_from_setfit.md").read_text(encoding="utf-8")
SEEDS = ROOT.parent / "shared" / "seeds.md"
MODEL = "sentence-transformers/all-MiniLM-L6-v2"

# Importing setfit takes ten seconds and changes what Python warns of: hence a process of its own.
ASK_FOR_PARAMETERS = """
import inspect, json, sys
import setfit
from setfit import SetFitModel, Trainer

asked = {name: [getattr(setfit, name)] for name in json.loads(sys.argv[1])}
methods = {SetFitModel: json.loads(sys.argv[2]), Trainer: json.loads(sys.argv[3])}
for owner, names in methods.items():
    asked |= {f"{owner.__name__}.{name}": [getattr(owner, name)] for name in names}
asked["SetFitModel.from_pretrained"].append(SetFitModel._from_pretrained)  # which has most of them
open_ended = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
print(json.dumps({
    name: sorted({
        parameter.name
        for function in functions
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind not in open_ended and parameter.name != "self"
    })
    for name, functions in asked.items()
}))
"""
NAMES = [
    "TrainingArguments",
    "Trainer",
    "SetFitModel",
    "SetFitHead",
    "sample_dataset",
    "get_templated_dataset",
    "DistillationTrainer",
]
OF_THE_MODEL = ["from_pretrained", "predict", "predict_proba", "__call__", "encode", "fit", "freeze", "unfreeze", "to"]
OF_THE_MODEL += ["save_pretrained", "push_to_hub", "create_model_card"]
OF_THE_TRAINER = ["train", "evaluate", "hyperparameter_search", "apply_hyperparameters", "push_to_hub"]
THROUGH_KEYWORDS = {"SetFitModel.from_pretrained": {"head_params"}}  # which its signature does not name

needs_setfit = pytest.mark.skipif(importlib.util.find_spec("setfit") is None, reason="setfit is not installed")


def run(*command, folder):
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home")}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def section(title):
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(text):
    return [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]


def mapped_parameters():
    """Return {function: its parameters} as the table of the page has them, under a bold line for each function."""
    mapped = {}
    for cell in first_cells(section("Every parameter")):
        if bold := re.fullmatch(r"\*\*`(.+)`\*\*", cell):
            of_function = mapped.setdefault(bold[1], set())
        elif cell != "there":
            of_function |= set(re.findall(r"`(\w+)`", cell))
    return mapped


@needs_setfit
@pytest.mark.slow
def test_the_code_of_setfit_on_the_page_runs(tiny_model, tmp_path):
    blocks = re.findall(r"^```python\n(# setfit\n.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) > 10
    load_tickets(as_frame=True).frame.to_csv(tmp_path / "tickets.csv", index=False)
    (tmp_path / "before.py").write_text("\n\n".join(blocks).replace(MODEL, tiny_model), encoding="utf-8")
    assert MODEL in "".join(blocks)
    run("before.py", folder=tmp_path)


@needs_setfit
@pytest.mark.slow
def test_every_parameter_of_setfit_is_mapped_and_no_other(tmp_path):
    asked = [json.dumps(names) for names in (NAMES, OF_THE_MODEL, OF_THE_TRAINER)]
    there = json.loads(run("-c", ASK_FOR_PARAMETERS, *asked, folder=tmp_path).splitlines()[-1])
    there = {name: set(parameters) | THROUGH_KEYWORDS.get(name, set()) for name, parameters in there.items()}
    assert mapped_parameters() == there


@pytest.mark.skipif(not SEEDS.exists(), reason="the list of the features of setfit is not beside this clone")
def test_every_row_of_what_the_reference_does_has_its_row():
    rows = [cell for cell in first_cells(SEEDS.read_text(encoding="utf-8")) if cell != "reference"]
    assert len(rows) > 10
    assert rows == first_cells(section("Row by row").split("\n### ")[1])[1:]


def test_every_need_has_its_code_before_and_after():
    for need in section("Before and after").split("\n### ")[1:]:
        blocks = re.findall(r"^```python\n(.*?)^```", need, flags=re.DOTALL | re.MULTILINE)
        assert [block.startswith("# setfit\n") for block in blocks] in ([True, False], []), need.splitlines()[0]
