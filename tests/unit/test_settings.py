"""The configuration: what is read, what overrides it, and how mistakes are explained."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import trustme
from pydantic import BaseModel

from brevdue.settings import ConfigurationError, find_file, load, resolve_paths
from brevdue.settings_toml import key_lines
from gateway.settings import GatewaySettings

pytestmark = pytest.mark.proves("settings explain themselves")

SHIPPED = Path(__file__).parents[2] / "conf" / "brevdue.toml"


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "brevdue.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def mistakes(write, tmp_path):
    """The mistakes in a file and an environment, each as written for people, without the directory."""

    def mistakes(text: str | bytes = "", **environ: str) -> list[str]:
        path = write(text)
        with pytest.raises(ConfigurationError) as caught:
            load(path, environ)
        return [str(mistake).replace(f"{tmp_path}/", "") for mistake in caught.value.mistakes]

    return mistakes


# --- the shipped file ----------------------------------------------------------------------------------------------


def test_the_shipped_file_says_the_defaults():
    assert load(SHIPPED, {}) == resolve_paths(GatewaySettings(), SHIPPED.parent)


def test_the_shipped_file_is_what_no_file_means():
    assert load(None, {}) == resolve_paths(GatewaySettings(), Path())


def settings_keys(section: type[BaseModel], prefix: str = "") -> set[str]:
    keys = set()
    for name, field in section.model_fields.items():
        inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
        tables = [kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)]
        for table in tables:
            keys |= settings_keys(table, f"{prefix}{name}.")
        if not tables:
            keys.add(prefix + name)
    return keys


def test_every_setting_is_in_the_shipped_file_with_a_comment():
    text = SHIPPED.read_text()
    shown = set()
    for match in re.finditer(r"^(?:# (?=\[\[))?\[+([a-z_.]+)\]+\n((?:(?!\[|# \[\[).*\n)*)", text, re.MULTILINE):
        shown |= {f"{match[1]}.{key}" for key in re.findall(r"^(?:# )?([a-z0-9_]+) = ", match[2], re.MULTILINE)}
    assert shown == settings_keys(GatewaySettings)
    for header in re.finditer(r"(.*)\n\[", text):
        assert header[1].startswith("# "), "each table is introduced by a comment"


def test_what_the_shipped_file_comments_out_is_well_formed(tmp_path):
    """The examples behind "#" are read too: none is misspelt or of the wrong type."""
    text = re.sub(r"^# ([a-z0-9_]+ = |\[\[)", r"\1", SHIPPED.read_text(), flags=re.MULTILINE)
    path = tmp_path / "brevdue.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    assert {m.text.partition(", and")[0] for m in caught.value.mistakes} == {"must be an existing file"}


# --- reading -------------------------------------------------------------------------------------------------------


def test_relative_paths_are_seen_from_the_file(write, tmp_path):
    trustme.CA().issue_cert("a.example").private_key_and_cert_chain_pem.write_to_path(tmp_path / "cert.pem")
    (tmp_path / "rsa.pem").write_text("")
    path = write(
        """
        store = { url = "sqlite:///data.db", secret_file = "s" }
        tls = { certificate = "cert.pem", key = "cert.pem" }
        lmtp.socket = "lmtp"
        mail_out.relay = "maildir:out"
        mail_out.ca_file = "cert.pem"
        mail_out.dkim = { domain = "sms.example.com", rsa_key = "rsa.pem" }
        [[provider]]
        name = "simulator"
        kind = "simulator"
        path = "phones"
        """
    )
    settings = load(path, {})
    assert settings.store.url == f"sqlite:///{tmp_path}/data.db"
    assert settings.store.secret_file == tmp_path / "s"
    assert (settings.tls.certificate, settings.tls.key) == (tmp_path / "cert.pem", tmp_path / "cert.pem")
    assert settings.lmtp.socket == tmp_path / "lmtp"
    assert settings.mail_out.relay == f"maildir:{tmp_path}/out"
    assert settings.mail_out.ca_file == tmp_path / "cert.pem"
    assert settings.mail_out.dkim.rsa_key == tmp_path / "rsa.pem"
    assert settings.provider[0].options == {"path": f"{tmp_path}/phones"}


def test_the_simulators_journal_lies_beside_the_configuration(write, tmp_path):
    assert load(write(""), {}).provider[0].options == {"path": f"{tmp_path}/brevdue-simulator.jsonl"}


def test_absolute_paths_stay(write, tmp_path):
    text = f'store.url = "sqlite:///{tmp_path}/x.db"\nmail_out.relay = "maildir:/var/mail/x"'
    settings = load(write(text), {})
    assert (settings.store.url, settings.mail_out.relay) == (f"sqlite:///{tmp_path}/x.db", "maildir:/var/mail/x")


def test_a_relative_file_name_works(write, tmp_path, monkeypatch):
    write("")
    monkeypatch.chdir(tmp_path)
    assert load(Path("brevdue.toml"), {}).store.secret_file == tmp_path / "brevdue.secret"


def test_names_are_normalised(write):
    settings = load(
        write(
            'mail.domains = ["SMS.Example.COM.", "sms.example.com"]\ndialog.region = "no"\nhttp.public_url = "https://a/"'
        ),
        {},
    )
    assert settings.mail.domains == ("sms.example.com",)
    assert settings.dialog.region == "NO"
    assert settings.http.public_url == "https://a"


@pytest.mark.parametrize("port", ["off", ""])
def test_a_listener_is_switched_off(write, port):
    assert load(write(f'smtp.port = "{port}"'), {}).smtp.port is None


@pytest.mark.parametrize("relay", ["mx", "maildir:x", "mail.example.com:587", "192.0.2.1:25", "[2001:db8::1]:25"])
def test_relay_forms(write, relay):
    assert load(write(f'mail_out.relay = "{relay}"'), {}).mail_out.relay.endswith(relay.removeprefix("maildir:"))


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@db.example.com:5432/brevdue", "postgresql:///brevdue?host=/run/postgresql"]
)
def test_store_forms(write, url):
    assert load(write(f'store.url = "{url}"'), {}).store.url == url


def test_a_byte_order_mark_is_no_mistake(write):
    assert load(write(b"\xef\xbb\xbf[smtp]\r\nport = 2600\r\n"), {}).smtp.port == 2600


# --- the environment -----------------------------------------------------------------------------------------------


def test_the_environment_overrides_the_file(write, tmp_path):
    (tmp_path / "k").write_text("")
    settings = load(
        write('[smtp]\nport = 25\nhost = "::1"\n[[pool]]\nprovider = "simulator"\nnumbers = ["+4530643064"]'),
        {
            "BREVDUE_SMTP__PORT": "2600",
            "BREVDUE_MAIL__DOMAINS": "a.example, b.example",
            "BREVDUE_TRUST__NETWORKS": '["10.0.0.0/8", "::1"]',
            "BREVDUE_MAIL_OUT__DKIM__DOMAIN": "a.example",
            "BREVDUE_MAIL_OUT__DKIM__RSA_KEY": "k",
            "BREVDUE_DIALOG__SMART": "false",
            "BREVDUE_DNS": '{"timeout": 2}',
            "BREVDUE_DNS__SERVERS": "127.0.0.1:5353",
            "BREVDUE_POOL": '[{"provider": "simulator", "range": "+45609946000000..+45609946000009"}]',
            "brevdue_log__level": "debug",
        },
    )
    assert (settings.smtp.port, settings.smtp.host) == (2600, "::1")
    assert settings.mail.domains == ("a.example", "b.example")
    assert [str(network) for network in settings.trust.networks] == ["10.0.0.0/8", "::1/128"]
    assert (settings.mail_out.dkim.domain, settings.mail_out.dkim.rsa_key) == ("a.example", tmp_path / "k")
    assert settings.dialog.smart is False
    assert (settings.dns.timeout, settings.dns.servers) == (2, ("127.0.0.1:5353",))
    assert [pool.range for pool in settings.pool] == ["+45609946000000..+45609946000009"]
    assert settings.log.level == "debug"


def test_an_empty_variable_unsets_what_can_be_unset(write):
    assert load(write("submission.port = 587"), {"BREVDUE_SUBMISSION__PORT": ""}).submission.port is None


def test_what_a_container_platform_sets_is_not_ours(write):
    environ = {"BREVDUE_PORT": "tcp://10.0.0.1:8025", "BREVDUE_SERVICE_HOST": "10.0.0.1", "BREVDUE_CONFIG": "x"}
    assert load(write(""), environ).smtp.port == 2525


def test_mistakes_in_the_environment_name_the_variable(mistakes):
    assert mistakes(
        'smtp.host = "x y"',
        BREVDUE_SMTP__PORT="smtp",
        BREVDUE_SMTP__PROT="1",
        BREVDUE_SMPT__PORT="1",
        BREVDUE_POOL="[",
        BREVDUE_PROVIDER="{}",
        BREVDUE_MAIL__DOMAINS="a.example,b_c",
    ) == [
        'BREVDUE_POOL: pool: must be JSON like [{"provider": "simulator", "range": "+45609946000000..+45609946999999"}] (Expecting value: line 1 column 2 (char 1))',
        'BREVDUE_PROVIDER: provider: must be JSON like [{"name": "simulator", "kind": "simulator"}]',
        "BREVDUE_MAIL__DOMAINS: mail.domains[2]: must be a mail domain (\"sms.example.com\"), not 'b_c'",
        "BREVDUE_SMPT__PORT: smpt: unknown key: did you mean 'smtp'?",
        "BREVDUE_SMTP__PORT: smtp.port: must be 1-65535 or \"off\", not 'smtp'",
        "BREVDUE_SMTP__PROT: smtp.prot: unknown key: did you mean 'port'?",
        'brevdue.toml:1: smtp.host: must be an IP address or a host name ("127.0.0.1", "0.0.0.0" and "::" for all interfaces), not \'x y\'',
    ]


def test_a_broken_file_does_not_hide_mistakes_in_the_environment(mistakes):
    found = mistakes("[smtp", BREVDUE_SMTP__PORT="0", BREVDUE_SUBMISSION__PORT="587")
    assert found[0] == "brevdue.toml:1: is not TOML: expected ']' at the end of a table declaration"
    assert found[1] == "BREVDUE_SMTP__PORT: smtp.port: must be 1-65535 or \"off\", not '0'"


# --- finding the file ----------------------------------------------------------------------------------------------


def test_the_file_is_the_one_given_then_the_variable_then_the_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "brevdue.toml").write_text("")
    assert find_file(Path("a"), {"BREVDUE_CONFIG": "b"}) == Path("a")
    assert find_file(None, {"BREVDUE_CONFIG": "b"}) == Path("b")
    assert find_file(None, {}) == Path("brevdue.toml")


# --- one mistake each ----------------------------------------------------------------------------------------------

ONE_MISTAKE = [
    ("[smtp]\nport = 99999", 'brevdue.toml:2: smtp.port: must be 1-65535 or "off", not 99999'),
    ("[smtp]\nport = 0", 'brevdue.toml:2: smtp.port: must be 1-65535 or "off", not 0'),
    ('[smtp]\nport = "of"', "brevdue.toml:2: smtp.port: must be 1-65535 or \"off\", not 'of'"),
    ("[http]\nport = 0", "brevdue.toml:2: http.port: must be 1-65535, not 0"),
    (
        "[limits]\npart_cost = { DK = -3 }",
        "brevdue.toml:2: limits.part_cost.DK: must be a whole number, at least 0, not -3",
    ),
    (
        "[limits.part_cost]\nDK = 3.5",
        "brevdue.toml:2: limits.part_cost.DK: must be a whole number, at least 0, not 3.5",
    ),
    ('limits.part_cost = { DK = "30 øre" }', "limits.part_cost.DK: must be a whole number, at least 0, not '30 øre'"),
    ("limits.part_cost = 30", "brevdue.toml:1: limits.part_cost: must be a table ([limits.part_cost]), not 30"),
    ('smtp = "25"', "brevdue.toml:1: smtp: must be a table ([smtp]), not '25'"),
    ("\n\n[mail]\nhostnam = 1", "brevdue.toml:4: mail.hostnam: unknown key: did you mean 'hostname'?"),
    ("[smtp]\ndomains = 1", "brevdue.toml:2: smtp.domains: unknown key: it belongs in [mail]"),
    ("[dns]\nxyz = 1", "brevdue.toml:2: dns.xyz: unknown key: [dns] has servers, timeout"),
    ("[mial]", "brevdue.toml:1: mial: unknown key: did you mean 'mail'?"),
    ("smtp.max_size = 5", "brevdue.toml:1: smtp.max_size: must be a whole number, at least 10000 (bytes), not 5"),
    ("dns.timeout = inf", "brevdue.toml:1: dns.timeout: must be a number above 0 (seconds), not inf"),
    ("dialog.smart = 7", "brevdue.toml:1: dialog.smart: must be true or false, not 7"),
    ("mail.hostname = 7", "brevdue.toml:1: mail.hostname: must be a text in quotes, not 7"),
    ("mail.domains = []", 'brevdue.toml:1: mail.domains: must name at least one mail domain (["sms.example.com"])'),
    (
        'mail.domains = ["a.example", "smørrebrød.dk"]',
        (
            'brevdue.toml:1: mail.domains[2]: must be a mail domain ("sms.example.com"): write it as '
            "'xn--smrrebrd-64af.dk', not 'smørrebrød.dk'"
        ),
    ),
    ('mail.domains = "a.example"', """mail.domains: must be a list (["...", "..."]), not 'a.example'"""),
    ('mail.domains = ["192.0.2.1"]', "mail.domains[1]: must be a mail domain"),
    ('mail.operator = "postmaster"', "mail.operator: must be one mail address"),
    ('mail.operator = "A <a@b.example>"', "mail.operator: must be one mail address"),
    (
        'mail_out.relay = "smarthost"',
        """must be "host:port" of a smarthost, "mx", or "maildir:PATH", not 'smarthost'""",
    ),
    ('mail_out.relay = "a:99999"', 'mail_out.relay: must be "host:port"'),
    ('mail_out.relay = "2001:db8::1:25"', 'mail_out.relay: must be "host:port"'),
    ('mail_out.relay = "maildir:"', "mail_out.relay: must name the directory"),
    ('mail_out.tls = "yes"', 'must be "none", "opportunistic", "required" or "implicit", not \'yes\''),
    ('mail_out.relay = "mx"\nmail_out.tls = "implicit"', 'brevdue.toml:2: mail_out.tls: must be "opportunistic"'),
    ('mail_out.user = "u"', "mail_out.user: needs mail_out.password beside it"),
    ('mail_out.password = "p"', "mail_out.password: needs mail_out.user beside it"),
    (
        'store.url = "mysql://u:p@h/d"',
        'store.url: must begin with sqlite:/// or postgresql:// ("sqlite:///brevdue.db")',
    ),
    ('store.url = "postgres://h/d"', "write postgresql://"),
    ('store.url = "postgresql://h"', "store.url: must name the database"),
    ('store.url = "sqlite://x.db"', "store.url: must name a file after three slashes"),
    ('store.url = "sqlite:///:memory:"', "store.url: must name a file: what is kept in memory is lost"),
    ('store.url = "sqlite:////nowhere/x.db"', "store.url: must lie in an existing directory, and '/nowhere' is none"),
    ('dialog.region = "UK"', "dialog.region: must be a country code of two letters"),
    ('dialog.language = "nb"', 'dialog.language: must be "", "da", "no", "sv", "en", "de", "fr" or "ru", not \'nb\''),
    ('dialog.tag = "[SMS]"', "dialog.tag: must be 1-20 printable characters without brackets"),
    ('dns.servers = ["ns.example.com"]', "dns.servers[1]: must be an IP address"),
    ('http.public_url = "sms.example.com"', "http.public_url: must be an address that begins with http:// or https://"),
    ('http.public_url = "http://h:99999"', "http.public_url: must be an address"),
    (
        'trust.networks = [\n "10.0.0.0/8",\n "10.1.2.3/24"]',
        (
            "brevdue.toml:1: trust.networks[2]: must be a network (\"192.0.2.0/24\"), not '10.1.2.3/24': did you mean "
            "'10.1.2.0/24'?"
        ),
    ),
    ("http.port = 2525", "http.port: must differ from smtp.port, which listens on 127.0.0.1 port 2525 too"),
    ('lmtp.port = 2525\nsmtp.host = "0.0.0.0"', "brevdue.toml:1: lmtp.port: must differ from smtp.port"),
    ('tls.certificate = "/dev/null/c"', "brevdue.toml:1: tls.certificate: needs its key: set tls.key too"),
    ('[tls]\nkey = "k"', "brevdue.toml:2: tls.key: needs its certificate: set tls.certificate too"),
    (f'tls.key = "{"k" * 300}"', "does not exist"),
    (f'store.url = "sqlite:///{"d" * 300}/x.db"', "store.url: must lie in an existing directory"),
    ('tls.key = "k"\ntls.certificate = "c"', "tls.key: must be an existing file, and"),
    ('mail_out.dkim.domain = "a.example"', "mail_out.dkim.domain: needs rsa_key, ed25519_key or both"),
    ('[mail_out.dkim]\nrsa_key = "nope"', "brevdue.toml:2: mail_out.dkim.rsa_key: must be an existing file"),
    ("provider = []", "provider: must hold at least one [[provider]]"),
    ('[provider]\nname = "a"', "brevdue.toml:1: provider: must be written as [[provider]] tables"),
    ('[[provider]]\nname = "a b"\nkind = "simulator"', "provider[1].name: must be letters, digits"),
    (
        '[[provider]]\nname = "simulator"\nkind = "simulator"\ncolour = 1',
        "brevdue.toml:1: provider[1]: the simulator has no option colour",
    ),
    ('[[provider]]\nkind = "simulator"', "brevdue.toml:1: provider[1].name: is missing: must be a text in quotes"),
    (
        '[[provider]]\nname = "simulator"\nkind = "simulater"',
        "brevdue.toml:3: provider[1].kind: must be an installed kind, not 'simulater': did you mean 'simulator'?",
    ),
    (
        '[[provider]]\nname = "x"\nkind = "simulator"',
        "pool: is missing: a [[pool]] names the numbers that provider 'x' routes",
    ),
    (
        '[[provider]]\nname = "simulator"\nkind = "simulator"\n[[provider]]\nname = "simulator"\nkind = "simulator"',
        "brevdue.toml:5: provider[2].name: must differ from the other providers, not 'simulator' again",
    ),
    (
        '[[pool]]\nprovider = "simulatr"\nnumbers = ["+4530643064"]',
        "brevdue.toml:2: pool[1].provider: must be the name of a [[provider]], not 'simulatr': did you mean 'simulator'?",
    ),
    ('[[pool]]\nprovider = "simulator"', "brevdue.toml:1: pool[1]: needs a range"),
    ('[[pool]]\nprovider = "simulator"\nrange = "45"', 'brevdue.toml:3: pool[1].range: must be "+45609946000000..'),
    (
        '[[pool]]\nprovider = "simulator"\nrange = "+45609946000009..+45609946000000"',
        "the first number is greater than the last",
    ),
    (
        '[[pool]]\nprovider = "simulator"\nrange = "+45609946000000..+45609946009999"\nshared = true',
        "brevdue.toml:3: pool[1].range: must hold at most 1000 numbers where they are shared, not 10000",
    ),
    (
        '[dialog]\nunknown_number_reply = "%s"' % ("x" * 460),
        "brevdue.toml:2: dialog.unknown_number_reply: must be a text of at most 459 characters, or empty for no answer",
    ),
    ('[[pool]]\nprovider = "simulator"\nnumbers = ["30643064"]', "pool[1].numbers[1]: must be a number like"),
    (
        '[[pool]]\nprovider = "simulator"\nnumbers = ["+45609946000000..+45609946000009"]',
        "pool[1].numbers[1]: must be single numbers",
    ),
    (
        (
            '[[pool]]\nprovider = "simulator"\nrange = "+45609946000000..+45609946000009"\n'
            '[[pool]]\nprovider = "simulator"\nnumbers = ["+45609946000009"]'
        ),
        "brevdue.toml:6: pool[2].numbers[1]: must not hold numbers that another pool or entry holds (+45609946000009)",
    ),
    ("[limits]\naccount_cost = 100", "brevdue.toml:2: limits.account_cost: needs part_cost"),
    ("[limits]\nkey_cost = 100\npart_cost = { DK = 30 }", 'brevdue.toml:3: limits.part_cost: needs "other"'),
    ("a = 1\na = 2", "brevdue.toml:2: is not TOML: cannot overwrite a value"),
    ('a = "x', "brevdue.toml:1: is not TOML: "),
    (b"a = 1\n# \xe6\n", "brevdue.toml:2: must be UTF-8 text"),
]


@pytest.mark.parametrize(("text", "wanted"), ONE_MISTAKE)
def test_a_mistake_is_explained_where_it_stands(mistakes, text, wanted):
    found = mistakes(text)
    assert any(wanted in mistake for mistake in found), found
    assert all(mistake.startswith("brevdue.toml") for mistake in found)


@pytest.mark.parametrize(
    "text", [text for text, _ in ONE_MISTAKE if isinstance(text, str) and "tls" not in text and "_key" not in text]
)
def test_one_mistake_is_reported_once(mistakes, text):
    assert len(mistakes(text)) == 1


def test_all_mistakes_come_at_once_in_the_order_of_the_file(mistakes):
    text = """\
[smtp]
port = 99999
[mail]
domains = []
[[provider]]
name = "a"
kind = "nope"
[[pool]]
provider = "b"
range = "x"
[tls]
key = "missing"
"""
    found = [mistake.split(": ")[:2] for mistake in mistakes(text, BREVDUE_LOG__LEVEL="loud")]
    assert found == [
        ["BREVDUE_LOG__LEVEL", "log.level"],
        ["brevdue.toml:2", "smtp.port"],
        ["brevdue.toml:4", "mail.domains"],
        ["brevdue.toml:7", "provider[1].kind"],
        ["brevdue.toml:9", "pool[1].provider"],
        ["brevdue.toml:10", "pool[1].range"],
        ["brevdue.toml:12", "tls.key"],
        ["brevdue.toml:12", "tls.key"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        'store.url = "mysql://user:canary@host/d"',
        'mail_out.password = ["canary"]',
        'http.public_url = "http://user:canary@host/"',
        '[[provider]]\nname = 5\nkind = "simulator"\ntoken = "canary"',
        '[[provider]]\nkind = "simulator"\ntoken = "canary"',
    ],
)
def test_secrets_are_never_repeated(mistakes, text):
    assert not any("canary" in mistake for mistake in mistakes(text))


def test_secrets_in_the_environment_are_never_repeated(mistakes):
    found = mistakes(BREVDUE_PROVIDER='[{"token": "canary"}', BREVDUE_MAIL_OUT__DKIM='"canary"')
    assert len(found) == 2
    assert not any("canary" in mistake for mistake in found)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: cannot be read: No such file or directory"):
        load(tmp_path / "nowhere.toml", {})


def test_a_directory_is_not_a_file(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_a_certificate_must_fit_its_key(mistakes, tmp_path):
    authority = trustme.CA()
    one, other = authority.issue_cert("a.example"), authority.issue_cert("b.example")
    one.cert_chain_pems[0].write_to_path(tmp_path / "c.pem")
    other.private_key_pem.write_to_path(tmp_path / "k.pem")
    assert mistakes('tls = { certificate = "c.pem", key = "k.pem" }') == [
        "brevdue.toml:1: tls.certificate: must be a PEM certificate chain that belongs to tls.key, without a passphrase"
    ]
    one.private_key_pem.write_to_path(tmp_path / "k.pem")
    assert load(tmp_path / "brevdue.toml", {}).tls.key == tmp_path / "k.pem"


# --- lines ---------------------------------------------------------------------------------------------------------


def test_lines_of_keys_in_every_way_of_writing_them():
    text = '''
# [not.a.table]
top = """
[nor.this]
x = 1 \\""" # still inside
"""
literal = \'\'\'
y = 2\'\'\'
"quoted key" = 1
'single' = "a # b"
a.b . "c.d" = 3
[one]
list = [ # comment ]
  "]", [1,
  2], {k = "}"},
]
after = { x = 1, y = "}" }  # tail
[[many]]
k = 1
[many.sub]
s = 1
[[many]]
k = 2
[[many.inner]]
z = 1
[[many.inner]]
z = 2
[ two . three ]
last = 1979-05-27T07:32:00Z'''
    tomllib.loads(text)
    lines = key_lines(text)
    assert {path: line for path, line in lines.items() if len(path) == 1} == {
        ("top",): 3,
        ("literal",): 7,
        ("quoted key",): 9,
        ("single",): 10,
        ("a",): 11,
        ("one",): 12,
        ("many",): 18,
    }
    assert lines[("a", "b", "c.d")] == 11
    assert (lines[("one", "list")], lines[("one", "after")]) == (13, 17)
    assert (lines[("many", 0)], lines[("many", 0, "k")], lines[("many", 0, "sub", "s")]) == (18, 19, 21)
    assert (lines[("many", 1, "k")], lines[("many", 1, "inner", 0, "z")]) == (23, 25)
    assert lines[("many", 1, "inner", 1, "z")] == 27
    assert lines[("two", "three", "last")] == 29


def test_the_shipped_file_has_a_line_for_every_key():
    def paths(value, path=()):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            if isinstance(inner, dict) or (isinstance(inner, list) and inner and isinstance(inner[0], dict)):
                yield from paths(inner, (*path, key))

    text = SHIPPED.read_text()
    lines = key_lines(text)
    written = text.splitlines()
    for path in paths(tomllib.loads(text)):
        name = path[-1] if isinstance(path[-1], str) else path[-2]
        assert name in written[lines[path] - 1]
