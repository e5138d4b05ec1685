import io
import json
import time

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from forging import plain, read_members
from sksetfit.persistence.schema import check_schema, types_in, weights_in
from sksetfit.persistence.trust import trusted_types


def schema_of(value):
    """Return what skops says of a value."""
    stream = io.BytesIO()
    skops.io.dump(value, stream)
    return json.loads(read_members(stream)["schema.json"])


def a_list(identity, *content, loader="ListNode"):
    kind = {"__class__": "list", "__module__": "builtins", "__loader__": loader}
    return kind | ({"content": list(content)} if loader == "ListNode" else {}) | {"__id__": identity}


def an_array(identity, file):
    kind = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode", "type": "numpy"}
    return kind | {"file": file, "__id__": identity}


def test_what_is_held_in_several_places_passes():
    array, words = np.arange(10.0), ["a", "b"]
    check_schema(schema_of({"a": array, "b": [array, words], "c": words, "d": (None, None, True, 1, 1.0)}))


def nested(depth, references):
    """Return a list that holds ten times a list that holds ten times a list ..."""
    if depth == 0:
        return {**plain(0), "__id__": 1}
    again = [a_list(depth, loader="CachedNode")] * references
    return a_list(depth + 1, nested(depth - 1, references), *again)


def hidden(depth, references):
    """Return the same in dicts, under names that nodes have for their own data."""
    kind = {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "key_types": a_list(0)}
    if depth == 0:
        return {**plain(0), "__id__": 1}
    again = a_list(99, *[kind | {"content": {}, "__id__": depth}] * references)
    return kind | {"content": {"__id__": again, "file": hidden(depth - 1, references)}, "__id__": depth + 1}


@pytest.mark.parametrize("form", [nested, hidden])
def test_references_that_multiply_are_refused(form):
    with pytest.raises(ValueError, match="are not alike"):
        check_schema(form(30, references=9))


@pytest.mark.parametrize("identity", [7, 7.0, True, "7"])
def test_something_that_holds_itself_is_refused(identity):
    with pytest.raises(ValueError, match="are not alike"):
        check_schema(a_list(identity, a_list(identity)))


@pytest.mark.parametrize("identities", [(1, 2), (None, None), (0, 0), ("", "")])
def test_a_member_is_read_by_one_node_only(identities):
    with pytest.raises(ValueError, match=r"two of its nodes read the member 'x\.npy'"):
        check_schema(a_list(9, *(an_array(identity, "x.npy") for identity in identities)))


def test_more_values_than_any_model_has_are_refused():
    started = time.process_time()
    with pytest.raises(ValueError, match="more than 3,000,000 values"):
        check_schema(a_list(1, [0] * 3_000_000))
    assert time.process_time() - started < 60


@pytest.mark.parametrize("key", ["__class__", "__module__", "__loader__"])
@pytest.mark.parametrize("name", ["x" * 1001, None, ["x"]])
def test_a_name_of_a_type_that_is_none_is_refused(key, name):
    with pytest.raises(ValueError, match=r"the names of a type in it, .*, must be texts of up to 1,000"):
        check_schema(schema_of([1]) | {key: name})


@pytest.mark.parametrize("content", ["[1]", "{}", " 1", "", None, 1, "nan", "true false"])
def test_a_value_that_is_no_scalar_is_refused(content):
    with pytest.raises(ValueError, match=r"a value in it is .*, and must be a number, text, True, False or None"):
        check_schema(schema_of([1]) | {"content": [plain(1) | {"content": content}]})


def test_scalars_of_all_kinds_pass():
    check_schema(schema_of([1, -1.5, 1e300, True, False, None, float("nan"), float("-inf"), "", "[1]"]))


@pytest.mark.parametrize("loader", ["ListNode", "ObjectNode", "JsonNode"])
def test_a_member_that_something_else_than_an_array_reads_is_refused(loader):
    with pytest.raises(ValueError, match=f"its {loader} is to read the member '1.npy'"):
        check_schema(schema_of([1]) | {"content": [plain(1) | {"__loader__": loader, "file": "1.npy"}]})


@pytest.mark.parametrize("protocol", [None, 1, "2", True])
def test_a_protocol_that_dump_never_wrote_is_refused(protocol):
    with pytest.raises(ValueError, match="no protocol from 2 on"):
        check_schema(schema_of([1]) | {"protocol": protocol})


def test_a_label_may_be_called_like_an_identity_or_a_file():
    check_schema(schema_of({"__id__": ["a", "b"], "file": {"__id__": np.arange(3), "file": np.arange(3)}}))


@pytest.mark.parametrize("depth", [201, 100_000])
def test_content_without_end_in_depth_is_refused(depth):
    schema = []
    for _ in range(depth):
        schema = [schema]
    with pytest.raises(ValueError, match="or 200 levels"):
        check_schema(schema)


def named(value, **trusted):
    known = {"DictNode": {"builtins.dict"}, "ListNode": {"builtins.list"}, "TypeNode": {"builtins.str"}}
    return types_in(schema_of(value), known | trusted)


def test_the_types_of_all_nodes_are_told_but_those_that_are_trusted():
    assert named({"a": [1, None, "text"]}) == set()
    assert named({"a": np.arange(3), "b": slice(3)}) == {"numpy.ndarray", "builtins.slice"}
    assert named({"a": np.arange(3), "b": slice(3)}, NdArrayNode={"numpy.ndarray"}) == {"builtins.slice"}


def test_schema_with_more_than_data_is_reported():
    assert named([b"bytes"]) == {"builtins.bytes"}
    assert named([np.positive]) != set()
    transformer = FunctionTransformer(np.log1p)
    assert any(name.endswith("log1p") for name in types_in(schema_of(transformer), trusted_types()))


OTHER_LOADERS = [
    "ConstructorFromReduceNode",
    "MethodNode",
    "NdArrayNode",
    "ObjectNode",
    "TupleNode",
    "XNode",
    None,
    [1],
]


@pytest.mark.parametrize("loader", OTHER_LOADERS)
def test_what_has_a_trusted_name_and_another_loader_is_refused(loader):
    with pytest.raises(ValueError, match=r"its builtins\.list is to be read as"):
        types_in(schema_of([1]) | {"__loader__": loader}, trusted_types())


def a_dict(**content):
    return {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": content}


def an_encoder(weights, **attributes):
    kind = {"__class__": "SetFitEncoder", "__module__": "sksetfit", "__loader__": "ObjectNode"}
    return kind | {"content": a_dict(body=a_dict(weights=weights), **attributes)}


def test_weights_are_the_arrays_of_bodies():
    two, other = a_dict(a=an_array(1, "1.npy"), b=an_array(2, "2.npy")), an_array(3, "3.npy")
    again = an_encoder(a_dict(a=an_array(2, "2.npy")))
    assert weights_in(a_list(9, an_encoder(two, loss_curve_=other), again)) == {"1.npy", "2.npy"}


def test_an_array_that_is_also_read_elsewhere_is_no_weight():
    two = a_dict(a=an_array(1, "1.npy"), b=an_array(2, "2.npy"))
    assert weights_in(a_list(9, an_encoder(two, loss_curve_=an_array(2, "2.npy")))) == {"1.npy"}
    assert weights_in(a_list(9, an_encoder(two), a_dict(body=a_dict(weights=two)))) == set()
    same_number = an_array(2, "3.npy")
    assert weights_in(a_list(9, an_encoder(two, loss_curve_=same_number))) == {"1.npy"}


@pytest.mark.parametrize(
    "weights",
    [
        None,
        [1],
        an_array(1, "1.npy"),
        a_dict(a=an_array(1, "1.npy") | {"__class__": "float32"}),
        a_dict(a=plain(1), b=1),
        {"content": [an_array(1, "1.npy")]},
    ],
)
def test_what_is_no_dict_of_arrays_has_no_weights(weights):
    assert weights_in(an_encoder(weights)) == set()
    assert weights_in(an_encoder(weights) | {"content": weights}) == set()
