"""The document that users build on is the one that is served, and it changes only on purpose."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.conftest import Client
from tests.gateway_process import Gateway
from web.api.document import PLACE, document, document_text

pytestmark = pytest.mark.proves("OpenAPI")
OPERATIONS = [(path, method, how) for path, methods in document()["paths"].items() for method, how in methods.items()]
NAMES = [f"{method} {path}" for path, method, _ in OPERATIONS]


def test_the_committed_document_is_what_the_code_says():
    assert PLACE.read_text() == document_text(), (
        "the API is another one than docs/api/openapi.json says: run `make openapi`, and read the difference as those "
        "who call the API will feel it"
    )


def test_it_is_served_to_whoever_asks(gateway: Gateway):
    answer = Client(gateway).get("/openapi.json")
    assert answer.status == 200
    assert answer.body == document()
    assert answer.body["openapi"] == "3.1.0"


@pytest.mark.parametrize(("path", "method", "how"), OPERATIONS, ids=NAMES)
def test_an_operation_says_what_it_needs_and_what_it_answers(path: str, method: str, how: dict[str, Any]):
    assert how["description"].endswith("."), "one sentence at least"
    assert how["security"][0]["bearer"], "a scope"
    assert {"401", "403", "422", "429", "503"} <= set(how["responses"])
    for status, answer in how["responses"].items():
        wanted = {"application/problem+json"} if int(status) >= 400 else set(answer.get("content", ()))
        assert set(answer.get("content", ())) == wanted
    if "{" in path:
        assert "404" in how["responses"] or method == "put"


def test_every_field_has_an_example_or_a_closed_set_of_values():
    schemas = document()["components"]["schemas"]
    without = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, how in schema.get("properties", {}).items()
        if not _is_shown(how)
    ]
    assert without == []


def _is_shown(how: dict[str, Any]) -> bool:
    text = json.dumps(how)
    return any(word in text for word in ("example", "$ref", "enum", "const", "boolean"))
