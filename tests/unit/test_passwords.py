"""Passwords: which are too weak, what is kept of them, and what a flood of attempts may cost."""

from __future__ import annotations

import asyncio
import time

import pytest
from argon2 import PasswordHasher

from web.identity.errors import TooBusy, WeakPassword
from web.identity.passwords import AT_ONCE, MAX_WAITING, Passwords, refuse_weak

pytestmark = pytest.mark.proves("argon2id")
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 10"),
        ("nine char", "at least 10"),
        ("x1" * 101, "at most 200"),
        ("password12", "first passwords"),
        ("Password!2026", "first passwords"),
        ("passwordpassword", "first passwords"),
        ("1234567890", "first passwords"),
        ("0987654321", "first passwords"),
        ("qwertyuiop", "first passwords"),
        ("aaaaaaaaaaaaaaa", "first passwords"),
        ("Velkommen2026", "first passwords"),
        ("Sommer2026!!", "first passwords"),
        ("Пароль123456", "first passwords"),
        ("anna.hansen@firm.example", "mail address"),
        ("Anna.Hansen1", "mail address"),
    ],
)
def test_what_everybody_would_guess_is_refused(password: str, why: str):
    with pytest.raises(WeakPassword, match=why):
        refuse_weak(password, "Anna.Hansen@firm.example")


@pytest.mark.parametrize(
    "password", ["correct horse battery", "fire heste i en sø", "Zq8#vv!mP0", "密码是一个很长的句子啊"]
)
def test_what_takes_longer_to_guess_is_taken(password: str):
    refuse_weak(password, "anna@firm.example")


async def test_a_hash_is_argon2id_with_the_memory_that_is_promised():
    passwords = Passwords()
    kept = await passwords.hash("correct horse battery")
    assert kept.startswith("$argon2id$v=19$m=47104,t=2,p=1$")
    assert "horse" not in kept
    assert await passwords.fits("correct horse battery", kept)
    assert not await passwords.fits("correct horse batterz", kept)
    assert not passwords.is_outdated(kept)


async def test_a_password_fits_however_a_keyboard_composes_it():
    passwords = Passwords(CHEAP)
    kept = await passwords.hash("blåbærgrød\u00a0og fløde")
    assert await passwords.fits("bla\u030abærgrød og fløde", kept)


async def test_nobodys_and_broken_hashes_fit_nothing():
    passwords = Passwords(CHEAP)
    for kept in ("", "plain", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA", CHEAP.hash("")):
        assert not await passwords.fits("nobody's password", kept)


async def test_a_hash_made_in_another_way_is_outdated():
    assert Passwords().is_outdated(CHEAP.hash("correct horse battery"))


@pytest.mark.stopwatch
async def test_checking_takes_as_long_where_there_is_nobody():
    passwords = Passwords()
    kept = await passwords.hash("correct horse battery")
    await passwords.fits("warm", "")

    async def cost(against: str) -> float:
        began = time.process_time()
        await passwords.fits("wrong horse battery", against)
        return time.process_time() - began

    there = sorted([await cost(kept) for _ in range(5)])[2]
    nobody = sorted([await cost("") for _ in range(5)])[2]
    assert 0.6 < nobody / there < 1.7
    assert there > 0.01


async def test_a_flood_is_worked_off_two_at_a_time_and_bounded():
    slow = _Counting()
    passwords = Passwords(slow)
    waiting = [asyncio.create_task(passwords.hash("correct horse battery")) for _ in range(MAX_WAITING + 10)]
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(each, TooBusy) for each in ended) == 10
    assert sum(isinstance(each, str) for each in ended) == MAX_WAITING
    assert slow.most <= AT_ONCE
    assert await passwords.fits("correct horse battery", await passwords.hash("correct horse battery"))


class _Counting(PasswordHasher):
    """Counts how many hashes are made at the same time."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.now = self.most = 0

    def hash(self, *args: object, **options: object) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        made = super().hash(*args, **options)
        self.now -= 1
        return made
