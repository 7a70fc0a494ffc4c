"""The pure parts of the sender check: alignment, signed headers, body hashes."""

from __future__ import annotations

import hashlib

import pytest
from dkim.canonicalization import Relaxed, Simple
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.proof.alignment import Alignment, alignment, ascii_domain, organisational_domain
from gateway.proof.dkim import body_hash
from gateway.proof.signed_headers import AmbiguousHeaderError, left_open, mailboxes, plain_address, read_header

ALIGNED = pytest.mark.proves("DKIM: aligned domain")
REPLAY = pytest.mark.proves("signed mail again")


@ALIGNED
@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("firma.dk", "firma.dk", Alignment.EXACT),
        ("firma.dk", "mail.firma.dk", Alignment.ORGANISATION),
        ("a.firma.dk", "b.firma.dk", Alignment.ORGANISATION),
        ("firma.co.uk", "mail.firma.co.uk", Alignment.ORGANISATION),
        ("firma.co.uk", "other.co.uk", Alignment.NONE),
        ("firma.co.uk", "co.uk", Alignment.NONE),
        ("firma.dk", "dk", Alignment.NONE),
        ("firma.dk", "firma.dk.evil.com", Alignment.NONE),
        ("firma.dk", "evilfirma.dk", Alignment.NONE),
        ("firma.dk", "firma.com", Alignment.NONE),
        ("one.github.io", "two.github.io", Alignment.NONE),
        ("localhost", "localhost", Alignment.EXACT),
        ("localhost", "a.localhost", Alignment.NONE),
    ],
)
def test_alignment(one: str, other: str, near: Alignment) -> None:
    assert alignment(one, other) is near
    assert alignment(other, one) is near


@ALIGNED
@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Firma.DK.", "firma.dk"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("_dmarc.firma.dk", "_dmarc.firma.dk"),
        ("", None),
        (".", None),
        ("a..b", None),
        ("[192.0.2.1]", None),
        ("a b.example", None),
        ("a\\046b.example", None),
        ("-a.example", None),
        ("a.example\n", None),
        ("x" * 64 + ".example", None),
        ("a." * 130 + "example", None),
        ("\u0430.\u202eexample", None),
    ],
)
def test_domains_are_written_in_one_way(text: str, domain: str | None) -> None:
    assert ascii_domain(text) == domain


@ALIGNED
def test_a_suffix_has_no_organisation() -> None:
    assert organisational_domain("co.uk") is None
    assert organisational_domain("a.b.firma.co.uk") == "firma.co.uk"


@REPLAY
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("Bo <Bo@Firma.DK>, c@firma.dk", {"bo@firma.dk", "c@firma.dk"}),
        ('"a@b" <c@d>', {"c@d"}),
        ("a@b <c@d>", {"c@d"}),
        ("c@d (a@b (x@y))", {"c@d"}),
        ('"a, b" <c@d>', {"c@d"}),
        ("=?utf-8?q?a=40b?= <c@d>", {"c@d"}),
        ("Team: a@b, c@d;, e@f", {"a@b", "c@d", "e@f"}),
        ('"45 30 64"@sms.dk', {"45 30 64@sms.dk"}),
        ('"45 30\r\n 64"@sms.dk', {"45 30 64@sms.dk"}),
        ("Bo\r\n <bo@firma.dk>,\r\n\tc@d", {"bo@firma.dk", "c@d"}),
        ("undisclosed-recipients:;", set()),
        ("a@b c@d", set()),
        ("a@b@c", set()),
        ("<a@b> <c@d>", set()),
        ("<a@b", set()),
        ("a@b>", set()),
        ('"<a@b>', set()),
        ("(<a@b>", set()),
        ("<a@b> x", set()),
        ("a@", set()),
        ("", set()),
    ],
)
def test_which_mailboxes_a_list_names(value: str, found: set[str]) -> None:
    header = read_header(f"To: {value}\r\n\r\n".encode())
    assert mailboxes(header) == found


@REPLAY
def test_addresses_are_compared_without_quotes_and_case() -> None:
    assert plain_address('"45 30"@SMS.dk.') == plain_address("45 30@sms.dk")
    assert plain_address('"a\\"b"@x') == 'a"b@x'


@REPLAY
@pytest.mark.parametrize(
    "block",
    [
        "",
        "\r\nFrom: a@b\r\n\r\n",
        " From: a@b\r\n\r\n",
        "From: a@b\r\nSubject\r\n\r\n",
        "From: a@b\r\n: x\r\n\r\n",
        "From: a@b\r\nSubject: a\x0bTo: c@d\r\n\r\n",
        "From: a@b\r\nFrom x y\r\n\r\n",
        "From: a@b\r\n",
        "From: a@b\r\n" * 1001 + "\r\n",
        "From: " + "a" * 300_000 + "\r\n\r\n",
    ],
)
def test_a_header_that_can_be_read_in_two_ways(block: str) -> None:
    with pytest.raises(AmbiguousHeaderError):
        read_header(block.encode())


@REPLAY
@pytest.mark.parametrize(
    ("block", "signed", "why"),
    [
        ("From: a\r\nTo: b\r\n", [b"from", b"to"], None),
        ("From: a\r\nX-Mailer: b\r\n", [b"from"], None),
        ("From: a\r\nTo: b\r\n", [b"from"], "the signature does not cover the To header"),
        ("From: a\r\nmessage-id: b\r\n", [b"from"], "the signature does not cover the Message-ID header"),
        ("From: a\r\nSubject: b\r\nsubject: c\r\n", [b"from", b"subject"], "the mail has 2 Subject headers"),
        ("To: a\r\n", [b"from", b"to"], "the mail has 0 From headers"),
    ],
)
def test_what_a_signature_leaves_open(block: str, signed: list[bytes], why: str | None) -> None:
    assert left_open(read_header(f"{block}\r\n".encode()), signed) == why


BODIES = st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\r", b"\n", b"ab c", b"\r\n\r\n"]), max_size=40)


@pytest.mark.proves("proven sender")
@settings(max_examples=500, deadline=None)
@given(BODIES, st.integers(1, 9))
def test_the_body_is_hashed_as_dkimpy_hashes_it_wherever_it_is_cut(parts: list[bytes], size: int) -> None:
    body = b"".join(parts) + b"\r\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.proof.dkim._PIECE", size)
        for relaxed, canonical in ((True, Relaxed), (False, Simple)):
            whole = hashlib.sha256(canonical.canonicalize_body(body)).digest()
            assert body_hash(b"head" + body, 4, relaxed=relaxed) == whole
