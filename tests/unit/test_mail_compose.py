"""Every mail that we write, read back by the standard library: no defects, nothing lost, nothing smuggled in."""

from __future__ import annotations

import email
import html
import re
from collections.abc import Iterator
from dataclasses import replace
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mail_compose import (
    Fact,
    FailedRecipient,
    FailureReason,
    OperatorCase,
    OriginalMail,
    closed_mail,
    dialog_mail,
    failure_report,
    operator_mail,
    partial_report,
    welcome_mail,
)
from gateway.model import Account, Organisation
from gateway.qr import png, vcard
from gateway.sms import InboundSms
from gateway.subject import MESSAGE_FROM
from gateway.translation import LANGUAGES, translations
from gateway.writing.mime import UnsafeHeaderError, address_line, ids_line, text_line, text_part, wire_address

KEY = "604cf54f8dc39dccb2e59e4d9172a9fb"
DOMAIN = "sms.example.com"
NOW = 1_764_000_000.0
ACCOUNT = Account(
    id="A1",
    org_id="O1",
    key_id="K1",
    email="peter@firma.dk",
    number="+45609946474825",
    provider="simulator",
    language="da",
    region="DK",
    cut_signature=False,
    opened_at=NOW,
)
ORGANISATION = Organisation("O1", "Møller & Sønner <A/S>", "DK", "da", NOW)
SMS = InboundSms("simulator", "r1", "+4530643064", ACCOUNT.number, "Super! Hvad tid var mødet onsdag?", NOW)


def read(content: bytes) -> EmailMessage:
    """Parse strictly: every part and header without defects, every line a legal one."""
    message = email.message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert part.defects == []
        for name, value in part.items():
            assert value.defects == (), (name, value)
    lines = content.split(b"\r\n")
    assert lines[-1] == b""
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    assert max(map(len, lines)) <= 998
    return message


def dialog(**changes) -> bytes:
    values = {
        "sms": SMS,
        "account": ACCOUNT,
        "key_address": f"{KEY}@{DOMAIN}",
        "display_name": f"besvar.{DOMAIN}",
        "tag": "SMS",
        "message_id": f"m1@{DOMAIN}",
        "in_reply_to": None,
        "references": (),
        "now": NOW,
    }
    return dialog_mail(**(values | changes))


def welcome(**changes) -> bytes:
    values = {
        "account": ACCOUNT,
        "organisation": ORGANISATION,
        "key_address": f"{KEY}@{DOMAIN}",
        "domain": DOMAIN,
        "display_name": f"besvar.{DOMAIN}",
        "tag": "SMS",
        "qr_png": png(ACCOUNT.number),
        "vcard": vcard(ACCOUNT.number, "Peter Hansen", ORGANISATION.name),
        "message_id": f"m2@{DOMAIN}",
        "in_reply_to": "asked@firma.dk",
        "now": NOW,
    }
    return welcome_mail(**(values | changes))


def closed(**changes) -> bytes:
    values = {
        "account": ACCOUNT,
        "domain": DOMAIN,
        "display_name": "SMS",
        "tag": "SMS",
        "message_id": f"m3@{DOMAIN}",
        "in_reply_to": None,
        "now": NOW,
    }
    return closed_mail(**(values | changes))


FAILED = (
    FailedRecipient("+4530643064", FailureReason.EXPIRED),
    FailedRecipient("+4620643064", FailureReason.NOT_IN_USE, detail="absent subscriber"),
    FailedRecipient("12 34 æ", FailureReason.BAD_NUMBER),
)


def report(compose=failure_report, **changes) -> bytes:
    values = {
        "account": ACCOUNT,
        "domain": DOMAIN,
        "reporting_mta": "gw.example.com",
        "original": OriginalMail("orig@firma.dk", f"30643064, {KEY}", NOW - 60),
        "recipients": FAILED,
        "display_name": "SMS",
        "message_id": f"m4@{DOMAIN}",
        "now": NOW,
    }
    return compose(**(values | changes))


def operator(**changes) -> bytes:
    values = {
        "case": OperatorCase.FORWARDED,
        "operator": "ops@example.com",
        "domain": DOMAIN,
        "language": "en",
        "display_name": "SMS",
        "facts": [(Fact.FROM, "someone@example.net"), (Fact.TEXT, f"my key is {KEY}")],
        "message_id": f"m5@{DOMAIN}",
        "now": NOW,
        "address": f"abuse@{DOMAIN}",
        "original": "From: someone@example.net\nSubject: Spam æ\n\nhello\n".encode(),
    }
    return operator_mail(**(values | changes))


# --- D11, D12 ------------------------------------------------------------------------------------------------------


@pytest.mark.proves("D11")
def test_an_sms_becomes_a_mail_that_one_just_answers():
    mail = read(dialog())
    assert mail["From"].addresses[0].addr_spec == f"{KEY}@{DOMAIN}"
    assert mail["From"].addresses[0].display_name == f"besvar.{DOMAIN}"
    assert mail["To"].addresses[0].addr_spec == "peter@firma.dk"
    assert mail["Subject"] == "[SMS] Besked fra +45 30643064"
    assert mail["Date"].datetime.timestamp() == NOW
    assert mail["Message-ID"] == f"<m1@{DOMAIN}>"
    assert "Reply-To" not in mail
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content() == "Super! Hvad tid var mødet onsdag?\r\n"


@pytest.mark.proves("D11")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_subject_follows_the_account(language):
    mail = read(dialog(account=replace(ACCOUNT, language=language), tag="SENDMAILSMS"))
    assert mail["Subject"] == f"[SENDMAILSMS] {MESSAGE_FROM[language]} +45 30643064"


@pytest.mark.proves("D11")
@pytest.mark.parametrize(
    ("sender", "shown"),
    [("1919", "1919"), ("TDC Info", "TDC Info"), ("Bil\r\nBcc: x", "Bil Bcc: x"), (KEY, "[key]"), ("Føtex", "Føtex")],
)
def test_senders_that_are_no_numbers_are_shown_and_harmless(sender, shown):
    mail = read(dialog(sms=replace(SMS, from_number=sender)))
    assert mail["Subject"] == f"[SMS] Besked fra {shown}"
    assert "Bcc" not in mail


@pytest.mark.proves("D12")
def test_one_conversation_per_phone_in_the_inbox():
    many = [f"r{n}@firma.dk" for n in range(60)]
    mail = read(dialog(in_reply_to="<last@firma.dk>", references=["root@x", "<root@x>", *many, "bad id", "æ@x"]))
    references = mail["References"].split()
    assert mail["In-Reply-To"] == "<last@firma.dk>"
    assert references[0] == "<root@x>"
    assert references[-1] == "<last@firma.dk>"
    assert 15 <= len(references) <= 20
    assert references.count("<root@x>") == 1
    assert "References" not in read(dialog())


@pytest.mark.proves("D11")
def test_notes_stand_below_the_text():
    mail = read(dialog(note="STOP: ingen flere sms.", incomplete=True))
    text, _, below = mail.get_content().partition("\r\n---\r\n")
    assert text == f"{SMS.text}\r\n"
    assert below == "(En del af denne besked er ikke nået frem.)\r\nSTOP: ingen flere sms.\r\n"


NASTY = st.text(st.characters(exclude_categories=[]), max_size=400) | st.lists(
    st.sampled_from(
        [
            "From x",
            ".",
            "..",
            "æøå",
            "😀",
            "Привет",
            " ",
            "\t",
            "=",
            "=3D",
            "a" * 1200,
            "\r",
            "\n",
            "\0",
            "\ud83d",
            "--=_",
            "-- ",
        ]
    )
).map("\n".join)


@pytest.mark.proves("D11")
@settings(max_examples=300, deadline=None)
@given(NASTY)
def test_every_text_arrives_as_it_was(text):
    expected = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    expected = expected.replace("\r\n", "\n").replace("\r", "\n")
    expected = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "\ufffd", expected)
    expected += "" if expected.endswith("\n") else "\n"
    content = dialog(sms=replace(SMS, text=text))
    mail = read(content)
    assert (mail.get_payload(decode=True) or b"").decode().replace("\r\n", "\n") == expected
    assert not any(line.startswith((b"From ", b".")) for line in content.partition(b"\r\n\r\n")[2].split(b"\r\n"))


# --- headers that keep robots silent, and nothing smuggled -----------------------------------------------------------

EVERY = {"dialog": dialog, "welcome": welcome, "closed": closed, "report": report, "operator": operator}


@pytest.mark.proves("headers that keep robots from answering")
@pytest.mark.parametrize("kind", EVERY)
def test_robots_are_asked_to_stay_silent(kind):
    mail = read(EVERY[kind]())
    assert mail["Auto-Submitted"] in {"auto-generated", "auto-replied"}
    assert mail["X-Auto-Response-Suppress"]
    assert "Precedence" not in mail
    # Exchange must still tell when a mailbox is gone; a report's own failure interests nobody.
    wants_bounces = kind in {"dialog", "welcome", "closed"}
    assert (
        "NDR" in mail["X-Auto-Response-Suppress"].split(", ") or mail["X-Auto-Response-Suppress"] == "All"
    ) is not wants_bounces


BAD = ["x\r\nBcc: y", "x\nBcc: y", "x\rBcc: y", "x\0y", "x\x1by"]


@pytest.mark.proves("header injection")
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "smuggle",
    [
        lambda bad: dialog(key_address=f"{bad}@x.dk"),
        lambda bad: dialog(display_name=bad),
        lambda bad: dialog(tag=bad),
        lambda bad: dialog(message_id=f"{bad}@x"),
        lambda bad: dialog(in_reply_to=f"{bad}@x"),
        lambda bad: dialog(references=["ok@x", f"{bad}@x"]),
        lambda bad: dialog(account=replace(ACCOUNT, email=f"{bad}@x.dk")),
        lambda bad: welcome(display_name=bad),
        lambda bad: welcome(domain=f"{bad}.dk", key_address=f"{bad}@x.dk"),
        lambda bad: closed(domain=bad),
        lambda bad: report(reporting_mta=bad),
        lambda bad: report(domain=bad),
        lambda bad: operator(operator=f"{bad}@x.dk"),
    ],
)
def test_control_characters_never_reach_a_header(smuggle, bad):
    with pytest.raises(UnsafeHeaderError):
        smuggle(bad)


@pytest.mark.proves("header injection")
@pytest.mark.parametrize(
    "address", ["", "x", "x@", "@x", "a b@x", "a@b>c", "a@b,c@d", "a@b\u2028", "<a@b>", "a@" + "b" * 400]
)
def test_what_is_no_address_stands_in_no_header(address):
    with pytest.raises(UnsafeHeaderError):
        dialog(account=replace(ACCOUNT, email=address))


@pytest.mark.proves("header injection")
@pytest.mark.parametrize("subject", ["=?utf-8?Q?a=0A?=Bcc: x", "A =?UTF-8?Q?=0A?=Bcc: x@y"])
def test_encoded_words_of_others_stay_text(subject):
    content = dialog(tag=subject.replace("[", "")) + report(original=OriginalMail(None, subject, NOW))
    assert b"\nBcc:" not in content
    assert read(dialog(tag=subject))["Subject"].startswith(f"[{subject}]")


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=300))
@pytest.mark.proves("D11")
def test_any_name_survives_a_header(name):
    line = address_line("From", name, "a@b.dk") + text_line("Subject", f"x{name}x") + b"\r\n"
    assert max(map(len, line.split(b"\r\n"))) <= 998
    mail = email.message_from_bytes(line, policy=policy.default)
    assert mail["From"].addresses[0].addr_spec == "a@b.dk"
    assert str(mail["Subject"]).split() == f"x{name}x".split()


@pytest.mark.proves("D11")
def test_addresses_of_other_alphabets():
    assert wire_address("peter@blåbær.dk") == "peter@xn--blbr-roah.dk"
    assert wire_address("jørgen@blåbær.dk") == "jørgen@xn--blbr-roah.dk"
    assert address_line("To", "", "jørgen@blåbær.dk") == "To: jørgen@xn--blbr-roah.dk\r\n".encode()
    assert wire_address('"a b"@x.dk') == '"a b"@x.dk'


@pytest.mark.proves("D12")
def test_ids_that_are_none_are_left_out():
    assert ids_line("References", ["a@b", "<c@d>", "e f@g", "", "x" * 300 + "@y"]) == b"References: <a@b>\r\n <c@d>\r\n"
    assert ids_line("References", ["", "nothing"]) == b""
    with pytest.raises(ValueError, match="Message-ID"):
        dialog(message_id="no id")


@pytest.mark.proves("D11")
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("hello", "7bit"),
        ("hej på dig", "quoted-printable"),
        ("Привет, мир, это длинный текст", "quoted-printable"),
        ("From x", "quoted-printable"),
    ],
)
def test_bodies_travel_in_what_every_server_passes(text, encoding):
    part = text_part(text)
    assert part.lines[1] == f"Content-Transfer-Encoding: {encoding}\r\n".encode()
    assert part.body.isascii()


# --- D5, D7, D13 ---------------------------------------------------------------------------------------------------


@pytest.mark.proves("D5", "D7")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_welcome_tells_the_number_and_how_to_use_it(language):
    mail = read(welcome(account=replace(ACCOUNT, language=language)))
    assert mail["From"].addresses[0].addr_spec == f"{KEY}@{DOMAIN}"
    assert not re.search(r"\d", str(mail["Subject"])), "an answer must not be read as an SMS to a number"
    assert mail["In-Reply-To"] == "<asked@firma.dk>"
    plain, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert page is not None
    for body in (plain.get_content(), page.get_content()):
        assert "+45 609946474825" in body
        assert f"unsubscribe@{DOMAIN}" in body
        assert "%(" not in body
    assert "Møller & Sønner <A/S>" in plain.get_content()
    assert "Møller &amp; Sønner &lt;A/S&gt;" in page.get_content()
    [picture] = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content() == png(ACCOUNT.number)
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in page.get_content()
    [card] = list(mail.iter_attachments())
    assert card.get_content_type() == "text/vcard"
    assert card.get_filename() == "sms.vcf"
    assert "Peter Hansen" in card.get_content()


SHARED = {
    "da": "Du deler nummeret med", "no": "Du deler nummeret med", "sv": "Du delar numret med",
    "en": "You share this number", "de": "Sie teilen diese Nummer", "fr": "Vous partagez ce numéro",
    "ru": "Этот номер у вас общий",
}  # fmt: skip


@pytest.mark.proves("shared numbers")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_welcome_to_a_shared_number_says_so(language):
    account = replace(ACCOUNT, language=language)
    alone, shared = (read(welcome(account=account, shared=each)) for each in (False, True))
    for kind in ("plain", "html"):
        bodies = [mail.get_body((kind,)).get_content() for mail in (alone, shared)]
        assert [html.unescape(body).count(SHARED[language]) for body in bodies] == [0, 1]


TEXT_ALONE = {
    "da": "bærer kun tekst", "no": "bærer bare tekst", "sv": "bär bara text", "en": "carries text only",
    "de": "trägt nur Text", "fr": "ne porte que du texte", "ru": "передаёт только текст",
}  # fmt: skip


@pytest.mark.proves("attachments")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_welcome_says_that_text_alone_is_sent(language):
    mail = read(welcome(account=replace(ACCOUNT, language=language)))
    assert TEXT_ALONE[language] in mail.get_body(("plain",)).get_content()


@pytest.mark.proves("D13")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_farewell_names_the_number(language):
    mail = read(closed(account=replace(ACCOUNT, language=language)))
    assert "+45 609946474825" in mail.get_content()
    assert mail["From"].addresses[0].addr_spec == f"postmaster@{DOMAIN}"


# --- RFC 3464 ------------------------------------------------------------------------------------------------------


def status_groups(mail: EmailMessage) -> list[EmailMessage]:
    [part] = [part for part in mail.walk() if part.get_content_type() == "message/delivery-status"]
    return list(part.get_payload())


@pytest.mark.proves("D8", "RFC 3464")
def test_a_failure_report_that_mail_programs_understand():
    mail = read(report())
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "delivery-status"
    assert mail["In-Reply-To"] == "<orig@firma.dk>"
    kinds = [part.get_content_type() for part in mail.iter_parts()]
    assert kinds == ["text/plain", "message/delivery-status", "text/rfc822-headers"]
    about, *each = status_groups(mail)
    assert about["Reporting-MTA"] == "dns; gw.example.com"
    assert [group["Final-Recipient"] for group in each] == [
        f"rfc822; +4530643064@{DOMAIN}",
        f"rfc822; +4620643064@{DOMAIN}",
        f"rfc822; 1234@{DOMAIN}",
    ]
    assert [group["Action"] for group in each] == ["failed"] * 3
    assert [group["Status"] for group in each] == ["5.4.7", "5.1.1", "5.1.3"]
    assert each[1]["Diagnostic-Code"] == "smtp; 550 5.1.1 absent subscriber"
    people = next(mail.iter_parts()).get_content()
    assert "+45 30643064: telefonen kunne ikke nås i tide" in people
    assert "12 34 æ: det kan ikke være et mobilnummer" in people
    headers = email.message_from_string(list(mail.iter_parts())[2].get_payload())
    assert headers["Message-ID"] == "<orig@firma.dk>"
    assert "To" not in headers


@pytest.mark.proves("RFC 3464")
def test_a_delay_is_not_a_failure():
    late = (FailedRecipient("+4530643064", FailureReason.DELAYED),)
    mail = read(report(recipients=late))
    [_, group] = status_groups(mail)
    assert (group["Action"], group["Status"]) == ("delayed", "4.4.7")
    assert group["Diagnostic-Code"].startswith("smtp; 451 ")
    assert mail["Subject"] == "Din sms er forsinket"


@pytest.mark.proves("D8", "RFC 3464")
@pytest.mark.proves("failure report")
@pytest.mark.parametrize(
    ("reasons", "advice"),
    [
        ("bad-number", "again"),
        ("bad-number opted-out", "again"),
        ("text expired", "again"),
        ("expired", "later"),
        ("unreachable not-sent", "later"),
        ("unknown", ""),
        ("bad-number unknown", ""),
        ("expired no-word", ""),
        ("opted-out", ""),
        ("paused", ""),
        ("delayed", ""),
    ],
)
def test_a_report_advises_what_fits(reasons: str, advice: str):
    failed = [FailedRecipient("+4530643064", FailureReason(reason)) for reason in reasons.split()]
    said = read(report(recipients=failed)).get_payload(0).get_content()
    told = {
        "again": "Du kan rette fejlen og sende beskeden igen",
        "later": "Du kan prøve at sende beskeden igen senere",
    }
    assert [entry for entry in told if told[entry] in said] == advice.split()


def test_a_partial_report_names_the_lost_and_the_reached():
    mail = read(report(partial_report, reached=["+4520643064", "+4540643064"]))
    people = next(mail.iter_parts()).get_content()
    assert "+45 20643064, +45 40643064" in people
    assert len(status_groups(mail)) == 1 + len(FAILED)
    assert mail["Subject"] == "Din sms nåede ikke ud til alle"


@pytest.mark.proves("RFC 3464")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", FailureReason)
def test_every_reason_has_words_in_every_language(language, reason):
    mail = read(
        report(account=replace(ACCOUNT, language=language), recipients=[FailedRecipient("+4530643064", reason)])
    )
    people = next(mail.iter_parts()).get_content()
    assert translations(language).say(reason.words) in people
    assert language == "en" or str(reason.words) not in people
    assert re.fullmatch(r"[45]\.\d\.\d", reason.status)


# --- the operator --------------------------------------------------------------------------------------------------


@pytest.mark.proves("X1")
def test_the_operator_gets_the_mail_itself():
    mail = read(operator())
    [original] = list(mail.iter_attachments())
    assert original.get_content_type() == "message/rfc822"
    assert original.get_content()["From"] == "someone@example.net"
    assert original.get_content().get_payload() == "hello\r\n"
    assert mail["Subject"] == f"Mail to abuse@{DOMAIN}"


@pytest.mark.proves("X1")
@pytest.mark.parametrize("original", [b"Subject: x\r\n\r\n" + b"a" * 5000, b"Subject: x\r\n\r\n\0"])
def test_originals_that_cannot_travel_go_as_a_file(original):
    [attached] = list(read(operator(original=original)).iter_attachments())
    assert attached.get_filename() == "original.eml"
    assert attached.get_content() == original


@pytest.mark.proves("X1")
@pytest.mark.parametrize("case", OperatorCase)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_case_has_words(case, language):
    assert read(
        operator(case=case, language=language, original=None, facts=[(fact, "x") for fact in Fact])
    ).get_content()


# --- canary --------------------------------------------------------------------------------------------------------


def decoded(mail: EmailMessage) -> Iterator[str]:
    for part in mail.walk():
        yield from (f"{name}: {value}" for name, value in part.items() if name != "From")
        if not part.is_multipart():
            yield (part.get_payload(decode=True) or b"").decode("utf-8", "replace")


@pytest.mark.proves("canary key")
@pytest.mark.parametrize("kind", EVERY)
def test_the_key_stands_in_from_and_nowhere_else(kind):
    for spelling in (KEY, KEY.upper()):
        changes = {"original": OriginalMail("m@x", f"[{spelling}] x", NOW)} if kind == "report" else {}
        content = EVERY[kind](**changes)
        mail = read(content)
        assert not any(KEY in text.lower() for text in decoded(mail))
        assert (KEY in str(mail["From"])) is (kind in {"dialog", "welcome"})


# --- languages -----------------------------------------------------------------------------------------------------

READY = {
    "da": "Dit SMS-nummer er klar", "nb": "SMS-nummeret ditt er klart", "nn_NO": "SMS-nummeret ditt er klart",
    "sv": "Ditt sms-nummer är klart", "en": "Your SMS number is ready", "de-AT": "Ihre SMS-Nummer ist bereit",
    "fr": "Votre numéro SMS est prêt", "ru": "Ваш номер для SMS готов", "xx": "Your SMS number is ready",
}  # fmt: skip


@pytest.mark.proves("the account's language")
@pytest.mark.parametrize("language", READY)
def test_a_mail_speaks_the_language_of_its_account(language):
    mail = read(welcome(account=replace(ACCOUNT, language=language)))
    assert str(mail["Subject"]).endswith(READY[language])


@pytest.mark.proves("the account's language")
@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
@pytest.mark.parametrize("kind", sorted(set(EVERY) - {"operator", "dialog"}))
def test_no_english_is_left_in_it(language, kind):
    mail, english = (read(EVERY[kind](account=replace(ACCOUNT, language=each))) for each in (language, "en"))
    [said, meant] = [set(each.get_body(("plain",)).get_content().splitlines()) for each in (mail, english)]
    assert not [line for line in said & meant if " " in line.strip() and not re.search(r"[0-9]{6}|@", line)]
