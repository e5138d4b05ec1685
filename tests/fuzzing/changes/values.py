"""Values to put in the place of others, in JSON and in the nodes of a file's description."""

import copy
import json

NUMBERS = [
    *(0, 1, -1, 2, 3, 7, 64, 513, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64, 10**30),
    *(10**6, 10**8, 10**8 + 1, -(2**31), -(2**63), 0.5, 1.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"), True),
]
TEXTS = ["", "a", " ", "\x00", "\ud800", "a" * 10_000, "日本", "[UNK]", "{}", "../name", "os.system"]
NAMES = ["auto", "cpu", "meta", "cuda:7", "mps", "bfloat16", "truncate", "openvino", "mean", "predict", "file"]
OTHERS = [None, True, False, [], {}, [1], [[]], {"a": 1}, ["a", None], "1"]


def number(rng, old=0):
    """Return a number that is near an old one, or that is often a limit."""
    near = [old - 1, old + 1, 2 * old, -old, old // 2, old + 0.5]
    return rng.choice(near) if rng.random() < 0.4 else rng.choice(NUMBERS)


def other(rng, old):
    """Return a value for the place of an old one, mostly of its type."""
    if rng.random() < 0.2:
        return copy.deepcopy(rng.choice([*OTHERS, *TEXTS, *NUMBERS]))
    if isinstance(old, bool):
        return not old
    if isinstance(old, (int, float)):
        return number(rng, int(old) if abs(old) < 1e18 else 0)
    if isinstance(old, str):
        return edited(rng, old) if rng.random() < 0.4 else rng.choice([*TEXTS, *NAMES])
    return copy.deepcopy(rng.choice([*OTHERS, *NUMBERS]))


def edited(rng, text):
    """Return a text with another, one more or one less character."""
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice(["", chr(rng.randrange(32, 300))]) + text[place + rng.randrange(2) :]


def nested(rng, value):
    """Return a value within many lists."""
    for _ in range(rng.choice([5, 100, 300])):
        value = [value]
    return value


def with_double_key(rng, text):
    """Return JSON in which a key of an object stands twice, with another value the first time."""
    starts = [i for i, letter in enumerate(text) if letter == "{" and text[i + 1 : i + 2] == '"']
    if not starts:
        return text
    start = rng.choice(starts[:50]) + 1
    key = text[start : text.index('"', start + 1) + 1]
    return f"{text[:start]}{key}: {json.dumps(other(rng, {}))}, {text[start:]}"


def word(rng):
    """Return a word, which may be long."""
    return "".join(rng.choices("abcdefghij", k=rng.choice([1, 2, 5, 100, 10_000])))


def places(value, path=()):
    """Yield the path of everything in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def at(value, path):
    """Return what is at a path."""
    for key in path:
        value = value[key]
    return value


def change_json(rng, whole):
    """Change one place of a JSON value that is a dict or a list."""
    everywhere = [path for path in places(whole) if path]
    if not everywhere:
        return
    depth = rng.randint(1, max(map(len, everywhere)))  # or nearly all were tokens of the vocabulary
    *parent, key = rng.choice([path for path in everywhere if len(path) == depth])
    holder, what = at(whole, parent), rng.random()
    if what < 0.02:
        holder[key] = nested(rng, holder[key])
    elif what < 0.55:
        holder[key] = other(rng, holder[key])
    elif what < 0.7:
        del holder[key]
    elif what < 0.85:
        holder[key] = copy.deepcopy(at(whole, rng.choice(everywhere)))
    elif isinstance(holder, list):
        holder[key:key] = [copy.deepcopy(holder[key])] * rng.choice([1, 2, 100])
    else:
        holder[rng.choice(TEXTS)] = copy.deepcopy(holder[key])


def nodes(tree):
    """Return all nodes of a description, the outer before the inner."""
    found, waiting = [], [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found.extend([value] if is_node(value) else [])
            waiting.extend(reversed(value.values()))
        elif isinstance(value, list):
            waiting.extend(reversed(value))
    return found


def is_node(value):
    return "__loader__" in value


def value_of(node):
    """Return what a node of plain data holds: nodes of other kinds within it stay as they are."""
    loader = node.get("__loader__")
    if loader == "JsonNode":
        return json.loads(node["content"])
    if loader == "DictNode":
        return {key: value_of(inner) for key, inner in node["content"].items()}
    if loader == "ListNode":
        return [value_of(inner) for inner in node["content"]]
    return node


def node_of(value):
    """Return the node of plain data, as skops writes it."""
    if isinstance(value, dict) and is_node(value):
        return value
    if isinstance(value, dict):
        keys = [_node("TypeNode", "str") for _ in value]
        content = {str(key): node_of(inner) for key, inner in value.items()}
        return _node("DictNode", "dict", content=content, key_types=_node("ListNode", "list", content=keys))
    if isinstance(value, list):
        return _node("ListNode", "list", content=[node_of(inner) for inner in value])
    return _node("JsonNode", "str", content=json.dumps(value), is_json=True)


def _node(loader, name, **fields):
    return {"__class__": name, "__module__": "builtins", "__loader__": loader} | fields


def body_of(tree):
    """Return {name: node} of the body in a description."""
    for node in nodes(tree):
        content = node.get("content")
        if isinstance(content, dict) and {"transformer", "tail", "tokenizer", "weights"} <= content.keys():
            return content
    raise LookupError("an earlier change took the body away")


def outside_body(tree):
    """Return the nodes of a description that are no part of its body."""
    within = {id(node) for inner in body_of(tree).values() for node in nodes(inner)}
    return [node for node in nodes(tree) if id(node) not in within]
