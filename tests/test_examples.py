"""The examples run as a user would run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.real_weights
def test_the_quickstart_beats_the_untuned_model_and_a_fresh_process_agrees():
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    run = subprocess.run(
        [sys.executable, EXAMPLES / "quickstart.py"], env=environment, check=True, capture_output=True, text=True
    )
    untuned, tuned = map(float, re.findall(r"accuracy of .* (\d+\.\d)%", run.stdout))
    assert tuned > untuned
    answers = re.findall(r"^\w+ +\d+%  .*$", run.stdout, flags=re.MULTILINE)
    assert len(answers) == 6
    assert answers[:3] == answers[3:]
