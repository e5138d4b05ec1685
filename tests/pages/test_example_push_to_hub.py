"""The example that pushes to the Hugging Face Hub, with the real client and a stand-in for the Hub."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import hub_stand_in
from conftest import load_example, make_texts
from hub_stand_in import READER, WRITER, HubStandIn, RefusedError, quiet_client, stand_in_for_the_hub
from sksetfit import load

pytestmark = quiet_client
hub_alone = pytest.fixture(stand_in_for_the_hub)
SCRIPT = Path(__file__).parents[2] / "examples" / "push_to_hub.py"


def whoami(hub, token, body):
    if token is None:
        raise RefusedError(401, "Invalid username or password.")
    role = "read" if token == READER else "write"
    return {"name": "owner", "orgs": [{"name": "team"}], "auth": {"accessToken": {"role": role}}}


@pytest.fixture
def hub(hub_alone, monkeypatch):
    """A stand-in that also says who is signed in."""
    monkeypatch.setitem(hub_stand_in.ROUTES, "whoami", r"GET /api/whoami-v2")
    monkeypatch.setattr(HubStandIn, "whoami", whoami, raising=False)
    return hub_alone


@pytest.fixture(scope="module")
def example():
    return load_example("push_to_hub.py")


@pytest.fixture
def arguments(tmp_path, tiny_model):
    texts, topics = make_texts(12)
    pd.DataFrame({"words": texts, "topic": topics}).to_csv(tmp_path / "own.csv", index=False)
    return ["--data", str(tmp_path / "own.csv"), "--text", "words", "--label", "topic", "--model", tiny_model]


def refused(example, arguments, match):
    with pytest.raises(SystemExit, match=match) as caught:
        example.main(arguments)
    assert WRITER not in str(caught.value)
    assert READER not in str(caught.value)


def test_a_private_repository_gets_the_model_and_it_comes_back(example, hub, arguments, capsys):
    example.main([*arguments, "--repo", "owner/films"])
    printed = capsys.readouterr().out
    repository = hub.repositories["owner/films"]
    assert repository.private
    assert repository.commits[-1].files.keys() >= {"model.skops", "README.md", "requirements.txt"}
    assert "On 12 test texts" in repository.commits[-1].files["README.md"].decode()
    assert "signed in as owner; names of repositories begin with owner/ or team/" in printed
    assert "largest difference of a probability on 12 texts: 0\n" in printed
    repo_id, revision = re.search(r'load\("(.+)", revision="(.+)"\)', printed).groups()
    assert load(repo_id, revision=revision).classes_.tolist() == ["food", "music", "sport"]
    assert WRITER not in printed


def test_public_is_asked_for(example, hub, arguments, capsys):
    example.main([*arguments, "--repo", "owner/films", "--public"])
    assert not hub.repositories["owner/films"].private
    assert "which is public" in capsys.readouterr().out


def test_without_a_repository_nothing_is_sent(example, hub, arguments, tmp_path, capsys):
    example.main([*arguments, "--folder", str(tmp_path / "to-push")])
    assert hub.asked == []
    assert {path.name for path in (tmp_path / "to-push").iterdir()} == {"model.skops", "README.md"}
    assert load(tmp_path / "to-push" / "model.skops").classes_.tolist() == ["food", "music", "sport"]
    assert "Nothing was sent" in capsys.readouterr().out


def test_no_token_is_told_before_the_hub_is_asked(example, hub, arguments, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    refused(example, [*arguments, "--repo", "owner/films"], "No token is found. Run `hf auth login`")
    assert hub.asked == []


def test_a_token_that_may_only_read_is_told_before_training(example, hub, arguments, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", READER)
    monkeypatch.setattr(example.SetFitClassifier, "fit", None)
    refused(example, [*arguments, "--repo", "owner/films"], "may only read. Make one that may write")
    assert hub.repositories == {}


def test_unknown_token_is_reported(example, hub, arguments, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    refused(example, [*arguments, "--repo", "owner/films"], "does not know the token")


def test_a_name_without_an_owner_is_told_before_the_hub_is_asked(example, hub, arguments, capsys):
    refused(example, [*arguments, "--repo", "films"], "2")
    assert "--repo: must be OWNER/NAME, got 'films'" in capsys.readouterr().err
    assert hub.asked == []


def test_refused_push_is_reported(example, hub, arguments):
    refused(
        example, [*arguments, "--repo", "team/films"], "'team/films' could not be pushed to .*\n.*no rights to create"
    )
    assert hub.repositories == {}


def test_hub_failure_is_reported(example, hub, arguments):
    hub.faults["whoami"] = 503
    refused(example, [*arguments, "--repo", "owner/films"], r"did not say who is signed in \(HfHubHTTPError\)")


@pytest.mark.parametrize("token", [f"{WRITER}\x0b{WRITER}", f"{WRITER}é"])
def test_a_token_that_cannot_be_sent_is_not_shown(example, hub, arguments, monkeypatch, token):
    monkeypatch.setenv("HF_TOKEN", token)
    refused(example, [*arguments, "--repo", "owner/films"], "the token was copied whole")


def test_unreachable_hub_is_reported(example, hub, arguments):
    hub.stop()
    refused(example, [*arguments, "--repo", "owner/films"], "Check the network")


def test_offline_is_reported(example, hub, arguments, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refused(example, [*arguments, "--repo", "owner/films"], "Unset HF_HUB_OFFLINE")
    assert hub.asked == []


@pytest.mark.slow
@pytest.mark.real_weights
def test_the_script_runs_on_the_tickets(tmp_path):
    run = subprocess.run(
        [sys.executable, SCRIPT], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert {path.name for path in (tmp_path / "to-push").iterdir()} == {"model.skops", "README.md"}
