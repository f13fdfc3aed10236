"""An alias of a real MLflow registry, which cannot compare: what is done instead, and what it cannot do."""

from __future__ import annotations

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from otel_clinical.release import ReleasePointer
from otel_clinical.rollback.targets import (
    MissingExtraError,
    MlflowAlias,
    Step,
    Swapped,
    Unreachable,
    marker_of,
    next_step,
)
from tests.rollback.targets._places import MlflowPlace

if TYPE_CHECKING:
    from pathlib import Path

BACK = ReleasePointer("coding", "7", epoch=4, activation=4, previous_version="8")
MARK = marker_of(BACK)


@pytest.fixture
def place(tmp_path: Path, registry: str) -> MlflowPlace:
    return MlflowPlace(tmp_path, registry, tmp_path.name)


def test_moves_the_alias_that_services_load_by(place: MlflowPlace) -> None:
    place.target.swap(place.target.read(), "7", MARK)
    assert place.client.get_model_version_by_alias(place.name, "champion").version == 1


def test_a_stop_between_alias_and_tag_is_mended_by_doing_it_again(place: MlflowPlace, monkeypatch) -> None:
    def stop(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(place.target._client, "set_registered_model_tag", stop)
        with pytest.raises(Unreachable):
            place.target.swap(place.target.read(), "7", MARK)
    half = place.target.read()
    assert (half.version, half.marker) == ("7", "")
    assert next_step(BACK, half) is Step.SWAP
    assert isinstance(place.target.swap(half, "7", MARK), Swapped)
    assert next_step(BACK, place.target.read()) is Step.NOTHING


def test_an_alias_that_somebody_else_set_in_between_is_not_taken_for_ours(place: MlflowPlace, monkeypatch) -> None:
    tag = place.target._client.set_registered_model_tag

    def moved(*arguments: str) -> None:
        place.move("9")
        tag(*arguments)

    monkeypatch.setattr(place.target._client, "set_registered_model_tag", moved)
    with pytest.raises(Unreachable, match="names 9"):
        place.target.swap(place.target.read(), "7", MARK)
    assert next_step(BACK, place.target.read()) is Step.STAND_BACK


def test_a_version_that_is_not_registered_does_not_pass_the_preflight(place: MlflowPlace) -> None:
    assert "no version 12" in place.target.preflight("12")[0]


def test_an_alias_that_is_not_set_serves_nothing(place: MlflowPlace) -> None:
    place.client.delete_registered_model_alias(place.name, "champion")
    assert place.target.read().version is None


def test_a_registry_that_is_ill_is_asked_once_and_not_for_minutes(tmp_path: Path) -> None:
    """Its own client would try again for more than four minutes, and a follower would not look meanwhile."""
    asked = []

    class Ill(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(503)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Ill)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        uri = f"http://127.0.0.1:{server.server_address[1]}"
        target = MlflowAlias(uri, "coding", "champion", tmp_path / "lock", lock_timeout=5.0)
        with pytest.raises(Unreachable, match="see that the registry runs"):
            target.read()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert len(asked) == 1


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="there is no registry"):
        MlflowAlias(f"sqlite:///{tmp_path}/none.db", "coding", "champion", tmp_path / "lock")
    assert not (tmp_path / "none.db").exists()


def test_a_model_that_is_not_there_is_said_so(place: MlflowPlace) -> None:
    place.vanish()
    with pytest.raises(Unreachable, match="MLflow has no registered model"):
        place.target.read()


def test_says_that_the_registry_does_not_compare(place: MlflowPlace) -> None:
    assert not place.target.compares


def test_mlflow_is_told_not_to_call_home(place: MlflowPlace) -> None:
    assert place
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_without_the_library_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'otel-clinical\[mlflow\]'"):
        MlflowAlias("sqlite:///x.db", "coding", "champion", tmp_path / "lock")
