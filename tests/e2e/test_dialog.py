"""The dialog end to end: `brevdue serve` as users run it, mail by SMTP, phones over the simulator's HTTP."""

from __future__ import annotations

import re
import smtplib
from email.message import EmailMessage

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail, reply, wait_for

ANNA = "anna@firm.example"


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return gateway.key()


@pytest.fixture(scope="module")
def number(gateway: Gateway, key: str) -> str:
    return gateway.account(key)


@pytest.fixture
def own_key(gateway: Gateway) -> str:
    """For a test that pauses a key or closes its account."""
    return gateway.key("Egen A/S")


CARL = "carl@firm.example"


@pytest.fixture
def own_number(gateway: Gateway, own_key: str) -> str:
    return gateway.account(own_key, CARL)


def refusal(gateway: Gateway, made: EmailMessage, **options: object) -> tuple[int, str]:
    with pytest.raises((smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused)) as caught:
        gateway.send(made, **options)
    error = caught.value
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
    else:
        code, text = error.smtp_code, error.smtp_error
    return code, text.decode()


@pytest.mark.proves("D1", "D3", "D8")
def test_a_mail_becomes_an_sms_from_the_employees_own_number(gateway: Gateway, key: str, number: str):
    assert re.fullmatch(r"\+45\d{12}", number)
    gateway.send(mail(f"{key}@{DOMAIN}", "30643064", "Hej Anders!\n\nRing til\nmig.\n\nMvh\nPeter\n"))
    (sms,) = gateway.sms("+4530643064")
    assert sms["from"] == number
    assert sms["text"] == "Hej Anders!\n\nRing til\nmig.\n\nMvh\nPeter"
    assert (sms["parts"], sms["encoding"]) == (1, "gsm7")


@pytest.mark.proves("D8")
def test_a_list_goes_to_each_phone_and_none_sees_another(gateway: Gateway, key: str, number: str):
    gateway.send(mail(f"{key}@{DOMAIN}", "30 11 22 33, 40112233; Peter <+45 50112233>, 30112233", "Til alle"))
    for phone in ("+4530112233", "+4540112233", "+4550112233"):
        (sms,) = gateway.sms(phone)
        assert sms["text"] == "Til alle"
        assert sms["from"] == number


@pytest.mark.proves("D9")
def test_foreign_phones_get_and_answer(gateway: Gateway, key: str, number: str):
    gateway.send(mail(f"{key}@{DOMAIN}", "+49 171 1234567, 0046701234567", "Guten Tag"))
    assert gateway.sms("+491711234567")
    assert gateway.sms("+46701234567")
    gateway.text("+491711234567", number, "Danke")
    (answer,) = gateway.mails(subject="+49 1711234567", to=ANNA)
    assert answer.get_content().strip() == "Danke"


@pytest.mark.proves("D10")
@pytest.mark.parametrize("local", ["4522976011", "+4522976011", "004522976011", "22976011", "22-97-60-11"])
def test_number_addresses_stand_beside_the_key(gateway: Gateway, key: str, number: str, local: str):
    made = mail(f"{key}@{DOMAIN}, {local}@{DOMAIN}", "", f"Til {local} under {key[:6]}")
    gateway.send(made, to=[f"{key}@{DOMAIN}", f"{local}@{DOMAIN}"])
    text = f"Til {local} under {key[:6]}"
    arrived = wait_for(lambda: [sms for sms in gateway.phone("+4522976011") if sms["text"] == text], text)
    assert [sms["from"] for sms in arrived] == [number]


@pytest.mark.proves("D10", "resent mail")
def test_two_transactions_of_one_mail_are_one_sms(gateway: Gateway, key: str, number: str):
    phone = "31223344"
    made = mail(f"{key}@{DOMAIN}, Peter <{phone}@{DOMAIN}>", "", "En gang")
    gateway.send(made, to=[f"{key}@{DOMAIN}"])
    gateway.send(made, to=[f"{phone}@{DOMAIN}"])
    gateway.send(mail(f"{key}@{DOMAIN}", phone, "bagefter"), to=[f"{key}@{DOMAIN}"])
    assert [sms["text"] for sms in gateway.sms(f"+45{phone}", 2)] == ["En gang", "bagefter"]


@pytest.mark.proves("D2", "D11", "D12")
def test_the_answer_lands_in_the_inbox_and_goes_back(gateway: Gateway, key: str, number: str):
    phone = "+4530643065"
    gateway.send(mail(f"{key}@{DOMAIN}", phone, "Hej!"))
    gateway.sms(phone)
    gateway.text(phone, number, "Super! Hvad tid?\nKl. 12?")
    (answer,) = gateway.mails(subject="+45 30643065")
    assert str(answer["Subject"]) == "[SMS] Besked fra +45 30643065"
    assert answer["From"].addresses[0].addr_spec == f"{key}@{DOMAIN}"
    assert answer["From"].addresses[0].display_name == f"besvar.{DOMAIN}"
    assert str(answer["To"]) == ANNA
    assert answer.get_content().rstrip("\n") == "Super! Hvad tid?\nKl. 12?"
    gateway.send(reply(answer, "Vi aftalte 12:00.\n\n// Anna"))
    assert gateway.sms(phone, 2)[1]["text"] == "Vi aftalte 12:00.\n\n// Anna"


@pytest.mark.proves("D12", "threads")
def test_a_changed_subject_is_known_by_its_references(gateway: Gateway, key: str, number: str):
    phone = "+4530643066"
    gateway.text(phone, number, "Hvornår?")
    (asked,) = gateway.mails(subject="30643066")
    gateway.text(phone, number, "Hallo?")
    again = gateway.mails(2, subject="30643066")[1]
    assert again["References"].split()[0] == asked["References"].split()[0], "one thread per phone"
    assert asked["Message-ID"] in again["References"]
    answer = reply(again, "Kl. 14")
    del answer["Subject"]
    answer["Subject"] = "Vores møde"
    gateway.send(answer)
    assert gateway.sms(phone)[0]["text"] == "Kl. 14"


@pytest.mark.proves("D12")
def test_what_stands_in_the_subject_wins_over_a_hidden_reference(gateway: Gateway, key: str, number: str):
    gateway.text("+4530643067", number, "Hej")
    (asked,) = gateway.mails(subject="30643067")
    answer = reply(asked, "Til en anden")
    del answer["Subject"]
    answer["Subject"] = "30643068"
    gateway.send(answer)
    assert gateway.sms("+4530643068")[0]["text"] == "Til en anden"
    assert gateway.phone("+4530643067") == []


@pytest.mark.proves("D5")
def test_subscribing_by_mail_answers_with_the_same_number_twice(gateway: Gateway, key: str):
    for _ in range(2):
        gateway.send(mail(f"subscribe@{DOMAIN}", key, "", "Bo <bo@firm.example>"), sender="bo@firm.example")
    first, second = gateway.mails(2, to="bo@firm.example")
    numbers = {re.search(r"\+45 \d{12}", one.get_body(("plain",)).get_content()).group() for one in (first, second)}
    assert len(numbers) == 1
    kinds = {part.get_content_type() for part in first.walk()}
    assert {"image/png"} <= kinds
    assert kinds & {"text/vcard", "text/x-vcard", "text/directory"}
    gateway.send(mail(f"{key}@{DOMAIN}", "30643069", "virker straks", "bo@firm.example"), sender="bo@firm.example")
    assert gateway.sms("+4530643069")[0]["from"] == numbers.pop().replace(" ", "")


@pytest.mark.proves("D13")
def test_unsubscribing_by_mail_drops_the_number_and_another_comes(gateway: Gateway, own_key: str, own_number: str):
    gateway.send(mail(f"unsubscribe@{DOMAIN}", "farvel", f"min nøgle er {own_key}", CARL))
    code, text = refusal(gateway, mail(f"{own_key}@{DOMAIN}", "30643064", "hej", CARL))
    assert (code, text[:5]) == (550, "5.7.1")
    assert "subscribe@" in text
    gateway.text("+4530643070", own_number, "er der nogen?")
    assert "er der nogen?" in gateway.mails(to="operator@firm.example")[-1].as_string()
    assert gateway.account(own_key, CARL) != own_number


@pytest.mark.proves("D14")
def test_a_paused_key_rests_and_what_came_meanwhile_is_delivered(gateway: Gateway, own_key: str, own_number: str):
    gateway.run("key", "pause", own_key)
    code, text = refusal(gateway, mail(f"{own_key}@{DOMAIN}", "30643071", "hej", CARL))
    assert code == 550
    assert "paused" in text
    code, _ = refusal(gateway, mail(f"subscribe@{DOMAIN}", own_key, "", "c@firm.example"), sender="c@firm.example")
    assert code == 550
    assert gateway.account(own_key, "dora@firm.example").startswith("+45")
    gateway.text("+4530643071", own_number, "mens du sov")
    gateway.run("key", "resume", own_key)
    assert "mens du sov" in gateway.mails(subject="30643071")[0].get_content()
    gateway.send(mail(f"{own_key}@{DOMAIN}", "30643071", "vågen igen", CARL))
    assert gateway.sms("+4530643071")[0]["text"] == "vågen igen"


@pytest.mark.proves("X1", "resent mail")
def test_the_same_mail_again_is_no_second_sms(gateway: Gateway, key: str, number: str):
    made = mail(f"{key}@{DOMAIN}", "30643072", "kun en gang")
    gateway.send(made)
    gateway.send(made)
    gateway.send(mail(f"{key}@{DOMAIN}", "30643072", "og en til"))
    assert [sms["text"] for sms in gateway.sms("+4530643072", 2)] == ["kun en gang", "og en til"]


@pytest.mark.proves("machines get nothing", "machines: null return path", "machines: a line that says why")
@pytest.mark.parametrize(
    ("headers", "sender"),
    [
        ({"Auto_Submitted": "auto-replied"}, ANNA),
        ({"Precedence": "bulk"}, ANNA),
        ({"List_Id": "<x.firm.example>"}, ANNA),
        ({}, ""),
    ],
)
def test_machines_get_neither_sms_nor_answer(
    gateway: Gateway, key: str, number: str, headers: dict[str, str], sender: str
):
    before = len(gateway.inbox_mails())
    gateway.send(mail(f"{key}@{DOMAIN}", "30643073", "Jeg er på ferie", **headers), sender=sender)
    gateway.send(mail(f"{key}@{DOMAIN}", "30643074", "et menneske"))
    gateway.sms("+4530643074")
    assert gateway.phone("+4530643073") == []
    assert len(gateway.inbox_mails()) == before
    assert gateway.events("mail-automatic")[-1]["cause"]


@pytest.mark.proves("partial failure")
def test_the_good_ones_go_and_one_mail_names_the_others(gateway: Gateway, key: str, number: str):
    gateway.send(mail(f"{key}@{DOMAIN}", "30643075, 123, +45 999", "til dem der findes"))
    assert gateway.sms("+4530643075")
    told = gateway.mails(subject="sms nåede ikke ud til alle")[-1]
    assert told.get_content_type() == "multipart/report"
    body = told.get_body(("plain",)).get_content()
    assert "123" in body
    assert "999" in body
    assert key not in told.as_string()


@pytest.mark.proves("partial failure")
def test_what_the_client_was_told_is_not_told_again(gateway: Gateway, key: str, number: str):
    """A client that goes on after a refused RCPT tells its sender; the address still stands in To."""
    bad = f"3064306@{DOMAIN}"
    message = mail(f"{key}@{DOMAIN}, {bad}", "30643078", "hej")
    with smtplib.SMTP("127.0.0.1", gateway.smtp_port) as client:
        refused = client.send_message(message, to_addrs=[f"{key}@{DOMAIN}", bad])
    assert refused[bad][0] == 550
    assert gateway.sms("+4530643078")
    gateway.send(mail(f"{key}@{DOMAIN}", "30643079, 1234", "et nummer mere"))

    def reported(number: str) -> list[EmailMessage]:
        return [one for one in gateway.inbox_mails() if re.search(rf"\b{number}\b", one.as_string())]

    wait_for(lambda: reported("1234"), "the report of a mail that was sent later")
    assert reported("3064306") == []


@pytest.mark.proves("failure report")
def test_a_message_that_fails_later_is_reported_as_mail_clients_know_it(gateway: Gateway, key: str, number: str):
    gateway.send(mail(f"{key}@{DOMAIN}", "20999905, 20999901, 30643076", "tre"))

    def told(report: EmailMessage) -> str:
        """What it says itself: each failure may have a report of its own, and quotes a subject that names all."""
        return report.get_body(("plain",)).get_content().partition("Emnet")[0]

    def reports() -> list[EmailMessage]:
        return [
            one for one in gateway.mails() if one.get_content_type() == "multipart/report" and "20999905" in told(one)
        ]

    gateway.sms("+4530643076")
    (report,) = wait_for(reports, "a report")
    assert report.get_param("report-type") == "delivery-status"
    assert "20999901" in report.as_string()
    assert "30643076" not in told(report)
    assert report["Return-Path"].strip() == "<>"


@pytest.mark.proves("STOP")
def test_stop_is_obeyed_told_and_ended_by_start(gateway: Gateway, key: str, number: str):
    phone = "+4530643077"
    gateway.text(phone, number, "Stop!")
    (told,) = gateway.mails(subject="30643077")
    assert "START" in told.get_content()
    code, text = refusal(gateway, mail(f"{key}@{DOMAIN}", phone, "hej igen"))
    assert (code, "STOP" in text) == (550, True)
    gateway.text(phone, number, "START")
    gateway.mails(2, subject="30643077")
    gateway.send(mail(f"{key}@{DOMAIN}", phone, "velkommen tilbage"))
    assert gateway.sms(phone)[0]["text"] == "velkommen tilbage"


@pytest.mark.proves("parts")
def test_parts_in_any_order_and_twice_become_one_mail(gateway: Gateway, key: str, number: str):
    phone = "+4530643078"
    for ref, part, text in (
        ("p3", "9/3/3", "tre"),
        ("p1", "9/3/1", "en "),
        ("p1", "9/3/1", "en "),
        ("p2", "9/3/2", "to "),
    ):
        gateway.text(phone, number, text, id=ref, part=part)
    gateway.text(phone, number, "slut", id="x1")
    gateway.text(phone, number, "slut", id="x1")
    both = gateway.mails(2, subject="30643078")
    assert [one.get_content().strip() for one in both] == ["en to tre", "slut"]


@pytest.mark.proves("refusals help")
@pytest.mark.parametrize(
    ("recipient", "code"),
    [("nobody@{d}", "5.1.1"), ("0" * 31 + "1@{d}", "5.1.1"), ("12@{d}", "5.1."), ("x@elsewhere.example", "5.7.1")],
)
def test_recipients_that_are_nothing_are_refused_at_rcpt(gateway: Gateway, recipient: str, code: str):
    answer = refusal(gateway, mail("x@y.example", "30643064", "hej"), to=[recipient.format(d=DOMAIN)])
    assert answer[0] in {550, 553}
    assert answer[1].startswith(code)


@pytest.mark.proves("refusals help")
@pytest.mark.parametrize(
    ("subject", "text", "words"),
    [
        ("ingen numre her", "hej", "no mobile number"),
        ("123", "hej", "123"),
        ("30643064", "> citat\n> mere", "no text of your own"),
        ("30643064", "ł" * 700, "U+0142"),
        ("30643064", "a" * 1400, "10 SMS parts"),
    ],
)
def test_what_cannot_go_is_refused_in_words(
    gateway: Gateway, key: str, number: str, subject: str, text: str, words: str
):
    code, said = refusal(gateway, mail(f"{key}@{DOMAIN}", subject, text))
    assert 550 <= code <= 554
    assert words in said


@pytest.mark.proves("key is not enough")
def test_a_stranger_with_the_key_gets_nowhere(gateway: Gateway, key: str, number: str):
    code, said = refusal(
        gateway, mail(f"{key}@{DOMAIN}", "30643064", "hej", "eve@evil.example"), sender="eve@evil.example"
    )
    assert code == 550
    assert "no account for this address" in said
    assert key not in gateway.log.read_text()
