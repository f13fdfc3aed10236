"""Errors that a person at the command line can do something about."""

from __future__ import annotations

import click


class CliError(click.ClickException):
    """A mistake in the call or its input: shown as one sentence, without a traceback; exit code 2."""

    exit_code = 2
