"""Gunicorn: each worker sets up after the fork.

Run: gunicorn -c gunicorn.conf.py wsgi_service:application
"""

from __future__ import annotations

from typing import Any

from otel_clinical.sdk import configure

workers = 2


def post_fork(_server: Any, worker: Any) -> None:
    """Set up in the worker; what the master measured would be counted by each of its children."""
    worker.telemetry = configure("coding-service")


def worker_exit(_server: Any, worker: Any) -> None:
    """Send what is left."""
    worker.telemetry.shutdown()
