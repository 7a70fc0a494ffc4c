"""The environment's word on the settings: `BREVDUE_SECTION__KEY` overrides the file.

In: the tables of the file and the environment. Out: the tables with the overrides laid over them, which variable each
came from, and what could not be read. Lists are written with commas or as JSON, tables and lists of tables as JSON.

Only names with a double underscore, and those of whole sections (`BREVDUE_POOL`), are ours: container platforms set
`BREVDUE_PORT` and `BREVDUE_SERVICE_HOST` on their own account for a service of this name.

Why not pydantic-settings: it stops at the first value that is not JSON, passes over variables whose key does not exist,
forgets which variable a value came from, and takes a tenth of a second to import on every command.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from brevdue.settings_mistakes import Expected, Mistake, bare, field_at, is_section, key_name
from brevdue.settings_toml import KeyPath
from gateway.settings import GatewaySettings

PREFIX = "BREVDUE_"
_TABLES = {
    "provider": '[{"name": "simulator", "kind": "simulator"}]',
    "pool": '[{"provider": "simulator", "range": "+45609946000000..+45609946999999"}]',
    "route": '[{"name": "all", "via": ["simulator"]}]',
    "price": '[{"provider": "simulator", "part": {"DK": 0.04}}]',
}
"""Examples of tables in lists."""


@dataclass
class Overlay:
    """The merged tables, with where each override came from."""

    tables: dict[str, Any]
    variables: dict[KeyPath, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)


def overlay(tables: Mapping[str, Any], environ: Mapping[str, str]) -> Overlay:
    """Lay the variables over the file's tables, whole sections before single keys."""
    merged = Overlay(_copy(tables))
    ours = [(path, name) for name in environ if (path := _path(name))]
    for path, name in sorted(ours, key=lambda item: (len(item[0]), item[1])):
        try:
            value = _value(path, environ[name])
        except ValueError as error:
            merged.mistakes.append(Mistake(name, key_name(path), str(error)))
            continue
        merged.variables[path] = name
        _put(merged.tables, path, value)
    return merged


def _path(name: str) -> KeyPath:
    """`BREVDUE_MAIL_OUT__DKIM__DOMAIN` names ("mail_out", "dkim", "domain"); () for variables that are not ours."""
    if not name.upper().startswith(PREFIX):
        return ()
    keys = tuple(name[len(PREFIX) :].lower().split("__"))
    ours = len(keys) > 1 or keys[0] in GatewaySettings.model_fields
    return keys if ours and all(keys) else ()


def _value(path: KeyPath, text: str) -> Any:
    """Read one value as its setting wants it; numbers and truth values are left to the settings' own reading."""
    expected, _ = field_at(path)
    kind, _, optional = bare(expected)
    if is_section(kind):
        return _json(text, dict, '{"port": 2525}')
    if _is_list(kind):
        if _holds_tables(kind):
            return _json(text, list, _TABLES[str(path[-1])])
        if text.lstrip().startswith("["):
            return _json(text, list, '["one", "two"]')
        return [item.strip() for item in text.split(",") if item.strip()]
    return None if optional and not text.strip() else text


def _is_list(kind: Expected) -> bool:
    origin: Expected = get_origin(kind)
    return origin is tuple


def _holds_tables(kind: Expected) -> bool:
    return is_section(bare(get_args(kind)[0])[0])


def _json(text: str, wanted: type, example: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"must be JSON like {example} ({error})") from error
    if type(value) is not wanted:
        raise ValueError(f"must be JSON like {example}")
    return value


def _put(tables: dict[str, Any], path: KeyPath, value: Any) -> None:
    at = tables
    for part in path[:-1]:
        inner = at.get(str(part))
        if not isinstance(inner, dict):
            inner = at[str(part)] = {}
        at = inner
    last = str(path[-1])
    at[last] = {**at[last], **value} if isinstance(value, dict) and isinstance(at.get(last), dict) else value


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
