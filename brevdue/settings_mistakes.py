"""What is wrong with a configuration, in words that say what would be right.

In: pydantic's findings on the sections of `gateway.settings`. Out: one sentence each, made from what the field expects
rather than from what the parser stumbled over. Values that may be secret are never repeated.
"""

from __future__ import annotations

import difflib
import ipaddress
import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeGuard, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from brevdue.settings_toml import KeyPath
from gateway import settings_forms as forms
from gateway.settings import GatewaySettings

_SECRET_WORDS = ("password", "secret", "token", "key", "url")
Expected: TypeAlias = Any
"""A type annotation, as found on a field."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to put right."""

    where: str
    """The file with its line ("/etc/brevdue.toml:12"), or the environment variable."""
    key: str
    """"smtp.port"; list items are counted from 1 ("pool[2].range"); "" for the file as a whole."""
    text: str
    """One sentence without a full stop: what would be right, and what is there instead."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.text) if part)


class ConfigurationError(Exception):
    """The configuration cannot be used; `mistakes` holds all of them, in the order of the file."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


def key_name(path: KeyPath) -> str:
    """Write a path as people do: ("pool", 0, "range") is "pool[1].range"."""
    name = ""
    for part in path:
        name += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if name else part
    return name


def explain(error: ErrorDetails) -> tuple[KeyPath, str]:
    """Turn one pydantic finding into the path of its key and a sentence."""
    path, expected, owner = _locate(error["loc"])
    kind = error["type"]
    if kind == "extra_forbidden":
        return path, _unknown_key(str(path[-1]), owner, path)
    if kind == "missing":
        return path, f"is missing: {_wanted(expected, owner, path)}"
    value = shown(path, error["input"])
    wanted = _wanted(expected, owner, path) or error["msg"].replace("Input should", "must", 1)
    if kind == "value_error":
        return path, f"{error['ctx']['error']}{value}"
    return path, f"{wanted}{value}{_network_hint(expected, error['input'])}"


def shown(path: KeyPath, value: object) -> str:
    """Say ", not 99999"; nothing where the value may be a secret or is a whole table."""
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    if isinstance(value, dict) or any(word in name for word in _SECRET_WORDS):
        return ""
    written = str(value).lower() if isinstance(value, bool) else repr(value)
    return f", not {written if len(written) <= 60 else written[:57] + '...'}"


def field_at(path: KeyPath) -> tuple[Expected, type[BaseModel] | None]:
    """What the settings expect at `path`, and the section that holds it; (None, None) where nothing is known."""
    expected: Expected = GatewaySettings
    owner: type[BaseModel] | None = None
    for part in path:
        if isinstance(part, int):
            args = get_args(bare(expected)[0])
            expected = args[0] if args else None
        elif is_mapping(table := bare(expected)[0]):
            expected = get_args(table)[1]
        elif is_section(section := bare(expected)[0]):
            owner = section
            found = section.model_fields.get(part)
            expected = _annotated(found) if found else None
        else:
            return None, None
        if expected is None:
            return None, owner
    return expected, owner


def is_section(kind: Expected) -> TypeGuard[type[BaseModel]]:
    """Whether a bare type is a table of the configuration."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def is_mapping(kind: Expected) -> bool:
    """Whether a bare type is a table of free names, all of whose values are of one type."""
    origin: Expected = get_origin(kind)
    return origin is dict


def bare(expected: Expected) -> tuple[Expected, tuple[Any, ...], bool]:
    """Take an annotation apart: the type itself, its constraints, and whether None is allowed."""
    origin: Expected = get_origin(expected)
    if origin is Annotated:
        inner, *constraints = get_args(expected)
        found, more, optional = bare(inner)
        flat = [part for item in constraints for part in (item.metadata if isinstance(item, FieldInfo) else (item,))]
        return found, (*more, *flat), optional
    if origin in {Union, types.UnionType}:
        members = [member for member in get_args(expected) if member is not type(None)]
        if len(members) == 1:
            found, constraints_found, _ = bare(members[0])
            return found, constraints_found, True
    return expected, (), False


def _annotated(field: FieldInfo) -> Expected:
    metadata = tuple(field.metadata)
    return Annotated[(field.annotation, *metadata)] if metadata else field.annotation


def _locate(loc: tuple[int | str, ...]) -> tuple[KeyPath, Expected, type[BaseModel] | None]:
    """Find the setting behind pydantic's location, which also names the members of a union."""
    for length in range(len(loc), 0, -1):
        expected, owner = field_at(loc[:length])
        if expected is not None:
            return (loc[:length], expected, owner) if _same_level(loc, length) else (loc, None, field_at(loc)[1])
    return loc, None, GatewaySettings


def _same_level(loc: tuple[int | str, ...], length: int) -> bool:
    """Whether what follows `length` parts is a union's member rather than an unknown key of a section."""
    return length == len(loc) or not is_section(bare(field_at(loc[:length])[0])[0])


def _unknown_key(key: str, owner: type[BaseModel] | None, path: KeyPath) -> str:
    known = list((owner or GatewaySettings).model_fields)
    if close := difflib.get_close_matches(key, known, n=1):
        return f"unknown key: did you mean '{close[0]}'?"
    elsewhere = [name for name in GatewaySettings.model_fields if field_at((name, key))[0] is not None]
    if elsewhere:
        return f"unknown key: it belongs in [{elsewhere[0]}]"
    table = key_name(path[:-1])
    return f"unknown key: {f'[{table}] has' if table else 'there are the tables'} {', '.join(known)}"


_PHRASES: dict[Expected, str] = {
    bool: "must be true or false",
    str: "must be a text in quotes",
    Path: "must be a file name in quotes",
    int: "must be a whole number",
    float: "must be a number",
    ipaddress.IPv4Network | ipaddress.IPv6Network: 'must be a network ("192.0.2.0/24")',
}


def _wanted(expected: Expected, owner: type[BaseModel] | None, path: KeyPath) -> str:
    """Say "must be …" for what the field expects; "" for a type that there are no words for."""
    kind, constraints, _ = bare(expected)
    origin: Expected = get_origin(kind)
    if origin is Literal:
        *choices, last = (f'"{choice}"' for choice in get_args(kind))
        return f"must be {', '.join(choices)} or {last}"
    if origin is tuple:
        tables = is_section(bare(get_args(kind)[0])[0])
        return f"must be written as [[{path[-1]}]] tables" if tables else 'must be a list (["...", "..."])'
    if kind in {int, float}:
        off = ' or "off"' if any(getattr(item, "func", None) is forms.off for item in constraints) else ""
        return _number(kind, constraints) + off + _unit(owner, path)
    if is_section(kind) or is_mapping(kind):
        return f"must be a table ([{key_name(path)}])"
    return _PHRASES.get(kind, "")


def _number(kind: type, constraints: tuple[Any, ...]) -> str:
    least = next((item.ge for item in constraints if isinstance(item, Ge)), None)
    most = next((item.le for item in constraints if isinstance(item, Le)), None)
    above = next((item.gt for item in constraints if isinstance(item, Gt)), None)
    if least is not None and most is not None:
        return f"must be {least}-{most}"
    if least is not None:
        return f"{_PHRASES[kind]}, at least {least}"
    return _PHRASES[kind] if above is None else f"{_PHRASES[kind]} above {above}"


def _unit(owner: type[BaseModel] | None, path: KeyPath) -> str:
    field = owner.model_fields.get(str(path[-1])) if owner else None
    return f" ({field.description})" if field and field.description else ""


def _network_hint(expected: Expected, value: object) -> str:
    """Tell the network that an address with host bits lies in."""
    if get_origin(bare(expected)[0]) not in {Union, types.UnionType} or not isinstance(value, str):
        return ""
    try:
        return f": did you mean '{ipaddress.ip_network(value, strict=False)}'?"
    except ValueError:
        return ""
