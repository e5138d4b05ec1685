"""Every part of a tokenizer is read in the form in which the library writes it, and within its bounds."""

import json

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from sksetfit.body.saving import limits
from sksetfit.body.saving.forms import MisfitError
from sksetfit.body.saving.tokenizer_forms import checked_tokenizer

WORDS = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "ab": 5}
MODELS = {
    "WordPiece": models.WordPiece(WORDS, unk_token="[UNK]"),
    "WordLevel": models.WordLevel(WORDS, unk_token="[UNK]"),
    "BPE": models.BPE(WORDS, [("a", "b")], unk_token="[UNK]", byte_fallback=True),
    "Unigram": models.Unigram([(word, -1.5) for word in WORDS], unk_id=0),
}
PARTS = {
    "normalizer": [
        *(getattr(normalizers, kind)() for kind in ("BertNormalizer", "ByteLevel", "Lowercase", "NFC", "NFD", "NFKC")),
        *(getattr(normalizers, kind)() for kind in ("NFKD", "Nmt", "Strip", "StripAccents")),
        normalizers.Prepend("_"),
        normalizers.Replace(" ", "_"),
        normalizers.Replace(Regex(" {2,}"), " "),
        normalizers.Sequence([normalizers.NFD(), normalizers.Sequence([normalizers.Lowercase()])]),
    ],
    "pre_tokenizer": [
        *(getattr(pre_tokenizers, kind)() for kind in ("BertPreTokenizer", "ByteLevel", "Digits", "Metaspace")),
        *(getattr(pre_tokenizers, kind)() for kind in ("Punctuation", "UnicodeScripts", "Whitespace")),
        pre_tokenizers.WhitespaceSplit(),
        pre_tokenizers.CharDelimiterSplit("_"),
        pre_tokenizers.FixedLength(5),
        pre_tokenizers.Split(Regex(r"'s|'t| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), "isolated"),
        pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits()]),
    ],
    "post_processor": [
        processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1)),
        processors.RobertaProcessing(("[SEP]", 2), ("[CLS]", 1)),
        processors.ByteLevel(),
        processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", [("[CLS]", 1), ("[SEP]", 2)]),
        processors.Sequence([processors.ByteLevel(), processors.TemplateProcessing("$A", "$A $B", [])]),
    ],
    "decoder": [
        *(getattr(decoders, kind)() for kind in ("BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse")),
        *(getattr(decoders, kind)() for kind in ("Metaspace", "WordPiece")),
        decoders.Strip(" ", 1, 0),
        decoders.Sequence([decoders.Replace("_", " "), decoders.Fuse()]),
    ],
}


def written(kind="WordPiece", **parts):
    tokenizer = Tokenizer(MODELS[kind])
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    tokenizer.add_special_tokens(["[CLS]", "[SEP]"])
    tokenizer.enable_truncation(20)
    return tokenizer.to_str()


@pytest.mark.parametrize("kind", MODELS)
def test_checked_tokenizer_accepts_what_the_library_writes_of_models(kind):
    description = written(kind)
    again = Tokenizer.from_str(checked_tokenizer(description, 6, 20))
    assert json.loads(again.to_str()) == json.loads(description)


@pytest.mark.parametrize(("name", "part"), [(name, part) for name, parts in PARTS.items() for part in parts])
def test_checked_tokenizer_accepts_what_the_library_writes_of_parts(name, part):
    description = written(**{name: part})
    again = Tokenizer.from_str(checked_tokenizer(description, 6, 20))
    assert json.loads(again.to_str()) == json.loads(description)


def replace(**fields):
    return {"type": "Replace", "pattern": {"String": "e"}, "content": "f"} | fields


def template(n_special, n_texts=1):
    special, text = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    pair = [text, {"Sequence": {"id": "B", "type_id": 0}}]
    tokens = {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}
    single = [special] * n_special + [text] * n_texts
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens}


def vocabulary(**fields):
    return {"model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "[UNK]"} | fields}


def added(**fields):
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"added_tokens": [{"id": 3, "content": "a"} | flags | fields]}


BEYOND = {
    "an older form of a normalizer": {"normalizer": ["NFC"]},
    "an unknown normalizer": {"normalizer": {"type": "Other"}},
    "a field that is not written": {"normalizer": {"type": "NFC", "form": "NFD"}},
    "a long replacement": {"normalizer": replace(content="f" * (limits.MOST_PIECE + 1))},
    "a replacement that grows texts": {"normalizer": replace(content="f" * (limits.MOST_GROWTH + 1))},
    "a long pattern": {"normalizer": replace(pattern={"Regex": "e" * (limits.MOST_PATTERN + 1)})},
    "a pattern with many repetitions": {"normalizer": replace(pattern={"Regex": "e+f+"})},
    "a pattern without a kind": {"normalizer": replace(pattern="e")},
    "many steps": {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}] * (limits.MOST_STEPS + 1)}},
    "a table that is none": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
    "an unknown pre-tokenizer": {"pre_tokenizer": {"type": "Other"}},
    "an unknown decoder": {"decoder": {"type": "Other"}},
    "an unknown post-processor": {"post_processor": {"type": "Other"}},
    "many special tokens": {"post_processor": template(limits.MOST_SPECIAL + 1)},
    "a text twice": {"post_processor": template(1, n_texts=2)},
    "a special token that is not described": {"post_processor": template(1) | {"special_tokens": {}}},
    "padding": {"padding": {"strategy": "BatchLongest"}},
    "no truncation": {"truncation": None},
    "another version": {"version": "2.0"},
    "an unknown model": {"model": {"type": "Other"}},
    "a long token": vocabulary(vocab={"a" * (limits.MOST_ENTRY + 1): 0}),
    "a number beyond the vocabulary": vocabulary(vocab={"a": 2 * 6 + limits.MOST_EXTRA_TOKENS}),
    "a number that is none": vocabulary(vocab={"a": True}),
    "a number below zero": vocabulary(vocab={"a": -1}),
    "a long added token": added(content="a" * (limits.MOST_ENTRY + 1)),
    "an empty added token": added(content=""),
    "an added token beyond the vocabulary": added(id=2 * 6 + limits.MOST_EXTRA_TOKENS),
    "merges of unknown tokens": {"model": json.loads(written("BPE"))["model"] | {"merges": [["a", "c"]]}},
    "merges as text": {"model": json.loads(written("BPE"))["model"] | {"merges": ["a b"]}},
    "scores that are not finite": {"model": json.loads(written("Unigram"))["model"] | {"vocab": [["a", 1e300]]}},
    "an unknown token that is none": {"model": json.loads(written("Unigram"))["model"] | {"unk_id": 6}},
}


@pytest.mark.parametrize("case", BEYOND)
def test_checked_tokenizer_refuses_what_is_beyond_a_bound(case):
    description = json.dumps(json.loads(written()) | BEYOND[case])
    with pytest.raises(MisfitError, match="tokenizer"):
        checked_tokenizer(description, 6, 40)


AT_THE_BOUND = {
    "a long replacement": {"normalizer": replace(content="f" * limits.MOST_PIECE)},
    "many steps": {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}] * 3}},
    "many special tokens": {"post_processor": template(limits.MOST_SPECIAL)},
    "a long token": vocabulary(vocab={"a" * limits.MOST_ENTRY: 0, "[UNK]": 1}),
}


@pytest.mark.parametrize("case", AT_THE_BOUND)
def test_checked_tokenizer_accepts_what_is_at_a_bound(case):
    description = json.dumps(json.loads(written()) | AT_THE_BOUND[case])
    Tokenizer.from_str(checked_tokenizer(description, 6, 40))


def test_checked_tokenizer_bounds_special_tokens_by_the_length_of_a_text():
    description = json.dumps(json.loads(written()) | {"post_processor": template(5)})
    checked_tokenizer(description, 6, 6)
    with pytest.raises(MisfitError, match=r"number of tokens that tokenizer.post_processor adds is 5"):
        checked_tokenizer(description, 6, 5)
