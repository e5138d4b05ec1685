"""Models with an adapter beside their weights; the package peft is needed to read them."""

import json
import shutil

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from conftest import make_texts
from sksetfit import SetFitClassifier, dump, load
from sksetfit.body.loading.load import load_body

TEXTS = ["bread and cheese", "tennis goal PIANO!"]


@pytest.fixture(params=[[], ["key"]], ids=["adapters", "adapters and a module tuned as a whole"])
def adapted(request, tiny_model, tmp_path):
    """A folder whose weights are those of the tiny model and, in files of its own, an adapter."""
    peft = pytest.importorskip("peft")
    import torch

    base = tmp_path / "base"
    shutil.copytree(tiny_model, base)
    whole = SentenceTransformer(str(base), device="cpu")
    whole.add_adapter(peft.LoraConfig(target_modules=["query", "value"], r=2, modules_to_save=request.param))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name, weight in whole.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                torch.nn.init.normal_(weight, std=0.2)
    whole.save_pretrained(str(tmp_path / "adapted"))
    return tmp_path / "adapted"


def test_an_adapter_is_merged_into_the_weights(adapted, tiny_model):
    assert (adapted / "adapter_config.json").is_file()
    body = load_body(adapted, device="cpu")
    expected = SentenceTransformer(str(adapted), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(body.encode(TEXTS), expected, atol=1e-5)
    assert np.abs(expected - load_body(tiny_model, device="cpu").encode(TEXTS)).max() > 1e-2
    assert not [name for name, _ in body.named_parameters() if "lora" in name or "modules_to_save" in name]


def test_a_model_with_an_adapter_is_tuned_and_saved(adapted, tmp_path):
    clf = SetFitClassifier(adapted, max_steps=2, label_texts=None, random_state=0, device="cpu").fit(*make_texts(2))
    dump(clf, tmp_path / "clf.skops")
    np.testing.assert_array_equal(load(tmp_path / "clf.skops").predict_proba(TEXTS), clf.predict_proba(TEXTS))


def test_an_adapter_alone_is_refused_with_advice_that_works(adapted, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(adapted / name, alone)
    with pytest.raises(ValueError, match="holds an adapter only") as caught:
        load_body(alone)
    assert "whole.load_adapter(" in str(caught.value)
    whole = SentenceTransformer(str(tmp_path / "base"), device="cpu")
    whole.load_adapter(str(alone))
    whole.save_pretrained(str(tmp_path / "new"))
    expected = load_body(adapted, device="cpu").encode(TEXTS)
    np.testing.assert_allclose(load_body(tmp_path / "new", device="cpu").encode(TEXTS), expected, atol=1e-6)


def test_an_adapter_alone_is_named_without_peft(tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    with pytest.raises(ValueError, match=r"holds an adapter only \(adapter_config.json\)"):
        load_body(tmp_path)
