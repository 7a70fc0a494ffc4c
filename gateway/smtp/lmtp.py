"""LMTP (RFC 2033): SMTP for the last step, greeted with LHLO, with one reply per recipient after the final dot."""

from __future__ import annotations

from gateway.errors import Refusal
from gateway.model import Reply
from gateway.smtp.protocol import EdgeProtocol


class LmtpProtocol(EdgeProtocol):
    """An LMTP session."""

    COMMANDS = EdgeProtocol.COMMANDS | {"LHLO"}
    greeting_protocol = "LMTP"
    none_valid_code = 503
    """RFC 2033 §4.2: DATA without a valid recipient fails with 503."""

    def smtp_LHLO(self, arg: str) -> None:
        """Greet (RFC 2033 §4.1)."""
        super().smtp_EHLO(arg)

    def smtp_EHLO(self, _arg: str) -> None:
        """Not spoken here."""
        raise Refusal(500, "5.5.1", "this is LMTP: greet with LHLO", cause="EHLO on LMTP")

    def smtp_HELO(self, _arg: str) -> None:
        """Not spoken here."""
        raise Refusal(500, "5.5.1", "this is LMTP: greet with LHLO", cause="HELO on LMTP")

    def data_replies(self, replies: list[Reply]) -> list[Reply]:
        """One each, in the order of the recipients."""
        return replies
