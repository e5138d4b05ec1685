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

EXAMPLES = Path(__file__).parents[1] / "examples"
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
    """Options for a file with other columns, of 3 classes of 20 texts, and the tiny model."""
    texts, topics = make_texts(20)
    tags = [
        ";".join([topic, *["short"] * (len(text) < 30), *["loud"] * ("drum" in text)])
        for text, topic in zip(texts, topics, strict=True)
    ]
    table = pd.DataFrame({"words": texts, "topic": topics, "marks": tags, "length": [len(text) for text in texts]})
    table["day"] = np.where(table["length"] % 2, "weekday", "weekend")
    table.to_csv(tmp_path / "own.csv", index=False)
    return ["--data", str(tmp_path / "own.csv"), "--text", "words", "--label", "topic", "--model", tiny_model]


@pytest.mark.parametrize("script", PICTURED, ids=lambda script: script.stem)
def test_an_example_with_pictures_runs_on_other_data(script, own_data, tmp_path, monkeypatch, capsys):
    if script.stem == "plot_multi_label":
        own_data[own_data.index("topic")] = "marks"
    monkeypatch.setattr(sys, "argv", [str(script), *own_data])
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    try:
        runpy.run_path(str(script), run_name="__main__")
        assert plt.get_fignums()
    finally:
        plt.close("all")
    assert capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.real_weights
@pytest.mark.parametrize("script", PICTURED, ids=lambda script: script.stem)
def test_an_example_with_pictures_runs_on_the_tickets(script):
    assert run_alone(script)


@pytest.mark.real_weights
def test_the_quickstart_beats_the_untuned_model_and_a_fresh_process_agrees():
    printed = run_alone("quickstart.py")
    untuned, tuned = map(float, re.findall(r"accuracy of .* (\d+\.\d)%", printed))
    assert tuned > untuned
    answers = re.findall(r"^\w+ +\d+%  .*$", printed, flags=re.MULTILINE)
    assert len(answers) == 6
    assert answers[:3] == answers[3:]
