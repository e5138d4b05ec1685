"""Changes of a model's file, as somebody would make them who wants them to go unnoticed."""

import io
import json
from zipfile import ZipFile

from sksetfit.persistence.archive import add_checksums


def read_members(file, *, with_seal=False):
    """Return {name: bytes} of an archive."""
    with ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist() if with_seal or name != "sha256.json"}


def packed(members, *, sealed=True):
    """Return the bytes of an archive, with valid checksums."""
    stream = io.BytesIO()
    with ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    if sealed:
        add_checksums(stream)
    return stream.getvalue()


def forge(file, change):
    """Change the schema of a file in place, by a function that gets it as a dict, and update the checksums."""
    members = read_members(file)
    schema = json.loads(members["schema.json"])
    change(schema)
    members["schema.json"] = json.dumps(schema).encode()
    named = {name: content for name, content in members.items() if name.encode() in members["schema.json"]}
    file.write_bytes(packed({"schema.json": members["schema.json"]} | named))


def attributes(node):
    """Return {name: node} of what an estimator or a dict of a schema holds."""
    content = node["content"]
    return content["content"] if "__loader__" in content else content


def add(node, name, value):
    """Add an attribute or a key to what `attributes` would return of a node."""
    of_dict = node["content"] if "__loader__" in node["content"] else node
    of_dict["content"][name] = value
    of_dict["key_types"]["content"].append({"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"})


def plain(value):
    """Return the node of a number, a text or None."""
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value)}
