"""Refusals say the same in every language; on the wire they are ASCII."""

from __future__ import annotations

import re

import pytest

from gateway import errors
from gateway.errors import Refusal
from gateway.keywords import read_keyword
from gateway.registry.employee_address import valid_address
from gateway.registry.errors import AccountError, BadValue
from gateway.registry.keys import valid_language, valid_region
from gateway.sms_text import describe_forced, measure
from gateway.translation import LANGUAGES, translations

pytestmark = pytest.mark.proves("the reader's language", "refusals help")

REFUSALS = {
    "no such recipient": errors.no_such_recipient(),
    "bad number": errors.bad_number("123"),
    "recipients": errors.too_many_recipients(50),
    "unproven": errors.unproven_sender("SPF: fail"),
    "DNS": errors.sender_check_unavailable(),
    "From": errors.bad_from_header("it is empty"),
    "no account": errors.no_account(),
    "ambiguous": errors.ambiguous_key(),
    "paused": errors.paused_key(),
    "mails of an account": errors.too_many_mails("your account", 21),
    "mails of an address": errors.too_many_mails("your address", 300),
    "unanswerable": errors.unanswerable("SKAT"),
    "no number": errors.no_phone_number(),
    "empty": errors.empty_text(),
    "long": errors.too_many_parts(9, 8, ""),
    "long and wide": errors.too_many_parts(9, 8, describe_forced(measure("łąę"))),
    "opted out": errors.opted_out(1),
    "all opted out": errors.opted_out(2),
    "country": errors.country_not_allowed("+4620", "SE"),
    "satellite": errors.country_not_allowed("+8820", "001"),
    "account's cap": errors.daily_limit("account", 3, "SMS parts"),
    "key's cap": errors.daily_limit("key", 1, "minor units of money"),
    "organisation's cap": errors.daily_limit("organisation", 5, "SMS parts"),
    "unreadable": errors.unreadable_mail("damaged S/MIME"),
    "big": errors.too_big(1000),
    "nothing to close": errors.nothing_to_close(),
    "key missing": errors.key_missing(),
    "opened too often": errors.opened_too_often(7000),
    "subscription": errors.subscription_refused("key missing"),
    "drained": errors.no_free_number(),
    "full": errors.too_much_at_once(),
    "fault": errors.internal_fault(),
    "storage": errors.storage_unavailable(),
}


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
@pytest.mark.parametrize("name", REFUSALS)
def test_a_person_reads_a_refusal_in_their_language(name: str, language: str):
    refusal = REFUSALS[name]
    said = refusal.say(translations(language))
    assert said != refusal.public_text
    assert "%" not in said
    assert refusal.say(translations("en")) == refusal.public_text


@pytest.mark.parametrize("name", REFUSALS)
def test_a_peer_reads_ascii(name: str):
    reply = REFUSALS[name].smtp_reply
    assert reply.isascii()
    assert "%" not in reply
    assert REFUSALS[name].public_text in reply


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("da", "for mange mails fra din konto lige nu: send igen om 21 sekunder"),
        ("ru", "сейчас слишком много писем от вашей учётной записи: отправьте снова через 21 секунду"),
        ("en", "too many mails from your account right now: send again in 21 seconds"),
    ],
)
def test_what_is_filled_in_is_of_the_same_language(language: str, said: str):
    assert REFUSALS["mails of an account"].say(translations(language)) == said


def test_no_language_is_left_in_what_is_filled_in():
    said = REFUSALS["long and wide"].say(translations("de"))
    assert said.endswith(
        "wegen U+0142 (LATIN SMALL LETTER L WITH STROKE) und 2 weiteren fasst eine SMS nur 70 statt 160 Zeichen"
    )


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "da",
            [
                "550-5.1.3 'Bodil' kan ikke vaere et mobilnummer: kontroller cifrene, og skriv",
                "550 5.1.3 'Bodil' cannot",
            ],
        ),
        (
            "de",
            ['550-5.1.3 "Bodil" kann keine Mobilnummer sein: Pruefen Sie die Ziffern und', "550 5.1.3 'Bodil' cannot"],
        ),
        ("fr", ['550-5.1.3 " Bodil " ne peut pas etre un numero de mobile : verifiez les', "550 5.1.3 'Bodil' cannot"]),
        ("ru", ['550-5.1.3 "Bodil" ne mozhet byt nomerom mobilnogo telefona: prover', "550 5.1.3 'Bodil' cannot"]),
        ("en", ["550 5.1.3 'Bodil' cannot"]),
        ("", ["550 5.1.3 'Bodil' cannot"]),
    ],
)
def test_a_sender_who_is_known_reads_two_lines(language: str, lines: list[str]):
    reply = errors.bad_number("Bodil").to(language).smtp_reply
    assert reply.isascii()
    assert [said.startswith(line) for said, line in zip(reply.split("\r\n"), lines, strict=True)] == [True] * len(lines)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", REFUSALS)
def test_a_reply_in_any_language_is_lines_that_a_peer_can_read(name: str, language: str):
    refusal = REFUSALS[name]
    again = Refusal(refusal.code, refusal.enhanced, refusal.told, cause="test").to(language)
    for line in again.smtp_reply.split("\r\n"):
        assert re.fullmatch(rf"{refusal.code}[ -]{re.escape(refusal.enhanced)} [\x20-\x7e]+", line)
        assert "?" not in line
        assert len(line) <= 510


def test_no_value_breaks_out_of_its_line():
    reply = errors.bad_number("1\r\n250 ok").to("da").smtp_reply
    assert [line[:9] for line in reply.split("\r\n")] == ["550-5.1.3", "550 5.1.3"]


def test_what_only_programs_read_speaks_english():
    assert Refusal(503, "5.5.1", "greet first", cause="sequence").say(translations("ru")) == "greet first"


# --- what administrators are told ----------------------------------------------------------------------------------


def refused(what: object) -> AccountError:
    with pytest.raises(AccountError) as caught:
        what()  # type: ignore[operator]
    return caught.value


def test_administrators_are_told_in_their_language():
    error = refused(lambda: valid_region("Denmark"))
    assert str(error) == "'Denmark' is not a region: write two letters, like DK"
    assert error.say(translations("da")) == "'Denmark' er ikke et land: skriv to bogstaver som DK"
    error = refused(lambda: valid_address("anna"))
    assert error.say(translations("de")) == "„anna“ ist keine Mailadresse: Schreiben Sie sie wie anna@example.com"
    error = refused(lambda: valid_language("pl"))
    assert "choose one of da, de, en" in str(error)


def test_why_a_word_is_no_keyword_is_kept_for_later():
    with pytest.raises(ValueError, match="cannot be a keyword") as caught:
        read_keyword("stop")
    assert "nøgleord" in BadValue(*caught.value.args).say(translations("da"))
    assert AccountError("at a terminal alone").say(translations("da")) == "at a terminal alone"
