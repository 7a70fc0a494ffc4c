"""Several processes behind the same ports, and a gateway that is spread over processes by roles."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.gateway_process import BREVDUE, DOMAIN, Gateway, mail, wait_for

pytestmark = pytest.mark.proves("workers")
ANNA = "anna@firm.example"


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Spread(Gateway):
    """The gateway with arguments for `brevdue serve`."""

    arguments: tuple[str, ...] = ("--workers", "2")

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*BREVDUE, "serve", "-c", str(self.config), *self.arguments], stdout=log, stderr=log
            )
        wait_for(self.ready, "ready", 30)
        return self


@pytest.fixture
def workers(tmp_path: Path):
    gateway = Spread(tmp_path).start()
    yield gateway
    gateway.stop()


def send_many(gateway: Gateway, address: str, texts: list[str]) -> None:
    for text in texts:
        gateway.send(mail(address, "30643064", text), sender=ANNA)


def both_work(gateway: Gateway) -> list[int]:
    assert gateway.process is not None
    return wait_for(lambda: found if len(found := children(gateway.process.pid)) == 2 else None, "two workers", 20)


def test_two_workers_take_mails_and_each_arrives_once(workers: Gateway):
    both_work(workers)
    key = workers.key()
    workers.account(key, ANNA)
    texts = [f"Hej {n}" for n in range(40)]
    send_many(workers, f"{key}@{DOMAIN}", texts)
    wait_for(lambda: len(workers.phone("+4530643064")) >= len(texts), "all SMS", 20)
    assert sorted(sms["text"] for sms in workers.phone("+4530643064")) == sorted(texts)


@pytest.mark.proves("kill -9")
def test_a_worker_that_dies_is_started_again(workers: Gateway):
    victim, other = both_work(workers)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(now := children(workers.process.pid)) == 2 and victim not in now, "a new worker", 20)
    assert other in children(workers.process.pid)


@pytest.mark.proves("kill -9")
def test_workers_end_when_the_first_process_is_killed(workers: Gateway):
    theirs = both_work(workers)
    workers.process.kill()
    workers.process.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in theirs), "the end of the workers", 40)


@pytest.mark.proves("SIGTERM under load")
def test_a_stop_stops_all_of_them(tmp_path: Path):
    gateway = Spread(tmp_path).start()
    theirs = both_work(gateway)
    began = time.monotonic()
    gateway.process.terminate()
    assert gateway.process.wait(35) == 0
    assert time.monotonic() - began < 30
    assert not any(Path(f"/proc/{pid}").exists() for pid in theirs)


def test_a_port_in_use_ends_it_with_a_sentence(tmp_path: Path):
    first = Gateway(tmp_path / "one") if (tmp_path / "one").mkdir() is None else None
    assert first is not None
    first.start()
    second = tmp_path / "two"
    second.mkdir()
    config = second / "brevdue.toml"
    config.write_text(first.config.read_text())
    ended = subprocess.run(
        [*BREVDUE, "serve", "-c", str(config), "--workers", "2"],
        check=False,
        capture_output=True,
        text=True,
        timeout=40,
        cwd=second,
    )
    first.stop()
    assert ended.returncode == 1
    assert "is another gateway running on the same ports?" in ended.stderr


def test_roles_in_two_processes_are_one_gateway(tmp_path: Path):
    taker = Spread(tmp_path)
    taker.arguments = ("--roles", "smtp,http")
    taker.start()
    key = taker.key()
    taker.account(key, ANNA)
    taker.send(mail(f"{key}@{DOMAIN}", "30643064", "Hej"), sender=ANNA)
    assert taker.phone("+4530643064") == [], "this process only takes"
    with (tmp_path / "sender.log").open("ab") as log:
        sender = subprocess.Popen(
            [*BREVDUE, "serve", "-c", str(taker.config), "--roles", "sms,mail,schedule"], stdout=log, stderr=log
        )
    try:
        wait_for(lambda: [sms["text"] for sms in taker.phone("+4530643064")] == ["Hej"], "the SMS", 20)
    finally:
        sender.terminate()
        assert sender.wait(30) == 0
        taker.stop()


def test_a_role_that_does_not_exist_is_explained(tmp_path: Path):
    config = tmp_path / "brevdue.toml"
    config.write_text("")
    ended = subprocess.run(
        [*BREVDUE, "serve", "-c", str(config), "--roles", "smtp,sns"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 1
    assert "--roles takes a list of smtp, http, sms, mail, schedule, not 'smtp,sns'" in ended.stderr
