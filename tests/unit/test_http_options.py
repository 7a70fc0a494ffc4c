"""The options of the generic HTTP provider: a sentence for each mistake, and no secret in any."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from brevdue.providers import make_providers
from gateway.providers.base import Capability
from gateway.providers.http import HttpProvider
from gateway.providers.http_wire.options import HttpOptions, RuleOptions
from gateway.providers.http_wire.templates import FIELDS
from gateway.settings import ProviderSettings

RECIPES = sorted((Path(__file__).parents[2] / "conf/providers").glob("*.toml"))
CANARY = "canary-0123456789abcdef"
GOOD: dict[str, Any] = {"url": "https://api.example.com/sms", "form": {"to": "{to}", "text": "{text}"}}
HOOK: dict[str, Any] = {"secret": CANARY, "message": {"from": "f", "to": "t", "text": "x", "id": "i"}}
REPORT: dict[str, Any] = {"id": "i", "status": "s", "statuses": {"delivered": ["1"]}}


def mistakes(**options: Any) -> str:
    with pytest.raises(ValueError) as caught:
        HttpProvider("acme", GOOD | options)
    assert CANARY not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_recipes_are_good(recipe: Path):
    (table,) = tomllib.loads(recipe.read_text())["provider"]
    (provider,) = make_providers([ProviderSettings.model_validate(table)], "https://sms.example.com").values()
    if table["kind"] == "http":
        assert Capability.INBOUND in provider.capabilities


def test_the_shipped_example_is_good_and_shows_the_defaults():
    lines = (RECIPES[0].parents[1] / "brevdue.toml").read_text().splitlines()
    start = lines.index('#   name = "acme"') - 1
    end = next(number for number in range(start, len(lines)) if not lines[number].startswith("#   "))
    (options,) = tomllib.loads("\n".join(line[4:] for line in lines[start:end] if "ca_file" not in line))["provider"]
    HttpProvider(options.pop("name"), {name: value for name, value in options.items() if name != "kind"})
    shown = {name: options[name] for name in HttpOptions.model_fields if name in options}
    for name, field in HttpOptions.model_fields.items():
        if name in shown and name not in {"url", "token", "encodings", "answer", "webhook"}:
            assert shown[name] == field.default


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"url": "api.example.com"}, "'url' must begin with http:// or https://"),
        ({"url": "https://{to}.example.com/"}, "'url' must name its host without placeholders"),
        ({"url": "https://me:secret@example.com/"}, "'url' must hold no password"),
        ({"url": "https://example.com:99999/"}, "'url' must be an address"),
        ({"url": "https://example.com/{two}"}, "there is no placeholder {two}: did you mean {to}?"),
        ({"method": "DELETE"}, "'method' must be 'GET', 'POST' or 'PUT'"),
        ({"method": "GET"}, 'a GET has no form: set method = "POST", or write query'),
        ({"json": {"a": 1}}, "a request has one body: form or json"),
        ({"form": {"to": "{to}"}}, "no part of the request holds {text}"),
        ({"form": {"text": "{text}"}}, "no part of the request holds {to}"),
        ({"form": {"to": ["{to}"], "text": "{text}"}}, "'to' must be a text or a number"),
        ({"form": {"to": "{to:number}", "text": "{text}"}}, "{to:number} must be a whole value of json"),
        ({"form": None, "json": {"to": "{to}", "text": "{text:number}"}}, "{text} is no number"),
        ({"form": None, "json": {"to": "{to}", "text": "{text}", "at": tomllib.loads("a = 2026-11-25")["a"]}}, "json cannot hold date"),
        ({"form": None}, "no part of the request holds {to}"),
        ({"headers": {"X-Text": "{text}"}}, "the header X-Text cannot hold {text}"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "the header X-A must be printable ASCII"),
        ({"headers": {"X A": "a"}}, "headers have names of letters, digits and hyphens"),
        ({"user": "me"}, "user and password belong together"),
        ({"user": "me", "password": CANARY, "token": CANARY}, "not both"),
        ({"user": "a:b", "password": CANARY}, "user must have no colon"),
        ({"token": ""}, "'token' must not be empty"),
        ({"idempotent": True}, "idempotent needs {id} in the request"),
        ({"timeout": 0}, "'timeout': input should be greater than 0"),
        ({"connections": 1.5}, "'connections': input should be a valid integer"),
        ({"ca_file": "/nowhere/ca.pem"}, "'ca_file': path does not point to a file"),
        ({"tiemout": 3}, "there is no option 'tiemout': did you mean 'timeout'?"),
        ({"query": {"cb": "{webhook}"}}, "{webhook} needs a table webhook"),
        ({"answer": {"id": "/a", "id_pattern": "(a)"}}, "'answer' has either id"),
        ({"answer": {"id_pattern": "a"}}, "'answer.id_pattern' must have one group"),
        ({"answer": {"id_pattern": "("}}, "'answer.id_pattern' must be a regular expression"),
        ({"answer": {"id": "/a~2"}}, "'answer.id' must be a name, or a JSON pointer"),
        ({"answer": {"rule": [{"outcome": "accepted"}]}}, "'answer.rule.1' needs something to look at"),
        ({"answer": {"rule": [{"is": ["a"], "outcome": "accepted"}]}}, "'answer.rule.1' 'is' needs 'at'"),
        ({"answer": {"rule": [{"status": "2x", "outcome": "accepted"}]}}, "'answer.rule.1.status' must be HTTP statuses"),
        ({"answer": {"rule": [{"status": 200, "outcome": "ok"}]}}, "'answer.rule.1.outcome' must be 'accepted'"),
        ({"answer": {"rule": [{"status": 200, "outcome": "permanent", "reason": "bad"}]}}, "'answer.rule.1.reason' must be"),
        ({"answer": {"rule": [{"stat": 200, "outcome": "accepted"}]}}, "did you mean 'status'?"),
        ({"webhook": {"message": HOOK["message"]}}, "'webhook.secret' is missing"),
        ({"webhook": HOOK | {"secret": "short"}}, "'webhook.secret' must be 16-200 letters"),
        ({"webhook": HOOK | {"secret": CANARY + "/x"}}, "'webhook.secret' must be 16-200 letters"),
        ({"webhook": {"secret": CANARY}}, "'webhook' needs a table message, a table report, or both"),
        ({"webhook": HOOK | {"networks": ["10.0.0.1/8"]}}, "'webhook.networks.1'"),
        ({"webhook": HOOK | {"message": {"from": "f", "to": "t", "text": "x"}}}, "'webhook.message' needs id, or at"),
        ({"webhook": HOOK | {"message": HOOK["message"] | {"part_ref": "p"}}}, "needs all of part_ref"),
        ({"webhook": HOOK | {"report": REPORT | {"statuses": {"delivered": ["1"], "failed": ["1"]}}}}, "statuses has '1' twice"),
        ({"webhook": HOOK | {"report": REPORT | {"statuses": {"done": ["1"]}}}}, "must be 'accepted'"),
        ({"webhook": HOOK | {"signature": {"header": "X", "key": CANARY, "algorithm": "md5"}}}, "'webhook.signature.algorithm' must be"),
    ],
)  # fmt: skip
@pytest.mark.proves("settings explain themselves")
def test_each_mistake_has_its_sentence(options: dict[str, Any], sentence: str):
    assert sentence in mistakes(**options)


def option_names(table: type[BaseModel]) -> set[str]:
    names = set()
    for name, field in table.model_fields.items():
        names.add(field.alias or name)
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                names |= option_names(kind)
    return names


def test_every_option_and_placeholder_is_explained():
    text = (RECIPES[0].parents[2] / "docs/providers.md").read_text()
    explained = set(re.findall(r"`(?:\[+)?(?:provider\.)?(?:[a-z]+\.)*([a-z_]+)\]*`", text))
    assert option_names(HttpOptions) | option_names(RuleOptions) <= explained
    assert {f"{{{name}}}" for name in FIELDS} <= set(re.findall(r"`(\{[a-z_0-9]+\})`", text))


def test_all_mistakes_are_told_at_once():
    told = mistakes(url="ftp://x", method="HEAD", token=7).split("; ")
    assert len(told) == 3


def test_capabilities_follow_from_the_options():
    made = {
        "bare": GOOD,
        "idempotent": GOOD | {"query": {"ref": "{id}"}, "idempotent": True},
        "parts": GOOD
        | {"webhook": HOOK | {"message": HOOK["message"] | {"part_ref": "a", "part_total": "b", "part_number": "c"}}},
        "whole": GOOD | {"webhook": HOOK},
        "reports": GOOD | {"webhook": {"secret": CANARY, "report": REPORT}},
    }
    assert {name: HttpProvider("acme", options).capabilities for name, options in made.items()} == {
        "bare": set(),
        "idempotent": {Capability.IDEMPOTENT},
        "parts": {Capability.INBOUND},
        "whole": {Capability.INBOUND, Capability.CONCATENATES_INBOUND},
        "reports": set(),
    }


@pytest.mark.proves("canary key")
def test_a_print_out_shows_no_secret():
    provider = HttpProvider("acme", GOOD | {"token": CANARY, "webhook": HOOK})
    assert CANARY not in repr(vars(provider)) + repr(provider._options)
