"""Numbers are few, and one that was closed rests for weeks: one person who opens and closes leaves the others theirs."""

from __future__ import annotations

import smtplib
from pathlib import Path

import pytest

from tests.gateway_process import DOMAIN, Gateway, mail

POOL = '[[pool]]\nprovider = "simulator"\nrange = "+45609946000000..+45609946000019"\n'


@pytest.mark.proves("numbers for everybody")
def test_one_who_opens_and_closes_all_day_leaves_numbers_to_others(tmp_path: Path):
    provider = '[[provider]]\nname = "simulator"\nkind = "simulator"\n'
    with Gateway(tmp_path, provider + POOL) as gateway:
        key = gateway.key()
        answers = []
        for _ in range(25):
            for role in ("subscribe", "unsubscribe"):
                try:
                    gateway.send(mail(f"{role}@{DOMAIN}", key, "", "bo@firm.example"), sender="bo@firm.example")
                    answers.append(250)
                except smtplib.SMTPDataError as refused:
                    answers.append(refused.smtp_code)
        assert answers[:6] == [250] * 6, "who is unsure may change his mind"
        assert 550 in answers
        with pytest.raises(smtplib.SMTPDataError, match="several accounts lately: try again in 8 hours"):
            gateway.send(mail(f"subscribe@{DOMAIN}", key, "", "Bo@firm.example"), sender="bo@firm.example")
        gateway.send(mail(f"subscribe@{DOMAIN}", key, "", "cleo@firm.example"), sender="cleo@firm.example")
        assert gateway.mails(to="cleo@firm.example")
        gateway.account(key, "bo@firm.example")
        gateway.send(mail(f"subscribe@{DOMAIN}", key, "", "bo@firm.example"), sender="bo@firm.example")
        assert gateway.mails(7, to="bo@firm.example"), "the number that he has is told as often as he asks"
