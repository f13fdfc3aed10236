"""A processor with a token file listens to nobody else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.drift import _wire
from tests.drift.runtime._harness import PROTOBUF, TRACES, Processor, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD, NEW = "old-token-0123456789", "new-token-0123456789"
WRONG_HEADERS = [None, "", "Bearer", "Bearer ", f"Basic {OLD}", OLD, f"Bearer {OLD}x", f"Bearer {OLD[:-1]}", "Bearer ü"]


@pytest.fixture(scope="module")
def guarded(policy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processor]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "tokens").write_text(f"{OLD}\n{NEW}\n")
    with running(folder, policy_path, "--token-file", str(folder / "tokens")) as processor:
        yield processor


class TestProcessor:
    @pytest.mark.parametrize("token", [OLD, NEW])
    def test_either_token_is_enough(self, guarded: Processor, token: str):
        header = {"Authorization": f"Bearer {token}"}
        body = _wire.traces([_wire.span(hash(token) % 1000, time.time())])
        assert guarded.post(TRACES, body, {**PROTOBUF, **header}).status == 200
        assert guarded.get("/metrics", headers=header).status == 200
        guarded.call(TRACES, body, metadata=[("authorization", f"Bearer {token}")])

    @pytest.mark.parametrize("header", [h for h in WRONG_HEADERS if h is None or h.isascii()])
    def test_without_one_nothing_is_taken_or_shown(self, guarded: Processor, header: str | None):
        headers = {} if header is None else {"Authorization": header}
        answer = guarded.post(TRACES, b"", {**PROTOBUF, **headers})
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert guarded.get("/metrics", headers=headers).status == 401
        metadata = [] if header is None else [("authorization", header)]
        assert guarded.refusal(TRACES, b"", metadata=metadata).code() is grpc.StatusCode.UNAUTHENTICATED

    def test_whoever_shows_none_is_counted(self, guarded: Processor):
        def counted() -> int:
            page = guarded.get("/metrics", headers={"Authorization": f"Bearer {OLD}"}).body.decode()
            (line,) = [line for line in page.splitlines() if 'unauthenticated"}' in line]
            return int(float(line.split()[-1]))

        before = counted()
        assert guarded.post(TRACES, b"").status == 401
        assert guarded.refusal(TRACES, b"").code() is grpc.StatusCode.UNAUTHENTICATED
        assert counted() == before + 2

    @pytest.mark.parametrize("listener", ["http", "metrics"])
    def test_the_health_pages_ask_for_none(self, guarded: Processor, listener: str):
        assert guarded.get("/healthz", listener).status == 200
        assert guarded.get("/readyz", listener).status == 200
