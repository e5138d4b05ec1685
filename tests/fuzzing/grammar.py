"""The changed file of a seed and a number: what is changed, and whether its checksums are those of the change."""

import copy
import json
import warnings
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from forging import packed
from fuzzing.changes.archive import change_members, other_bytes, other_directory
from fuzzing.changes.arrays import change_head_arrays, change_header, change_weights
from fuzzing.changes.body import change_config, change_fields, change_sizes, change_tail
from fuzzing.changes.nodes import change_attributes, change_estimators, change_nodes, change_types
from fuzzing.changes.tokenizer import change_tokenizer
from fuzzing.changes.values import nodes, with_double_key

# Each with how often it is drawn.
CHANGES = {
    change_tokenizer: 14,
    change_config: 8,
    change_sizes: 6,
    change_tail: 4,
    change_fields: 3,
    change_attributes: 8,
    change_estimators: 4,
    change_head_arrays: 6,
    change_weights: 3,
    change_header: 3,
    change_types: 4,
    change_nodes: 4,
}
SHARE_OF_ARCHIVES, SHARE_UNSIGNED, SHARE_OF_SEVERAL = 0.1, 0.15, 0.15
SHARE_DOUBLE, SHARE_IN_ORDER = 0.01, 0.9


@dataclass
class Draft:
    """What a change gets: the description and the members of a file, to be changed in place."""

    schema: dict
    members: dict[str, bytes]
    rng: Random


@dataclass(frozen=True)
class Case:
    """A changed file."""

    kind: str
    content: bytes
    signed: bool


def changed(members, seed, index):
    """Return the case of a seed and a number, made of the members of a file, the old checksums among them."""
    with warnings.catch_warnings(action="ignore"):  # of numbers that do not fit into the types of arrays
        return _changed(dict(members), Random(f"{seed} {index}"))


def _changed(old, rng):
    checksums = old.pop("sha256.json")
    if rng.random() < SHARE_OF_ARCHIVES:
        return _changed_archive(old, checksums, rng)
    draft = Draft(json.loads(old.pop("schema.json")), old, rng)
    several = rng.random() < SHARE_OF_SEVERAL
    changes = rng.choices(list(CHANGES), CHANGES.values(), k=rng.choice([2, 3, 4]) if several else 1)
    for change in changes:
        with suppress(Exception):  # of any type: an earlier change took away, or broke, what it looks for
            change(draft)
    if rng.random() < SHARE_IN_ORDER:
        _put_in_order(draft)
    kind = "several" if several else changes[0].__name__.removeprefix("change_").replace("_", " ")
    schema = json.dumps(draft.schema)
    if rng.random() < SHARE_DOUBLE:
        schema = with_double_key(rng, schema)
    new = draft.members | {"schema.json": schema.encode()}
    if rng.random() < SHARE_UNSIGNED:
        return Case(kind, packed(new | {"sha256.json": checksums}, sealed=False), signed=False)
    return Case(kind, packed(new), signed=True)


def _put_in_order(draft):
    """Let the members be those that the nodes name, and only nodes of members share an identity."""
    everything = nodes(draft.schema)
    named = {str(node.get("file")) for node in everything}
    draft.members = {name: content for name, content in draft.members.items() if name in named}
    for node in everything:
        if "file" not in node:
            node.pop("__id__", None)


def _changed_archive(members, checksums, rng):
    if rng.random() < 0.5:
        return Case("members", change_members(copy.copy(members), rng), signed=True)
    content = packed(members | {"sha256.json": checksums}, sealed=False)
    change = rng.choice([other_bytes, other_directory])
    return Case("bytes", change(content, rng), signed=False)
