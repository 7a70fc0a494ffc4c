"""Infobip's own client library knows every field that we write and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from infobip_api_client import models

from gateway.errors import Outcome
from tests.providers.contract import ID, sms
from tests.providers.peer import Answer, Peer
from tests.providers.table_infobip import CONTRACT, MESSAGE, delivered
from tests.providers.test_contract import started


def known(model: Any, document: Mapping[str, Any]) -> Any:
    """What is left of a document in the library's hands: a field that it does not know is gone."""
    return model.from_dict(document).to_dict()


@pytest.mark.proves("provider contract")
async def test_it_knows_what_we_send_and_we_what_it_answers(peer: Peer):
    status = {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED", "description": "Accepted"}
    message = {"messageId": ID, "status": status, "destination": "4530643064", "details": {"messageCount": 2}}
    answer = {"bulkId": "b1", "messages": [message]}
    assert known(models.SmsResponse, answer) == answer
    peer.script = [Answer(200, json.dumps(answer))]
    async with started(CONTRACT, peer.url) as provider:
        result = await provider.submit(sms())
    assert (result.outcome, result.refs, result.parts) == (Outcome.ACCEPTED, (ID,), 2)
    said = json.loads(peer.requests[0].body)
    assert known(models.SmsRequest, said) == said


def test_it_knows_what_we_read_of_reports_and_messages():
    status = {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET", "description": "x"}
    error = {
        "groupId": 0,
        "groupName": "OK",
        "id": 0,
        "name": "NO_ERROR",
        "description": "No Error",
        "permanent": False,
    }
    report = delivered(status=status, error=error, doneAt="2025-11-24T16:00:00.000+00:00")
    assert set(known(models.SmsDeliveryReport, report)) == set(report)
    log = {name: said for name, said in report.items() if name != "to"} | {"destination": "4530643064"}
    assert set(known(models.SmsLog, log)) == set(log)
    message = MESSAGE | {"receivedAt": "2025-11-24T16:00:00.000+00:00"}
    assert set(known(models.SmsInboundMessage, message)) == set(message)
