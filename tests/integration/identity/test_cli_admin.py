"""`brevdue admin`: whoever runs the machine always gets in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.keyring import Keyring
from gateway.model import SystemClock
from gateway.store.opening import open_database
from web.identity.identity import make_identity
from web.identity.model import LinkKind
from web.identity.roles import Role

pytestmark = pytest.mark.proves("first start")
ROOT = Path(__file__).parents[3]


def brevdue(folder: Path, *arguments: str, status: int = 0) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "brevdue.cli", *arguments, "-c", str(folder / "brevdue.toml")],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert run.returncode == status, run.stderr
    return run.stdout + run.stderr


async def test_links_from_the_terminal(tmp_path: Path) -> None:
    url, secret = f"sqlite:///{tmp_path}/brevdue.db", tmp_path / "secret"
    (tmp_path / "brevdue.toml").write_text(
        f'[store]\nurl = "{url}"\nsecret_file = "{secret}"\n[http]\npublic_url = "https://sms.example"\n'
    )
    assert "brevdue admin link" in brevdue(tmp_path, "admin", "list")
    made = brevdue(tmp_path, "admin", "link").splitlines()[0]
    assert made.startswith("https://sms.example/link/")
    brevdue(tmp_path, "org", "create", "Firma A/S")
    owners = brevdue(tmp_path, "admin", "link", "--org", "Firma A/S").splitlines()[0]
    assert "nobody signs in as" in brevdue(tmp_path, "admin", "link", "--rescue", "a@b.example", status=1)
    database = await open_database(url)
    identity = make_identity(database, Keyring.load(secret), SystemClock(), "https://sms.example")
    found = await identity.links.look(owners.rpartition("/")[2])
    assert (found.kind, found.role, found.org_id is None) == (LinkKind.OPERATOR, Role.OWNER, False)
    token = made.rpartition("/")[2]
    root = await identity.people.create("root@gateway.example", Role.OPERATOR, None, link=token)
    assert "root@gateway.example" in brevdue(tmp_path, "admin", "list")
    rescue = brevdue(tmp_path, "admin", "link", "--rescue", "root@gateway.example").splitlines()[0]
    found = await identity.links.look(rescue.rpartition("/")[2])
    assert (found.kind, found.person_id) == (LinkKind.RESCUE, root.id)
    actions = [entry.action for entry in await identity.audit.page(None)]
    assert actions == ["person.rescue", "link.make", "organisation.create", "link.make"]
    await database.close()
