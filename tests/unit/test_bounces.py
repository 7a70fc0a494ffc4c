"""What comes back to our return path, as the servers of this world write it."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bounces import Bounce, read_bounce

pytestmark = pytest.mark.proves("X1", "bounces mark the account")


def report(fields: str, *, sender: str = "MAILER-DAEMON@mx.example.net", words: str = "Sorry.", encoding: str = "7bit"):
    """An RFC 3464 report with these per-recipient fields."""
    return (
        f"From: Mail Delivery System <{sender}>\r\nTo: b-token@sms.example.com\r\nSubject: Undelivered Mail\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\r\n\r\n'
        f"--B\r\nContent-Type: text/plain\r\n\r\n{words}\r\n"
        f"--B\r\nContent-Type: message/delivery-status\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        f"{fields}\r\n--B\r\nContent-Type: message/rfc822\r\n\r\nSubject: original\r\n\r\n550 5.9.9 decoy\r\n--B--\r\n"
    ).encode()


POSTFIX = """Reporting-MTA: dns; mx.example.net
X-Postfix-Queue-ID: 4Xyz
X-Postfix-Sender: rfc822; b-token@sms.example.com
Arrival-Date: Mon, 24 Nov 2025 16:00:00 +0100 (CET)

Final-Recipient: rfc822; peter@example.net
Original-Recipient: rfc822;peter@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.example.net
Diagnostic-Code: smtp; 550 5.1.1 <peter@example.net>: Recipient address
    rejected: User unknown in virtual mailbox table
""".replace("\n", "\r\n")
EXIM = """Reporting-MTA: dns; exim.example.net

Action: failed
Final-Recipient: rfc822;peter@example.net
Status: 5.0.0
Remote-MTA: dns; mail.example.net
Diagnostic-Code: smtp; 550 5.7.1 Unrouteable address
""".replace("\n", "\r\n")
OFFICE = """Reporting-MTA: dns;AM0PR01MB1234.eurprd01.prod.exchangelabs.com
Received-From-MTA: dns;mail-am0eur02on2100.outbound.protection.outlook.com
Arrival-Date: Mon, 24 Nov 2025 15:00:00 +0000

Final-Recipient: rfc822;peter@example.net
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient peter@example.net not found by SMTP address lookup
""".replace("\n", "\r\n")
GMAIL = """Reporting-MTA: dns; googlemail.com
Received-From-MTA: dns; sms.example.com
Arrival-Date: Mon, 24 Nov 2025 07:00:00 -0800 (PST)
X-Original-Message-ID: <x@sms.example.com>

Final-Recipient: rfc822; peter@gmail.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; gmail-smtp-in.l.google.com. (142.250.27.26, the server for the domain gmail.com.)
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist.
Last-Attempt-Date: Mon, 24 Nov 2025 07:00:01 -0800 (PST)
""".replace("\n", "\r\n")
SENDMAIL = """Reporting-MTA: dns; sendmail.example.net
Received-From-MTA: DNS; sms.example.com

Final-Recipient: RFC822; peter@example.net
Action: failed (bad destination)
Status: 5.1.1
Diagnostic-Code: X-Unix; 67
""".replace("\n", "\r\n")
OVER_QUOTA = POSTFIX.replace("5.1.1", "5.2.2").replace("User unknown in virtual mailbox table", "mailbox full")
EXPIRED = POSTFIX.replace("Status: 5.1.1", "Status: 4.4.7").replace("550 5.1.1", "451 4.4.7")
DELAYED = POSTFIX.replace("Action: failed", "Action: delayed").replace("5.1.1", "4.4.1").replace("550", "451")


@pytest.mark.parametrize(
    ("fields", "permanent", "status", "words"),
    [
        (POSTFIX, True, "5.1.1", "550 5.1.1 <peter@example.net>: Recipient address rejected: User unknown in"),
        (EXIM, True, "5.7.1", "550 5.7.1 Unrouteable address"),
        (OFFICE, True, "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient peter@example.net not found"),
        (GMAIL, True, "5.1.1", "550-5.1.1 The email account that you tried to reach does not exist."),
        (SENDMAIL, True, "5.1.1", "67"),
        (OVER_QUOTA, True, "5.2.2", "550 5.2.2 <peter@example.net>: Recipient address rejected: mailbox full"),
        (EXPIRED, True, "4.4.7", "451 4.4.7 <peter@example.net>"),
        (DELAYED, False, "4.4.1", "451 4.4.1 <peter@example.net>"),
        ("Final-Recipient: rfc822; a@b\r\nStatus: 5.1.1\r\n", True, "5.1.1", "5.1.1"),
        ("Final-Recipient: rfc822; a@b\r\nStatus: 4.2.2\r\n", False, "4.2.2", "4.2.2"),
        ("Final-Recipient: rfc822; a@b\r\nAction: failed\r\n", True, "5.0.0", "failed"),
        (
            "Reporting-MTA: dns; x\r\n\r\nAction: FAILED\r\nDiagnostic-Code: smtp; 554 go away\r\n",
            True,
            "5.0.0",
            "554 go away",
        ),
    ],
)
def test_reports_by_the_standard(fields, permanent, status, words):
    for content in (report(fields), report(fields).replace(b"\r\n", b"\n")):
        bounce = read_bounce(content)
        assert bounce is not None
        assert (bounce.permanent, bounce.status) == (permanent, status)
        assert bounce.diagnostic.startswith(words)


def test_a_report_in_base64():
    packed = base64.encodebytes(POSTFIX.encode()).decode()
    assert read_bounce(report(packed, encoding="base64")) == read_bounce(report(POSTFIX))


def test_the_worst_of_several_recipients_counts():
    two = DELAYED + "\r\n" + POSTFIX.partition("\r\n\r\n")[2]
    assert read_bounce(report(two)) == read_bounce(report(POSTFIX))


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_success_is_no_bounce(action):
    assert read_bounce(report(f"Final-Recipient: rfc822; a@b\r\nAction: {action}\r\nStatus: 2.0.0\r\n")) is None


QMAIL = """From: MAILER-DAEMON@qmail.example.net
To: b-token@sms.example.com
Subject: failure notice

Hi. This is the qmail-send program at qmail.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<peter@example.net>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <b-token@sms.example.com>
Subject: 4.9.9 original
"""
OLD_EXIM = """From: Mail Delivery System <Mailer-Daemon@exim.example.net>
X-Failed-Recipients: peter@example.net
Auto-Submitted: auto-replied
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  peter@example.net
    SMTP error from remote mail server after RCPT TO:<peter@example.net>:
    host mail.example.net [192.0.2.1]: 550 5.1.1 No such user

------ This is a copy of the message, including all the headers. ------
"""
OLD_EXIM_DELAY = """From: Mail Delivery System <Mailer-Daemon@exim.example.net>
Subject: Warning: message 1vNabc-0001 delayed 24 hours

This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on exim.example.net.

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals.
"""
OLD_SENDMAIL = """From: Mail Delivery Subsystem <MAILER-DAEMON@sendmail.example.net>
Subject: Returned mail: User unknown

   ----- The following addresses had permanent fatal errors -----
<peter@example.net>

   ----- Transcript of session follows -----
... while talking to mail.example.net.:
>>> RCPT To:<peter@example.net>
<<< 550 User unknown
"""
OLD_SENDMAIL_DELAY = """From: Mail Delivery Subsystem <MAILER-DAEMON@sendmail.example.net>
Subject: Warning: could not send message for past 4 hours

    **********************************************
    **      THIS IS A WARNING MESSAGE ONLY      **
    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **
    **********************************************

   ----- The following addresses had transient non-fatal errors -----
<peter@example.net>
"""
NO_FURTHER = """From: postmaster@example.net
Subject: Undeliverable: SMS

Delivery to the following recipients failed. No further attempts will be made.

       peter@example.net
"""


@pytest.mark.parametrize(
    ("content", "permanent", "status", "words"),
    [
        (QMAIL, True, "5.1.1", "Sorry, no mailbox here by that name. (#5.1.1)"),
        (OLD_EXIM, True, "5.1.1", "SMTP error from remote mail server after RCPT"),
        (OLD_EXIM_DELAY, False, "4.0.0", "Warning: message 1vNabc-0001 delayed 24 hours"),
        (OLD_SENDMAIL, True, "5.0.0", "----- Transcript of session follows"),
        (OLD_SENDMAIL_DELAY, False, "4.0.0", "Warning: could not send message for past 4 hours"),
        (NO_FURTHER, True, "5.0.0", "Undeliverable: SMS"),
    ],
)
def test_prose(content, permanent, status, words):
    bounce = read_bounce(content.replace("\n", "\r\n").encode())
    assert bounce is not None
    assert (bounce.permanent, bounce.status) == (permanent, status)
    assert bounce.diagnostic.startswith(words)


@pytest.mark.parametrize(
    "content",
    [
        "From: Peter <peter@example.net>\nAuto-Submitted: auto-replied\nSubject: Out of office\n\nI am away; parcels could not be delivered.\n",
        "From: Peter <peter@example.net>\nSubject: SV: [SMS] Besked fra +45 30643064\n\nTak! 550 5.1.1\n",
        "From: postmaster@example.net\nSubject: Maintenance on Sunday\n\nThe server rests at 5.15.30.\n",
        (
            "From: Mail System <MAILER-DAEMON@x>\nContent-Type: multipart/report; report-type=disposition-notification; boundary=B\n\n"
            "--B\n\nYour message could not be delivered? It was read.\n--B\nContent-Type: message/disposition-notification\n\nDisposition: x; displayed\n--B--\n"
        ),
        "From: MAILER-DAEMON@x\nContent-Type: multipart/report; report-type=feedback-report; boundary=B\n\n--B\n\nreturned mail\n--B--\n",
        "",
        "\x00\xff",
    ],
)
def test_everything_else_is_no_bounce(content):
    assert read_bounce(content.encode("latin-1")) is None


@pytest.mark.proves("canary key")
def test_no_key_and_no_control_character_in_what_is_shown():
    fields = POSTFIX.replace("User unknown", "604cf54f8dc39dccb2e59e4d9172a9fb\x1b[31m unknown")
    bounce = read_bounce(report(fields))
    assert bounce is not None
    assert "604cf54f" not in bounce.diagnostic
    assert bounce.diagnostic.isprintable()


@pytest.mark.stopwatch
@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize(
    "content",
    [
        b"Content-Type: multipart/mixed; boundary=B\r\n\r\n"
        + b"--B\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n" * 5000,
        b"From: MAILER-DAEMON@x\r\n\r\n" + b"\n" * 250_000,
        b"From: MAILER-DAEMON@x\r\n\r\n" + b"-" * 250_000,
        b"From: MAILER-DAEMON@x\r\nContent-Type: text/html\r\n\r\n" + b"<" * 250_000,
        b"From: MAILER-DAEMON@x\r\n\r\n" + b"a@" * 125_000,
        b"From: " + b"(" * 10_000 + b"\r\n\r\nx",
        report("Action: failed\r\n\r\n" * 10_000),
        report("Diagnostic-Code: smtp; " + "5." * 100_000),
        b"Content-Type: text/plain; charset*=x''%zz; charset*0*=y\r\nFrom: MAILER-DAEMON@x\r\n\r\nreturned mail",
        b"x" * 10_000_000,
    ],
)
def test_hostile_mail_costs_little(content):
    began = time.process_time()
    found = read_bounce(content)
    assert time.process_time() - began < 1
    assert found is None or isinstance(found, Bounce)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutilated_reports_never_raise(data):
    content = bytearray(
        data.draw(st.sampled_from([report(POSTFIX), report(EXPIRED), QMAIL.encode(), OLD_EXIM.encode()]))
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=10))
        if not content:
            content = bytearray(b"x")
    found = read_bounce(bytes(content))
    assert found is None or (found.status[0] in "245" and len(found.diagnostic) <= 300)
