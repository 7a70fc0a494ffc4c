"""`brevdue message`: lists, one message, and its whole story, over what a gateway has stored."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from sqlalchemy import insert, update

from brevdue import cli
from gateway.store import schema
from gateway.store.database import alone
from gateway.store.opening import open_database

pytestmark = pytest.mark.proves("a message's whole story is told")

MAIL = {
    "id": "01FIRST",
    "received_at": 1_800_000_000.0,
    "decision": "accepted",
    "org_id": "01ORG",
    "account_id": "01ACCOUNT",
    "listener": "smtp",
    "peer_ip": "192.0.2.1",
    "helo": "mx.acme.example",
    "tls": True,
    "mail_from": "anna@acme.example",
    "header_from": "anna@acme.example",
    "message_id": "1@acme.example",
    "proof": "dkim",
    "proof_detail": "d=acme.example",
    "size": 1234,
    "subject": "30643064, sag [key]",
    "text": "Hello\nthere \x1b[2J",
    "cut": "> earlier",
}
MESSAGE = {
    "id": "01FIRST.1",
    "mail_id": "01FIRST",
    "org_id": "01ORG",
    "account_id": "01ACCOUNT",
    "key_id": "01KEY",
    "provider": "simulator",
    "from_number": "+45609946000001",
    "to_number": "+4530643064",
    "text": "Hello\nthere, this is a text that is longer than a list",
    "encoding": "gsm7",
    "parts": 1,
    "units": 11,
    "priority": 0,
    "dedupe": "x",
    "state": "delivered",
    "state_at": 1_800_000_003.5,
    "created_at": 1_800_000_000.25,
    "available_at": 1_800_000_000.25,
    "attempts": 1,
    "billed_parts": 2,
    "price": 790,
    "currency": "USD",
}
DOUBTFUL = MESSAGE | {"id": "01FIRST.2", "dedupe": "y", "state": "unknown", "to_number": "+4530643065"}
INBOUND = {
    "provider": "simulator",
    "from_number": "+4530643064",
    "to_number": "+45609946000001",
    "at": 1_800_000_010.0,
    "received_at": 1_800_000_010.0,
}


@pytest.fixture
def brevdue(tmp_path, capsys):
    """A command over a database that holds one mail with its SMS and three incoming SMS."""
    config = tmp_path / "brevdue.toml"
    config.write_text("")

    def fill(connection):
        report = {"provider": "simulator", "ref": "ref-1", "at": 1_800_000_003.0}
        connection.execute(insert(schema.mails), [MAIL])
        connection.execute(insert(schema.messages), [MESSAGE])
        attempt = {"message_id": "01FIRST.1", "n": 1, "provider": "simulator", "started_at": 1_800_000_000.5}
        connection.execute(
            insert(schema.attempts), [attempt | {"finished_at": 1_800_000_000.75, "outcome": "accepted"}]
        )
        connection.execute(
            insert(schema.provider_refs),
            [
                report
                | {"to_number": "", "message_id": "01FIRST.1", "part": 1, "status": "delivered"}
                | {"price": 790, "currency": "USD"}
            ],
        )
        connection.execute(
            insert(schema.reports),
            [report | {"status": "delivered", "received_at": 1_800_000_003.5, "message_id": "01FIRST.1"}],
        )
        for number, state in enumerate(("mailed", "held", "unrouted")):
            row = {"id": f"01IN{number}", "ref": f"in-{number}", "text": f"answer {number}", "state": state}
            connection.execute(insert(schema.inbound), [INBOUND | row | {"received_at": 1_800_000_010.0 + number}])

    async def prepare():
        database = await open_database(f"sqlite:///{tmp_path}/brevdue.db")
        await database.write(alone(fill), None)
        await database.close()

    asyncio.run(prepare())

    def run(*arguments, status=0):
        capsys.readouterr()
        assert cli.run([*arguments, "-c", str(config)]) == status
        captured = capsys.readouterr()
        return captured.err if status else captured.out

    return run


def test_lists_hold_both_ways_newest_first(brevdue):
    rows = json.loads(brevdue("message", "list", "--json"))
    assert [row["id"] for row in rows] == ["01IN2", "01IN1", "01IN0", "01FIRST.1"]
    assert rows[-1] == {
        "id": "01FIRST.1",
        "at": "2027-01-15T08:00:00Z",
        "way": "out",
        "number": "+45609946000001",
        "phone": "+4530643064",
        "state": "delivered",
        "parts": 1,
        "text": MESSAGE["text"],
        "cause": "",
    }


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["--way", "out"], ["01FIRST.1"]),
        (["--limit", "2"], ["01IN2", "01IN1"]),
        (["--state", "held", "--state", "delivered"], ["01IN1", "01FIRST.1"]),
        (["--phone", "+4530643064"], ["01IN2", "01IN1", "01IN0", "01FIRST.1"]),
        (["--phone", "+4500000000"], []),
    ],
)
def test_lists_are_narrowed(brevdue, arguments, ids):
    assert [row["id"] for row in json.loads(brevdue("message", "list", "--json", *arguments))] == ids


def test_a_list_for_people_is_one_line_each(brevdue):
    lines = brevdue("message", "list").splitlines()
    assert len(lines) == 5
    assert "Hello⏎there, this is a text that is lon…" in lines[-1]


@pytest.mark.proves("D14")
def test_what_waits_and_what_nobody_has(brevdue):
    [held] = json.loads(brevdue("message", "held", "--json"))
    [unrouted] = json.loads(brevdue("message", "unrouted", "--json"))
    assert (held["id"], unrouted["id"]) == ("01IN1", "01IN2")
    assert held["cause"] == "the key is paused: it goes on after brevdue key resume"
    assert unrouted["cause"] == "nobody has the number: brevdue message deliver 01IN2 --to ADDRESS"
    assert json.loads(brevdue("message", "asked", "--json")) == []


@pytest.mark.proves("handed on")
def test_what_nobody_has_is_handed_on_once(brevdue):
    assert "is not a mail address" in brevdue("message", "deliver", "01IN2", "--to", "bo@", status=1)
    assert "no open account" in brevdue("message", "deliver", "01IN2", "--to", "+4512345678", status=1)
    said = brevdue("message", "deliver", "01in2", "--to", "bo@acme.example")
    assert said == "on its way to bo@acme.example; it has no account, so an answer will not reach the phone\n"
    again = brevdue("message", "deliver", "01IN2", "--to", "bo@acme.example", status=1)
    assert again == "brevdue: there is no incoming SMS '01IN2' that has reached nobody\n"
    assert "reached nobody" in brevdue("message", "deliver", "01IN0", "--to", "bo@acme.example", status=1)
    story = brevdue("message", "trace", "01IN2")
    assert "mail queued" in story
    assert "bo@acme.example" in story


@pytest.mark.proves("keywords")
def test_keywords_from_the_shell(brevdue):
    brevdue("org", "create", "Acme")
    assert "no organisation 'Nobody'" in brevdue(
        "number", "give", "--org", "Nobody", "--to", "a@acme.example", status=1
    )
    number = brevdue("number", "give", "--org", "Acme", "--to", "info@acme.example").strip()
    assert brevdue("keyword", "add", number, "Grød", "--to", "bo@acme.example") == "grod\n"
    assert "cannot be a keyword" in brevdue("keyword", "add", number, "STOP", "--to", "bo@acme.example", status=1)
    assert "one word" in brevdue("keyword", "add", number, "to ord", "--to", "bo@acme.example", status=1)
    long = "x" * 460
    said = brevdue("keyword", "add", number, "ord", "--to", "bo@acme.example", "--reply", long, status=1)
    assert "at most 459 characters" in said
    rows = json.loads(brevdue("keyword", "list", "--org", "Acme", "--json"))
    assert [(row["word"], row["to"]) for row in rows] == [(None, "info@acme.example"), ("Grød", "bo@acme.example")]
    assert "has no keyword 'other'" in brevdue("keyword", "remove", number, "other", status=1)
    brevdue("keyword", "remove", number, "GROD")
    assert len(json.loads(brevdue("keyword", "list", "--json"))) == 1
    brevdue("number", "take", number)
    assert json.loads(brevdue("keyword", "list", "--json")) == []


def test_one_message(brevdue):
    assert json.loads(brevdue("message", "show", "01FIRST.1", "--json"))["state"] == "delivered"
    assert json.loads(brevdue("message", "show", "01IN0", "--json"))["text"] == "answer 0"
    assert brevdue("message", "show", "nothing", status=1) == "brevdue: there is no SMS 'nothing'\n"


def test_the_story_of_a_mail(brevdue):
    told = brevdue("message", "trace", "01FIRST.1")
    moments = [line for line in told.splitlines() if line.startswith("2027-")]
    assert [line[:24] for line in moments] == sorted(line[:24] for line in moments)
    assert re.match(r"2027-01-15T08:00:00\.000Z  ", moments[0])
    assert "\x1b" not in told, "no text steers the terminal"
    for known in (
        "mx.acme.example",
        "192.0.2.1",
        "dkim",
        "d=acme.example",
        "30643064, sag [key]",
        "> earlier",
        "+4530643064",
        "simulator",
        "accepted",
        "delivered",
    ):
        assert known in told, known
    story = json.loads(brevdue("message", "trace", "01FIRST", "--json"))
    assert story["direction"] == "out"
    assert [step["at"] for step in story["steps"]] == sorted(step["at"] for step in story["steps"])


def test_the_story_of_an_answer(brevdue):
    story = json.loads(brevdue("message", "trace", "01IN1", "--json"))
    assert story["direction"] == "in"
    assert "held" in json.dumps(story["steps"])


@pytest.mark.proves("trace")
def test_the_story_tells_parts_price_and_moment(brevdue):
    told = " ".join(brevdue("message", "trace", "01FIRST.1").split())
    for known in (
        "provider ids ref-1 (part 1): delivered, 0.0079 USD",
        "parts counted 1",
        "parts billed 2",
        "price 0.0079 USD",
        "happened 2027-01-15T08:00:03+00:00",
    ):
        assert known in told, known


@pytest.fixture
def doubtful(brevdue, tmp_path):
    """The same with a message of which nobody knows whether it was sent."""

    async def prepare():
        database = await open_database(f"sqlite:///{tmp_path}/brevdue.db")
        await database.write(alone(lambda c: c.execute(insert(schema.messages), [DOUBTFUL])), None)
        await database.close()

    asyncio.run(prepare())
    return brevdue


@pytest.mark.proves("unknown is resolved or shown")
@pytest.mark.parametrize(("word", "state"), [("--sent", "submitted"), ("--not-sent", "failed"), ("--resend", "queued")])
def test_a_person_decides_about_a_message_in_doubt(doubtful, word, state):
    assert doubtful("message", "resolve", "01FIRST.2", word) == f"01FIRST.2 is {state} now\n"
    told = json.loads(doubtful("message", "show", "01FIRST.2", "--json"))
    assert (told["state"], told["cause"]) == (state, "decided by hand")
    said = doubtful("message", "resolve", "01FIRST.2", word, status=1)
    assert said == "brevdue: there is no message '01FIRST.2' of which it is unknown whether it was sent\n"


@pytest.mark.proves("unknown is resolved or shown")
@pytest.mark.parametrize("words", [[], ["--sent", "--resend"]])
def test_a_person_says_one_thing(doubtful, words):
    said = doubtful("message", "resolve", "01FIRST.2", *words, status=1)
    assert said == "brevdue: say one of --sent, --not-sent or --resend\n"


def test_no_such_story(brevdue):
    said = brevdue("message", "trace", "nothing\x1b", status=1)
    assert said.startswith("brevdue: there is no message 'nothing\ufffd' here")
    assert "only in the log" in said


# --- without its text ----------------------------------------------------------------------------------------------


@pytest.fixture
def aged(brevdue, tmp_path):
    """The same, with texts that were removed."""

    def remove(connection):
        for table in (schema.mails, schema.messages, schema.inbound):
            connection.execute(update(table).values(text="", text_removed_at=1_810_000_000.0))
        connection.execute(update(schema.messages).values(state="unknown"))

    async def age():
        database = await open_database(f"sqlite:///{tmp_path}/brevdue.db")
        await database.write(alone(remove), None)
        await database.close()

    asyncio.run(age())
    return brevdue


@pytest.mark.proves("retention")
def test_a_removed_text_is_no_empty_text(aged):
    assert {row["text"] for row in json.loads(aged("message", "list", "--json"))} == {None}
    assert aged("message", "list").count("(text removed)") == 4
    for name in ("01FIRST.1", "01IN0"):
        assert json.loads(aged("message", "show", name, "--json"))["text"] is None
        assert "text    (text removed)" in aged("message", "show", name)
        story = aged("message", "trace", name)
        assert "(text removed)" in story
        assert "2027-05-11T01:46:40.000Z  text removed" in story


@pytest.mark.proves("retention")
def test_without_its_text_nothing_is_sent_or_handed_on(aged):
    said = aged("message", "resolve", "01FIRST.1", "--resend", status=1)
    assert said == "brevdue: the text of '01FIRST.1' was removed: there is nothing to send again\n"
    assert "no incoming SMS '01IN2' that has reached nobody" in aged(
        "message", "deliver", "01IN2", "--to", "bo@acme.example", status=1
    )
    assert aged("message", "resolve", "01FIRST.1", "--not-sent") == "01FIRST.1 is failed now\n"


@pytest.mark.proves("retention")
def test_an_organisation_says_for_how_many_days(brevdue):
    brevdue("org", "create", "Acme")
    default = json.loads(brevdue("org", "retention", "Acme", "--json"))
    assert (default["texts_days"], default["texts_by"]) == (0, "[retention]")
    brevdue("org", "retention", "Acme", "--texts", "90", "--metadata", "400")
    own = json.loads(brevdue("org", "retention", "Acme", "--texts", "default", "--json"))
    assert own == {
        "organisation": "Acme",
        "texts_days": 0,
        "texts_by": "[retention]",
        "metadata_days": 400,
        "metadata_by": "the organisation",
    }
    for days, why in (("7", "from 30 to 36500, or 0"), ("-1", "no number of days"), ("soon", "no number of days")):
        assert why in brevdue("org", "retention", "Acme", f"--metadata={days}", status=1)


# --- one person ----------------------------------------------------------------------------------------------------


@pytest.mark.proves("person export")
def test_a_person_is_exported_from_the_shell(brevdue):
    given = json.loads(brevdue("person", "export", "30 64 30 64"))
    assert (given["format"], given["person"]) == ("brevdue.person/1", {"phone": "+4530643064"})
    assert [len(given[name]) for name in ("messages", "mails", "incoming")] == [1, 1, 3]
    assert "no organisation 'Nobody'" in brevdue("person", "export", "30643064", "--org", "Nobody", status=1)
    assert "neither a phone number" in brevdue("person", "export", "anna", status=1)


@pytest.mark.proves("erase")
def test_a_person_is_erased_from_the_shell(brevdue, nothing_held):
    assert "add --yes" in brevdue("person", "erase", "+4530643064", status=1)
    said = brevdue("person", "erase", "+4530643064", "--yes", status=1)
    assert said.splitlines()[-1] == (
        "brevdue: nothing was erased: 1 SMS still held: resume the key, or wait for the missing parts (brevdue message"
        " held)"
    )
    nothing_held()
    done = json.loads(brevdue("person", "erase", "+4530643064", "--yes", "--json"))
    assert done["erased"] == {
        "letters": 0, "mails": 1, "incoming": 3, "conversations": 0, "messages": 1, "accounts": 0,
        "contacts": 0, "campaign_mails": 0, "import_rows": 0,
    }  # fmt: skip
    assert json.loads(brevdue("message", "list", "--phone", "+4530643064", "--json")) == []
    assert {row["phone"] for row in json.loads(brevdue("message", "list", "--json"))} == {done["pseudonym"]}
    assert "nothing is stored about +4530643064" in brevdue("person", "erase", "30643064", "--yes", status=1)


@pytest.fixture
def nothing_held(tmp_path):
    """Lets nothing be held any more."""

    async def free():
        database = await open_database(f"sqlite:///{tmp_path}/brevdue.db")
        await database.write(alone(lambda c: c.execute(update(schema.inbound).values(state="mailed"))), None)
        await database.close()

    return lambda: asyncio.run(free())
