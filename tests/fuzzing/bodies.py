"""Folders of small Sentence Transformers: each kind of transformer, and each kind of tokenizer."""

import shutil

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, LayerNorm, Pooling, StaticEmbedding, Transformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from tqdm import tqdm

from conftest import make_texts, write_tiny_model, write_tiny_model_of_kind
from sksetfit.body.static import STATIC

tqdm.monitor_interval = 0  # which is a thread, and a child would not have it
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
N_TOKENS = 171  # at most


def write_body(folder, tokenizer, kind):
    """Write the Sentence Transformer of a kind, with a tokenizer of a kind, into a new folder."""
    folder.mkdir()
    if kind == STATIC:
        trained = _trained(tokenizer)
        table = np.random.RandomState(0).randn(trained.get_vocab_size(), 16).astype(np.float32)
        modules = [StaticEmbedding(trained, table)]
        SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder), create_model_card=False)
        return
    tiny = folder.with_name(f"{folder.name}, tiny")
    tiny.mkdir()
    write_tiny_model(tiny)
    sizes = {}
    if tokenizer != "WordPiece":
        trained = _trained(tokenizer)
        trained.save(str(tiny / "tokenizer.json"))
        sizes = {"vocab_size": trained.get_vocab_size()}
    write_tiny_model_of_kind(tiny, folder, kind, **sizes)
    if tokenizer == "Unigram":  # and modules behind it that the others lack
        modules = [Transformer(str(folder)), Pooling(32), Dense(32, 24, activation_function=nn.Tanh()), LayerNorm(24)]
        SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder), create_model_card=False)
    shutil.rmtree(tiny)


def _trained(kind):
    """Return a tokenizer of a kind that was trained on texts of the topics."""
    if kind == "WordLevel":
        tokenizer, trainer = Tokenizer(models.WordLevel(unk_token="[UNK]")), trainers.WordLevelTrainer
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    elif kind == "BPE":
        tokenizer, trainer = Tokenizer(models.BPE(unk_token="[UNK]")), trainers.BpeTrainer
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.post_processor = processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2))
    else:
        tokenizer, trainer = Tokenizer(models.Unigram()), _unigram_trainer
        tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        single = [("[CLS]", 2), ("[SEP]", 3)]
        tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=single)
    texts = [text.replace("a", f"{letter}a") for letter in ["", "x"] for text in make_texts(10)[0]]
    tokenizer.train_from_iterator(texts, trainer(vocab_size=N_TOKENS, special_tokens=SPECIAL, show_progress=False))
    return tokenizer


def _unigram_trainer(**parameters):
    return trainers.UnigramTrainer(unk_token="[UNK]", **parameters)
