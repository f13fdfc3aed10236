"""Every `otel-clinical …` line of the README and the docs names commands and options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from otel_clinical.cli._frame import command as root

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"```(?:sh|bash|console)?\n(.*?)```", re.DOTALL)


def documented() -> list[tuple[str, str]]:
    """Return (page, command line) of every line in a code block that runs our command."""
    found = []
    for page in PAGES:
        for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
            joined = block.replace("\\\n", " ")
            found += [(page.name, line.strip()) for line in joined.splitlines() if line.startswith("otel-clinical ")]
    return found


def problem(line: str) -> str | None:
    """Return what is wrong with the commands and options of a line, or None."""
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = root
    context = click.Context(command, info_name="otel-clinical")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            return f"no command {words[0]}"
        command, context = found, click.Context(found, parent=context, info_name=words.pop(0))
    known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
    unknown = [
        word for word in words if word.startswith("--") and word.split("=")[0] not in known | {"--help", "--version"}
    ]
    return f"{context.command_path} has no {', '.join(unknown)}" if unknown else None


def test_the_pages_show_commands():
    assert len(documented()) > 10


@pytest.mark.parametrize(("page", "line"), documented())
def test_the_command_line_exists(page: str, line: str):
    assert problem(line) is None


def test_an_unknown_command_or_option_is_found():
    """Negative control."""
    assert problem("otel-clinical teleport") == "no command teleport"
    assert problem("otel-clinical check --teleport policy.yaml") is not None
