"""Changes of the nodes of a description: their types, loaders, identities and content, and those of the head."""

import copy
import json

from fuzzing.changes.values import NAMES, OTHERS, TEXTS, change_json, node_of, nodes, other, outside_body, value_of
from sksetfit.persistence.trust import trusted_types

FOREIGN = [
    *(("builtins", "bytes"), ("builtins", "object"), ("collections", "Counter"), ("decimal", "Decimal"), ("", "str")),
    *(("sklearn.tree", "DecisionTreeClassifier"), ("sklearn", "SetFitClassifier"), ("sksetfit", "nothing")),
]
LOADERS = ["BytesNode", "FunctionNode", "MethodNode", "OperatorFuncNode", "PartialNode", "SparseMatrixNode", "x", None]


def change_types(draft):
    """Give a node another type or another loader, mostly of those that a file may hold."""
    rng, trusted = draft.rng, trusted_types()
    node = rng.choice(nodes(draft.schema))
    loader = rng.choice([node.get("__loader__"), rng.choice([*sorted(trusted), "JsonNode"])])
    names = [tuple(name.rsplit(".", 1)) for name in sorted(trusted.get(loader, ["builtins.str"]))]
    what = rng.random()
    if what < 0.6:
        node["__loader__"] = loader
        node["__module__"], node["__class__"] = rng.choice(names)
    elif what < 0.8:
        node["__module__"], node["__class__"] = rng.choice([*names, *FOREIGN])
    else:
        node["__loader__"] = rng.choice([*sorted(trusted), *LOADERS])


def change_nodes(draft):
    """Replace, remove, exchange or identify nodes, whatever they hold."""
    rng = draft.rng
    everything = nodes(draft.schema)
    node, second = rng.choice(everything), rng.choice(everything)
    what = rng.random()
    if what < 0.3:
        change_json(rng, draft.schema)
    elif what < 0.45:
        node["__id__"] = second.get("__id__")
    elif what < 0.55:
        node["file"] = second.get("file", rng.choice([*sorted(draft.members), "none.npy", "../a.npy", None, 5]))
    elif what < 0.6:
        node["content"] = json.dumps(rng.choice([*OTHERS, *NAMES]))
    elif what < 0.75:
        new = copy.deepcopy(second)
        node.clear()
        node.update(new)
    else:
        key = rng.choice(sorted(node))
        node[key] = copy.deepcopy(rng.choice([*OTHERS, *TEXTS, second.get(key), second]))


def change_attributes(draft):
    """Change an attribute of an estimator outside of the body, or what a list or dict among them holds."""
    rng = draft.rng
    outer = nodes(draft.schema)
    holders = [node for node in outside_body(draft.schema) if isinstance(node.get("content"), (dict, list))]
    holder = rng.choice([node for node in holders if node["content"] and "__loader__" not in node["content"]])
    content = holder["content"]
    key = rng.choice(sorted(content)) if isinstance(content, dict) else rng.randrange(len(content))
    old, what = content[key], rng.random()
    if what < 0.6 and isinstance(old, dict) and old.get("__loader__") == "JsonNode":
        content[key] = node_of(other(rng, value_of(old)))
    elif what < 0.7:
        del content[key]
    elif what < 0.8 and isinstance(content, list):
        content[key:key] = [copy.deepcopy(old)] * rng.choice([1, 3])
    elif what < 0.9:
        content[key] = copy.deepcopy(rng.choice(outer))
    else:
        content[key] = node_of(rng.choice([*OTHERS, *TEXTS]))


def change_estimators(draft):
    """Put another of the file's estimators, arrays or lists in the place of one."""
    rng = draft.rng
    every = [node for node in outside_body(draft.schema) if node.get("__loader__") not in {"JsonNode", "TypeNode"}]
    node = rng.choice(every)
    alike = [each for each in every if each.get("__loader__") == node.get("__loader__")]
    new = copy.deepcopy(rng.choice(alike if rng.random() < 0.7 else every))
    node.clear()
    node.update(new)
