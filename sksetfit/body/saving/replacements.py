"""What a tokenizer puts in the place of characters: patterns, tables, and how much longer a text becomes."""

from __future__ import annotations

import base64
import re
from typing import Any

import numpy as np

from sksetfit.body.saving import limits
from sksetfit.body.saving.forms import Form, misfit, text, variant

# A pattern is a sequence of these. Groups are only repeated by "?": nested repetitions can take exponential time.
_PATTERN = re.compile(
    r"(?P<bar>\|)"
    r"|(?P<open>\((?:\?(?:i?:|<?[=!]))?)"
    r"|(?P<close>\))"
    r"|(?P<choice>[*+?][?+]?|\{\d{0,3}(?:,\d{0,3})?\})"
    r"|(?P<plain>\[\^?(?:\\.|[^\\\[\]])+\]|\\[pP]\{\^?\w+\}|\\x\w\w|\\u\w{4}|\\[sSdDwWrntfvbBAzZ]|\\[^\w]"
    r"|[^\\\[\](){}|*+?])",
    re.DOTALL,
)
# The most characters that one becomes, in Unicode's tables; BertNormalizer decomposes and lowers, and sets blanks
# around Chinese characters; ByteLevel makes a character of each byte, behind a blank.
_UNICODE_GROWTH = {
    "BertNormalizer": 24,
    "ByteLevel": 5,
    "Lowercase": 2,
    "Metaspace": 2,
    "NFC": 3,
    "NFD": 4,
    "NFKC": 18,
    "NFKD": 18,
}


def pattern(most_choices: int) -> Form:
    """Return the form of patterns with so many repetitions in an alternative, and half as many groups."""

    def check(value: Any, name: str) -> None:
        text(limits.MOST_PATTERN, 1)(value, name)
        if (place := _unlisted(value, most_choices)) is not None:
            wanted = f"a pattern of listed parts with at most {most_choices} repetitions in an alternative"
            raise misfit(f"{name} from character {place} on", value[place:], wanted)

    return variant(String=text(limits.MOST_PIECE, 1), Regex=check)


def _unlisted(pattern: str, most_choices: int) -> int | None:
    """Return where a pattern has what is not listed, None if it has nothing of the kind."""
    place = depth = n_choices = n_groups = 0
    before = "open"
    while place < len(pattern):
        if (match := _PATTERN.match(pattern, place)) is None:
            return place
        kind, part = str(match.lastgroup), match.group()
        depth += (kind == "open") - (kind == "close")
        n_choices, n_groups = n_choices + (kind == "choice"), n_groups + (kind == "open")
        if kind == "bar" and depth == 0:
            n_choices = n_groups = 0
        if kind == "choice":
            may_follow = before == "plain" or (before == "close" and part[0] == "?")
            if not may_follow or any(int(times) > limits.MOST_REPEATS for times in re.findall(r"\d+", part)):
                return place
        if n_choices > most_choices or n_groups > max(1, most_choices // 2):
            return place
        place, before = match.end(), kind
    return None


def charsmap(value: Any, name: str) -> None:
    """Check that a value is a table of sentencepiece that no text leads out of."""
    text(limits.MOST_CHARACTERS)(value, name)
    if _longest_replacement(value) == 0:
        raise misfit(name, value, "a table of sentencepiece")


def _longest_replacement(charsmap: str) -> int:
    """Return how many characters a table of sentencepiece puts in the place of one, 0 if it is no such table.

    The table is a prefix tree in a double array, and texts that end with zero bytes, which the leaves of the tree
    refer to by their places. No text may lead out of the array, and no leaf out of the texts.
    """
    try:
        raw = base64.b64decode(charsmap, validate=True)
        n_bytes = int.from_bytes(raw[:4], "little")
        units = np.frombuffer(raw[4 : 4 + n_bytes], "<u4").astype(np.int64)
        blob = raw[4 + n_bytes :]
        texts = blob.decode().split("\0")
    except ValueError:
        return 0
    if n_bytes == 0 or len(units) % 256 or blob[-1:] != b"\0" or units[0] >> 31:
        return 0
    nodes = np.flatnonzero(units >> 31 == 0)
    children = nodes ^ ((units >> 10) << ((units & 512) >> 6))[nodes]  # a letter changes the last eight bits
    if children.max() >= len(units):
        return 0
    starts = units[children[units[nodes] >> 8 & 1 == 1]] & (2**31 - 1)
    characters = np.frombuffer(blob, np.uint8)
    if starts.max(initial=0) >= len(blob) or (characters[starts] & 0xC0 == 0x80).any():  # the middle of a character
        return 0
    return max(1, *map(len, texts))


def growth_of(steps: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how many times longer steps can make a text: any text, and one of rare characters."""
    growth = of_unicode = 1
    for step in steps:
        if step["type"] == "Replace":
            replaced, content = step["pattern"].get("String"), len(step["content"])  # a Regex may match no character
            growth *= content + 1 if replaced is None else max(1, -(-content // len(replaced)))
        growth *= len(step.get("prepend", "")) + 1
        growth *= _longest_replacement(step["precompiled_charsmap"]) if step["type"] == "Precompiled" else 1
        of_unicode *= _UNICODE_GROWTH.get(step["type"], 1)
    return growth, growth * of_unicode
