"""Where SMS go in tests about faults: phones that stand outside the gateway, behind each kind of provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.phones import Phones, SimulatedPhones, http_phones, smpp_phones


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty directory for the gateway alone."""
    path = tmp_path / "gateway"
    path.mkdir()
    return path


@pytest.fixture
def phones(request: pytest.FixtureRequest, tmp_path: Path, require: Callable[[str], str]) -> Iterator[Phones]:
    """The simulator's phones, or with an indirect parameter those of another kind of provider."""
    kind = getattr(request, "param", "simulator")
    if kind == "smpp":
        with smpp_phones(require) as far_end:
            yield far_end
    elif kind == "http":
        with http_phones(tmp_path / "phones") as far_end:
            yield far_end
    else:
        yield SimulatedPhones(tmp_path / "phones")


every_provider = pytest.mark.parametrize("phones", ["simulator", "smpp", "http"], indirect=True)


@pytest.fixture(autouse=True, scope="module")
def no_limit_per_account() -> Iterator[None]:
    """One account sends all the load."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BREVDUE_DIALOG__MAILS_PER_MINUTE", "0")
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starting a gateway again and again takes its time where other tests run beside it."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(400))
