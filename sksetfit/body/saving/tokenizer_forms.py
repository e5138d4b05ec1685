"""The form of a tokenizer's description, which is the JSON text that `tokenizers.Tokenizer.to_str` writes.

The library reads more than it writes, such as the forms of its older versions. That is refused before it sees the text.
"""

from __future__ import annotations

import json
from typing import Any

from sksetfit.body.model import MOST_TOKENS
from sksetfit.body.saving import limits
from sksetfit.body.saving.forms import (
    FLAG,
    Form,
    array,
    either,
    integer,
    mapping,
    misfit,
    number,
    of_type,
    one_of,
    optional,
    record,
    tagged,
    text,
    variant,
)
from sksetfit.body.saving.replacements import charsmap, growth_of, pattern


def _entries(tokens: list[Any], name: str, least: int) -> None:
    """Check tokens; a loop of forms would take a second for the largest vocabularies."""
    if not set(map(type, tokens)) <= {str}:
        raise misfit(name, tokens, "of texts only")
    lengths = list(map(len, tokens))
    if not least <= min(lengths, default=least) or max(lengths, default=0) > limits.MOST_ENTRY:
        longest = max(tokens, key=len)
        raise misfit(name, longest, f"of tokens of {least} to {limits.MOST_ENTRY} characters")
    if (total := sum(lengths)) > (most := limits.MOST_ENTRY_MEAN * len(tokens) + limits.MOST_PIECE * 100):
        raise misfit(name, total, f"of at most {most:,} characters")


def _ids_of_tokens(n_ids: int) -> Form:
    def check(value: Any, name: str) -> None:
        if type(value) is not dict or not 0 < len(value) <= n_ids:
            raise misfit(name, value, f"a dict of 1 to {n_ids:,} tokens")
        _entries(list(value), name, 0)
        ids = list(value.values())
        if not set(map(type, ids)) <= {int} or min(ids) < 0 or max(ids) >= n_ids:
            raise misfit(name, ids, f"of token numbers below {n_ids:,}")

    return check


def _scores_of_tokens(n_ids: int) -> Form:
    def check(value: Any, name: str) -> None:
        if type(value) is not list or not 0 < len(value) <= n_ids or {*map(type, value)} != {list}:
            raise misfit(name, value, f"a list of 1 to {n_ids:,} tokens")
        if {*map(len, value)} != {2}:
            raise misfit(name, value, "of tokens with a score each")
        _entries([token for token, _ in value], name, 1)
        scores = [score for _, score in value]
        if not {*map(type, scores)} <= {int, float} or max(-min(scores), max(scores)) > limits.MOST_SCORE:
            raise misfit(f"{name} with scores", scores, f"from {-limits.MOST_SCORE:,} to {limits.MOST_SCORE:,}")

    return check


def _models(n_ids: int) -> dict[str, dict[str, Form]]:
    piece, token, vocabulary = text(limits.MOST_PIECE), text(limits.MOST_ENTRY), _ids_of_tokens(n_ids)
    flags = dict.fromkeys(("fuse_unk", "byte_fallback", "ignore_merges"), FLAG)
    around = dict.fromkeys(("continuing_subword_prefix", "end_of_word_suffix"), optional(piece))
    word = {"unk_token": token, "vocab": vocabulary}
    merges = of_type(list)  # `_check_model` looks at them
    bpe = {"dropout": optional(number(0, 1)), "unk_token": optional(token), "vocab": vocabulary, "merges": merges}
    unknown = optional(integer(0, n_ids - 1))
    longest = integer(1, limits.MOST_WORD)
    return {
        "BPE": bpe | flags | around,
        "Unigram": {"unk_id": unknown, "vocab": _scores_of_tokens(n_ids), "byte_fallback": FLAG},
        "WordLevel": word,
        "WordPiece": word | {"continuing_subword_prefix": piece, "max_input_chars_per_word": longest},
    }


def _check_model(model: dict[str, Any], n_ids: int) -> None:
    """Check what refers to the vocabulary: the unknown token of a Unigram model, and the merges of BPE."""
    known, n_tokens = model["vocab"], len(model["vocab"])
    if model["type"] == "Unigram" and (model["unk_id"] or 0) >= n_tokens:
        raise misfit("tokenizer.model.unk_id", model["unk_id"], f"one of {n_tokens:,} tokens")
    merges, prefix = model.get("merges", []), model.get("continuing_subword_prefix") or ""
    if len(merges) > (most := limits.MOST_MERGES * n_ids):
        raise misfit("tokenizer.model.merges", merges, f"a list of at most {most:,}")
    for merge in merges:
        if type(merge) is not list or len(merge) != 2 or {*map(type, merge)} != {str}:
            raise misfit("tokenizer.model.merges", merge, "a list of two texts")
        first, second = merge
        parts_are_known = first in known and second in known and second.startswith(prefix) and first != "" != second
        if not parts_are_known or first + second[len(prefix) :] not in known:
            raise misfit("tokenizer.model.merges", merge, "of tokens that the vocabulary has")


def _sequences(kinds: dict[str, dict[str, Form]], key: str) -> Form:
    """Return the form of one step, or of a sequence of steps, which may be sequences once more."""
    inner = kinds | {"Sequence": {key: array(tagged(kinds), limits.MOST_STEPS)}}
    return optional(tagged(kinds | {"Sequence": {key: array(tagged(inner), limits.MOST_STEPS)}}))


def _steps(part: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the steps of a normalizer and the like, those of sequences one by one."""
    if part is None or part["type"] != "Sequence":
        return [part] if part else []
    return [step for parts in part.values() if isinstance(parts, list) for each in parts for step in _steps(each)]


_SPECIAL = record({"id": text(limits.MOST_ENTRY), "type_id": integer(0, limits.MOST_PIECE)})
_TEMPLATE = array(variant(SpecialToken=_SPECIAL, Sequence=_SPECIAL), limits.MOST_SPECIAL + 2)
_FLAGS_OF_BYTES = dict.fromkeys(("add_prefix_space", "trim_offsets", "use_regex"), FLAG)
_SPACES = {"replacement": text(1, 1), "prepend_scheme": one_of("first", "never", "always"), "split": FLAG}
_BEHAVIOR = one_of("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
_REPLACE: dict[str, Form] = {"pattern": pattern(1), "content": text(limits.MOST_PIECE)}
_NORMALIZERS: dict[str, dict[str, Form]] = {
    **{kind: {} for kind in ("ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "StripAccents")},
    "BertNormalizer": {
        **dict.fromkeys(("clean_text", "handle_chinese_chars", "lowercase"), FLAG),
        "strip_accents": optional(FLAG),
    },
    "Precompiled": {"precompiled_charsmap": charsmap},
    "Prepend": {"prepend": text(limits.MOST_PIECE)},
    "Replace": _REPLACE,
    "Strip": {"strip_left": FLAG, "strip_right": FLAG},
}
_PRE_TOKENIZERS: dict[str, dict[str, Form]] = {
    **{kind: {} for kind in ("BertPreTokenizer", "UnicodeScripts", "Whitespace", "WhitespaceSplit")},
    "ByteLevel": _FLAGS_OF_BYTES,
    "CharDelimiterSplit": {"delimiter": text(1, 1)},
    "Digits": {"individual_digits": FLAG},
    "FixedLength": {"length": integer(1, MOST_TOKENS)},
    "Metaspace": _SPACES,
    "Punctuation": {"behavior": _BEHAVIOR},
    "Split": {"pattern": pattern(limits.MOST_CHOICES), "behavior": _BEHAVIOR, "invert": FLAG},
}
_DECODERS: dict[str, dict[str, Form]] = {
    **{kind: {} for kind in ("ByteFallback", "Fuse")},
    "BPEDecoder": {"suffix": text(limits.MOST_PIECE)},
    "ByteLevel": _FLAGS_OF_BYTES,
    "CTC": {**dict.fromkeys(("pad_token", "word_delimiter_token"), text(limits.MOST_ENTRY)), "cleanup": FLAG},
    "Metaspace": _SPACES,
    "Replace": _REPLACE,
    "Strip": {"content": text(1, 1), **dict.fromkeys(("start", "stop"), integer(0, limits.MOST_PIECE))},
    "WordPiece": {"prefix": text(limits.MOST_PIECE), "cleanup": FLAG},
}


def _processors(token_id: Form) -> dict[str, dict[str, Form]]:
    def around(value: Any, name: str) -> None:
        array(either((str, text(limits.MOST_ENTRY)), (int, token_id)), 2)(value, name)
        if [*map(type, value)] != [str, int]:
            raise misfit(name, value, "a token and its number")

    flags = dict.fromkeys(("trim_offsets", "add_prefix_space"), FLAG)
    token = text(limits.MOST_ENTRY)
    tokens = {"ids": array(token_id, limits.MOST_SPECIAL), "tokens": array(token, limits.MOST_SPECIAL)}
    special = mapping(token, record({"id": token, **tokens}), limits.MOST_ENTRY)
    return {
        "BertProcessing": {"sep": around, "cls": around},
        "ByteLevel": _FLAGS_OF_BYTES,
        "RobertaProcessing": {"sep": around, "cls": around, **flags},
        "TemplateProcessing": {"single": _TEMPLATE, "pair": _TEMPLATE, "special_tokens": special},
    }


def _n_added(step: dict[str, Any]) -> int:
    """Return how many tokens a post-processor adds to a text, after it was compared with what it refers to."""
    if step["type"] != "TemplateProcessing":
        return 0 if step["type"] == "ByteLevel" else 2
    special = step["special_tokens"]
    for key, texts in (("single", ["A"]), ("pair", ["A", "B"])):
        name = f"tokenizer.post_processor.{key}"
        if sorted(piece["Sequence"]["id"] for piece in step[key] if "Sequence" in piece) != texts:
            raise misfit(name, step[key], f"a template with {' and '.join(texts)} once")
        if unknown := {piece["SpecialToken"]["id"] for piece in step[key] if "SpecialToken" in piece} - special.keys():
            raise misfit(name, sorted(unknown), "of tokens that special_tokens has")
    if any(len(each["ids"]) != len(each["tokens"]) for each in special.values()):
        raise misfit("tokenizer.post_processor.special_tokens", special, "of as many ids as tokens")
    return sum(len(special[piece["SpecialToken"]["id"]]["ids"]) for piece in step["single"] if "SpecialToken" in piece)


def _form(n_ids: int) -> Form:
    token_id = integer(0, n_ids - 1)
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), FLAG)
    length = {"max_length": integer(1, MOST_TOKENS), "strategy": one_of("LongestFirst"), "stride": one_of(0)}
    return record(
        {
            "version": one_of("1.0"),
            "truncation": record(length | {"direction": one_of("Left", "Right")}),
            "padding": one_of(None),
            "added_tokens": array(record({"id": token_id, "content": text(limits.MOST_ENTRY, 1), **flags}), n_ids),
            "normalizer": _sequences(_NORMALIZERS, "normalizers"),
            "pre_tokenizer": _sequences(_PRE_TOKENIZERS, "pretokenizers"),
            "post_processor": _sequences(_processors(token_id), "processors"),
            "decoder": _sequences(_DECODERS, "decoders"),
            "model": tagged(_models(n_ids)),
        }
    )


def checked_tokenizer(description: str, vocab_size: int, max_seq_length: int) -> str:
    """Return the description of a tokenizer, written anew, so that the library reads what was checked.

    Parameters
    ----------
    description : str
        What `tokenizers.Tokenizer.to_str` wrote.
    vocab_size : int
        The number of tokens that the transformer knows.
    max_seq_length : int
        The most tokens that are read of a text.

    Raises
    ------
    MisfitError
        If the library does not write that, or it is out of proportion to the vocabulary or to a text.
    """
    text(limits.MOST_CHARACTERS + limits.MOST_CHARACTERS_PER_TOKEN * vocab_size)(description, "tokenizer")
    parts = json.loads(description, parse_constant=lambda name: name)
    n_ids = 2 * vocab_size + limits.MOST_EXTRA_TOKENS
    _form(n_ids)(parts, "tokenizer")
    _check_model(parts["model"], n_ids)
    normalizer = _steps(parts["normalizer"])
    growth, of_unicode = growth_of([*normalizer, *_steps(parts["pre_tokenizer"])])
    if growth > limits.MOST_GROWTH or of_unicode > limits.MOST_UNICODE_GROWTH:
        wanted = f"at most {limits.MOST_GROWTH}, and {limits.MOST_UNICODE_GROWTH:,} for rare characters"
        raise misfit("growth of a text by tokenizer.normalizer", (growth, of_unicode), wanted)
    n_normalized = sum(len(token["content"]) for token in parts["added_tokens"] if token["normalized"])
    if (total := n_normalized * growth_of(normalizer)[1]) > limits.MOST_NORMALIZED:
        raise misfit("length of normalized tokenizer.added_tokens", total, f"below {limits.MOST_NORMALIZED:,}")
    n_added, most = sum(map(_n_added, _steps(parts["post_processor"]))), min(max_seq_length - 1, limits.MOST_SPECIAL)
    if n_added > most:
        raise misfit("number of tokens that tokenizer.post_processor adds", n_added, f"at most {most}")
    return json.dumps(parts, ensure_ascii=False)
