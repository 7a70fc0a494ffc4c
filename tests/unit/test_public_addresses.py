"""Which addresses a user's URL may lead to."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.public_addresses import is_public
from gateway.public_http import Unsafe, check_url

pytestmark = pytest.mark.proves("URLs that users give")

CLOSED = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:db8::1",
    "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1",
    "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
    "localhost", "", "2130706433", "127.1", "0x7f.0.0.1", "0177.0.0.1", "1.2.3.4.5",
]  # fmt: skip
OPEN = ["8.8.8.8", "193.0.6.139", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]  # fmt: skip


@pytest.mark.parametrize("address", CLOSED)
def test_what_leads_into_somebodys_own_network_is_not_public(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", OPEN)
def test_the_public_internet_is(address: str):
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_means_the_same_however_it_is_wrapped(address):
    plain = is_public(str(address))
    assert is_public(f"::ffff:{address}") == is_public(f"64:ff9b::{address}") == plain
    assert plain or not is_public(str(ip_address((0x2002 << 112) | (int(address) << 80))))


def test_a_network_that_is_opened_is_open_and_no_other():
    opened = [IPv4Network("127.0.0.0/8"), IPv6Network("fd00:1::/32")]
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "fd00:1::5", "8.8.8.8"):
        assert is_public(address, opened)
    for address in ("10.0.0.1", "::1", "fd00:2::5", "2001:db8::1"):
        assert not is_public(address, opened)


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "//firm.example/x", "ftp://firm.example/", "file:///etc/passwd", "gopher://firm.example/", "https://",
        "http://firm.example/", "https://user:pass@firm.example/", "https://user@firm.example/",
        "https://firm.example:25/", "https://firm.example:0/", "https://firm.example:99999/", "https://127.0.0.1/",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://2130706433/", "https://127.1/", "https://0x7f000001/",
        "https://0x7f.1/", "https://0177.0.0.1/", "https://169.254.169.254/latest/meta-data/", "https://10.0.0.1:8443/",
        "https://127.0.0.1./", "https://①②⑦.0.0.1/", "https://[fe80::1%25eth0]/", "https://firm.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_a_url_that_may_not_be_asked_is_refused_with_a_reason(url: str):
    with pytest.raises(Unsafe) as refused:
        check_url(url, (), plain=False)
    assert str(refused.value)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        (" https://firm.example/hook?x=1#y ", "https://firm.example/hook?x=1"),
        ("https://firm.example:8443/hook", "https://firm.example:8443/hook"),
        ("HTTPS://FIRM.example/hook", "https://firm.example/hook"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ],
)
def test_a_url_is_kept_in_the_form_in_which_it_is_asked(url: str, asked: str):
    assert check_url(url, (), plain=False) == asked


def test_http_is_for_those_who_allow_it():
    assert check_url("http://firm.example/", (), plain=True) == "http://firm.example/"
