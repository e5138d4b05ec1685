"""A tiny Sentence Transformer with random weights, so that the tests run offline and in seconds."""

import copy
import functools
import gc
import importlib.util
import os
import shutil
import string
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before anything imports huggingface_hub, which reads it once

import numpy as np
import pytest
import sklearn
from packaging.version import Version

from sksetfit import SetFitClassifier, SetFitEncoder

needs_sklearn_1_8 = pytest.mark.skipif(
    Version(sklearn.__version__) < Version("1.8"), reason="scikit-learn cannot below 1.8"
)

EXAMPLES = Path(__file__).parents[1] / "examples"
TOPICS = {
    "food": ["bread", "cheese", "apple", "soup", "rice", "lemon", "pasta", "butter", "salad", "honey"],
    "music": ["violin", "drum", "song", "opera", "guitar", "choir", "flute", "melody", "piano", "jazz"],
    "sport": ["tennis", "goal", "race", "swim", "rugby", "medal", "coach", "ball", "golf", "referee"],
}


def write_tiny_model(folder, more_words=(), n_tokens=64):
    """Write a Sentence Transformer of 2 layers and 32 dimensions that knows letters and the words of the topics."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    words = [*(word for topic in TOPICS.values() for word in topic), *more_words]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters), *words]
    (folder / "vocab.txt").write_text("\n".join(pieces))
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=n_tokens).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(pieces),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=n_tokens,
            initializer_range=0.2,
        )
        BertModel(config).save_pretrained(folder)
    transformer = Transformer(str(folder))
    modules = [transformer, Pooling(transformer.get_embedding_dimension()), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder))


def write_tiny_transformer(kind, folder, n_layers=6, **values):
    """Put a transformer of another kind, with random weights, into the folder of the tiny model."""
    import torch
    from transformers import CONFIG_MAPPING, AutoConfig, AutoModel, MT5EncoderModel, T5EncoderModel, UMT5EncoderModel

    widths = dict.fromkeys(["hidden_size", "d_model", "n_embd", "emb_dim", "dim"], 32)
    inner = dict.fromkeys(["intermediate_size", "d_ff", "d_inner", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim"], 64)
    heads = dict.fromkeys(["num_attention_heads", "num_key_value_heads", "num_heads", "n_head", "n_heads"], 2)
    heads |= dict.fromkeys(["encoder_attention_heads", "decoder_attention_heads"], 2)
    of_heads = dict.fromkeys(["head_dim", "d_kv", "d_head"], 16) | {"embedding_size": 16}
    layers = ["num_hidden_layers", "num_layers", "n_layer", "n_layers", "encoder_layers", "decoder_layers"]
    tokens = {"vocab_size": 171, "pad_token_id": 0, "mask_token_id": 4, "cls_token_id": 2, "sep_token_id": 3}
    tokens |= {"max_position_embeddings": 66, "n_positions": 66, "bos_token_id": None, "eos_token_id": None}
    given = widths | inner | heads | of_heads | dict.fromkeys(layers, n_layers) | tokens | values
    declared = CONFIG_MAPPING[kind].__dataclass_fields__.keys() | values.keys()
    config = AutoConfig.for_model(kind, **{name: value for name, value in given.items() if name in declared})
    encoders = {"t5": T5EncoderModel, "mt5": MT5EncoderModel, "umt5": UMT5EncoderModel}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = encoders[kind](config) if kind in encoders else AutoModel.from_config(config)
        model.save_pretrained(folder)


def write_tiny_model_of_kind(tiny_model, folder, kind, **values):
    """Write a Sentence Transformer of two layers of this kind, whose tokenizer gives no types of tokens."""
    from transformers import PreTrainedTokenizerFast

    shutil.copytree(tiny_model, folder, dirs_exist_ok=True)
    (folder / "vocab.txt").unlink(missing_ok=True)
    tokens = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        model_input_names=["input_ids", "attention_mask"],
        model_max_length=60,
        **tokens,
    ).save_pretrained(folder)
    write_tiny_transformer(kind, folder, n_layers=2, **values)


def pytest_collection_modifyitems(items):
    """Skip the example of `write_onnx` where the extra onnx is not installed."""
    if all(map(importlib.util.find_spec, ("onnx", "onnxruntime", "onnxscript", "skl2onnx"))):
        return
    for item in items:
        if item.name == "sksetfit.exchange.onnx.folder.write_onnx":
            item.add_marker(pytest.mark.skip(reason="the extra onnx is not installed"))


def pytest_collection_finish(session):
    """Let Python's collector not look again through what is imported, each time that it or a test calls it."""
    gc.collect()
    gc.freeze()


def load_example(name):
    """Import a script of examples/, which finds own_data.py there as it does when it is run."""
    script = EXAMPLES / name
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        spec = importlib.util.spec_from_file_location(f"example_{script.stem}", script)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def reading_once(folder):
    """Return a `load_body` that reads this folder once and gives copies: reading takes as long as five steps."""
    import torch

    from sksetfit.body.loading.load import load_body

    read = functools.cache(functools.partial(load_body, folder))

    def load(model, **options):
        if os.fspath(model) != folder:
            return load_body(model, **options)
        with torch.inference_mode(False):
            return copy.deepcopy(read(**options))

    return load


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """The folder of the tiny model, of which fits get copies unless a test uses `reading_anew`."""
    from sksetfit.training import distill, run

    folder = tmp_path_factory.mktemp("tiny-model")
    write_tiny_model(folder)
    load = reading_once(str(folder))
    with pytest.MonkeyPatch.context() as patch:
        for module in (run, distill):
            patch.setattr(module, "load_body", load)
        yield str(folder)


@pytest.fixture
def reading_anew(tiny_model, monkeypatch):
    """Let each fit read the tiny model, in tests of what reading does."""
    from sksetfit.body.loading.load import load_body
    from sksetfit.training import distill, run

    for module in (run, distill):
        monkeypatch.setattr(module, "load_body", load_body)


@pytest.fixture(autouse=True)
def _reading_anew_in_tests_of_bodies(request):
    if "body" in request.path.parts:
        request.getfixturevalue("reading_anew")


def make_texts(n_per_class, seed=0, topics=tuple(TOPICS)):
    """Return texts of three to eight words of one topic each, and the topics."""
    rng = np.random.RandomState(seed)
    texts, labels = [], []
    for topic in topics:
        for _ in range(n_per_class):
            texts.append(" ".join(rng.choice(TOPICS[topic], size=rng.randint(3, 9))))
            labels.append(topic)
    order = rng.permutation(len(texts))
    return [texts[i] for i in order], [labels[i] for i in order]


@pytest.fixture
def tiny_classifier(tiny_model):
    """An unfitted classifier on the tiny model that learns the topics in a second."""
    return SetFitClassifier(tiny_model, max_steps=10, learning_rate=3e-3, random_state=0)


@pytest.fixture
def tiny_encoder(tiny_model):
    """An unfitted encoder on the tiny model."""
    return SetFitEncoder(tiny_model, max_steps=10, learning_rate=3e-3, random_state=0)


@pytest.fixture(scope="session")
def fitted(tiny_model):
    """A fitted classifier that no test may change."""
    classifier = SetFitClassifier(tiny_model, max_steps=10, learning_rate=3e-3, random_state=0)
    return classifier.fit(*make_texts(8))
