"""Every mail of tests/golden/mail becomes exactly what stands beside it. The format: tests/golden/README.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import Refusal
from gateway.mail_parse import parse

MAILS = sorted((Path(__file__).parents[1] / "golden" / "mail").glob("*.eml"))


@pytest.mark.proves("D8", "D12", "X1")
@pytest.mark.parametrize("mail", MAILS, ids=[mail.stem for mail in MAILS])
def test_mail_becomes_what_stands_beside_it(mail: Path) -> None:
    wanted = [mail.with_suffix(end) for end in (".sms", ".refused", ".automatic") if mail.with_suffix(end).exists()]
    assert len(wanted) == 1, "exactly one expectation beside each mail"
    expected = wanted[0].read_text(encoding="utf-8").rstrip("\n")
    if wanted[0].suffix == ".refused":
        with pytest.raises(Refusal) as refusal:
            parse(mail.read_bytes())
        assert expected in refusal.value.cause
        return
    parsed = parse(mail.read_bytes())
    if wanted[0].suffix == ".automatic":
        assert expected in (parsed.automatic or "a person wrote it")
    else:
        assert parsed.automatic is None
        assert parsed.text == expected


@pytest.mark.proves("X1")
def test_the_corpus_is_whole() -> None:
    assert len(MAILS) >= 120
    beside = {path.stem for path in MAILS[0].parent.iterdir() if path.suffix != ".eml"}
    assert beside == {mail.stem for mail in MAILS}
