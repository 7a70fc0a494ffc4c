"""The options of kind "smpp": each wrong one is named, and the password is told to nobody."""

from __future__ import annotations

import itertools
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from gateway.providers.base import Provider
from gateway.providers.smpp import SmppProvider
from gateway.smpp.options import SmppOptions, read_options
from gateway.smpp.receipt import IdForm
from gateway.smpp.text import GsmEncoding, LongText

SHIPPED = Path(__file__).parents[2] / "conf" / "brevdue.toml"
LEAST = {"host": "smsc.example.net", "system_id": "firma"}


def test_the_least():
    assert read_options(LEAST) == SmppOptions(host="smsc.example.net", system_id="firma")
    assert isinstance(SmppProvider("smsc", LEAST), Provider)


def test_all_of_them():
    options = read_options(
        {
            **LEAST,
            "port": 2776,
            "tls": True,
            "password": "hemmelig",
            "system_type": "SMPP",
            "bind": "separate",
            "binds": 3,
            "window": 10,
            "response_timeout": 20,
            "enquire_link": 15.5,
            "long_text": "sar",
            "gsm_encoding": "latin1",
            "message_id": "hex-to-decimal",
            "source_ton": 0,
            "source_npi": 0,
            "dest_ton": 0,
            "dest_npi": 0,
            "region": "dk",
            "service_type": "CMT",
            "validity": 86400,
            "registered_delivery": 3,
            "temporary": [0x0401],
        }
    )
    assert (options.port, options.tls, options.region, options.temporary) == (2776, True, "DK", {0x0401})
    assert (options.long_text, options.gsm_encoding) == (LongText.SAR, GsmEncoding.LATIN1)
    assert options.message_id is IdForm.HEX_TO_DECIMAL


def test_tls_has_a_port_of_its_own():
    assert read_options({**LEAST, "tls": True}).port == 8775


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("host", "", "host must not be empty"),
        ("host", 7, "host must be a text in quotes"),
        ("port", 0, "port must be a whole number, 1 to 65535"),
        ("port", "2775", "port must be a whole number"),
        ("port", True, "port must be a whole number"),
        ("tls", "yes", "tls must be true or false"),
        ("ca_file", "/no/such/file", "ca_file cannot be read as certificates: No such file"),
        ("ca_file", "ca.pem", "ca_file must be an absolute path"),
        ("system_id", "a" * 16, "system_id must be at most 15 characters"),
        ("password", "hemmelighed", "password must be at most 8 characters"),
        ("password", "hemmeligж", "password must be at most 8 characters of Latin-1"),
        ("system_type", 1, "system_type must be a text in quotes"),
        ("bind", "both", 'bind must be "transceiver" or "separate"'),
        ("binds", 33, "binds must be a whole number, 1 to 32"),
        ("window", 0, "window must be a whole number"),
        ("response_timeout", 0, "response_timeout must be seconds, 0.1 to 300"),
        ("enquire_link", "30", "enquire_link must be seconds"),
        ("long_text", "udh", 'long_text must be "udh8" or "udh16" or "payload" or "sar"'),
        ("gsm_encoding", "ascii", "gsm_encoding must be"),
        ("message_id", "oct", "message_id must be"),
        ("source_ton", 7, "source_ton must be a whole number, 0 to 6"),
        ("dest_npi", 19, "dest_npi must be a whole number, 0 to 18"),
        ("region", "UK", "region must be a country code of two letters"),
        ("service_type", "VMNEXT", "service_type must be at most 5 characters"),
        ("validity", 86400 * 31, "validity must be seconds (0 for the message centre's own), 0 to 2592000"),
        ("validity", float("nan"), "validity must be seconds"),
        ("registered_delivery", 32, "registered_delivery must be a whole number"),
        ("temporary", 0x401, "temporary must be a list of command statuses"),
        ("temporary", [0], "temporary must be a list of command statuses"),
        ("colour", 1, "smpp has no option colour: host, port"),
    ],
)
def test_a_wrong_option_is_named(option, value, words):
    with pytest.raises(ValueError) as wrong:
        SmppProvider("smsc", {**LEAST, option: value})
    assert words in str(wrong.value)
    assert "hemmelig" not in str(wrong.value)


def test_all_mistakes_at_once():
    with pytest.raises(ValueError) as wrong:
        read_options({"port": 0, "window": 0})
    assert str(wrong.value).split("; ") == [
        "port must be a whole number, 1 to 65535",
        "window must be a whole number, 1 to 10000",
        "host is missing: the name or address of the message centre",
        "system_id is missing: the name that the message centre knows us by",
    ]


def test_the_password_shows_nowhere():
    assert "hemmelig" not in repr(read_options({**LEAST, "password": "hemmelig"}))


def test_the_shipped_file_shows_every_option_with_its_default():
    lines = SHIPPED.read_text().splitlines()
    begin = lines.index('#   name = "smsc"')
    block = itertools.takewhile(lambda line: line.startswith("#   "), lines[begin:])
    shown = tomllib.loads("\n".join(line.removeprefix("#   ") for line in block))
    assert (shown.pop("name"), shown.pop("kind")) == ("smsc", "smpp")
    assert shown.keys() == {each.name for each in fields(SmppOptions)}
    defaults = SmppOptions()
    without = {"host", "system_id", "ca_file", "region"}
    for name in shown.keys() - without:
        assert getattr(defaults, name) == (frozenset() if name == "temporary" else shown[name])
    read_options({name: value for name, value in shown.items() if name != "ca_file"})
