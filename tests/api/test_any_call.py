"""Whatever a call holds, its answer is one that the document names: no 5xx, no other status, type or shape."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.conftest import PREFIX, Firm
from tests.gateway_process import Gateway

SECONDS = int(os.environ.get("API_SECONDS", "0"))
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,missing_required_header,unsupported_method,use_after_free,"
    "ensure_resource_availability"
)


@pytest.mark.proves("OpenAPI", "any call")
@pytest.mark.timeout(SECONDS + 300)
def test_any_call_is_answered_as_documented(gateway: Gateway, acme: Firm, tmp_path: Path):
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        f"http://127.0.0.1:{gateway.http_port}{PREFIX}/openapi.json",
    ]
    command += ["--checks", CHECKS, "-H", f"Authorization: Bearer {acme.client.secret}", "--seed", "1"]
    command += ["--continue-on-failure", "--no-color", "--warnings", "off"]
    if SECONDS:
        command += ["--max-time", str(SECONDS), "--max-examples", "200"]
    else:
        command += ["--max-examples", "6", "--phases", "examples,coverage,fuzzing", "--no-shrink"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=SECONDS + 280)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    assert not gateway.events("fault")
