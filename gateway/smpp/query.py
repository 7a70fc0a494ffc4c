"""query_sm: what a message centre says of a message that it is asked about (SMPP v3.4 §4.8). Pure.

In: an id and who sent it. Out: the body of the request; and of the answer a `Receipt`, as if it had come by itself.
"""

from __future__ import annotations

from gateway.smpp.pdu import Address, MalformedPduError, Status, c_octets
from gateway.smpp.receipt import Receipt, state_of

NOT_KNOWN = frozenset({Status.ESME_RINVMSGID, Status.ESME_RQUERYFAIL})
"""Statuses of a message centre that knows no such message, or none any more."""


MAX_ID = 64
"""Characters of an id, without the NUL."""


def write_query(message_id: str, source: Address) -> bytes:
    """The body of a query_sm (§4.8.1). Raises ValueError for an id of more than `MAX_ID` characters."""
    return c_octets(message_id, MAX_ID + 1) + bytes((source.ton, source.npi)) + c_octets(source.digits, 21)


def read_query_answer(body: bytes, ref: str) -> Receipt | None:
    """Read a query_sm_resp (§4.8.2) about the message that we call `ref`; None where its state says nothing.

    Raises MalformedPduError.
    """
    try:
        date = body.index(0) + 1
        state, error = body[body.index(0, date) + 1 :][:2]
    except ValueError as fault:
        raise MalformedPduError("a query_sm_resp cut off in its fields") from fault
    told = state_of(state)
    if told is None:
        return None
    word, status = told
    return Receipt(ref, status, f"{word}, error {error}" if error else word)
