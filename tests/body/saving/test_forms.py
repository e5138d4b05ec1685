import pytest

from sksetfit.body.saving.forms import (
    FLAG,
    MisfitError,
    array,
    either,
    integer,
    mapping,
    number,
    one_of,
    optional,
    record,
    tagged,
    text,
    variant,
)

KINDS = tagged({"a": {"size": integer(1, 3)}, "b": {}})
FITTING = [
    (integer(1, 3), 1),
    (integer(1, 3), 3),
    (number(0, 1), 1),
    (number(0, 1), 0.5),
    (text(2), ""),
    (text(2, 1), "ab"),
    (one_of(1, "a"), "a"),
    (FLAG, True),
    (optional(FLAG), None),
    (either((int, integer(1, 3)), (str, text(2))), "ab"),
    (array(integer(1, 3), 2), [1, 3]),
    (array(integer(1, 3), 2), ()),
    (mapping(text(1), FLAG, 1), {"a": True}),
    (variant(a=FLAG, b=FLAG), {"b": False}),
    (record({"a": FLAG, "b": FLAG}, may_lack={"b"}), {"a": True}),
    (KINDS, {"type": "a", "size": 2}),
    (KINDS, {"type": "b"}),
]
NOT_FITTING = [
    (integer(1, 3), 4, "name is 4, and must be an integer from 1 to 3"),
    (integer(1, 3), 0, "name is 0"),
    (integer(0, 3), True, "name is True"),
    (integer(0, 3), 1.0, "name is 1.0"),
    (number(0, 1), 1.1, "name is 1.1, and must be a number from 0 to 1"),
    (number(0, 1), float("nan"), "name is nan"),
    (number(0, 1), True, "name is True"),
    (text(2), "abc", "name is 'abc', and must be a text of 0 to 2 characters"),
    (text(2, 1), "", "name is ''"),
    (text(2), b"a", "name is b'a'"),
    (text(2), "\ud800", "a text"),
    (one_of(1, "a"), True, "name is True, and must be one of [1, 'a']"),
    (one_of("a"), ["a"], "name is ['a']"),
    (FLAG, 1, "name is 1"),
    (optional(FLAG), 0, "name is 0"),
    (either((int, integer(1, 3)), (str, text(2))), True, "name is True, and must be of type int or str"),
    (array(integer(1, 3), 2), [1, 2, 3], "must be a list of at most 2"),
    (array(integer(1, 3), 2), [1, 4], "name[1] is 4"),
    (array(integer(1, 3), 2), {1: 1}, "name is {1: 1}"),
    (mapping(text(1), FLAG, 1), {"ab": True}, "a key of name is 'ab'"),
    (mapping(text(1), FLAG, 1), {"a": 1}, "name['a'] is 1"),
    (mapping(text(1), FLAG, 1), {"a": True, "b": True}, "a dict of at most 1"),
    (variant(a=FLAG, b=FLAG), {"a": True, "b": True}, "a dict with one of ['a', 'b']"),
    (variant(a=FLAG), {"c": True}, "unexpected keys ['c']"),
    (record({"a": FLAG}), {}, "name lacks keys ['a']"),
    (record({"a": FLAG}), {"a": True, 1: 2}, "name has unexpected keys ['1']"),
    (record({"a": FLAG}), {"a": 1}, "name.a is 1"),
    (record({"a": FLAG}), [], "name is [], and must be a dict of ['a']"),
    (KINDS, {"type": "c"}, "name.type is 'c', and must be one of ['a', 'b']"),
    (KINDS, {"type": ["a"]}, "name.type is ['a']"),
    (KINDS, {"type": "a", "size": 4}, "name.size is 4"),
    (KINDS, "a", "name is 'a', and must be a dict with 'type'"),
]


@pytest.mark.parametrize(("form", "value"), FITTING)
def test_a_form_accepts_its_values(form, value):
    form(value, "name")


@pytest.mark.parametrize(("form", "value", "message"), NOT_FITTING)
def test_a_form_refuses_other_values(form, value, message):
    with pytest.raises(MisfitError) as caught:
        form(value, "name")
    assert message in str(caught.value)
