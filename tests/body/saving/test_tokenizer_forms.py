"""Every part of a tokenizer is read in the form in which the library writes it, and within its bounds."""

import base64
import json

import numpy as np
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


def added_many(n_characters):
    token = added(normalized=True)["added_tokens"][0]
    contents = [
        "a" * min(limits.MOST_ENTRY, n_characters - start) for start in range(0, n_characters, limits.MOST_ENTRY)
    ]
    return {"added_tokens": [token | {"content": content} for content in contents]}


def sequence(*steps):
    return {"type": "Sequence", "normalizers": list(steps)}


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


TENFOLD = [replace(content="f" * 10)] * 2
MOST_MERGES = limits.MOST_MERGES * (2 * 6 + limits.MOST_EXTRA_TOKENS)
BEYOND = {
    "an older form of a normalizer": {"normalizer": ["NFC"]},
    "an unknown normalizer": {"normalizer": {"type": "Other"}},
    "a field that is not written": {"normalizer": {"type": "NFC", "form": "NFD"}},
    "a long replacement": {"normalizer": replace(content="f" * (limits.MOST_PIECE + 1))},
    "replacements that grow texts": {"normalizer": sequence(*TENFOLD, replace(content="ff"))},
    "forms of Unicode that grow texts": {"normalizer": sequence({"type": "NFKD"}, {"type": "NFKC"}, {"type": "NFKD"})},
    "added tokens that grow": {"normalizer": sequence(*TENFOLD), **added_many(limits.MOST_NORMALIZED // 100 + 1)},
    "a long pattern": {"normalizer": replace(pattern={"Regex": "e" * (limits.MOST_PATTERN + 1)})},
    "a pattern with many repetitions": {"normalizer": replace(pattern={"Regex": "e+f+"})},
    "a pattern that repeats a group": {"normalizer": replace(pattern={"Regex": "(ef)+"})},
    "a pattern that repeats a repetition": {"normalizer": replace(pattern={"Regex": "e{2}{2}"})},
    "a pattern that counts far": {"normalizer": replace(pattern={"Regex": f"e{{{limits.MOST_REPEATS + 1}}}"})},
    "a pattern that refers back": {"normalizer": replace(pattern={"Regex": r"(e)\1"})},
    "a pattern between texts that repeats a repetition": {"pre_tokenizer": split("e{2}{2}")},
    "a pattern that begins with a repetition": {"pre_tokenizer": split("+e")},
    "many groups between texts": {"pre_tokenizer": split("(e)(f)(g)")},
    "many repetitions between texts": {"pre_tokenizer": split("e?" * (limits.MOST_CHOICES + 1))},
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
    "long tokens": vocabulary(vocab={f"{i:02}" + "a" * 298: i for i in range(40)}),
    "a long word": {"model": json.loads(written())["model"] | {"max_input_chars_per_word": limits.MOST_WORD + 1}},
    "many merges": {"model": json.loads(written("BPE"))["model"] | {"merges": [["a", "b"]] * (MOST_MERGES + 1)}},
    "a number beyond the vocabulary": vocabulary(vocab={"a": 2 * 6 + limits.MOST_EXTRA_TOKENS}),
    "a number that is none": vocabulary(vocab={"a": True}),
    "a number below zero": vocabulary(vocab={"a": -1}),
    "a long added token": added(content="a" * (limits.MOST_ENTRY + 1)),
    "an empty added token": added(content=""),
    "an added token beyond the vocabulary": added(id=2 * 6 + limits.MOST_EXTRA_TOKENS),
    "merges of unknown tokens": {"model": json.loads(written("BPE"))["model"] | {"merges": [["a", "c"]]}},
    "merges as text": {"model": json.loads(written("BPE"))["model"] | {"merges": ["a b"]}},
    "scores that are not finite": {"model": json.loads(written("Unigram"))["model"] | {"vocab": [["a", 1e300]]}},
    "a score beyond all": {"model": json.loads(written("Unigram"))["model"] | {"vocab": [["a", 10**6 + 1]]}},
    "an empty token with a score": {"model": json.loads(written("Unigram"))["model"] | {"vocab": [["", 0.0]]}},
    "an unknown token that is none": {"model": json.loads(written("Unigram"))["model"] | {"unk_id": 6}},
}


@pytest.mark.parametrize("case", BEYOND)
def test_checked_tokenizer_refuses_what_is_beyond_a_bound(case):
    description = json.dumps(json.loads(written()) | BEYOND[case])
    with pytest.raises(MisfitError, match="tokenizer"):
        checked_tokenizer(description, 6, 40)


AT_THE_BOUND = {
    "a long replacement": {"normalizer": replace(content="f" * limits.MOST_PIECE)},
    "many steps": {
        "normalizer": sequence(*[{"type": "Strip", "strip_left": True, "strip_right": True}] * limits.MOST_STEPS)
    },
    "replacements that grow texts": {"normalizer": sequence(*TENFOLD)},
    "added tokens that grow": {"normalizer": sequence(*TENFOLD), **added_many(200)},
    "a pattern that counts far": {"normalizer": replace(pattern={"Regex": f"e{{{limits.MOST_REPEATS}}}"})},
    "many repetitions between texts": {"pre_tokenizer": split("e?" * limits.MOST_CHOICES + "|(?i:e)?f*")},
    "a long word": {"model": json.loads(written())["model"] | {"max_input_chars_per_word": limits.MOST_WORD}},
    "many merges": {"model": json.loads(written("BPE"))["model"] | {"merges": [["a", "b"]] * MOST_MERGES}},
    "a score at the bound": {
        "model": json.loads(written("Unigram"))["model"] | {"vocab": [["a", -(10**6)]], "unk_id": 0}
    },
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


def charsmap(texts=b"bc\0", leaf=0, n_units=256, extra=()):
    """Return a table of sentencepiece that puts "bc" in the place of "a"."""
    units = np.zeros(n_units, "<u4")
    units[ord("a")] = ord("a") | 1 << 8 | (ord("a") ^ 200) << 10  # a node with a leaf, which is unit 200
    units[200] = 1 << 31 | leaf
    for place, unit in extra:
        units[place] = unit
    return base64.b64encode(np.array([4 * n_units], "<u4").tobytes() + units.tobytes() + texts).decode()


def precompiled(table):
    return json.dumps(json.loads(written()) | {"normalizer": {"type": "Precompiled", "precompiled_charsmap": table}})


def test_a_table_of_sentencepiece_is_read():
    tokenizer = Tokenizer.from_str(checked_tokenizer(precompiled(charsmap()), 6, 40))
    assert tokenizer.normalizer.normalize_str("xax") == "xbcx"


@pytest.mark.parametrize(
    "table",
    [
        charsmap(texts=b"bc"),
        charsmap(leaf=3),
        charsmap(texts=b"b\xc3\0"),
        charsmap(texts="b\u00e9\0".encode(), extra=[(5, 1 | 1 << 8 | (5 ^ 201) << 10), (201, 1 << 31 | 2)]),
        charsmap(extra=[(5, 1 | 256 << 10)]),  # no letter leads to unit 5, which has another label
        charsmap(n_units=257),
        charsmap(texts=b"b" * (limits.MOST_GROWTH + 1) + b"\0"),
        charsmap()[:-2],
    ],
)
def test_a_table_that_would_lead_out_of_itself_is_refused(table):
    with pytest.raises(MisfitError, match=r"tokenizer\.normalizer"):
        checked_tokenizer(precompiled(table), 6, 40)
