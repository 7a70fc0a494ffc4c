"""`brevdue contact`: files come in and go out at the terminal, whole, or with what was refused and why."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brevdue import cli
from gateway.store.opening import open_database
from web.store.schema import audit

pytestmark = pytest.mark.proves("contacts at the terminal")

FILE = "Navn;Mobil;By\nÅse;30643061;Aarhus\nBo;12;Odense\nCy;30643063;Vejle\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    place = tmp_path / "brevdue.toml"
    place.write_text("")
    return place


@pytest.fixture
def brevdue(config: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[..., tuple[int, str, str]]:
    """A command; its status, what it says, what it complains about."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsysbinary.readouterr()
        status = cli.run([*arguments, "-c", str(config)])
        captured = capsysbinary.readouterr()
        return status, captured.out.decode("utf-8-sig"), captured.err.decode()

    assert run("org", "create", "Acme")[0] == 0
    return run


@pytest.fixture
def people(tmp_path: Path) -> Path:
    place = tmp_path / "people.csv"
    place.write_bytes(FILE.encode("cp1252"))
    return place


def test_a_file_comes_in_and_what_was_refused_is_told(brevdue, people: Path):
    status, out, err = brevdue("contact", "import", str(people), "--org", "Acme", "--tag", "fair", "--json")
    done = json.loads(out)
    assert (status, done["new"], done["refused"]) == (1, 2, 1)
    assert "1 of 3 rows were refused" in err
    refused = people.with_name("people.csv.refused.csv")
    assert refused.stat().st_mode & 0o777 == 0o600
    (_head, row) = list(csv.reader(refused.read_text("utf-8-sig").splitlines()))
    assert row == ["3", "phone: 12 is no phone number: too short", "Bo", "12", "Odense"]

    listed = json.loads(brevdue("contact", "list", "--org", "Acme", "--where", "tag: fair", "--json")[1])
    assert {each["phone"] for each in listed} == {"+4530643061", "+4530643063"}
    shown = json.loads(brevdue("contact", "show", str(listed[0]["id"]), "--json")[1])
    assert shown["tags"] == ["fair"]
    (past,) = json.loads(brevdue("contact", "imports", "--org", "Acme", "--json")[1])
    assert (past["id"], past["state"], past["rows"]) == (done["id"], "finished", 3)


def test_a_file_that_went_out_comes_in_again_and_says_nothing_new(brevdue, people: Path, tmp_path: Path):
    brevdue("contact", "import", str(people), "--org", "Acme")
    status, out, _ = brevdue("contact", "export", "--org", "Acme")
    assert status == 0
    assert [row["name"] for row in csv.DictReader(out.splitlines())] == ["Cy", "Åse"]
    place = tmp_path / "out.csv"
    brevdue("contact", "export", "--org", "Acme", "-o", str(place))
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.read_text("utf-8-sig").splitlines() == out.splitlines()
    again = json.loads(brevdue("contact", "import", str(place), "--org", "Acme", "--json")[1])
    assert (again["same"], again["new"], again["updated"], again["refused"]) == (2, 0, 0, 0)
    cards = brevdue("contact", "export", "--org", "Acme", "--where", "name = Cy", "--format", "vcf")[1]
    assert cards.count("BEGIN:VCARD") == 1


def test_columns_are_named_known_ones_stay_and_a_look_changes_nothing(brevdue, people: Path):
    brevdue("contact", "import", str(people), "--org", "Acme")
    people.write_text("a;b;c\nOther;30643061;x\nNew;30643070;y\n")
    asked = ("contact", "import", str(people), "--org", "Acme", "--map", "a=name", "--map", "2=phone", "--skip")
    status, out, _ = brevdue(*asked, "--preview", "--json")
    seen = json.loads(out)
    assert (status, seen["first rows: new"], seen["first rows: same"]) == (0, 1, 1)
    assert len(json.loads(brevdue("contact", "list", "--org", "Acme", "--json")[1])) == 2
    status, out, _ = brevdue(*asked, "--json")
    assert (status, json.loads(out)["new"], json.loads(out)["same"]) == (0, 1, 1)
    names = {each["name"] for each in json.loads(brevdue("contact", "list", "--org", "Acme", "--json")[1])}
    assert names == {"Åse", "Cy", "New"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--map", "Fax=phone"], "columns are Navn, Mobil, By"),
        (["--map", "By=shoe"], "there is no field shoe"),
        (["--group", "Nobody"], "there is no group 'Nobody'"),
        (["--consent", "Offers"], "in which words"),
    ],
)
def test_mistakes_are_sentences_and_leave_nothing_running(brevdue, people: Path, arguments: list[str], words: str):
    status, _, err = brevdue("contact", "import", str(people), "--org", "Acme", *arguments)
    assert status == 1
    assert words in err
    states = {each["state"] for each in json.loads(brevdue("contact", "imports", "--json")[1])}
    assert states <= {"cancelled"}


def test_other_mistakes(brevdue, people: Path, tmp_path: Path):
    assert "no organisation" in brevdue("contact", "list", "--org", "Nobody")[2]
    assert brevdue("contact", "import", str(tmp_path / "none.csv"), "--org", "Acme")[0] == 1
    assert brevdue("contact", "list", "--org", "Acme", "--where", "shoe = 1")[0] == 1
    assert "no such contact" in brevdue("contact", "show", "77")[2]


def test_what_was_done_stands_in_the_audit_log(brevdue, people: Path, tmp_path: Path):
    brevdue("contact", "import", str(people), "--org", "Acme")
    brevdue("contact", "export", "--org", "Acme")

    async def actions() -> list[str]:
        database = await open_database(f"sqlite:///{tmp_path}/brevdue.db")
        try:
            return await database.read(lambda connection: [row.action for row in connection.execute(audit.select())])
        finally:
            await database.close()

    assert {"import.upload", "import.start", "contact.export"} <= set(asyncio.run(actions()))


@pytest.mark.proves("kill -9")
def test_killed_in_the_middle_it_goes_on_and_nobody_is_there_twice(brevdue, config: Path, tmp_path: Path):
    count = 5000
    place = tmp_path / "many.csv"
    place.write_text("Name;Phone\n" + "".join(f"P{n};+45{20_000_000 + n}\n" for n in range(count)))
    command = [sys.executable, "-m", "brevdue.cli", "contact", "import", str(place), "--org", "Acme", "-c", str(config)]
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path)

    def standing() -> dict[str, object]:
        found = json.loads(brevdue("contact", "imports", "--json")[1])
        return found[0] if found else {"new": 0}

    try:
        while worker.poll() is None and not standing()["new"]:
            pass  # each look is a command of its own
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    halfway = standing()
    assert halfway["state"] == "running"
    assert 0 < int(str(halfway["new"])) < count
    left = {each.name for each in tmp_path.iterdir() if not each.name.startswith("brevdue.")}
    assert left == {"many.csv"}
    status, out, _ = brevdue("contact", "follow", str(halfway["id"]), "--json")
    assert (status, json.loads(out)["new"], json.loads(out)["state"]) == (0, count, "finished")
    listed = brevdue("contact", "export", "--org", "Acme")[1].splitlines()
    assert len(listed) == count + 1
