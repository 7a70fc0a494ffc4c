"""Every page of the site with what may be said to it, read from the site's own routes and their functions."""

from __future__ import annotations

import dataclasses
import inspect
import re
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from fastapi.params import Form
from fastapi.routing import iter_route_contexts

from brevdue.rooms import Rooms
from brevdue.site import site_of


@dataclass(frozen=True)
class Place:
    """A route, with what may be said to it."""

    method: str
    path: str
    in_path: tuple[str, ...]
    in_query: tuple[str, ...]
    in_form: tuple[str, ...]


def places(rooms: Rooms) -> list[Place]:
    """Every page."""
    found = {}
    for context in iter_route_contexts(site_of(rooms).routes):
        endpoint, methods = getattr(context, "endpoint", None), getattr(context, "methods", None)
        path = context.path
        if endpoint is None or not methods or path is None:
            continue
        in_path = tuple(re.findall(r"{(\w+)", path))
        in_query, in_form = _fields(endpoint, in_path)
        for method in sorted(set(methods) - {"HEAD"}):
            found[method, path] = Place(method, path, in_path, in_query, in_form)
    return list(found.values())


def _fields(endpoint: Any, in_path: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names in the query and in the form."""
    in_query, in_form = [], []
    hints = get_type_hints(endpoint, include_extras=True)
    for name in inspect.signature(endpoint).parameters:
        kind = hints.get(name)
        plain, *extras = get_args(kind) if hasattr(kind, "__metadata__") else (kind,)
        if name in in_path or name == "request":
            continue
        if any(isinstance(extra, Form) for extra in extras):
            in_form.append(name)
        elif dataclasses.is_dataclass(plain) and name != "actor":
            in_query += [field.name for field in dataclasses.fields(plain)]
        elif name != "actor":
            in_query.append(name)
    return tuple(in_query), tuple(in_form)
