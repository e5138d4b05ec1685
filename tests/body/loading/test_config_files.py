import json
import shutil

import pytest

from sksetfit import SetFitClassifier
from sksetfit.body.loading.load import load_body
from sksetfit.body.saving import limits


@pytest.fixture
def folder(tiny_model, tmp_path):
    """A copy of the tiny model."""
    shutil.copytree(tiny_model, tmp_path / "model")
    return tmp_path / "model"


def change(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_hidden_layers": limits.MOST_LAYERS + 1}, "num_hidden_layers=201, which must be from -1 to 200"),
        ({"hidden_size": limits.MOST_POSITIONS + 1}, "hidden_size=10000001, which must be from -1 to 10,000,000"),
        ({"max_position_embeddings": -2}, "max_position_embeddings=-2, which must be from -1"),
        ({"rope_parameters": {"layers": 201}}, "layers=201"),
        ({"_attn_implementation": "owner/name"}, "_attn_implementation='owner/name', which is code from the Hub"),
        ({"attn_implementation": "owner/name"}, "attn_implementation='owner/name', which is code from the Hub"),
        ({"attn_implementation": {"text": "owner/name"}}, "which is code from the Hub"),
    ],
)
def test_a_setting_beyond_its_bound_is_refused_before_it_is_followed(monkeypatch, folder, values, message):
    change(folder / "config.json", **values)
    monkeypatch.setattr("sksetfit.body.loading.load.SentenceTransformer", None)  # the library is not called
    with pytest.raises(ValueError, match=r"cannot be used: 'config.json' says") as caught:
        load_body(folder, device="cpu")
    assert message in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("length", [-1, 0.5, "long"])
def test_a_length_that_is_no_positive_integer_is_refused(folder, length):
    change(folder / "sentence_bert_config.json", max_seq_length=length)
    with pytest.raises(ValueError, match=r"says max_seq_length=.*, which must be an integer of at least 1"):
        load_body(folder, device="cpu")


def test_a_prompt_that_is_no_text_is_refused(folder):
    change(folder / "config_sentence_transformers.json", prompts={"own": 3}, default_prompt_name="own")
    with pytest.raises(ValueError, match="has a prompt that is no text, 3"):
        load_body(folder, device="cpu")
    assert load_body(folder, device="cpu", prompt="").prompt == ""


def test_a_link_that_leads_back_is_refused(folder, tmp_path):
    (folder / "inner").mkdir()
    (folder / "inner" / "back").symlink_to(folder)
    (folder / "inner" / "again").symlink_to(folder)
    clf = SetFitClassifier(str(folder), max_steps=1, memory=str(tmp_path / "cache"))
    with pytest.raises(ValueError, match=r"has a link that leads back to a folder that holds it: '.*again'"):
        clf.fit(["bread", "golf"], [0, 1])


def test_links_to_one_folder_are_followed_once(folder):
    (folder / "real").mkdir()
    (folder / "real" / "config.json").write_text("{}")
    (folder / "link").symlink_to(folder / "real")
    load_body(folder, device="cpu")
