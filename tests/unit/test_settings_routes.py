"""Routes and prices in the configuration: read as they are meant, and every mistake explained where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from brevdue.settings import ConfigurationError, load
from gateway.money import Money
from gateway.routing.configured import router_of
from gateway.routing.rules import OWNER
from gateway.settings import GatewaySettings
from gateway.sms import Priority

pytestmark = pytest.mark.proves("routes", "settings explain themselves")

CONF = Path(__file__).parents[2] / "conf"
TWO = """
[[provider]]
name = "acme"
kind = "simulator"
[[provider]]
name = "cheap"
kind = "simulator"
path = "cheap"
parts_per_second = 50
senders = "any"
[[pool]]
provider = "acme"
range = "+45609946000000..+45609946999999"
"""
LINES = TWO.count("\n")


def settings(folder: Path, text: str) -> GatewaySettings:
    file = folder / "brevdue.toml"
    file.write_text(TWO + text)
    return load(file, {})


def test_without_a_route_there_is_no_router(tmp_path: Path):
    read = settings(tmp_path, "")
    assert router_of(read) is None
    assert [(each.parts_per_second, each.senders) for each in read.provider] == [(0, "own"), (50, "any")]
    assert "parts_per_second" not in read.provider[1].options, "what all providers have is no adapter's option"


def test_all_that_can_be_said(tmp_path: Path):
    router = router_of(
        settings(
            tmp_path,
            """
            [routing]
            currency = "dkk"
            [[route]]
            name = "campaigns"
            countries = ["dk", "001"]
            prefixes = ["+4530"]
            organisations = ["01JDHZ5B6V4C9K3T8N2XQ7MWEP"]
            kinds = ["campaign"]
            via = [{ provider = "cheap", weight = 3, sender = "Firma", registered = ["SE"] }, "owner"]
            fallback = ["acme"]
            cheapest = true
            at_most = 0.25
            [[price]]
            provider = "cheap"
            part = { DK = 0.2, "+4530" = 0.19, other = 0.9 }
            """,
        )
    )
    assert router is not None
    (rule,) = router.book.rules
    assert (rule.name, rule.countries, rule.prefixes) == ("campaigns", {"DK", "001"}, ("+4530",))
    assert (rule.organisations, rule.kinds) == ({"01JDHZ5B6V4C9K3T8N2XQ7MWEP"}, {Priority.CAMPAIGN})
    assert [(way.provider, way.weight, way.sender, way.registered) for way in rule.via] == [
        ("cheap", 3, "Firma", {"SE"}),
        (OWNER, 1, "", frozenset()),
    ]
    assert [way.provider for way in rule.fallback] == ["acme"]
    assert (rule.cheapest, rule.at_most) == (True, Money.of("0.25", "DKK"))
    assert router.book.any_sender == {"cheap"}
    assert router.book.prices["cheap"].part("+4530643064", "DK") == Money.of("0.19", "DKK")
    assert router.owner_of("+45609946000001") == "acme"


def test_the_example_of_the_shipped_file_is_read_as_it_stands(tmp_path: Path):
    shipped = (CONF / "brevdue.toml").read_text()
    example = shipped[shipped.index("# [[route]]") : shipped.index("# For how many days what is kept")]
    example = "\n".join(re.findall(r"^# (\[\[.*|[a-z_]+ = .*)", example, re.MULTILINE))
    read = settings(tmp_path, example.replace("simulator", "acme"))
    assert [route.name for route in read.route] == ["campaigns by price"]


def test_the_routes_to_begin_with_are_routes(tmp_path: Path):
    """They show what `docs/routes.md` says, and hold together once they name providers that there are."""
    text = (CONF / "routes.toml").read_text().replace('"first"', '"acme"').replace('"second"', '"cheap"')
    router = router_of(settings(tmp_path, text))
    assert router is not None
    assert [rule.name for rule in router.book.rules] == ["campaigns by price", "Sweden", "everything else"]


def test_the_example_of_the_documents_is_read(tmp_path: Path):
    blocks = re.findall(r"```toml\n(.*?)```", (CONF.parent / "docs" / "routes.md").read_text(), re.DOTALL)
    assert len(blocks) == 3
    read = settings(tmp_path, "\n".join(blocks[:2]))
    assert [len(route.via) + len(route.fallback) for route in read.route] == [3, 2]


def test_the_environment_may_say_routes_and_explains_its_mistakes(tmp_path: Path):
    (tmp_path / "brevdue.toml").write_text(TWO)

    def read(**environ: str) -> GatewaySettings:
        return load(tmp_path / "brevdue.toml", environ)

    good = read(
        BREVDUE_ROUTE='[{"name": "x", "via": ["acme"]}]', BREVDUE_PRICE='[{"provider": "acme", "part": {"DK": 1}}]'
    )
    assert [way.provider for way in good.route[0].via] == ["acme"]
    assert good.price[0].part == {"DK": 1}
    for name, value, wanted in (
        ("BREVDUE_ROUTE", '[{"name": "x", "via": ["acm"]}]', "route[1].via[1].provider: must be the name of a"),
        ("BREVDUE_ROUTE", "acme", 'route: must be JSON like [{"name": "all", "via": ["simulator"]}]'),
        ("BREVDUE_PRICE", "1", 'price: must be JSON like [{"provider": "simulator", "part": {"DK": 0.04}}]'),
    ):
        with pytest.raises(ConfigurationError, match=re.escape(f"{name}: {wanted}")):
            read(**{name: value})


def route(more: str = "", via: str = '"acme"') -> str:
    return f'[[route]]\nname = "x"\nvia = [{via}]\n{more}\n'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[[route]]\nname = "x"', "1: route[1].via: is missing: must be written as [[via]] tables"),
        ('[[route]]\nname = "x"\nvia = []', '3: route[1].via: must name at least one provider (["acme"])'),
        (route(via='"acmee"'), "3: route[1].via[1].provider: must be the name of a [[provider]], not 'acmee'"),
        (
            route(via='{ provider = "acme", wieght = 2 }'),
            "3: route[1].via[1].wieght: unknown key: did you mean 'weight'?",
        ),
        (route(via='{ provider = "acme", weight = 0 }'), "3: route[1].via[1].weight: must be 1-1000, not 0"),
        (route('fallback = ["nobody"]'), "4: route[1].fallback[1].provider: must be the name of a [[provider]]"),
        (route('countries = ["Denmark"]'), "4: route[1].countries[1]: must be a country code of two letters"),
        (route('prefixes = ["4530"]'), "4: route[1].prefixes[1]: must be how numbers begin, with their country code"),
        (
            route('organisations = ["Firma"]'),
            "4: route[1].organisations[1]: must be an id of 26 letters and digits, as 'brevdue org list' shows it, not 'Firma'",
        ),
        (route('kinds = ["dialogue"]'), '4: route[1].kinds[1]: must be "dialog" or "campaign", not \'dialogue\''),
        (route("cheapest = true"), "4: route[1].cheapest: needs prices: write a [[price]] table for each provider"),
        (
            route("at_most = -1"),
            "4: route[1].at_most: must be a number, at least 0 (for one part, in [routing] currency",
        ),
        (
            route(via='{ provider = "acme", sender = "TwelveLetter" }'),
            "3: route[1].via[1].sender: must be at most 11 characters, not 'TwelveLetter'",
        ),
        (
            route('countries = ["US"]', via='{ provider = "acme", sender = "Firma" }'),
            "3: route[1].via[1].sender: cannot stand there: phones in US get no names as sender, and 'Firma' is one",
        ),
        (
            route('countries = ["IN"]', via='{ provider = "acme", sender = "Firma" }'),
            "cannot stand there: 'Firma' must be registered in IN: write registered = [\"IN\"] beside it when it is",
        ),
        (
            route(via='{ provider = "acme", registered = ["SE"] }'),
            "3: route[1].via[1].registered: needs a name as sender beside it",
        ),
        (route() + route(), "6: route[2].name: must differ from the other routes, not 'x' again"),
        (
            route() + '[[route]]\nname = "y"\nvia = ["acme"]',
            "5: route[2]: is never asked: 'x' stands before it and fits every message",
        ),
        ('[[price]]\nprovider = "acm"\npart = { DK = 1 }', "2: price[1].provider: must be the name of a [[provider]]"),
        ('[[price]]\nprovider = "acme"\npart = {}', "3: price[1].part: must hold prices of at least 0"),
        ('[[price]]\nprovider = "acme"\npart = { Denmark = 1 }', "3: price[1].part: must be a country code"),
        ('[[price]]\nprovider = "acme"\npart = { DK = -1 }', "3: price[1].part: must hold prices of at least 0"),
        ('[routing]\ncurrency = "euro"', '2: routing.currency: must be a currency of three letters ("EUR", "DKK")'),
        (
            '[[provider]]\nname = "p"\nkind = "simulator"\nparts_per_second = -1',
            "4: provider[3].parts_per_second: must be",
        ),
        (
            '[[provider]]\nname = "p"\nkind = "simulator"\nsenders = "all"',
            '4: provider[3].senders: must be "own" or "any"',
        ),
        (
            '[[provider]]\nname = "owner"\nkind = "simulator"\n' + route(),
            "2: provider[3].name: must not be 'owner': routes mean the number's owner by it",
        ),
    ],
)
def test_a_mistake_is_explained_where_it_stands(tmp_path: Path, text: str, wanted: str):
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, text)
    found = [str(mistake).replace(f"{tmp_path}/brevdue.toml:", "") for mistake in caught.value.mistakes]
    shifted = [f"{int(line) - LINES}:{rest}" for line, _, rest in (mistake.partition(":") for mistake in found)]
    assert any(wanted in mistake for mistake in shifted), shifted
