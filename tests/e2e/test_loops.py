"""Two gateways face to face: each has an account at the other's key. One mail, and silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway_process import Gateway, wait_for

OTHER = "sms.other.example"


@pytest.mark.proves("two gateways face to face")
def test_two_gateways_face_to_face_stop_after_one(tmp_path: Path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    two = Gateway(folders[1], BREVDUE_MAIL__DOMAINS=OTHER, BREVDUE_MAIL__HOSTNAME=OTHER)
    one = Gateway(folders[0], BREVDUE_MAIL_OUT__RELAY=f"127.0.0.1:{two.smtp_port}")
    two.environment["BREVDUE_MAIL_OUT__RELAY"] = f"127.0.0.1:{one.smtp_port}"
    with one, two:
        keys = one.key(), two.key()
        number = one.account(keys[0], f"{keys[1]}@{OTHER}")
        two.account(keys[1], f"{keys[0]}@sms.example.com")
        one.text("+4530643064", number, "hej 30643065")
        (dropped,) = wait_for(lambda: two.events("mail-automatic"), "the other gateway's silence")
        assert "auto" in dropped["cause"].lower()
        wait_for(lambda: one.events("mail-sent"), "the one mail")
        assert len(one.events("mail-sent")) == 1
        assert two.get("/sim/messages") == []
        assert not two.events("mail-sent")
        assert not two.events("mail-accepted")
