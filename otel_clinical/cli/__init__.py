"""The command `otel-clinical`.

The core installation has no command-line library, so this module needs none: it answers `--version` by itself and hands
everything else to the frame, or says which extra to install.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from otel_clinical._version import __version__
from otel_clinical.cli._arithmetic import settle

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE_ERROR = 2

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: Words after the program's name; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        sys.stdout.write(f"otel-clinical {__version__}\n")
        sys.exit(0)
    settle(os.environ)
    try:
        from otel_clinical.cli._frame import run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write("Error: the command line needs an extra: pip install 'otel-clinical[sdk]'\n")
        sys.exit(USAGE_ERROR)
    sys.exit(run(words))
