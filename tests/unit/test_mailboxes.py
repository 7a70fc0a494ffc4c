"""Whose address stands in From, and which ones in To."""

from __future__ import annotations

from email import message_from_string, policy
from email.utils import getaddresses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Refusal
from gateway.reading.mailboxes import MAX_ADDRESSES, addresses, one_mailbox

ANNA = "anna@firm.example"


@pytest.mark.proves("exactly one From", "X1")
@pytest.mark.parametrize(
    ("value", "name"),
    [
        (ANNA, ""),
        (f"<{ANNA}>", ""),
        (f"Anna Hansen <{ANNA}>", "Anna Hansen"),
        (f"Anna Hansen<{ANNA}>", "Anna Hansen"),
        (f'"Hansen, Anna (Salg)" <{ANNA}>', "Hansen, Anna (Salg)"),
        (f'"Anna \\"Ann\\" Hansen" <{ANNA}>', 'Anna "Ann" Hansen'),
        (f'"{ANNA}" <{ANNA}>', ANNA),
        (f"{ANNA} <{ANNA}>", ANNA),
        (f"{ANNA} (Anna Hansen)", "Anna Hansen"),
        (f"Anna (work) <{ANNA}>", "Anna (work)"),
        (f"Anna B. Hansen A/S <{ANNA}>", "Anna B. Hansen A/S"),
        (f"=?utf-8?Q?J=C3=B8rgen_Hansen?= <{ANNA}>", "Jørgen Hansen"),
        (f"=?iso-8859-1?Q?Hansen=2C_J=F8rgen?= <{ANNA}>", "Hansen, Jørgen"),
        (f'"=?utf-8?B?SsO4cmdlbg==?=" <{ANNA}>', "Jørgen"),
        (f"Jørgen Åse <{ANNA}>", "Jørgen Åse"),
        (f"J\udcf8rgen <{ANNA}>", "Jørgen"),
        (f"Anna 👩\u200d💻 <{ANNA}>", "Anna 👩\u200d💻"),
        ("anna@FIRM.Example", ""),
        ('"anna"@firm.example', ""),
        (f'"boss@good.example" <{ANNA}>', "boss@good.example"),
        (f"=?utf-8?B?Ym9zc0Bnb29kLmV4YW1wbGU=?= <{ANNA}>", "boss@good.example"),
        (f"=?utf-8?Q?Anna=0D=0ABcc=3A_x=40y?= <{ANNA}>", "Anna Bcc: x@y"),
    ],
)
def test_one_mailbox(value: str, name: str) -> None:
    assert one_mailbox([value]) == (ANNA, name)


@pytest.mark.proves("X1")
@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("Anna.Hansen+sms@firm.example", "Anna.Hansen+sms@firm.example"),
        ("o'neil@firm.example", "o'neil@firm.example"),
        ("jørgen@blåbær.example", "jørgen@xn--blbr-roah.example"),
        ("anna@XN--BLBR-ROAH.example", "anna@xn--blbr-roah.example"),
        ("anna@localhost", "anna@localhost"),
    ],
)
def test_addresses_of_unusual_people(value: str, address: str) -> None:
    assert one_mailbox([value])[0] == address


@pytest.mark.proves("exactly one From")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "Anna Hansen",
        "<>",
        "anna",
        "anna@",
        "@firm.example",
        "<boss@good.example>x@evil.example",
        "<boss@good.example> <x@evil.example>",
        "boss@good.example <x@evil.example>",
        "boss@good.example, x@evil.example",
        "boss@good.example; x@evil.example",
        "boss@good.example x@evil.example",
        "Hansen, Anna <anna@firm.example>",
        "Team: anna@firm.example;",
        "undisclosed-recipients:;",
        "<@relay.example:anna@firm.example>",
        "<@a.example,@b.example:anna@firm.example>",
        "anna@firm.example (boss@good.example)",
        "boss@good.example(<x@evil.example>)",
        "(boss@good.example) x@evil.example",
        "anna(x)@firm.example",
        "anna@(x)firm.example",
        "Anna [Firm] <anna@firm.example>",
        "[<anna@firm.example>",
        ".<anna@firm.example>",
        "anna@firm.example (un(nested) comment)",
        "anna@firm.example (unclosed",
        '"anna hansen"@firm.example',
        '"boss@good.example"@evil.example',
        '"boss@good.example\\" <x@evil.example>',
        "boss@good.example@evil.example",
        "=?utf-8?Q?boss=40good.example?=@evil.example",
        "<=?utf-8?Q?boss?=@evil.example>",
        "<anna@firm.example",
        "anna@firm.example>",
        "<anna @firm.example>",
        "<<anna@firm.example>>",
        "anna@[192.0.2.1]",
        "anna..h@firm.example",
        ".anna@firm.example",
        "anna.@firm.example",
        "anna@firm.example.",
        "anna@.example",
        "anna@-firm.example",
        "anna@firm_x.example",
        "anna@firm.example\x00",
        "anna@firm.example\x00 <x@evil.example>",
        "anna@fi\u200brm.example",
        "ann\u202ea@firm.example",
        "anna\udcf8@firm.example",
        "anna@fi\udcf8rm.example",
        "anna@f\u2024example",
        "a" * 65 + "@firm.example",
        "a@" + "b." * 130 + "example",
        "(" * 10_000,
        '"' * 3_999,
    ],
)
def test_a_from_that_two_readers_could_read_differently_is_refused(value: str) -> None:
    with pytest.raises(Refusal) as refusal:
        one_mailbox([value])
    assert refusal.value.code == 550
    assert refusal.value.cause.startswith("bad From")


@pytest.mark.proves("exactly one From")
@pytest.mark.parametrize("values", [[], [ANNA, ANNA], [ANNA, "x@evil.example"]])
def test_exactly_one_from(values: list[str]) -> None:
    with pytest.raises(Refusal, match="bad From"):
        one_mailbox(values)


@pytest.mark.proves("D10")
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a@B.Example", ["a@b.example"]),
        ("a@b.example, c@d.example", ["a@b.example", "c@d.example"]),
        ("a@b.example; c@d.example;", ["a@b.example", "c@d.example"]),
        ('"Hansen, Anna; chef" <a@b.example>, c@d.example', ["a@b.example", "c@d.example"]),
        ("=?utf-8?Q?Hansen=2C_Anna?= <a@b.example>", ["a@b.example"]),
        ("Team: a@b.example, Bo <c@d.example>;, e@f.example", ["a@b.example", "c@d.example", "e@f.example"]),
        ("undisclosed-recipients:;", []),
        ("'a@b.example' <a@b.example>", ["a@b.example"]),
        ("a@b.example <c@d.example>", ["c@d.example"]),
        ("<mailto:a@b.example>", ["a@b.example"]),
        ("a@b.example (comment, x@y.example) ", ["a@b.example"]),
        ("+4530643064@sms.example.com", ["+4530643064@sms.example.com"]),
        ("<+45 30 64 30 64@sms.example.com>", ["+4530643064@sms.example.com"]),
        ("+45 30 64 30 64@sms.example.com", ["+4530643064@sms.example.com"]),
        ('"+45 30 64 30 64"@sms.example.com', ['"+45 30 64 30 64"@sms.example.com']),
        ('"30643064" <30643064@sms.example.com>', ["30643064@sms.example.com"]),
        ('"unclosed <a@b.example>, c@d.example', ["a@b.example", "c@d.example"]),
        ("a@b.example c@d.example", ["a@b.example", "c@d.example"]),
        ("o'neil@b.example", ["o'neil@b.example"]),
        ("jørgen@blåbær.example", ["jørgen@blåbær.example"]),
        ("<>, , ;", []),
    ],
)
def test_recipients_in_every_habit(value: str, found: list[str]) -> None:
    assert list(addresses([value])) == found


@pytest.mark.proves("D10")
def test_recipients_are_collected_once_over_all_fields_and_bounded() -> None:
    assert addresses(["a@b.example, c@d.example", "A <a@B.example>"]) == ("a@b.example", "c@d.example")
    assert len(addresses([", ".join(f"{n}@b.example" for n in range(5000))])) == MAX_ADDRESSES


PIECES = ["<", ">", "@", '"', ",", ";", ":", "(", ")", "[", "]", "\\", " ", "a", "b.example", "boss@good.example",
          "<x@evil.example>", "'", "-", "Anna"]  # fmt: skip


@pytest.mark.proves("exactly one From")
@settings(max_examples=1500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join))
def test_whatever_is_accepted_two_other_readers_read_the_same(value: str) -> None:
    try:
        address, _ = one_mailbox([value.strip()])
    except Refusal:
        return
    strict = message_from_string(f"From: {value}\n\n", policy=policy.default)["From"].addresses
    assert [found.addr_spec.replace('"', "").lower() for found in strict] == [address.lower()]
    # `a@b.example<a@b.example>` is one mailbox with its address as its name: getaddresses may list that address twice.
    assert {found.replace('"', "").lower() for _, found in getaddresses([value])} == {address.lower()}
