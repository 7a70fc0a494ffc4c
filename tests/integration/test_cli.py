"""The command line, as a process: what it prints, its exit status, and that no failure is a traceback."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from brevdue import cli, console, demo

KEY = re.compile(r"[0-9a-f]{32}")
NUMBER = re.compile(r"\+45609946[0-9]{6}")


class Cli:
    """Runs commands against one configuration: in this process, which is quick, or as a real one."""

    def __init__(self, directory: Path, capsys) -> None:
        self.config = directory / "brevdue.toml"
        self.config.write_text("")
        self._capsys = capsys

    def run(self, *arguments: str) -> SimpleNamespace:
        self._capsys.readouterr()
        status = cli.run([*arguments, "-c", str(self.config)])
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return SimpleNamespace(status=status, out=captured.out, err=captured.err)

    def text(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert (done.status, done.err) == (0, ""), done
        return done.out.rstrip("\n")

    def json(self, *arguments: str):
        return json.loads(self.text(*arguments, "--json"))

    def refusal(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert (done.status, done.out) == (1, ""), done
        assert done.err.startswith("brevdue: ")
        assert done.err.count("\n") == 1, "one sentence"
        return done.err.removeprefix("brevdue: ").strip()


@pytest.fixture
def brevdue(tmp_path, capsys):
    return Cli(tmp_path, capsys)


def process(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("brevdue")
    command = [str(program)] if program.exists() else [sys.executable, "-m", "brevdue.cli"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BREVDUE_")} | environ
    return subprocess.run(
        [*command, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


# --- the program ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("D3", "D1")
def test_a_key_and_an_account_from_the_shell(tmp_path):
    config = tmp_path / "etc" / "brevdue.toml"
    config.parent.mkdir()
    config.write_text("")
    key = process("key", "create", "--org", "Acme", "-c", str(config), cwd=tmp_path)
    assert (key.returncode, key.stderr) == (0, "")
    assert KEY.fullmatch(key.stdout.removesuffix("\n"))
    account = process(
        "account", "open", key.stdout.strip(), "anna@acme.example", cwd=tmp_path, BREVDUE_CONFIG=str(config)
    )
    assert (account.returncode, account.stderr) == (0, "")
    assert NUMBER.fullmatch(account.stdout.removesuffix("\n"))
    assert (config.parent / "brevdue.db").exists(), "relative paths are seen from the configuration"


@pytest.mark.proves("settings explain themselves")
def test_check_explains_every_mistake(tmp_path):
    (tmp_path / "brevdue.toml").write_text("[smtp]\nport = 99999\n[mail]\ndomains = []\n")
    done = process("check", cwd=tmp_path, BREVDUE_LOG__LEVEL="loud")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        'BREVDUE_LOG__LEVEL: log.level: must be "debug", "info", "warning" or "error", not \'loud\'',
        'brevdue.toml:2: smtp.port: must be 1-65535 or "off", not 99999',
        'brevdue.toml:4: mail.domains: must name at least one mail domain (["sms.example.com"]), not []',
    ]
    as_json = process("check", "--json", cwd=tmp_path)
    assert as_json.returncode == 1
    assert [mistake["key"] for mistake in json.loads(as_json.stdout)] == ["smtp.port", "mail.domains"]


@pytest.mark.proves("settings explain themselves")
@pytest.mark.parametrize("command", [["serve"], ["key", "list"], ["account", "open", "k", "a@b.example"]])
def test_a_wrong_configuration_stops_every_command(tmp_path, command):
    (tmp_path / "brevdue.toml").write_text("[smtp]\nport = 99999\n")
    done = process(*command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == 'brevdue.toml:2: smtp.port: must be 1-65535 or "off", not 99999\n'


@pytest.mark.proves("settings explain themselves")
def test_check_tries_to_write_where_things_are_kept(brevdue, tmp_path):
    before = sorted(tmp_path.iterdir())
    assert brevdue.text("check") == "configuration fine"
    assert sorted(tmp_path.iterdir()) == before, "nothing stays"
    # Not even root can write there.
    brevdue.config.write_text(
        '[store]\nurl = "sqlite:////proc/brevdue.db"\nsecret_file = "/proc/brevdue.secret"\n'
        '[mail_out]\nrelay = "maildir:/proc/inbox"\n'
    )
    done = brevdue.run("check")
    assert (done.status, done.out) == (1, "")
    said = done.err.splitlines()
    for key, line in zip(("store.secret_file", "store.url", "mail_out.relay"), said, strict=True):
        assert line.startswith(f"{brevdue.config}: {key}: cannot write in /proc (")
        assert "the user that the service runs as" in line


@pytest.mark.proves("settings explain themselves")
def test_check_tries_to_open_what_is_there(brevdue, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as unopenable:  # also by root
        unopenable.bind("brevdue.secret")
        done = brevdue.run("check")
        as_json = brevdue.run("check", "--json")
    assert f"store.secret_file: cannot open {tmp_path}/brevdue.secret (No such device or address)" in done.err
    assert (as_json.status, json.loads(as_json.out)[0]["key"]) == (1, "store.secret_file")


@pytest.mark.stopwatch
def test_check_is_quick(tmp_path):
    (tmp_path / "brevdue.toml").write_text("")
    best = 9.0
    for _ in range(3):
        begun = time.perf_counter()
        done = process("check", cwd=tmp_path)
        best = min(best, time.perf_counter() - begun)
        assert (done.returncode, done.stdout, done.stderr) == (0, "configuration fine\n", "")
    assert best < 1.5, "0.3 s on an idle machine; heavy imports belong into the commands that need them"


@pytest.mark.proves("refusals help")
def test_a_second_demo_leaves_the_first_alone(tmp_path):
    with demo.alone(tmp_path / "demo"):
        (tmp_path / "demo" / "brevdue.toml").write_text("# of the first")
        done = process("demo", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "a demo runs in this folder already" in done.stderr
    assert (tmp_path / "demo" / "brevdue.toml").read_text() == "# of the first"


def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path):
    (tmp_path / "brevdue.toml").write_text("")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        program = [sys.executable, "-m", "brevdue.cli", "check"]
        done = subprocess.run(
            program, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["frob"],
        ["check", "--frob"],
        ["key", "create"],
        ["account", "open", "k"],
        ["key", "create", "--org", "a", "--kind", "x"],
    ],
)
def test_what_cannot_be_understood_is_status_2(capsys, arguments):
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("brevdue: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_version(capsys, arguments):
    assert cli.run(arguments) == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_no_configuration_anywhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BREVDUE_CONFIG", raising=False)
    monkeypatch.setattr("brevdue.settings.PLACES", (Path("brevdue.toml"),))
    assert cli.run(["check"]) == 1
    assert capsys.readouterr().err == "no configuration: name one with -c FILE, or write brevdue.toml\n"


def test_every_command_has_help(capsys):
    for group in ("org", "key", "account", "number", "message"):
        assert cli.run([group, "--help"]) == 0
    assert "--json" not in capsys.readouterr().err


# --- organisations and keys ----------------------------------------------------------------------------------------


@pytest.mark.proves("D3")
def test_organisations(brevdue):
    assert brevdue.run("org", "list").err == "brevdue: there is no organisation yet\n"
    made = brevdue.text("org", "create", "Smørrebrød A/S", "--region", "no", "--language", "no")
    assert brevdue.json("org", "list")[0] | {"since": ""} == {
        "name": "Smørrebrød A/S",
        "region": "NO",
        "language": "no",
        "since": "",
        "id": made,
    }
    assert brevdue.refusal("org", "create", "Smørrebrød A/S") == "there is an organisation 'Smørrebrød A/S' already"
    assert "'XX' is not a region" in brevdue.refusal("org", "create", "B", "--region", "XX")


@pytest.mark.proves("D3")
def test_the_life_of_a_key(brevdue):
    first = brevdue.text("key", "create", "--org", "Acme", "--label", "sales")
    other = brevdue.json("key", "create", "--org", "Acme", "--kind", "rest")
    assert KEY.fullmatch(first)
    assert KEY.fullmatch(other["key"].removeprefix("brevdue_"))
    assert other["kind"] == "rest"
    assert [row["label"] for row in brevdue.json("key", "list", "--org", "Acme")] == ["sales", ""]
    assert first not in brevdue.text("key", "list"), "lists hold no secrets"
    assert brevdue.json("key", "show", "sales")["keys"] == [first]

    second = brevdue.text("key", "rotate", first, "--days", "7")
    assert KEY.fullmatch(second)
    assert brevdue.json("key", "show", second)["keys"] == [second, first]
    assert "two live secrets" in brevdue.refusal("key", "rotate", second)
    assert brevdue.text("key", "retire", second) == "the old digits stop working within two seconds"
    assert brevdue.json("key", "show", "sales")["keys"] == [second]
    assert "no such key" in brevdue.refusal("key", "show", first)

    assert brevdue.text("key", "domains", second) == "none"
    assert brevdue.json("key", "domains", second, "acme.example", "Acme.DK") == ["acme.example", "acme.dk"]
    assert brevdue.text("key", "domains", second) == "acme.example\nacme.dk"
    assert brevdue.text("key", "domains", second, "--clear") == "none"


@pytest.mark.proves("D14")
def test_a_key_rests_and_wakes(brevdue):
    key = brevdue.text("key", "create", "--org", "Acme")
    assert brevdue.text("key", "pause", key) == "paused"
    assert brevdue.json("key", "list")[0]["paused"] is not None
    assert NUMBER.fullmatch(brevdue.text("account", "open", key, "anna@acme.example")), "an administrator still may"
    assert brevdue.text("key", "resume", key) == "resumed"
    assert brevdue.json("key", "list")[0]["paused"] is None


# --- accounts and numbers ------------------------------------------------------------------------------------------


@pytest.mark.proves("D1", "D4", "D6", "D13")
def test_the_life_of_an_account(brevdue):
    key = brevdue.text("key", "create", "--org", "Acme")
    other = brevdue.text("key", "create", "--org", "Acme", "--label", "support")
    number = brevdue.text("account", "open", key, "anna@acme.example")
    assert brevdue.text("account", "open", key, "Anna@ACME.example") == number, "asked again, the same"
    assert brevdue.json("account", "list")[0]["number"] == number
    assert brevdue.json("account", "list", "--email", "nobody") == []

    for name in (number, number.removeprefix("+"), "anna@acme.example"):
        assert brevdue.json("account", "show", name)["email"] == "anna@acme.example"
    brevdue.text("account", "move", number, "--email", "bo@acme.example", "--key", other)
    shown = brevdue.json("account", "show", number)
    assert (shown["email"], shown["key"], shown["number"]) == ("bo@acme.example", "support", number)
    brevdue.text("account", "set", number, "--cut-signature", "--language", "da")
    shown = brevdue.json("account", "show", number)
    assert (shown["cut_signature"], shown["language"], shown["password"]) == (True, "da", False)
    assert len(brevdue.text("account", "password", number)) >= 26
    assert brevdue.json("account", "show", number)["password"] is True
    assert brevdue.text("account", "password", number, "--remove") == "removed"

    assert brevdue.text("account", "close", "bo@acme.example") == f"closed bo@acme.example, {number}"
    assert brevdue.json("account", "list") == []
    assert brevdue.json("account", "list", "--closed")[0]["closed"] is not None
    assert brevdue.text("account", "open", other, "bo@acme.example") != number, "opened again, another number"


@pytest.mark.proves("STOP")
def test_phones_that_said_stop_are_listed_and_taken_off(brevdue, tmp_path):
    for name in ("Acme", "Other"):
        brevdue.text("key", "create", "--org", name)
    assert brevdue.json("optout", "list") == []
    with contextlib.closing(sqlite3.connect(tmp_path / "brevdue.db")) as store, store:
        store.execute(
            "INSERT INTO optouts (org_id, phone, since, word) "
            "SELECT id, '+4530643064', 1800000000 + length(name), 'Stop!' FROM organisations"
        )
    row = {"phone": "+4530643064", "organisation": "Acme", "since": "2027-01-15T08:00:04Z", "word": "Stop!"}
    assert brevdue.json("optout", "list", "--org", "Acme") == [row]
    assert [each["organisation"] for each in brevdue.json("optout", "list")] == ["Other", "Acme"]

    assert "own wish" in brevdue.refusal("optout", "remove", "+4530643064", "--org", "Acme")
    assert brevdue.json("optout", "list", "--org", "Acme") == [row], "not without --yes"
    done = process("optout", "remove", "30 64 30 64", "--org", "Acme", "--yes", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Acme may write to +4530643064 again\n")
    line = json.loads(done.stderr)
    assert (line["event"], line["phone"]) == ("opted-in", "+45…64")
    assert line["by"]
    assert brevdue.json("optout", "list", "--org", "Acme") == []
    assert len(brevdue.json("optout", "list")) == 1, "the other organisation's stands"
    again = brevdue.refusal("optout", "remove", "+4530643064", "--org", "Acme", "--yes")
    assert again == "+4530643064 has not said STOP to Acme: brevdue optout list"
    assert "no phone number" in brevdue.refusal("optout", "remove", "12", "--org", "Acme", "--yes")


@pytest.mark.proves("D4")
@pytest.mark.parametrize(
    ("email", "words"),
    [("anna", "is not a mail address"), ("a@b@c", "is not a mail address"), ("", "is not a mail address")],
)
def test_an_account_needs_an_address(brevdue, email, words):
    key = brevdue.text("key", "create", "--org", "Acme")
    assert words in brevdue.refusal("account", "open", key, email)


@pytest.mark.proves("D13")
def test_numbers_rest_and_are_released(brevdue):
    brevdue.config.write_text('[[pool]]\nprovider = "simulator"\nnumbers = ["+45609946000001"]\n')
    key = brevdue.text("key", "create", "--org", "Acme")
    assert brevdue.text("account", "open", key, "anna@acme.example") == "+45609946000001"
    assert "no free phone number" in brevdue.refusal("account", "open", key, "bo@acme.example")
    assert brevdue.refusal("number", "release", "+45609946000001").endswith("close that first")
    brevdue.text("account", "close", "anna@acme.example")
    assert brevdue.json("number", "list")[0]["state"] == "quarantined"
    assert brevdue.json("number", "free") == [
        {"provider": "simulator", "numbers": 1, "in_use": 0, "quarantined": 1, "free": 0, "shared": False}
    ]
    brevdue.text("number", "release", "+45609946000001")
    assert brevdue.json("number", "free")[0]["free"] == 1
    assert brevdue.text("account", "open", key, "bo@acme.example") == "+45609946000001"


@pytest.mark.proves("keys sealed")
def test_another_secret_file_is_noticed(brevdue, tmp_path):
    brevdue.text("key", "create", "--org", "Acme")
    secret = tmp_path / "brevdue.secret"
    backup = secret.read_bytes()
    secret.unlink()
    said = brevdue.refusal("key", "list")
    assert f"{secret} is missing" in said
    assert "put the backup back" in said
    assert not secret.exists(), "a new one would hide that the old one is lost"
    secret.write_bytes(bytes(32))
    secret.chmod(0o600)
    assert f"{secret} is not the one" in brevdue.refusal("key", "list")
    secret.write_bytes(backup)
    assert brevdue.json("key", "list")


def test_a_database_that_is_none(brevdue, tmp_path):
    (tmp_path / "brevdue.db").write_bytes(b"not a database" * 1000)
    assert brevdue.refusal("key", "list").startswith("the database cannot be used: ")


def test_a_database_that_is_away(brevdue):
    brevdue.config.write_text('store.url = "postgresql://nobody:canary@127.0.0.1:9/brevdue"\n')
    refusal = brevdue.refusal("key", "list")
    assert refusal.startswith("the database cannot be used: ")
    assert "canary" not in refusal


# --- tables --------------------------------------------------------------------------------------------------------


def test_tables_in_a_pipe_are_plain_columns(capsys):
    console.show([{"a": "x" * 300, "b": None}, {"a": "æ", "b": True}], console.DEFAULT, empty="")
    assert capsys.readouterr().out.splitlines() == ["a" + " " * 301 + "b", "x" * 300 + "  -", "æ" + " " * 301 + "yes"]


def test_tables_on_a_terminal_are_drawn(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    console.show([{"name": "[bold]Anna"}], console.DEFAULT, empty="")
    assert re.search(r"name.*──+.*\[bold\]Anna", capsys.readouterr().out, re.DOTALL)


@pytest.mark.proves("no text steers the terminal")
@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_text_steers_the_terminal(capsys, monkeypatch, is_terminal):
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    console.show([{"text": "a\x1b]0;owned\x07\r\nb\u202e\x9b2J"}], console.DEFAULT, empty="")
    out = capsys.readouterr().out
    assert not set(out) & set("\x07\r\u202e\x9b")
    assert "owned" in out
    assert "\x1b]" not in out


@pytest.mark.proves("audit log")
def test_what_a_command_changes_stands_in_the_audit_log(brevdue, tmp_path):
    key = brevdue.text("key", "create", "--org", "Acme")
    brevdue.text("account", "open", key, "anna@acme.example")
    brevdue.text("account", "open", key, "anna@acme.example")
    brevdue.text("key", "pause", key)
    brevdue.text("account", "close", "anna@acme.example")
    number = brevdue.text("number", "give", "--org", "Acme", "--to", "info@acme.example")
    brevdue.text("keyword", "add", number, "salg", "--to", "sales@acme.example")
    brevdue.text("keyword", "remove", number, "salg")
    brevdue.text("number", "take", number)
    brevdue.text("key", "resume", key)
    brevdue.text("account", "open", key, "anna@acme.example")
    words = ("--account", "anna@acme.example", "--text", "Hej", "--where", "")
    campaign = brevdue.text("campaign", "create", "Spring", *words)
    brevdue.text("campaign", "cancel", campaign)
    brevdue.text("key", "list")
    with contextlib.closing(sqlite3.connect(tmp_path / "brevdue.db")) as database:
        asked = "SELECT action, org_id, actor_kind, actor_name, detail FROM audit ORDER BY at, id"
        entries = database.execute(asked).fetchall()
        ((acme,),) = database.execute("SELECT id FROM organisations").fetchall()
    assert [action for action, *_ in entries] == [
        *("organisation.create", "key.create", "account.open", "key.pause", "account.close"),
        *("number.give", "number.keyword", "number.keyword.remove", "number.take"),
        *("key.resume", "account.open", "campaign.create", "campaign.cancel"),
    ]
    assert {whose for _, whose, *_ in entries} == {acme}, "its own people see all of it"
    assert {(kind, name) for *_, kind, name, _ in entries} == {("terminal", console.person())}
    assert not any(key in detail for *_, detail in entries), "no secret"


@pytest.mark.proves("D7")
def test_the_qr_package_is_written_where_it_is_wanted(brevdue, tmp_path):
    key = brevdue.text("key", "create", "--org", "Acme")
    number = brevdue.text("account", "open", key, "anna@acme.example")
    target = tmp_path / "pakke.zip"
    assert brevdue.text("account", "qr", number, str(target)) == str(target)
    with zipfile.ZipFile(target) as package:
        endings = {Path(name).suffix for name in package.namelist()}
    assert endings == {".txt", ".png", ".svg", ".pdf", ".eps", ".gif", ".jpg", ".tif", ".webp", ".bmp", ".vcf"}
    assert "No such file" in brevdue.refusal("account", "qr", number, str(tmp_path / "nowhere" / "x.zip"))
