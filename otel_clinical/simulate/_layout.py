"""Name the files of a stack, and write the secrets its processes share."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of one stack lies; all paths are absolute."""

    folder: Path
    policy: Path

    @property
    def world(self) -> Path:
        """Return the file that holds the truth, which only the simulated services read."""
        return self.folder / "world.json"

    @property
    def pointer(self) -> Path:
        """Return the release pointer that the policy names as rollback target."""
        return self.policy.parent / "coding.json"

    @property
    def controller(self) -> Path:
        """Return the state directory of the rollback controller."""
        return self.folder / "controller"

    @property
    def controller_token(self) -> Path:
        """Return the file with the secret between Alertmanager and controller."""
        return self.folder / "secrets" / "controller.token"

    @property
    def processor_token(self) -> Path:
        """Return the file with the secret between services and drift processor."""
        return self.folder / "secrets" / "processor.token"

    @property
    def receipt_keys(self) -> Path:
        """Return the file with the key that signs receipts, in hexadecimal digits."""
        return self.folder / "secrets" / "receipt.key"

    def write_secrets(self) -> None:
        """Draw new secrets; only the owner can read them."""
        folder = self.controller_token.parent
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        for path in (self.controller_token, self.processor_token, self.receipt_keys):
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
