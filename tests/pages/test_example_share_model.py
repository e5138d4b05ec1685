"""The example that shares a model as one file, on the tiny model."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import load_example, make_texts
from sksetfit import load

SCRIPT = Path(__file__).parents[2] / "examples" / "share_model.py"


@pytest.fixture(scope="module")
def example():
    return load_example("share_model.py")


@pytest.fixture
def arguments(tmp_path, tiny_model):
    texts, topics = make_texts(12)
    pd.DataFrame({"words": texts, "topic": topics}).to_csv(tmp_path / "own.csv", index=False)
    data = ["--data", str(tmp_path / "own.csv"), "--text", "words", "--label", "topic", "--model", tiny_model]
    return [*data, "--folder", str(tmp_path / "shared" / "films")]


def test_a_folder_is_written_and_another_process_answers_as_this_one(example, arguments, tmp_path, capsys):
    example.main(arguments)
    printed = capsys.readouterr().out
    folder = tmp_path / "shared" / "films"
    assert {path.name for path in folder.iterdir()} == {"model.skops", "README.md"}
    assert load(folder / "model.skops").classes_.tolist() == ["food", "music", "sport"]
    card = (folder / "README.md").read_text()
    assert "# films\n" in card
    assert "On 12 test texts" in card
    assert "another process answered 12 texts; largest difference of a probability: 0\n" in printed
    assert re.findall(r"^(\w+)\. ", printed, flags=re.MULTILINE) == list(example.HOW_TO_READ)
    assert "ValueError: " in printed.split("one byte changed:\n")[1]


@pytest.mark.slow
@pytest.mark.real_weights
def test_the_script_runs_on_the_tickets(tmp_path):
    run = subprocess.run(
        [sys.executable, SCRIPT], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert "largest difference of a probability: 0\n" in run.stdout
