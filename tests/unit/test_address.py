"""What a recipient address means, in every spelling that a client may send."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.address import read_recipient, return_path
from gateway.errors import Refusal
from gateway.model import AddressKind, LocalAddress

DOMAINS = ("sms.example.com", "Blåbær.dk", "xn--mller-kva.example", "localhost")
KEY = "604cf54f8dc39dccb2e59e4d9172a9fb"

UNDERSTOOD = [
    (f"{KEY}@sms.example.com", AddressKind.KEY, KEY),
    (f"{KEY.upper()}@SMS.Example.COM", AddressKind.KEY, KEY),
    (f"{KEY}@sms.example.com.", AddressKind.KEY, KEY),
    (f"{KEY}+kampagne@sms.example.com", AddressKind.KEY, KEY),
    (f'"{KEY}"@sms.example.com', AddressKind.KEY, KEY),
    (f"@a.example,@b.example:{KEY}@sms.example.com", AddressKind.KEY, KEY),
    (f"{'12345678' * 4}@sms.example.com", AddressKind.KEY, "12345678" * 4),
    (f"{KEY}@blåbær.dk", AddressKind.KEY, KEY),
    (f"{KEY}@BLÅBÆR.DK", AddressKind.KEY, KEY),
    (f"{KEY}@xn--blbr-roah.dk", AddressKind.KEY, KEY),
    (f"{KEY}@müller.example", AddressKind.KEY, KEY),
    (f"{KEY}@localhost", AddressKind.KEY, KEY),
    ("30643064@sms.example.com", AddressKind.NUMBER, "30643064"),
    ("+4530643064@sms.example.com", AddressKind.NUMBER, "+4530643064"),
    ("004530643064@sms.example.com", AddressKind.NUMBER, "004530643064"),
    ("4522976011@sms.example.com", AddressKind.NUMBER, "4522976011"),
    ("30.64.30.64@sms.example.com", AddressKind.NUMBER, "30.64.30.64"),
    ("+45-3064-3064@sms.example.com", AddressKind.NUMBER, "+45-3064-3064"),
    ("30_64_30_64@sms.example.com", AddressKind.NUMBER, "30_64_30_64"),
    ('"+45 30643064"@sms.example.com', AddressKind.NUMBER, "+45 30643064"),
    ('"(30) 64 30 64"@sms.example.com', AddressKind.NUMBER, "(30) 64 30 64"),
    ('"30\\ 643064"@sms.example.com', AddressKind.NUMBER, "30 643064"),
    ("٣٠٦٤٣٠٦٤@sms.example.com", AddressKind.NUMBER, "٣٠٦٤٣٠٦٤"),
    ("subscribe@sms.example.com", AddressKind.SUBSCRIBE, "subscribe"),
    ("Subscribe@SMS.EXAMPLE.COM", AddressKind.SUBSCRIBE, "subscribe"),
    ("subscribe+dansk@sms.example.com", AddressKind.SUBSCRIBE, "subscribe"),
    ("UNSUBSCRIBE@blåbær.dk", AddressKind.UNSUBSCRIBE, "unsubscribe"),
    ("Campaign@sms.example.com", AddressKind.CAMPAIGN, "campaign"),
    ("postmaster@sms.example.com", AddressKind.OPERATOR, "postmaster"),
    ("POSTMASTER@sms.example.com", AddressKind.OPERATOR, "postmaster"),
    ("postmaster", AddressKind.OPERATOR, "postmaster"),
    ("PostMaster", AddressKind.OPERATOR, "postmaster"),
    ("abuse@sms.example.com", AddressKind.OPERATOR, "abuse"),
    ("b-01JD4K8Z@sms.example.com", AddressKind.RETURN_PATH, "01JD4K8Z"),
    ("B-x_y=z.1@sms.example.com", AddressKind.RETURN_PATH, "x_y=z.1"),
]


@pytest.mark.proves("D8", "D10", "X1")
@pytest.mark.parametrize(("address", "kind", "value"), UNDERSTOOD)
def test_understood(address, kind, value):
    assert read_recipient(address, DOMAINS) == LocalAddress(kind, value, address)


REFUSED = [
    # not our domain, whatever trick is in the local part
    (f"{KEY}@example.com", "5.7.1"),
    (f"{KEY}@sub.sms.example.com", "5.7.1"),
    (f"{KEY}@sms.example.com.evil.example", "5.7.1"),
    ("peter%sms.example.com@evil.example", "5.7.1"),
    ("subscribe@[127.0.0.1]", "5.7.1"),
    ("postmaster@[IPv6:::1]", "5.7.1"),
    ("postmaster@blåbær.example", "5.7.1"),
    ("@sms.example.com:peter@evil.example", "5.7.1"),
    # ours, but nobody
    ("peter@sms.example.com", "5.1.1"),
    ("peter%evil.example@sms.example.com", "5.1.1"),
    ("evil.example!peter@sms.example.com", "5.1.1"),
    ('"peter@evil.example"@sms.example.com', "5.1.1"),
    (f'"{KEY}@evil.example"@sms.example.com', "5.1.1"),
    (f"{KEY[:-1]}@sms.example.com", "5.1.1"),
    (f"{KEY}0@sms.example.com", "5.1.1"),
    (f"{KEY[:-1]}g@sms.example.com", "5.1.1"),
    (f"x{KEY}@sms.example.com", "5.1.1"),
    ("+@sms.example.com", "5.1.1"),
    ("-@sms.example.com", "5.1.1"),
    ("30643064x@sms.example.com", "5.1.1"),
    ("peter.30643064@sms.example.com", "5.1.1"),
    ("b-@sms.example.com", "5.1.1"),
    ("b-a/b@sms.example.com", "5.1.1"),
    ("subscriber@sms.example.com", "5.1.1"),
    ("peter+subscribe@sms.example.com", "5.1.1"),
    ("mødet@sms.example.com", "5.1.1"),
    ("root@localhost", "5.1.1"),
    # digits that no region could read
    ("1@sms.example.com", "5.1.3"),
    ("112@sms.example.com", "5.1.3"),
    ("+45123@sms.example.com", "5.1.3"),
    ("+45306430641@sms.example.com", "5.1.3"),
    ("0045123@sms.example.com", "5.1.3"),
    ("+999123456789@sms.example.com", "5.1.3"),
    ("123456789012345678901@sms.example.com", "5.1.3"),
    ("+45609946000000@sms.example.com", "5.1.3"),
    # no addresses at all
    ("", "5.1.3"),
    ("@", "5.1.3"),
    ("peter", "5.1.3"),
    (KEY, "5.1.3"),
    ("abuse", "5.1.3"),
    (f"{KEY}@", "5.1.3"),
    ("@sms.example.com", "5.1.3"),
    ('""@sms.example.com', "5.1.3"),
    (".30643064@sms.example.com", "5.1.3"),
    ("30643064.@sms.example.com", "5.1.3"),
    ("30..643064@sms.example.com", "5.1.3"),
    ("30 643064@sms.example.com", "5.1.3"),
    ("(30)643064@sms.example.com", "5.1.3"),
    (f"<{KEY}@sms.example.com>", "5.1.3"),
    (f"Peter <{KEY}@sms.example.com>", "5.1.3"),
    (f"{KEY}@sms.example.com ", "5.1.3"),
    (f"{KEY}@sms.example.com\r\nRCPT TO:<x@y.example>", "5.1.3"),
    (f"{KEY}\x00@sms.example.com", "5.1.3"),
    ('"30643064@sms.example.com', "5.1.3"),
    ("a@b@sms.example.com", "5.1.3"),
    ("subscribe@[127.0.0.1", "5.1.3"),
    ("subscribe@[sms.example.com]", "5.1.3"),
    ("@evil.example:", "5.1.3"),
    ("\udcff@sms.example.com", "5.1.3"),
    ("x" * 65 + "@sms.example.com", "5.1.3"),
    ("ø" * 33 + "@sms.example.com", "5.1.3"),
    ("x@" + "y" * 300, "5.1.3"),
    ("postmaster@" + "sms.example.com." * 20, "5.1.3"),
]


@pytest.mark.proves("D8", "D10", "relay denied")
@pytest.mark.parametrize(("address", "enhanced"), REFUSED)
def test_refused(address, enhanced):
    with pytest.raises(Refusal) as caught:
        read_recipient(address, DOMAINS)
    assert caught.value.enhanced == enhanced
    assert 550 <= caught.value.code <= 553
    assert caught.value.smtp_reply.isascii()
    assert "\n" not in caught.value.smtp_reply


@pytest.mark.proves("D10")
def test_a_bad_number_is_quoted_to_the_sender():
    with pytest.raises(Refusal, match="bad number") as caught:
        read_recipient("+45123@sms.example.com", DOMAINS)
    assert caught.value.public_text.startswith("'+45123' cannot be a mobile number")


@pytest.mark.proves("X1")
def test_a_domain_that_is_no_name_matches_itself_only():
    with pytest.raises(Refusal, match="relay denied"):
        read_recipient(f"{KEY}@blåbær.dk", ("-ø-.dk",))
    with pytest.raises(Refusal, match="relay denied"):
        read_recipient("postmaster@[127.0.0.1]", ())


@pytest.mark.proves("keys look alike")
def test_a_refusal_never_repeats_the_address():
    for address in (f"{KEY}0@sms.example.com", f"{KEY}@example.com", f"<{KEY}@sms.example.com"):
        with pytest.raises(Refusal) as caught:
            read_recipient(address, DOMAINS)
        assert KEY not in caught.value.smtp_reply


@pytest.mark.proves("X1")
def test_return_paths_are_ours_or_nobody():
    address = return_path("01JD4K8ZQ-x", "sms.example.com")
    assert read_recipient(address, DOMAINS).value == "01JD4K8ZQ-x"
    assert read_recipient(address, DOMAINS, "01JD4K8ZQ-x".__eq__).kind is AddressKind.RETURN_PATH
    with pytest.raises(Refusal, match="no such recipient"):
        read_recipient(address, DOMAINS, "another".__eq__)


@pytest.mark.proves("X1")
def test_only_return_paths_are_asked_about():
    asked: list[str] = []
    read_recipient(f"{KEY}@sms.example.com", DOMAINS, lambda token: bool(asked.append(token)))
    assert asked == []


@pytest.mark.proves("X1")
@pytest.mark.parametrize("token", ["", "a b", "a@b", "a..b", ".a", "a.", "a\r\nb", "æ", "x" * 63])
def test_tokens_that_cannot_stand_in_an_address(token):
    with pytest.raises(ValueError, match="return-path token"):
        return_path(token, "sms.example.com")


@pytest.mark.proves("X1")
@given(st.text(string.ascii_letters + string.digits + "-_=", min_size=1, max_size=62))
def test_every_token_comes_back(token):
    assert read_recipient(return_path(token, "sms.example.com"), DOMAINS).value == token


@pytest.mark.proves("X1")
@given(
    st.text(max_size=300)
    | st.text('ab1+-_."\\@:,<>[]!% \t\r\n', max_size=80).map(lambda text: text + "@sms.example.com")
)
def test_whatever_comes_is_understood_or_refused(address):
    try:
        understood = read_recipient(address, DOMAINS)
    except Refusal as refusal:
        understood, code = None, refusal.code
    assert code in {550, 553} if understood is None else understood.address == address


@pytest.mark.stopwatch
@pytest.mark.proves("D8")
def test_a_plain_address_costs_microseconds():
    best = 1.0
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(100):
            read_recipient(f"{KEY}@sms.example.com", DOMAINS)
        best = min(best, (time.perf_counter() - started) / 100)
    assert best < 15e-6


@pytest.mark.proves("hostile input costs little")
def test_a_foreign_script_is_not_ours_where_none_of_ours_is():
    with pytest.raises(Refusal, match="relay denied"):
        read_recipient("30643064@blåbær.dk", ["sms.example.com"])
    assert read_recipient("30643064@BLÅBÆR.dk", ["xn--blbr-roah.dk"]).value == "30643064"
