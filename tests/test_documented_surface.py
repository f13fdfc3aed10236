"""Every public name, command and option stands on a page, in the words of the code, and nothing else does.

`python -m tests.test_documented_surface` prints both pages as they should be, with `--write` into their place.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

import click
import pytest

from otel_clinical.cli import _frame

DOCS = Path(__file__).parents[1] / "docs"
ROOMS = ("otel_clinical", "otel_clinical.sdk", "otel_clinical.testing")

NAMES_HEAD = """# Every public name

What may be imported, and its first sentence; the rest stands in its docstring (`help(otel_clinical.inference)`).
Words of closed sets (`StrEnum`s) can be written as plain texts as well, `action="edited"`; they stand in
[telemetry.md](telemetry.md).
"""
COMMANDS_HEAD = """# Every command

What `otel-clinical` can do; `otel-clinical COMMAND --help` says what each option means.

| command | does | options |
|---|---|---|
"""


def sentence(text):
    """Return the first sentence of a docstring on one line, fit for a table."""
    paragraph = " ".join(inspect.cleandoc(text or "").split("\n\n")[0].split())
    return paragraph.replace("\b", "").replace("|", "\\|")


def name_rows(room):
    module = importlib.import_module(room)
    for name in sorted(module.__all__, key=str.lower):
        value = getattr(module, name)
        said = sentence(value.__doc__) if callable(value) else "Version of this package."
        yield f"| `{name}` | {said} |"


def commands(group=_frame.command, path=()):
    """Yield the path and the command of everything that can be called."""
    names = _frame.COMMANDS if group is _frame.command else group.commands
    for name in sorted(names):
        found = group.get_command(click.Context(group), name)
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


def command_rows():
    for path, found in commands():
        words = [(p.human_readable_name, p.required) for p in found.params if isinstance(p, click.Argument)]
        arguments = "".join(f" {word}" if needed else f" [{word}]" for word, needed in words).replace("|", "\\|")
        named = [(p.opts[-1], *p.secondary_opts) for p in found.params if isinstance(p, click.Option)]
        options = ", ".join(f"`{'/'.join(both)}`" for both in named)
        yield f"| `{' '.join(path)}{arguments}` | {sentence(found.help)} | {options} |"


def names_page():
    rooms = ((room, "".join(f"{row}\n" for row in name_rows(room))) for room in ROOMS)
    return NAMES_HEAD + "".join(f"\n## `{room}`\n\n| name | is |\n|---|---|\n{rows}" for room, rows in rooms)


def commands_page():
    return COMMANDS_HEAD + "".join(f"{row}\n" for row in command_rows())


@pytest.mark.parametrize(("page", "written"), [("names.md", names_page), ("commands.md", commands_page)])
def test_the_page_says_what_the_code_says(page, written):
    assert (DOCS / page).read_text(encoding="utf-8").splitlines() == written().splitlines()


def test_every_name_and_command_says_what_it_is_for():
    silent = [row for room in ROOMS for row in name_rows(room) if row.endswith("|  |")]
    silent += [row for row in command_rows() if "|  |" in row.removesuffix("|  |")]
    assert silent == []


if __name__ == "__main__":
    for page, written in (("names.md", names_page), ("commands.md", commands_page)):
        if "--write" in sys.argv:
            (DOCS / page).write_text(written(), encoding="utf-8")
        else:
            sys.stdout.write(written())
