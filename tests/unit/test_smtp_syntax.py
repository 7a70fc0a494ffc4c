"""What MAIL and RCPT may look like, and how long it takes to find out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Refusal
from gateway.smtp.syntax import client_name, forward_path, reverse_path
from tests.stopwatch import cpu_seconds


@pytest.mark.proves("X1")
@pytest.mark.parametrize(
    ("argument", "address"),
    [
        ("FROM:<>", ""),
        ("FROM: <> SIZE=100", ""),
        ("from:<Anna.B+tag@Example.org>", "Anna.B+tag@Example.org"),
        ("FROM:anna@example.org", "anna@example.org"),
        ("FROM:<a..b.@docomo.example>", "a..b.@docomo.example"),
        ("FROM:<SRS0=x=y=example.org=anna@relay.example>", "SRS0=x=y=example.org=anna@relay.example"),
        ("FROM:<@a.example,@b.example:anna@example.org>", "anna@example.org"),
        ('FROM:<"anna \\"the\\" b"@example.org>', '"anna \\"the\\" b"@example.org'),
        ("FROM:<anna@[192.0.2.1]>", "anna@[192.0.2.1]"),
        ("FROM:<anna@[IPv6:2001:db8::1]>", "anna@[IPv6:2001:db8::1]"),
        ("FROM:<søren@eksempel.dk> BODY=8BITMIME SMTPUTF8", "søren@eksempel.dk"),
        ("FROM:<anna@example.org>  SIZE=5  BODY=7bit  AUTH=<>", "anna@example.org"),
        ("FROM:<" + "a" * 200 + "@example.org>", "a" * 200 + "@example.org"),
    ],
)
def test_reverse_paths(argument: str, address: str) -> None:
    assert reverse_path(argument, 1000).address == address


@pytest.mark.proves("X1")
@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        ("", "501 5.5.4"),
        ("TO:<a@b>", "501 5.5.4"),
        ("FROM:", "553 5.1.7"),
        ("FROM:<anna>", "553 5.1.7"),
        ("FROM:<postmaster>", "553 5.1.7"),
        ("FROM:<a@b.example", "553 5.1.7"),
        ("FROM:<a@b.example>SIZE=1", "553 5.1.7"),
        ("FROM:<a@b@c.example>", "553 5.1.7"),
        ("FROM:<boss@good.example>x@evil.example", "553 5.1.7"),
        ("FROM:<a@b.example>\tSIZE=1", "553 5.1.7"),
        ("FROM:<a\x01@b.example>", "553 5.1.7"),
        ("FROM:<" + "a" * 400 + "@b.example>", "553 5.1.7"),
        ("FROM:<ø@b.example>", "553 5.6.7"),
        ("FROM:<\udcf8@b.example> SMTPUTF8", "553 5.1.3"),
        ("FROM:<a\u202e@b.example> SMTPUTF8", "553 5.1.3"),
        ("FROM:<a@b.example> SIZE=", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=-1", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=\u0661", "501 5.5.4"),
        ("FROM:<a@b.example> SIZE=1001", "552 5.3.4"),
        ("FROM:<a@b.example> SIZE=99999999999999999999", "552 5.3.4"),
        ("FROM:<a@b.example> SMTPUTF8=1", "501 5.5.4"),
        ("FROM:<a@b.example> RET=FULL", "555 5.5.4"),
    ],
)
def test_what_is_no_reverse_path(argument: str, reply: str) -> None:
    with pytest.raises(Refusal) as refused:
        reverse_path(argument, 1000)
    assert refused.value.smtp_reply.startswith(reply)


@pytest.mark.stopwatch
@pytest.mark.proves("hostile input stalls nobody")
@pytest.mark.parametrize(
    "hostile",
    ["(" * 2000, "<" * 2000, '"' * 2000, "@a," * 650, "a@" * 1000, " " * 2000, '<"' + "\\a" * 990, " x" * 999],
)
def test_hostile_addresses_are_quickly_refused(hostile: str) -> None:
    def refused() -> None:
        for argument in (f"TO:{hostile}", f"TO:<{hostile}", f"TO:<{hostile}>", f"TO:<a@b.example> {hostile}"):
            with pytest.raises(Refusal):
                forward_path(f"{argument}\x00", utf8=True)

    assert cpu_seconds(refused, 0.05) < 0.05


@pytest.mark.proves("X1")
@given(st.text(max_size=40))
def test_an_address_that_is_taken_has_no_control_characters(text: str) -> None:
    try:
        address = forward_path(f"TO:<{text}>", utf8=True)
    except Refusal:
        return
    assert address.isprintable()
    assert address.lower() == "postmaster" or "@" in address


@pytest.mark.proves("X1")
@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("client.example.org", "client.example.org"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("Sørens-PC", "S?rens-PC"),
        ("two words", "two"),
        ("a" * 300, "a" * 255),
        ("x\x1b[31m", "x?[31m"),
    ],
)
def test_client_names_are_harmless(said: str, name: str) -> None:
    assert client_name(said) == name
