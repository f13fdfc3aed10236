"""A Celery worker: each process of the pool sets up for itself and sends what is left when it ends.

Run: celery -A celery_worker worker
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown
from model import suggest_code

from otel_clinical.sdk import configure

if TYPE_CHECKING:
    from otel_clinical.sdk import Handle

app = Celery("coding", broker=os.environ.get("BROKER", "redis://127.0.0.1:6379/0"))
running: list[Handle] = []


@worker_process_init.connect
def start(**_: Any) -> None:
    """Set up in the process that does the work, after the fork."""
    running.append(configure("coding-worker"))


@worker_process_shutdown.connect
def stop(**_: Any) -> None:
    """Send what is left: a process of the pool ends without running what Python does at exit."""
    for handle in running:
        handle.shutdown()


@app.task
def suggest(encounter: dict[str, Any]) -> dict[str, Any]:
    """Suggest a code."""
    return suggest_code(encounter)
