"""`brevdue provider`: asked from the command line, a provider answers, is away, or cannot tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from brevdue import cli
from tests.ports import free_port

Run = Callable[..., str]
NOT_AVAILABLE = "brevdue: not available with the current provider\n"


@pytest.fixture
def brevdue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command with a provider that tells everything, one that tells nothing, and one that is away."""
    config = tmp_path / "brevdue.toml"
    away = f"http://127.0.0.1:{free_port()}"
    config.write_text(f"""
[[provider]]
name = "sim"
kind = "simulator"
path = "{tmp_path}/sim.jsonl"
[[provider]]
name = "plain"
kind = "http"
url = "{away}/send?to={{to}}&text={{text}}"
[[provider]]
name = "away"
kind = "gatewayapi"
url = "{away}"
token = "secret-of-theirs"
timeout = 2
connect_timeout = 2
[[pool]]
provider = "sim"
range = "+45609946000000..+45609946999999"
""")

    def run(*arguments: str, status: int = 0) -> str:
        capsys.readouterr()
        assert cli.run([*arguments, "-c", str(config)]) == status
        captured = capsys.readouterr()
        return captured.err if status else captured.out

    return run


@pytest.mark.proves("C5")
def test_the_list_says_what_each_can_tell(brevdue: Run):
    rows = {row["name"]: row for row in json.loads(brevdue("provider", "list", "--json"))}
    assert list(rows) == ["sim", "plain", "away"]
    assert rows["sim"]["kind"] == "simulator"
    assert {"price", "balance", "ping"} <= set(rows["sim"]["can"])
    assert not {"price", "balance", "ping"} & set(rows["plain"]["can"])
    assert "simulator" in brevdue("provider", "list")


@pytest.mark.proves("C2", "C5")
def test_a_provider_that_can_tell_is_asked(brevdue: Run):
    assert brevdue("provider", "check", "sim") == "sim answers\n"
    assert brevdue("provider", "balance", "sim").strip().endswith(" DKK")
    told = json.loads(brevdue("provider", "price", "sim", "+4530643064", "x" * 161, "--json"))
    assert (told["parts"], told["encoding"], told["phone"]) == (2, "gsm7", "+4530643064")
    assert told["price"].endswith(" DKK")


@pytest.mark.proves("C2", "C5")
@pytest.mark.parametrize("words", [["check", "plain"], ["balance", "plain"], ["price", "plain", "+4530643064", "Hej"]])
def test_what_a_provider_cannot_tell_is_not_available(brevdue: Run, words: list[str]):
    assert brevdue("provider", *words, status=1) == NOT_AVAILABLE


@pytest.mark.proves("C5")
def test_a_provider_that_is_away_is_named_and_no_secret(brevdue: Run):
    said = brevdue("provider", "check", "away", status=1)
    assert said.startswith("brevdue: away does not answer: ")
    assert "secret-of-theirs" not in said


@pytest.mark.proves("C2", "C5")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "nobody"], "brevdue: there is no provider 'nobody': sim, plain, away\n"),
        (["price", "sim", "12", "Hej"], "brevdue: '12' cannot be a mobile number"),
    ],
)
def test_what_is_wrong_is_said(brevdue: Run, words: list[str], said: str):
    assert brevdue("provider", *words, status=1).startswith(said)
