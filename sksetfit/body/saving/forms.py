"""Forms of the values that describe a body: types, ranges and lengths, from which the checks follow.

A form is called with a value and its name, and raises `MisfitError` where the value does not have that form.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sksetfit.inputs.texts import lone_surrogate

Form = Callable[[Any, str], None]


class MisfitError(ValueError):
    """A value without the form that it must have. The message begins with the name of the value."""


def misfit(name: str, value: Any, wanted: str) -> MisfitError:
    """Return the error that says what a value is and what it must be."""
    return MisfitError(f"{name} is {reprlib.repr(value)}, and must be {wanted}")


def integer(least: int, most: int) -> Form:
    """Return the form of plain integers in a range. True and False are not integers."""

    def check(value: Any, name: str) -> None:
        if type(value) is not int or not least <= value <= most:
            raise misfit(name, value, f"an integer from {least:,} to {most:,}")

    return check


def number(least: float, most: float) -> Form:
    """Return the form of plain numbers in a range, which NaN is in none of."""

    def check(value: Any, name: str) -> None:
        if type(value) not in {int, float} or not least <= value <= most:
            raise misfit(name, value, f"a number from {least:g} to {most:g}")

    return check


def text(most: int, least: int = 0) -> Form:
    """Return the form of texts that have a number of characters in a range, each of which can be encoded."""

    def check(value: Any, name: str) -> None:
        if type(value) is not str or not least <= len(value) <= most or lone_surrogate(value) is not None:
            raise misfit(name, value, f"a text of {least:,} to {most:,} characters")

    return check


def one_of(*values: Any) -> Form:
    """Return the form of these values only. True is not 1, and 1.0 is not 1."""

    def check(value: Any, name: str) -> None:
        if not any(type(value) is type(each) and value == each for each in values):
            raise misfit(name, value, f"one of {list(values)}")

    return check


def optional(form: Form) -> Form:
    """Return the form of None and of the values of a form."""
    return lambda value, name: None if value is None else form(value, name)


def either(*forms: tuple[type, Form]) -> Form:
    """Return the form of values of these types, each type with its form."""
    form_of = dict(forms)

    def check(value: Any, name: str) -> None:
        if type(value) not in form_of:
            raise misfit(name, value, f"of type {' or '.join(kind.__name__ for kind in form_of)}")
        form_of[type(value)](value, name)

    return check


def of_type(kind: type) -> Form:
    """Return the form of all values of a type. What they hold is checked elsewhere."""
    return either((kind, lambda value, name: None))


def array(form: Form, most: int) -> Form:
    """Return the form of lists and tuples of up to so many values of a form."""

    def check(value: Any, name: str) -> None:
        if type(value) not in {list, tuple} or len(value) > most:
            raise misfit(name, value, f"a list of at most {most:,}")
        for place, each in enumerate(value):
            form(each, f"{name}[{place}]")

    return check


def record(fields: Mapping[str, Form], may_lack: Collection[str] = ()) -> Form:
    """Return the form of dicts with these keys, each with its form."""
    needed = fields.keys() - set(may_lack)

    def check(value: Any, name: str) -> None:
        if type(value) is not dict:
            raise misfit(name, value, f"a dict of {sorted(fields)}")
        if unexpected := sorted(map(str, value.keys() - fields.keys())):
            raise MisfitError(f"{name} has unexpected keys {unexpected}")
        if missing := sorted(needed - value.keys()):
            raise MisfitError(f"{name} lacks keys {missing}")
        for key, each in value.items():
            fields[key](each, f"{name}.{key}")

    return check


def mapping(key: Form, form: Form, most: int) -> Form:
    """Return the form of dicts of up to so many keys of a form and values of a form."""

    def check(value: Any, name: str) -> None:
        if type(value) is not dict or len(value) > most:
            raise misfit(name, value, f"a dict of at most {most:,}")
        for each in value:
            key(each, f"a key of {name}")
            form(value[each], f"{name}[{each!r}]")

    return check


def variant(**forms: Form) -> Form:
    """Return the form of dicts that have one of these keys, each with its form."""

    def check(value: Any, name: str) -> None:
        if type(value) is not dict or len(value) != 1:
            raise misfit(name, value, f"a dict with one of {sorted(forms)}")
        record(forms, forms)(value, name)

    return check


def tagged(kinds: Mapping[str, Mapping[str, Form]], tag: str = "type", may_lack: Collection[str] = ()) -> Form:
    """Return the form of dicts that name their kind under a tag, and have the keys of this kind."""
    forms = {kind: record({tag: one_of(kind), **fields}, may_lack) for kind, fields in kinds.items()}

    def check(value: Any, name: str) -> None:
        if type(value) is not dict or tag not in value:
            raise misfit(name, value, f"a dict with {tag!r}")
        one_of(*forms)(value[tag], f"{name}.{tag}")
        forms[value[tag]](value, name)

    return check


FLAG = one_of(False, True)
