import json
import shutil

import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

from conftest import write_tiny_model_of_kind
from sksetfit import SetFitClassifier
from sksetfit.body.loading.config_files import check_config_files
from sksetfit.body.loading.load import load_body
from sksetfit.body.saving import limits
from sksetfit.body.saving.architectures import TRANSFORMERS


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
        ({"num_hidden_layers": limits.MOST_LAYERS + 1}, "num_hidden_layers=201, which must be from -200 to 200"),
        ({"hidden_size": limits.MOST_POSITIONS + 1}, "hidden_size=10000001, which must be from -10,000,000 to"),
        ({"hidden_size": 0}, "hidden_size is 0, and must be an integer from 1 to 171"),
        ({"vocab_size": -1}, "vocab_size is -1, and must be an integer from 1 to 171"),
        ({"intermediate_size": 172}, "intermediate_size is 172, and must be an integer from 1 to 171"),
        ({"max_position_embeddings": 172}, "max_position_embeddings is 172, and must be"),
        ({"num_attention_heads": True}, "num_attention_heads is True, and must be an integer from 1 to 171"),
        ({"num_hidden_layers": 200}, "num_hidden_layers is 200, and must be an integer from 0 to 39"),
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


def test_a_dense_that_is_wider_than_its_tensors_is_refused(tiny_model, tmp_path):
    modules = [Transformer(tiny_model), Pooling(32), Dense(32, 8)]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(tmp_path))
    load_body(tmp_path, device="cpu")
    change(tmp_path / "2_Dense" / "config.json", out_features=33)
    with pytest.raises(ValueError, match=r"'2_Dense/config.json' says out_features is 33, and must be an integer"):
        load_body(tmp_path, device="cpu")


@pytest.mark.parametrize("kind", sorted(TRANSFORMERS))
def test_settings_as_transformers_writes_them_are_accepted(tiny_model, tmp_path, kind):
    write_tiny_model_of_kind(tiny_model, tmp_path, kind)
    check_config_files(str(tmp_path), "name")


def test_prompts_that_are_no_object_are_refused(folder):
    change(folder / "config_sentence_transformers.json", prompts=[3])
    with pytest.raises(ValueError, match=r"says prompts=\[3\], which must be an object of names and texts"):
        load_body(folder, device="cpu")


def test_a_prompt_that_is_no_text_is_refused(folder):
    change(folder / "config_sentence_transformers.json", prompts={"own": 3}, default_prompt_name="own")
    with pytest.raises(ValueError, match="its prompt is 3, and must be a text of 0 to 2,000 characters"):
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
