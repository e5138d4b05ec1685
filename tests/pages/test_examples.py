"""The examples run as a user would run them: on other data and a tiny model, and, slowly, as they stand."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from conftest import make_texts

EXAMPLES = Path(__file__).parents[2] / "examples"
PICTURED = sorted(EXAMPLES.glob("plot_*.py"))


def run_alone(script, *options, **environment):
    """Run a script in a process of its own and return what it prints."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "MPLBACKEND": "agg", **environment}
    run = subprocess.run(
        [sys.executable, EXAMPLES / script, *options], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture
def own_data(tmp_path, tiny_model):
    """Options for a file with other columns, of 3 classes of 20 texts and one of 3, and the tiny model."""
    texts, topics = make_texts(20)
    texts, topics = [*texts, "one drum", "two lemons, one ball", "ten"], [*topics, *3 * ["rare"]]
    tags = [
        ";".join([topic, *["short"] * (len(text) < 30), *["loud"] * ("drum" in text)])
        for text, topic in zip(texts, topics, strict=True)
    ]
    table = pd.DataFrame({"words": texts, "topic": topics, "marks": tags, "length": [len(text) for text in texts]})
    table["day"] = np.where(table["length"] % 2, "weekday", "weekend")
    table.to_csv(tmp_path / "own.csv", index=False)
    return ["--data", str(tmp_path / "own.csv"), "--text", "words", "--label", "topic", "--model", tiny_model]


@pytest.fixture
def run_here(tmp_path, monkeypatch):
    """Call with a script and its options; return how many pictures it made."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sksetfit.training.plan.MIN_STEPS", 3)  # the tiny model need not learn from what a script fits
    monkeypatch.setattr("sksetfit.training.plan.MAX_STEPS", 3)
    plt.switch_backend("agg")

    def run(script, options):
        monkeypatch.setattr(sys, "argv", [str(EXAMPLES / script), *options])
        runpy.run_path(str(EXAMPLES / script), run_name="__main__")
        return len(plt.get_fignums())

    yield run
    plt.close("all")


@pytest.mark.parametrize("script", PICTURED, ids=lambda script: script.stem)
def test_an_example_with_pictures_runs_on_other_data(script, own_data, run_here, capsys):
    if script.stem == "plot_multi_label":
        own_data[own_data.index("topic")] = "marks"
    assert run_here(script, own_data)
    assert capsys.readouterr().out


@pytest.mark.parametrize("script", ["plot_grid_search.py", "plot_optuna_search.py"])
def test_a_search_says_at_once_that_there_is_no_such_model(script, own_data, run_here):
    own_data[-1] = "no-such-folder/model"
    with pytest.raises((OSError, ValueError), match="no-such-folder/model"):
        run_here(script, own_data)


@pytest.mark.parametrize("script", ["plot_grid_search.py", "plot_embeddings.py"])
def test_a_class_of_a_single_text_does_not_stand_in_the_way(script, own_data, run_here, capsys):
    table = pd.read_csv(own_data[1])
    table.loc[table["words"] == "ten", "topic"] = "single"
    table.to_csv(own_data[1], index=False)
    assert run_here(script, own_data)
    assert ("left out, with a single text: single" in capsys.readouterr().out) == (script == "plot_grid_search.py")


SCRIPTS = [
    *(script.name for script in PICTURED),
    "active_learning.py",
    "ticket_project/train.py",
]


@pytest.mark.parametrize("sizes", [[10, 10, 10, 10, 1], [2, 2]], ids=str)
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_small_file_is_enough_or_one_line_says_what_is_needed(script, sizes, tmp_path, tiny_model, run_here):
    topics = [f"topic {name}" for name, size in zip("abcde", sizes, strict=False) for _ in range(size)]
    texts = [f"{topic}, text {i}" for i, topic in enumerate(topics)]
    table = pd.DataFrame({"words": texts, "topic": topics, "length": [len(text) for text in texts]})
    table.to_csv(tmp_path / "small.csv", index=False)
    options = ["--data", str(tmp_path / "small.csv"), "--text", "words", "--label", "topic", "--model", tiny_model]
    message = ""
    try:
        run_here(script, options)
    except SystemExit as ended:
        message = str(ended)
    assert bool(message) == (len(topics) == 4 or script in {"plot_not_sure.py", "active_learning.py"})
    assert re.fullmatch(r"|--data: this script needs (two|\d+) \w+ or more.*|.* start with fewer: .*", message)


def test_the_quickstart_answers_other_data_and_a_fresh_process_agrees(own_data, run_here, capfd):
    run_here("quickstart.py", own_data)
    printed = capfd.readouterr().out
    assert "27 training texts, up to 8 of each of 4 classes; 36 test texts" in printed
    answers = re.findall(r"^\w+ +\d+%  .*$", printed, flags=re.MULTILINE)
    assert len(answers) == 6
    assert answers[:3] == answers[3:]


@pytest.mark.slow
@pytest.mark.real_weights
@pytest.mark.parametrize("script", PICTURED, ids=lambda script: script.stem)
def test_an_example_with_pictures_runs_on_the_tickets(script):
    assert run_alone(script)


@pytest.mark.slow
@pytest.mark.real_weights
def test_quickstart_beats_frozen_model():
    printed = run_alone("quickstart.py")
    frozen, tuned = map(float, re.findall(r"accuracy of .* (\d+\.\d)%", printed))
    assert tuned > frozen
    answers = re.findall(r"^\w+ +\d+%  .*$", printed, flags=re.MULTILINE)
    assert len(answers) == 6
    assert answers[:3] == answers[3:]
