"""The options of kind "smpp": each wrong one is named, and the password is told to nobody."""

from __future__ import annotations

import itertools
import tomllib
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
            "query_sm": True,
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
        ("host", "", "'host' must not be empty"),
        ("host", 7, "'host': input should be a valid string"),
        ("port", 0, "'port': input should be greater than or equal to 1"),
        ("port", "smpp", "'port': input should be a valid integer"),
        ("tls", "perhaps", "'tls': input should be a valid boolean"),
        ("ca_file", "/no/such/file", "'ca_file' cannot be read as certificates: No such file"),
        ("ca_file", __file__, "'ca_file' cannot be read as certificates"),
        ("ca_file", "ca.pem", "'ca_file' must be an absolute path"),
        ("system_id", "a" * 16, "'system_id' must be at most 15 characters"),
        ("system_id", "", "'system_id' must not be empty"),
        ("password", "hemmelighed", "'password' must be at most 8 characters"),
        ("password", "hemmeligж", "'password' must be at most 8 characters of Latin-1"),
        ("system_type", 1, "'system_type': input should be a valid string"),
        ("bind", "both", "'bind' must be 'transceiver' or 'separate'"),
        ("binds", 33, "'binds': input should be less than or equal to 32"),
        ("window", 0, "'window': input should be greater than or equal to 1"),
        ("response_timeout", 0, "'response_timeout': input should be greater than or equal to 0.1"),
        ("enquire_link", "seldom", "'enquire_link': input should be a valid number"),
        ("long_text", "udh", "'long_text' must be 'udh8', 'udh16', 'payload' or 'sar'"),
        ("gsm_encoding", "ascii", "'gsm_encoding' must be"),
        ("message_id", "oct", "'message_id' must be"),
        ("source_ton", 7, "'source_ton': input should be less than or equal to 6"),
        ("dest_npi", 19, "'dest_npi': input should be less than or equal to 18"),
        ("region", "UK", "'region' must be a country code of two letters"),
        ("service_type", "VMNEXT", "'service_type' must be at most 5 characters"),
        ("validity", 86400 * 31, "'validity': input should be less than or equal to 2592000"),
        ("validity", float("nan"), "'validity': input should be a finite number"),
        ("registered_delivery", 32, "'registered_delivery': input should be less than or equal to 31"),
        ("temporary", 0x401, "'temporary': input should be a valid frozenset"),
        ("temporary", [0], "input should be greater than 0"),
        ("passwort", "hemmelig", "there is no option 'passwort': did you mean 'password'?"),
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
        "'host' is missing",
        "'port': input should be greater than or equal to 1",
        "'system_id' is missing",
        "'window': input should be greater than or equal to 1",
    ]


def test_the_password_shows_nowhere():
    assert "hemmelig" not in repr(read_options({**LEAST, "password": "hemmelig"}))


def test_the_shipped_file_shows_every_option_with_its_default():
    lines = SHIPPED.read_text().splitlines()
    begin = lines.index('#   name = "smsc"')
    block = itertools.takewhile(lambda line: line.startswith("#   "), lines[begin:])
    shown = tomllib.loads("\n".join(line.removeprefix("#   ") for line in block))
    assert (shown.pop("name"), shown.pop("kind")) == ("smsc", "smpp")
    assert shown.keys() == SmppOptions.model_fields.keys()
    without = {"ca_file", "region"}
    assert read_options({name: value for name, value in shown.items() if name not in without}) == read_options(LEAST)
    read_options({name: value for name, value in shown.items() if name != "ca_file"})
