"""Whatever is refused is counted and in the audit, each kind by its name, and changes nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from otel_clinical.rollback.links import LIFE
from otel_clinical.rollback.refusals import ACTION
from otel_clinical.semconv import metrics
from otel_clinical.semconv.enums import RollbackAccessRefusal as Kind
from otel_clinical.simulate.stack import wait_until
from tests.rollback._controller import value
from tests.rollback_page.test_links import FORM, link_of
from tests.rollback_page.test_site import act

if TYPE_CHECKING:
    from tests.rollback_page._scene import Scene

ORDERED = b'{"by": "ana", "reason": "planned work", "version": "9"}'
ACT = b'{"by": "ana", "reason": "A planned change explains it"}'


def told(scene: Scene) -> dict[str, int]:
    """Return how often the audit says that each kind was refused."""
    events = scene.controller.get("/v1/audit")["events"]
    found = [event["data"] for event in events if event["action"] == ACTION]
    return {data["kind"]: data["count"] for data in found}


def refuse(scene: Scene) -> dict[Kind, int]:
    """Ask for everything that must be refused; return how often by kind."""
    controller, incident = scene.controller, scene.undecided
    assert controller.post(b"{}", authorization="").status_code == 401
    assert controller.post(b"{}", authorization="Bearer rotated-out-of-the-file").status_code == 401
    signed = {"authorization": f"Ed25519 key={'0' * 64}, time=1, signature={'0' * 128}", "idempotency-key": "s"}
    assert controller.post(ACT, path=f"/v1/incidents/{incident}/veto", **signed).status_code == 401
    with httpx.Client(base_url=scene.url, trust_env=False, timeout=30) as stranger:
        used, expired = link_of(scene, nonce="used"), link_of(scene, at=scene.opened - 2 * LIFE)
        assert stranger.post(used, data=FORM).status_code == 200
        assert stranger.post(used, data={**FORM, "by": "Eve"}).status_code == 409
        assert stranger.get(expired).status_code == 410
        assert stranger.post("/login", data={"token": "x" * 20, "name": "Eve"}).status_code == 403
    with scene.visit() as ana:
        assert act(ana, incident, "veto", "Ana Ruiz").status_code == 303
        assert act(ana, incident, "veto", " ana ruiz ").status_code == 409
        assert act(ana, incident, "acknowledge", "Ana", csrf="0" * 64).status_code == 403
    again = controller.post(
        ACT.replace(b"ana", b"ANA RUIZ"), path=f"/v1/incidents/{incident}/veto", **{"idempotency-key": "v"}
    )
    assert again.status_code == 409
    unknown = controller.post(ORDERED, path="/v1/models/coding/retire", **{"idempotency-key": "r"})
    assert unknown.status_code == 409
    return {Kind.TOKEN: 2, Kind.SIGNATURE: 1, Kind.LINK: 2, Kind.LOGIN: 1, Kind.ACT: 2, Kind.FORM: 1, Kind.ORDER: 1}


def test_everything_that_is_refused_is_counted_and_told_and_changes_nothing(own_night: Scene) -> None:
    before: Any = own_night.controller.get(f"/v1/incidents/{own_night.undecided}")
    expected = refuse(own_night)
    name = metrics.ROLLBACK_ACCESS_REFUSALS.prometheus
    counted = {kind: value(own_night.controller, name, rollback_access_refusal=kind) for kind in Kind}
    assert {kind: count for kind, count in counted.items() if count} == expected
    wait_until(lambda: set(told(own_night)) == set(expected), within=60, what="the audit to be told of each kind")
    after = own_night.controller.get(f"/v1/incidents/{own_night.undecided}")
    assert (after["state"], after["decision"]) == (before["state"], before["decision"])
    assert own_night.controller.pointer().version == "8"
    own_night.controller.process.stop()
    own_night.controller.start()
    assert told(own_night) == expected, "at its end it says how many of each there were"
    own_night.controller.verify_audit()
