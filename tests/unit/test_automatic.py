"""Which mails a machine wrote, and which people's mails only look so."""

from __future__ import annotations

import pytest

from gateway.mail_parse import parse


def reason(
    headers: str = "", subject: str = "30643064", sender: str = "anna@firm.example", body: str = "Hej"
) -> str | None:
    mail = f"From: {sender}\nSubject: {subject}\n{headers}\n{body}\n"
    return parse(mail.replace("\n", "\r\n").encode()).automatic


@pytest.mark.proves("machines: headers", "X1", "machines: Precedence", "machines: lists")
@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("Auto-Submitted: auto-replied", "Auto-Submitted: auto-replied"),
        ("auto-submitted: AUTO-GENERATED; owner-email=x@y", "Auto-Submitted: auto-generated"),
        ("Auto-Submitted: auto-notified (by cron)", "Auto-Submitted: auto-notified"),
        ("Auto-Submitted: yes", "Auto-Submitted"),
        ("X-Autoreply: yes", "automatic reply"),
        ("X-Autorespond: away", "automatic reply"),
        ("X-Autoresponder: 1", "automatic reply"),
        ("X-Vacation: yes", "automatic reply"),
        ("X-FC-MachineGenerated: true", "automatic reply"),
        ("X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent", "written by the mail server"),
        ("X-MS-Exchange-Inbox-Rules-Loop: anna@firm.example", "forwarded by a rule"),
        ("X-Failed-Recipients: x@y.example", "bounce"),
        ("X-Loop: anna@firm.example", "forwarded by a program"),
        ("Precedence: bulk", "Precedence: bulk"),
        ("Precedence: LIST", "Precedence"),
        ("Precedence: junk", "Precedence"),
        ("Precedence: auto_reply", "Precedence"),
        ("Precedence: normal, bulk", "Precedence"),
        ("List-Id: <l.example>", "mailing list"),
        ("List-Post: NO", None),
        ("List-Unsubscribe: <mailto:x@y.example>", "mailing list"),
        ("Return-Path: <>", "return-path"),
        ("Content-Class: urn:content-classes:calendarmessage", "calendarmessage"),
        ("X-Notes-Item: 1; type=300; flags=1; name=$AssistMail", "$assistmail"),
        ("X-Message-Class: IPM.Outlook.Recall", "recall"),
        ("Delivered-To: a@b.example\nDelivered-To: A@b.example", "mail loop"),
        ("X-Mailer: vacation 1.2.8", "vacation"),
        ("X-POST-MessageClass: 9; Autoresponder", "autoresponder"),
        # people's own mail
        ("Auto-Submitted: no", None),
        ("Auto-Submitted: No (really)", None),
        ("X-Auto-Response-Suppress: All", None),
        ("X-Auto-Response-Suppress: DR, OOF, AutoReply", None),
        ("Feedback-ID: 1.eu-west-1.abc:AmazonSES", None),
        ("X-Autoreply: no", None),
        ("Precedence: first-class", None),
        ("Precedence: special-delivery", None),
        ("Importance: high\nX-Priority: 1", None),
        ("Return-Path: <anna@firm.example>", None),
        ("Delivered-To: a@b.example\nDelivered-To: c@b.example", None),
        ("Disposition-Notification-To: anna@firm.example", None),
        ("Return-Receipt-To: anna@firm.example", None),
        ("Content-Class: urn:content-classes:message", None),
        ("X-Mailer: Vacationer 2000", None),
    ],
)
def test_headers(header: str, why: str | None) -> None:
    found = reason(header + "\n")
    assert found is None if why is None else why in (found or "a person")


@pytest.mark.proves("machines: out of office", "X1")
@pytest.mark.parametrize(
    "subject",
    [
        "Automatisk svar: [SMS] Besked fra +45 30643064",
        "Automatisk svar: SV: 30643064",
        "Autosvar: 30643064",
        "Auto-svar: 30643064",
        "Ikke til stede: 30643064",
        "Ikke til stede",
        "Ikke tilstede: 30643064",
        "Fra\u030anvaro: 30643064",
        "Re\u0301ponse automatique : 30643064",
        "自动回复: 30643064",
        "Fraværende: 30643064",
        "Fravær: ferie",
        "Fraværsmelding",
        "Fraværsbesked: Re: 30643064",
        "Jeg er ikke på kontoret",
        "Ude af kontoret: 30643064",
        "Automatiskt svar: 30643064",
        "Frånvaro: 30643064",
        "Frånvaro",
        "Frånvarande (semester)",
        "Frånvaromeddelande: 30643064",
        "Automatic reply: 30643064",
        "Automatic Reply from Anna Hansen",
        "AUTOMATIC REPLY: 30643064",
        "Auto Reply: 30643064",
        "Autoreply: 30643064",
        "Auto-Reply: 30643064",
        "Automated response: 30643064",
        "Out of Office: 30643064",
        "Out of Office AutoReply: 30643064",
        "Out of the office",
        "out-of-office reply: 30643064",
        "[EXTERN] Automatic reply: 30643064",
        "[EXT] [EXTERNAL] Automatic reply: 30643064",
        "Abwesenheitsnotiz: 30643064",
        "Abwesenheitsbenachrichtigung",
        "Automatische Antwort: 30643064",
        "Autoantwort: 30643064",
        "Abwesend: 30643064",
        "Nicht im Büro: 30643064",
        "Réponse automatique : 30643064",
        "Réponse automatique\u00a0: 30643064",
        "Reponse automatique: 30643064",
        "Message d'absence",
        "Absence du bureau : 30643064",
        "Absente",
        "Автоматический ответ: 30643064",
        "Автоответ: 30643064",
        "Нет на рабочем месте: 30643064",
        "Отсутствует на рабочем месте",
        "Вне офиса",
        "Automatisch antwoord: 30643064",
        "Respuesta automática: 30643064",
        "Automaattinen vastaus: 30643064",
        "Anna Hansen is out of the office (returning 12-08-2026)",
        "Anna Müller/FIRM ist außer Haus.",
        "Anna Hansen er ikke til stede (tilbage 12-08-2026)",
    ],
)
def test_absence_at_the_very_start_of_the_subject(subject: str) -> None:
    assert reason(subject=subject) == "out of office (subject)"


@pytest.mark.proves("D12", "X1")
@pytest.mark.parametrize(
    "subject",
    [
        "SV: Automatisk svar: [SMS] Besked fra +45 30643064",
        "VS: Automatisk svar: 30643064",
        "Re: Automatic reply: 30643064",
        "Fwd: Out of Office: 30643064",
        "AW: Abwesenheitsnotiz: 30643064",
        "RE: Réponse automatique : 30643064",
        "Ответ: Автоматический ответ: 30643064",
        "30643064 Automatisk svar: hvad er det?",
        "[SMS] Besked fra +45 30643064",
        "Absence 30643064",
        "Frånvaro 30643064",
        "Fravær 30643064",
        "Automatik 30643064",
        "Autosvarsanlæg 30643064",
        "Rappel : 30643064",
        "Recall: 30643064",
        "Læst: 30643064",
        "Read: 30643064",
        "Invitation: 30643064",
        "30643064 is out of the office",
        "Absalon: 30643064",
        "",
    ],
)
def test_words_of_absence_elsewhere_are_a_persons(subject: str) -> None:
    assert reason(subject=subject) is None


@pytest.mark.proves("machines: senders")
@pytest.mark.parametrize(
    ("sender", "robot"),
    [
        ("MAILER-DAEMON@firm.example", True),
        ("MAILER-DAEMON@firm.example (Mail Delivery System)", True),
        ("Mail Delivery Subsystem <mdaemon@firm.example>", True),
        ("postmaster@firm.example", True),
        ("noreply@firm.example", True),
        ("Butik <no-reply@firm.example>", True),
        ("do_not_reply@firm.example", True),
        ("noreply+abc@firm.example", True),
        ("bounces+12=x@firm.example", True),
        ("Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@firm.example>", True),
        ("noreplyhansen@firm.example", False),
        ("anna.noreply@firm.example", False),
        ("postmasters@firm.example", False),
        ("info@firm.example", False),
    ],
)
def test_senders(sender: str, robot: bool) -> None:
    assert ("robot sender" in (reason(sender=sender) or "")) is robot


@pytest.mark.proves("machines: recalls")
@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Recall: 30643064", 'Anna Hansen would like to recall the message, "30643064".'),
        ("Tilbagekald: 30643064", "Anna Hansen vil gerne tilbagekalde meddelelsen, 30643064."),
        ("Rückruf: 30643064", 'Anna Hansen möchte die Nachricht "30643064" zurückrufen.'),
        ("Rappel : 30643064", "Anna Hansen souhaite rappeler le message 30643064."),
    ],
)
def test_recalls_are_known_by_subject_and_text_together(subject: str, body: str) -> None:
    assert reason(subject=subject, body=body) == "message recall"
    assert reason(subject="30643064", body=body) is None
    assert reason(subject=subject, body="Ring til mig") is None


def parts(kind: str, child: str, disposition: str = "") -> str | None:
    head = f"Content-Type: multipart/{kind}; boundary=b\n"
    body = f"--b\n\nHej\n--b\nContent-Type: {child}\n{disposition}\nBEGIN:VCALENDAR\nMETHOD:REPLY\nEND:VCALENDAR\n--b--"
    return reason(head, body=body)


@pytest.mark.proves("machines: reports", "machines: calendar answers", "machines: read receipts")
@pytest.mark.parametrize(
    ("kind", "child", "disposition", "why"),
    [
        ("report; report-type=delivery-status", "message/delivery-status", "", "report (delivery-status)"),
        (
            "report; report-type=disposition-notification",
            "message/disposition-notification",
            "",
            "report (disposition-",
        ),
        ("report", "text/plain", "", "report (unknown)"),
        ("mixed", "message/delivery-status", "", "delivery report"),
        ("mixed", "message/disposition-notification", "", "read receipt"),
        ("alternative", "text/calendar; method=REPLY", "", "calendar message (reply)"),
        ("alternative", "text/calendar; method=request", "", "calendar message (request)"),
        ("alternative", "text/calendar; method=CANCEL", "", "calendar message (cancel)"),
        ("alternative", "text/calendar", "", "calendar message (reply)"),
        ("alternative", "text/calendar; method=PUBLISH", "", None),
        ("mixed", "text/calendar; method=REQUEST", "Content-Disposition: attachment; filename=a.ics\n", None),
        ("mixed", "message/rfc822", "", None),
    ],
)
def test_parts(kind: str, child: str, disposition: str, why: str | None) -> None:
    found = parts(kind, child, disposition)
    assert found is None if why is None else why in (found or "a person")


@pytest.mark.proves("machines: calendar answers")
def test_a_bare_calendar_answer() -> None:
    assert reason("Content-Type: text/calendar; method=REPLY\n", body="BEGIN:VCALENDAR") == "calendar message (reply)"


@pytest.mark.proves("machines: reports")
def test_a_person_who_forwards_a_bounce_as_attachment_is_a_person() -> None:
    inner = (
        "Content-Type: multipart/report; report-type=delivery-status; boundary=c\nAuto-Submitted: auto-replied\n\n--c--"
    )
    body = f"--b\n\nSe lige her\n--b\nContent-Type: message/rfc822\n\n{inner}\n--b--"
    assert reason("Content-Type: multipart/mixed; boundary=b\n", body=body) is None
