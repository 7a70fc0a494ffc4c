"""Templates put a message's words where they belong and nowhere else, whatever the words are."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.http_wire.templates import Compiler
from gateway.providers.places import ABSENT, parse_form, parse_json, steps, value, values
from gateway.sms import OutgoingSms
from gateway.sms_text import measure

COMPILER = Compiler({"gsm7": "0"}, "https://sms.example.com/in/acme/secret")
HOSTILE = '&a=b"}\\{to}</t>%00+\r\nX: y;{0.__class__}{{7*7}}'
TEXTS = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.just(HOSTILE))


def sms(text: str, to: str = "+4530643064") -> OutgoingSms:
    return OutgoingSms("01M8.1", "org", "account", "key", "+45609946000001", to, measure(text), "acme")


@given(TEXTS)
@pytest.mark.proves("macros have no code")
def test_a_form_says_what_was_meant(text: str):
    message = sms(text)
    template = COMPILER.form({"a b": "{to}", "text": "<{text}> & {to}", "n": 1, "yes": True})
    assert parse_qsl(template.render(message), keep_blank_values=True, strict_parsing=True) == [
        ("a b", "+4530643064"),
        ("text", f"<{message.text.text}> & +4530643064"),
        ("n", "1"),
        ("yes", "true"),
    ]


@given(TEXTS)
@pytest.mark.proves("macros have no code")
def test_an_address_keeps_its_shape(text: str):
    message = sms(text)
    rendered = COMPILER.url("https://h.example/v1/{text}/x?k=1", {"to": "{to_digits}"}).render(message)
    parts = urlsplit(rendered)
    assert (parts.netloc, parts.query) == ("h.example", "k=1&to=4530643064")
    start, said, end = parts.path.rsplit("/", 2)
    assert (start, unquote(said), end) == ("/v1", message.text.text, "x")
    assert rendered.isascii()


@given(TEXTS)
@pytest.mark.proves("macros have no code")
def test_json_says_what_was_meant(text: str):
    message = sms(text)
    shape: dict[str, Any] = {
        'q"': [{"t": "{text}!", "n": "{to_digits:number}"}, [], {}], "flag": True, "x": 1.5, "dcs": "{encoding}",
    }  # fmt: skip
    rendered = json.loads(COMPILER.json(shape).render(message))
    assert rendered == {
        'q"': [{"t": f"{message.text.text}!", "n": 4530643064}, [], {}],
        "flag": True,
        "x": 1.5,
        "dcs": "0" if message.text.encoding == "gsm7" else "ucs2",
    }


@given(TEXTS)
@pytest.mark.proves("macros have no code")
def test_xml_keeps_its_shape(text: str):
    root = ET.fromstring(COMPILER.xml('<sms to="{text}"><t>{text}</t></sms>').render(sms(text)).encode())
    assert (root.tag, len(root), len(root[0])) == ("sms", 1, 0)


def test_forms_of_a_number():
    shape = {
        name: f"{{{name}}}" for name in ("id", "to", "to_digits", "to_00", "from", "from_digits", "from_00", "parts")
    }
    assert json.loads(COMPILER.json(shape).render(sms("x" * 161))) == {
        "id": "01M8.1",
        "to": "+4530643064",
        "to_digits": "4530643064",
        "to_00": "004530643064",
        "from": "+45609946000001",
        "from_digits": "45609946000001",
        "from_00": "0045609946000001",
        "parts": "2",
    }


def test_half_a_character_harms_nobody():
    message = sms("a\ud83d")
    assert parse_qsl(COMPILER.form({"t": "{text}"}).render(message))[0][1].startswith("a")
    assert COMPILER.json({"t": "{text}"}).render(message).encode(errors="replace")


# --- places --------------------------------------------------------------------------------------------------------

DOCUMENT = parse_json('{"a": {"b/c": [{"id": 1}, {"id": "2"}, {"id": null}, 3]}, "n": 1.50, "t": true, "~": "tilde"}')


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("/a/b~1c/0/id", ["1"]),
        ("/a/b~1c/*/id", ["1", "2"]),
        ("/a/b~1c/9/id", []),
        ("/a/b~1c/-1/id", []),
        ("/a/b~1c/3", ["3"]),
        ("/a/*/0/id", ["1"]),
        ("/a", []),
        ("/a/x/y", []),
        ("/~0", ["tilde"]),
        ("n", ["1.50"]),
        ("t", ["true"]),
        ("/t/x", []),
        ("a/b~1c", []),
    ],
)
def test_pointers(place: str, found: list[str]):
    assert values(DOCUMENT, steps(place)) == found
    assert value(DOCUMENT, steps(place)) == (found[0] if found else None)


def test_what_is_no_document_has_nothing():
    assert parse_json("{") is ABSENT
    assert parse_json("[" * 100_000) is ABSENT
    assert values(ABSENT, steps("/a")) == []
    assert value("text", steps("a")) is None


def test_of_two_fields_the_first_counts():
    assert parse_form("a=1&a=2&b=", "b=3&c=4") == {"a": "1", "b": "", "c": "4"}
    with pytest.raises(ValueError):
        parse_form("&".join(f"a{n}=1" for n in range(300)))
