"""Figures, limits and the overview: what they say is what happened, to whom it belongs alone."""

from __future__ import annotations

import re

import pytest

from gateway import maillog
from gateway.maillog import BREAKER, Event
from gateway.sms import MessageState
from gateway.spending import DAY
from gateway.store.database import alone
from gateway.store.schema import spend
from tests.integration.pages.conftest import House
from tests.integration.pages.traffic import came, sent
from web.identity.roles import Role


@pytest.fixture(autouse=True)
def one_hour(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The site's clock stands: whatever a test sends is within one hour."""
    at = house.site.rooms.clock.now()
    monkeypatch.setattr(house.site.rooms.clock, "now", lambda: at)


async def traffic(house: House) -> None:
    """Acme sends three and gets one, Other sends one; counted."""
    await house.site.rooms.spool.start()
    await sent(house.site, house.account, "Goddag", MessageState.SUBMITTED)
    await sent(house.site, house.account, "Goddag", MessageState.SUBMITTED)
    await sent(house.site, house.account, "Goddag", MessageState.UNKNOWN)
    await sent(house.site, house.other_account, "Fremmed", MessageState.SUBMITTED)
    await came(house.site, house.account.number, "Tak")
    await house.site.rooms.hour_counts.count(rest=False)


async def spent(house: House) -> None:
    """What both spent today."""
    today = int(house.site.rooms.clock.now()) // DAY
    rows = [
        {"purse": f"organisation:{house.org.id}", "day": today, "parts": 120, "cost": 4200},
        {"purse": f"key:{house.key.id}", "day": today, "parts": 110, "cost": 3850},
        {"purse": f"account:{house.account.id}", "day": today, "parts": 90, "cost": 3150},
        {"purse": f"organisation:{house.other_org.id}", "day": today, "parts": 777, "cost": 0},
    ]
    await house.site.rooms.database.write(alone(lambda connection: connection.execute(spend.insert(), rows)), None)


def number_of(page: str, words: str) -> str | None:
    """The number on a tile."""
    found = re.search(rf'tile-words">(?:<span[^>]*></span> )?{words}</span><strong class="tile-number">([^<]+)<', page)
    return found[1] if found else None


@pytest.mark.proves("figures shown")
@pytest.mark.parametrize("span", ["day", "week", "month"])
async def test_figures_are_those_of_the_messages(house: House, span: str):
    await traffic(house)
    page = await house.owner.get(f"/figures?range={span}")
    assert [number_of(page, words) for words in ("sent", "expired or unknown", "from phones")] == ["2", "1", "1"]
    assert re.search(r'<svg class="drawing" role="img"[^>]+><title[^>]+>SMS over time</title><desc', page)
    assert re.search(r"<th scope=\"row\">[^<]+</th><td[^>]*>0</td><td[^>]*>2</td><td[^>]*>1</td><td[^>]*>1</td>", page)
    assert "style=" not in page
    assert number_of(await house.operator.get(f"/figures?range={span}"), "sent") == "3"
    other = await house.operator.get(f"/figures?range={span}&org={house.other_org.id}")
    assert number_of(other, "sent") == "1"


@pytest.mark.proves("figures shown")
async def test_nothing_is_said_to_be_nothing(house: House):
    assert "No SMS in this time" in await house.owner.get("/figures?range=nonsense")
    assert "Nothing was sent today" in await house.owner.get("/limits")


@pytest.mark.proves("figures shown")
async def test_limits_tell_what_was_spent_by_whom(house: House):
    await spent(house)
    page = await house.owner.get("/limits")
    assert "120" in page
    assert f'href="/keys/{house.key.id}"' in page
    assert f'href="/accounts/{house.account.id}"' not in page, "nothing is said of who was not active"
    await came(house.site, house.account.number, "Tak")
    page = await house.owner.get("/limits")
    assert f'href="/accounts/{house.account.id}"' in page
    assert re.search(r'<progress [^>]*value="120" max="1000000"', page)
    assert "Tyskland" not in page
    assert "Germany" in page
    everybody = await house.operator.get("/limits")
    assert re.search(r"\b777\b", everybody)
    assert f"/limits?org={house.other_org.id}" in everybody
    assert re.search(r"\b777\b", await house.operator.get(f"/limits?org={house.other_org.id}"))
    await house.operator.get("/limits?org=nothing", 404)


@pytest.mark.proves("tenants")
async def test_another_organisations_figures_are_not_there(house: House):
    await traffic(house)
    await spent(house)
    assert number_of(await house.owner.get(f"/figures?org={house.other_org.id}"), "sent") == "2"
    assert not re.search(r"\b777\b", await house.owner.get(f"/limits?org={house.other_org.id}"))
    assert "Fremmed" not in await house.owner.get("/")


@pytest.mark.proves("overview")
async def test_the_overview_begins_with_first_steps(house: House):
    page = await house.owner.get("/")
    steps = re.findall(r'<li( class="done")?>\s*<span class="step-mark">', page)
    assert steps == [' class="done"', ' class="done"', ""]
    assert 'href="/write"' in page
    assert 'hx-get="/keys/new"' not in page
    reader = await house.reader.get("/")
    assert "First steps" in reader
    assert 'class="btn' not in reader.split("First steps")[1].split("</section>")[0]


@pytest.mark.proves("overview")
async def test_the_overview_tells_how_today_goes(house: House):
    await traffic(house)
    page = await house.owner.get("/")
    told = {words: number_of(page, words) for words in ("To phones today", "From phones today", "Needs attention")}
    assert told == {"To phones today": "3", "From phones today": "1", "Needs attention": "1"}
    assert number_of(page, "Free numbers") is None, "the pool is the operator's"
    assert number_of(await house.operator.get("/"), "Free numbers") is not None
    assert "Goddag" in page
    assert "takes nothing now" not in page
    await house.site.rooms.tally.start()
    maillog.note(Event.PROVIDER_STATE, provider="simulator", bind=BREAKER, state="open")
    assert "simulator takes nothing now" in await house.reader.get("/")
    await house.site.rooms.tally.stop()
    assert "Mobile number" in await (await house.site.person(Role.SENDER, house.org.id)).get("/")


@pytest.mark.proves("employees see their own", "overview")
async def test_an_employee_is_led_to_their_own_page(house: House):
    employee = await house.site.employee(house.account)
    answer, _ = await employee.fetch("/")
    assert (answer.status, answer.headers["location"]) == (303, "/mine")
    for path in ("/figures", "/limits", "/attention", "/optouts"):
        await employee.get(path, 403)
