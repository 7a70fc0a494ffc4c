"""The OpenAPI 3.1 document of the API, made of its routes. `make openapi` writes it where it is committed.

The committed file is what users build on: a difference is a change for them, and a test says so.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from web.api.problems import Problem
from web.api.routes import api_routes
from web.api.routing import SCHEME
from web.desk.desk import Desk

PREFIX = "/api/v1"
PLACE = Path(__file__).parents[2] / "docs/api/openapi.json"
_TEXT = """\
Whatever the pages can do within an organisation, for programs. `docs/api.md` tells how: keys, paging, idempotency,
problems. Times are RFC 3339 in UTC, phones E.164, money decimal text with its currency."""


@cache
def document() -> dict[str, Any]:
    """The document."""
    app = FastAPI()
    app.include_router(api_routes(cast("Desk", None)))  # a route asks for its desk when it is called
    made = get_openapi(
        title="Brevdue",
        version=version("brevdue"),
        openapi_version="3.1.0",
        description=_TEXT,
        routes=app.routes,
        servers=[{"url": PREFIX}],
    )
    components = made.setdefault("components", {})
    _, problem = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    components["schemas"] |= problem["$defs"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["securitySchemes"] = {
        SCHEME: {"type": "http", "scheme": "bearer", "description": "A key of the kind rest, with scopes."}
    }
    return made


@cache
def document_text() -> str:
    """The same as it is committed."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file."""
    PLACE.parent.mkdir(exist_ok=True)
    PLACE.write_text(document_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
