"""The secret file and what is derived from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keyring import SIZE, Keyring, KeyringError
from gateway.model import new_id

pytestmark = pytest.mark.proves("keys sealed")
KEY = "0123456789abcdef0123456789abcdef"
RING = Keyring(bytes(range(32)))
OTHER = Keyring(bytes(32))


def test_the_first_start_makes_a_private_file_and_later_ones_read_it(tmp_path: Path) -> None:
    path = tmp_path / "brevdue.secret"
    first = Keyring.load(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes()) == SIZE
    assert len(set(path.read_bytes())) > 8
    assert Keyring.load(path).open(first.seal("text")) == "text"
    assert [file.name for file in tmp_path.iterdir()] == ["brevdue.secret"]


def test_two_installations_differ(tmp_path: Path) -> None:
    assert Keyring.load(tmp_path / "a").digest(KEY) != Keyring.load(tmp_path / "b").digest(KEY)


def test_processes_that_start_together_use_one_secret(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from gateway.keyring import Keyring; print(Keyring.load(Path(sys.argv[1])).digest('x'))"
    command = [sys.executable, "-c", program, str(tmp_path / "secret")]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in started}) == 1
    assert [process.returncode for process in started] == [0] * 4


@pytest.mark.parametrize("size", [0, SIZE - 1, SIZE + 1, 4096])
def test_a_file_of_another_size_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_bytes(bytes(size))
    with pytest.raises(KeyringError, match="not 32 bytes long"):
        Keyring.load(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    Keyring.load(path)
    path.chmod(mode)
    with pytest.raises(KeyringError, match=r"run chmod 600"):
        Keyring.load(path)


def test_a_file_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="No such file or directory"):
        Keyring.load(tmp_path / "missing" / "secret")
    with pytest.raises(KeyringError, match="directory"):
        Keyring.load(tmp_path)


def test_a_digest_is_stable_and_tells_nothing() -> None:
    assert RING.digest(KEY) == "ad384f3eff9652e5f72a76376218c92832fd6824d225663f285befe2ca5fc86e"
    assert RING.digest(KEY) != OTHER.digest(KEY)
    assert RING.digest(KEY) != RING.digest(KEY, "login")


@given(st.text(), st.text(max_size=10))
def test_what_is_sealed_opens_again(text: str, about: str) -> None:
    assert RING.open(RING.seal(text, about), about) == text


def test_sealing_twice_gives_different_texts_without_the_key() -> None:
    first, second = RING.seal(KEY), RING.seal(KEY)
    assert first != second
    assert first.startswith("v1.")
    assert KEY not in first


def test_a_seal_breaks_when_anything_is_altered() -> None:
    sealed = RING.seal(KEY, "key-1")
    for position in range(len(sealed) - 2):
        letter = "A" if sealed[position] != "A" else "B"
        with pytest.raises(KeyringError, match="put back the file"):
            RING.open(sealed[:position] + letter + sealed[position + 1 :], "key-1")


@pytest.mark.parametrize(
    "sealed",
    [
        *(pytest.param(text, id=text or "nothing") for text in ("", "v1.", "v1.AAAA", "v2.AAAA", "æøå")),
        pytest.param(RING.seal(KEY)[:-8], id="cut short"),
        pytest.param(OTHER.seal(KEY), id="of another ring"),
    ],
)
def test_what_was_not_sealed_here_does_not_open(sealed: str) -> None:
    with pytest.raises(KeyringError):
        RING.open(sealed)


def test_a_seal_belongs_to_what_it_is_about() -> None:
    with pytest.raises(KeyringError):
        RING.open(RING.seal(KEY, "key-1"), "key-2")


@given(
    st.one_of(
        st.text(max_size=40), st.floats(0, 1e10).map(new_id), st.floats(0, 1e10).map(lambda at: new_id(at) + ".12")
    )
)
def test_a_signed_token_gives_its_value_back_in_any_case(value: str) -> None:
    token = RING.sign_token(value)
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert RING.open_token(token) == RING.open_token(token.upper()) == RING.open_token(token.title()) == value
    assert OTHER.open_token(token) is None


def test_a_message_id_leaves_room_for_a_prefix_in_the_local_part() -> None:
    assert len(RING.sign_token(new_id(1.8e9))) == 44
    assert len(RING.sign_token(new_id(1.8e9) + ".999")) <= 52


def test_an_altered_token_is_nothing() -> None:
    token = RING.sign_token("01JD3XG5Q8Z6Y2N4V7T9B1C0KM")
    for position, letter in enumerate(token):
        for other in "a7":
            if other != letter:
                assert RING.open_token(token[:position] + other + token[position + 1 :]) is None


@pytest.mark.parametrize("token", ["", "a", "aaaaaaaa", "æøå", "0189", "a=b", "a" * 10_000, RING.sign_token("x") + "a"])
def test_other_texts_are_no_tokens(token: str) -> None:
    assert RING.open_token(token) is None


def test_a_short_token_is_checked_per_purpose_and_value() -> None:
    token = RING.token("unsubscribe", "01JD")
    assert len(token) == 16
    assert RING.check("unsubscribe", "01JD", token.upper())
    assert not RING.check("unsubscribe", "01JE", token)
    assert not RING.check("subscribe", "01JD", token)
    assert not RING.check("unsubscribe", "01JD", "æ")


@pytest.mark.proves("guessing in constant time")
def test_a_guess_that_is_nearly_right_looks_no_more_like_the_key_than_any_other() -> None:
    """Look-ups compare digests, and where two digests part tells nothing of where the secrets do."""
    right = RING.digest(KEY)
    shared = []
    for place in range(len(KEY)):
        guess = KEY[:place] + ("0" if KEY[place] != "0" else "1") + KEY[place + 1 :]
        pairs = zip(right, RING.digest(guess), strict=True)
        shared.append(next((n for n, (one, other) in enumerate(pairs) if one != other), len(right)))
    assert max(shared) < 5
    assert RING.digest(KEY) != OTHER.digest(KEY), "nobody else can compute them"
