"""Changes of a tokenizer's parts, by what the parts of each kind are made of."""

import copy
import json

from fuzzing.changes.values import (
    TEXTS,
    body_of,
    change_json,
    edited,
    node_of,
    number,
    other,
    value_of,
    with_double_key,
    word,
)

PATTERNS = [{"String": " "}, {"String": "a"}, {"Regex": r"\s+"}, {"Regex": r"[a-z]"}, {"Regex": "("}, {"String": ""}]
PIECES = [*"ab.^", r"\s", r"\p{L}", "[ab]", "[^a]", "*", "+", "?", "*?", "{2}", "{1,3}", "|", "(", "(?:", "(?!", ")"]
NORMALIZERS = [
    *({"type": kind} for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel")),
    {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    },
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Prepend", "prepend": "▁"},
    *({"type": "Precompiled", "precompiled_charsmap": text} for text in ("", "AAAA", "BAAAAAAAAAAAAA==", "////" * 300)),
    *({"type": "Replace", "pattern": pattern, "content": "b"} for pattern in PATTERNS),
]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
PRE_TOKENIZERS = [
    *({"type": kind} for kind in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts")),
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    {"type": "Digits", "individual_digits": True},
    {"type": "CharDelimiterSplit", "delimiter": " "},
    {"type": "FixedLength", "length": 3},
    *({"type": "Punctuation", "behavior": behavior} for behavior in BEHAVIORS),
    *({"type": "Split", "pattern": each, "behavior": "Isolated", "invert": False} for each in PATTERNS),
]
PAIR = [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}]
POST_PROCESSORS = [
    {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
    {
        "type": "RobertaProcessing",
        "sep": ["[SEP]", 3],
        "cls": ["[CLS]", 2],
        "trim_offsets": True,
        "add_prefix_space": True,
    },
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": PAIR,
        "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}},
    },
]
DECODERS = [
    *({"type": kind} for kind in ("ByteFallback", "Fuse", "ByteLevel")),
    {"type": "WordPiece", "prefix": "##", "cleanup": True},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    {"type": "BPEDecoder", "suffix": "</w>"},
    {"type": "CTC", "pad_token": "[PAD]", "word_delimiter_token": "|", "cleanup": True},
    {"type": "Strip", "content": " ", "start": 0, "stop": 1},
]
# Of each part: the kinds that it may be, and the field of a sequence of several.
PARTS = {
    "normalizer": (NORMALIZERS, "normalizers"),
    "pre_tokenizer": (PRE_TOKENIZERS, "pretokenizers"),
    "post_processor": (POST_PROCESSORS, "processors"),
    "decoder": (DECODERS, "decoders"),
}
TRUNCATION = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
PADDING = {
    **{"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None},
    **{"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
}


def change_tokenizer(draft):
    """Change one part of the tokenizer."""
    body, rng = body_of(draft.schema), draft.rng
    text = value_of(body["tokenizer"])
    tokenizer = json.loads(text)
    for _ in range(rng.choice([1, 1, 1, 2])):
        rng.choice(CHANGES)(tokenizer, rng)
    text = json.dumps(tokenizer)
    if rng.random() < 0.05:
        text = rng.choice([edited, with_double_key])(rng, text)
    body["tokenizer"] = node_of(text)


def _part(tokenizer, rng):
    """Change a part between texts and tokens, or put another one or a sequence of several there."""
    name = rng.choice(sorted(PARTS))
    kinds, field = PARTS[name]
    new = copy.deepcopy(rng.choice(kinds))
    what = rng.random()
    if what < 0.4:
        if isinstance(tokenizer.get(name), dict):
            change_json(rng, tokenizer[name])
    elif what < 0.5:
        tokenizer[name] = None
    else:
        if isinstance(new.get("pattern"), dict) and rng.random() < 0.5:
            new["pattern"] = {"Regex": "".join(rng.choices(PIECES, k=rng.randint(1, 9)))}
        elif rng.random() < 0.6:
            change_json(rng, new)
        for _ in range(rng.choice([0, 0, 1, 3])):
            new = {"type": "Sequence", field: [*rng.sample([new, tokenizer.get(name), *kinds[:2]], 3)]}
        tokenizer[name] = new


def _sizes(tokenizer, rng):
    """Set truncation or padding, which a saved tokenizer has none of."""
    name, template = rng.choice([("truncation", TRUNCATION), ("padding", PADDING)])
    values = dict(template)
    key = rng.choice(sorted(values))
    values[key] = number(rng) if type(values[key]) is int or rng.random() < 0.5 else other(rng, values[key])
    if name == "padding" and rng.random() < 0.3:
        values["strategy"] = {"Fixed": number(rng, 8)}
    tokenizer[name] = values


def _added_tokens(tokenizer, rng):
    """Change, add or remove tokens beside the vocabulary."""
    tokens = tokenizer.setdefault("added_tokens", [])
    new = {"id": number(rng, 5), "content": rng.choice([*TEXTS, "bread", "b"]), "special": rng.random() < 0.5}
    new |= {flag: rng.random() < 0.5 for flag in ("single_word", "lstrip", "rstrip", "normalized")}
    what = rng.random()
    if what < 0.3:
        tokens.append(new)
    elif what < 0.4:
        tokens.extend(new | {"content": f"{word(rng)}{i}", "id": i} for i in range(rng.choice([10, 100, 3000])))
    elif what < 0.5:
        rng.shuffle(tokens)
    elif tokens:
        change_json(rng, tokens)


def _vocabulary(tokenizer, rng):
    """Change entries of the vocabulary: their texts, ids or scores."""
    model = tokenizer["model"]
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):
        for _ in range(rng.choice([1, 1, 5])):
            change_json(rng, vocabulary)
        vocabulary.extend([word(rng), -1.0] for _ in range(rng.choice([0, 0, 1, 50])))
        return
    for _ in range(rng.choice([1, 1, 5, 50])):
        old, what = rng.choice(list(vocabulary)), rng.random()
        if what < 0.4:
            vocabulary[old] = number(rng, vocabulary[old])
        elif what < 0.6:
            del vocabulary[old]
        else:
            new = rng.choice([*TEXTS, edited(rng, old), word(rng)])
            vocabulary[new] = vocabulary[old] if what < 0.8 else len(vocabulary)
    if rng.random() < 0.1:
        model["vocab"] = rng.choice([{}, [], list(vocabulary), dict.fromkeys(vocabulary, 0), [["a", -1.0]]])


def _merges(tokenizer, rng):
    """Change the merges of a model that has some, or give it some."""
    merges = tokenizer["model"].setdefault("merges", [["b", "r"]])
    if rng.random() < 0.4 and isinstance(merges, list):
        merges.append(rng.choice([["b", "r"], ["b", ""], ["", ""], "b r", "b", ["b", "r", "e"], [0, 1]]))
    elif merges:
        change_json(rng, merges)


def _options(tokenizer, rng):
    """Change what a model holds beside its words, or let another kind of model read them."""
    model = tokenizer["model"]
    names = [*(name for name in model if name not in {"vocab", "merges"}), "unk_id", "byte_fallback", "dropout"]
    for _ in range(rng.choice([1, 1, 2])):
        name = rng.choice(names)
        model[name] = other(rng, model.get(name, 0))
    if rng.random() < 0.3:
        model["type"] = rng.choice(["BPE", "WordPiece", "WordLevel", "Unigram"])
    if rng.random() < 0.1:
        model["vocab"] = [[each, -1.0 * i] for i, each in enumerate(model["vocab"])]


def _anything(tokenizer, rng):
    change_json(rng, tokenizer)


CHANGES = [_part, _part, _part, _sizes, _added_tokens, _vocabulary, _merges, _options, _anything]
