"""Whom a campaign has looked at, who would be left out, figures as a file, and the campaign's name in the log."""

from __future__ import annotations

import asyncio
import csv
import io
import time

import pytest
from sqlalchemy import text

from campaigns.campaign import State
from campaigns.model import Draft, Point
from gateway.store.database import alone
from tests.integration.pages.conftest import House
from tests.integration.pages.test_campaigns import contact, draft, estimated
from tests.site import Browser
from tests.waiting import until
from web.desk import campaign_live
from web.identity.roles import Role


async def ran(house: House, **fields: object) -> str:
    """A campaign that has looked at everybody; nothing of it has left."""
    campaign_id = await draft(house, any_hour="on", any_day="on", **fields)
    await house.owner.post(f"/campaigns/{campaign_id}/start")
    runner = house.site.rooms.campaign_runner
    await runner.look()
    await runner.idle()
    return campaign_id


def rows_of(content: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=delimiter))


@pytest.mark.proves("campaign: recipients", "C12")
async def test_the_list_links_to_cards_and_stories_and_is_a_file_as_well(house: House):
    anna = await contact(house, "Anna <b>", "+4530643001")
    await contact(house, "Silent", "+4530643002", no_sms=True)
    campaign_id = await ran(house)
    here = f"/campaigns/{campaign_id}"
    page = await house.owner.get(here)
    assert f'href="{here}/recipients"' in page
    assert f'href="{here}/recipients?state=skipped&amp;reason=no-sms"' in page
    page = await house.owner.get(f"{here}/recipients")
    assert f'<a href="/contacts/{anna}">Anna &lt;b&gt;</a>' in page
    assert 'href="/messages/' in page
    page = await house.owner.get(f"{here}/recipients?state=skipped&reason=no-sms")
    assert "Silent" in page
    assert "Anna" not in page
    assert "Anna" in await house.owner.get(f"{here}/recipients?q=3064+3001")
    assert "No recipient matches" in await house.owner.get(f"{here}/recipients?q=nobody")
    await house.owner.get(f"{here}/recipients?cursor=nonsense", 422)
    answer, content = await house.owner.fetch(f"{here}/recipients.csv?state=sent")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="recipients.csv"'
    (row,) = rows_of(content)
    assert (row["contact"], row["name"], row["state"], row["message"] != "") == (str(anna), "Anna <b>", "queued", True)


@pytest.mark.proves("campaign: mark and removal", "C12")
async def test_a_mail_that_was_stopped_is_named_with_why(house: House):
    rooms = house.site.rooms
    anna = Draft("Anna", emails=(Point("anna@people.example"),))
    number = await rooms.contacts.add(house.org.id, anna)
    campaign_id = await ran(house, channel="email", subject="Hej")
    await house.owner.post(f"/contacts/{number}/remove")
    page = await house.owner.get(f"/campaigns/{campaign_id}")
    assert "was deleted before it was time" in page
    assert f'href="/campaigns/{campaign_id}/recipients?state=failed&amp;reason=gone"' in page
    page = await house.owner.get(f"/campaigns/{campaign_id}/recipients?state=failed&reason=gone")
    assert "anna@people.example" in page


@pytest.mark.proves("C12")
async def test_figures_are_a_file(house: House):
    await contact(house, "Anna", "+4530643001")
    await contact(house, "Silent", "+4530643002", no_sms=True)
    campaign_id = await ran(house)
    _, content = await house.owner.fetch(f"/campaigns/{campaign_id}/statistics.csv")
    found = {(row["what"], row["of"]): row["count"] for row in rows_of(content)}
    assert found["contacts", "looked at"] == "2"
    assert found["state", "queued"] == "1"
    assert found["skipped", "no-sms"] == "1"
    assert found["answers", "phones"] == "0"
    assert found["opt-outs", ""] == "0"
    assert found["cost", "not known"] == "1"


@pytest.mark.proves("campaign: recipients", "campaign: estimate")
async def test_who_will_be_left_out_is_named_before_the_start(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("campaigns.estimate.NAMED", 1)
    await contact(house, "Anna", "+4530643001")
    silent = await contact(house, "Silent", "+4530643002", no_sms=True)
    await contact(house, "Quiet", "+4530643003", no_sms=True)
    await contact(house, "Twin", "+4530643001")
    campaign_id = await draft(house)
    here = f"/campaigns/{campaign_id}"
    assert f'href="{here}/skipped?reason=no-sms"' in await estimated(house, campaign_id)
    page = await house.owner.get(f"{here}/skipped?reason=no-sms")
    assert f'<a href="/contacts/{silent}">Silent</a>' in page
    assert "Twin" not in page
    _, content = await house.owner.fetch(f"{here}/skipped.csv")
    assert [(row["name"], row["reason"]) for row in rows_of(content)] == [
        ("Silent", "no-sms"),
        ("Quiet", "no-sms"),
        ("Twin", "duplicate"),
    ]
    _, content = await house.owner.fetch(f"{here}/skipped.csv?reason=duplicate")
    assert [row["name"] for row in rows_of(content)] == ["Twin"]
    house.owner.http.headers["Accept-Language"] = "da"
    _, content = await house.owner.fetch(f"{here}/skipped.csv?reason=no-sms")
    assert {row["why"] for row in rows_of(content, ";")} == {"er mærket: brug ikke sms"}


@pytest.mark.proves("C4")
async def test_the_log_names_the_campaign_and_leads_to_it(house: House):
    await contact(house, "Anna", "+4530643001")
    campaign_id = await ran(house)
    link = f'<a href="/campaigns/{campaign_id}">Spring</a>'
    page = await house.owner.get("/messages")
    assert link in page
    message = page.partition('href="/messages/01')[2].partition('"')[0]
    assert link in await house.owner.get(f"/messages/01{message}")


@pytest.mark.proves("tenants")
async def test_anothers_recipients_are_not_there(house: House):
    await contact(house, "Anna", "+4530643001")
    campaign_id = await ran(house)
    stranger = await house.site.person(Role.OWNER, house.other_org.id)
    for path in ("recipients", "recipients.csv", "skipped", "skipped.csv", "statistics.csv", "live"):
        await stranger.get(f"/campaigns/{campaign_id}/{path}", 404)
        await house.site.stranger.get(f"/campaigns/{campaign_id}/{path}", 303)


# --- live ----------------------------------------------------------------------------------------------------------


class Watching:
    """A browser that holds a stream open."""

    def __init__(self, browser: Browser, campaign_id: str) -> None:
        self.events: list[str] = []
        self.ended = False
        self._path = f"/campaigns/{campaign_id}/live"
        self.task = asyncio.create_task(self._listen(browser))

    async def _listen(self, browser: Browser) -> None:
        async with browser.http.get(self._path) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            written = ""
            async for piece in answer.content.iter_any():
                written += piece.decode()
                *whole, written = written.split("\n\n")
                self.events += whole
        self.ended = True

    def says(self, words: str) -> bool:
        return any(words in each for each in self.events)


@pytest.mark.proves("campaign: live")
async def test_figures_come_by_themselves_and_many_viewers_cost_one_reading(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(campaign_live, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr("campaigns.statistics.KEPT_SECONDS", 0.05)
    monkeypatch.setattr("campaigns.statistics._SHARE", 0)  # one slow reading must not be kept for seconds
    await contact(house, "Anna", "+4530643001")
    campaign_id = await ran(house)
    readings = 0
    get = house.site.rooms.campaigns.figures

    async def counted(campaign):
        nonlocal readings
        readings += 1
        return await get(campaign)

    monkeypatch.setattr(house.site.rooms.campaigns, "figures", counted)
    browsers = [house.owner, house.reader, house.operator]
    watching = [Watching(browser, campaign_id) for browser in browsers]
    await until(lambda: all(each.events for each in watching), "figures for everybody")
    before, began = readings, time.monotonic()
    await until(lambda: readings >= before + 5)
    assert readings - before <= (time.monotonic() - began) / 0.05 + 2, "three viewers, one reading at a time"
    assert all(len(each.events) == 1 for each in watching), "nothing is told that is no news"
    await house.owner.post(f"/campaigns/{campaign_id}/pause")
    await until(lambda: all(each.says("paused") for each in watching), "the pause")
    await house.owner.post(f"/campaigns/{campaign_id}/cancel")
    await until(lambda: all(each.says("cancelled") for each in watching), "the end")
    failed = text("UPDATE messages SET state = 'failed'")
    await house.site.rooms.database.write(alone(lambda connection: connection.execute(failed).rowcount), None)
    await until(lambda: all(each.ended for each in watching), "the end of the stream")
    assert all(each.events[-1].startswith("event: ended") for each in watching)
    campaign = await house.site.rooms.campaigns.get(None, campaign_id)
    assert campaign.state is State.CANCELLED


@pytest.mark.proves("campaign: live")
async def test_whoever_may_not_look_any_more_sees_no_more(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("web.pages.campaign_live.QUIET_SECONDS", 0.1)
    await contact(house, "Anna", "+4530643001")
    campaign_id = await ran(house)
    reader, owner = Watching(house.reader, campaign_id), Watching(house.owner, campaign_id)
    await until(lambda: reader.says(": still here") and owner.events, "both see it")
    await house.reader.post("/sign-out")
    await until(lambda: reader.ended, "the end of the stream")
    assert reader.events[-1].startswith("event: ended")
    assert not owner.ended
    owner.task.cancel()


@pytest.mark.proves("campaign: live")
async def test_nobody_has_more_streams_than_pages_to_look_at(house: House):
    await contact(house, "Anna", "+4530643001")
    campaign_id = await ran(house)
    live = f"/campaigns/{campaign_id}/live"
    watching = [Watching(house.owner, campaign_id) for _ in range(campaign_live.MOST_OF_ONE)]
    await until(lambda: all(each.events for each in watching), "figures everywhere")
    await house.owner.get(live, 204)
    other = Watching(house.reader, campaign_id)
    await until(lambda: other.events, "somebody else's figures")
    watching[0].task.cancel()
    await until_answers(house.owner, live, 200)
    for each in (*watching, other):
        each.task.cancel()


async def until_answers(browser: Browser, path: str, status: int) -> None:
    """Ask until it is answered so."""
    for _ in range(200):
        async with browser.http.get(path) as answer:
            if answer.status == status:
                return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{path} is not answered {status}")


@pytest.mark.stopwatch
@pytest.mark.proves("campaign: live")
async def test_a_server_that_stops_ends_the_streams(house: House):
    await contact(house, "Anna", "+4530643001")
    watching = Watching(house.owner, await ran(house))
    await until(lambda: watching.events, "the first figures")
    began = time.monotonic()
    await house.site.server.stop()
    assert time.monotonic() - began < 2.5
    await until(watching.task.done, "the end of the stream")
