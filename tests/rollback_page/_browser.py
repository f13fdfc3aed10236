"""A headless Chromium that is told what to do through the DevTools protocol, over two pipes and with no driver."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import re
import select
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

WAIT: Final = 60.0
PHONE: Final = (390, 844)
DESKTOP: Final = (1280, 900)
_SCRIPT: Final = Path(__file__).parents[2] / "scripts" / "browser"
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--remote-debugging-pipe",
    "--force-color-profile=srgb", "--font-render-hinting=none",
)  # fmt: skip


def chromium() -> str | None:
    """Return the path of a Chromium, or None."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def axe_source() -> Path:
    """Return where `scripts/axe` keeps the accessibility rules; the file may not exist."""
    version = re.search(r"^VERSION=(\S+)$", _SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "otel-clinical" / f"axe-core-{version[1]}" / "axe.min.js"


@dataclass(frozen=True, slots=True)
class Shot:
    """What a page looked like: PNG bytes."""

    png: bytes


class Browser:
    """One browser with one page. Close it."""

    def __init__(self, path: str, profile: Path) -> None:
        to_child, self._in = _high(os.pipe())
        self._out, from_child = _high(os.pipe())
        actions = [(os.POSIX_SPAWN_DUP2, to_child, 3), (os.POSIX_SPAWN_DUP2, from_child, 4)]
        log = os.open(profile / "chromium.log", os.O_WRONLY | os.O_CREAT, 0o600)
        actions += [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
        argv = [path, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._pid = os.posix_spawn(path, argv, os.environ, file_actions=actions, setsid=True)
        for descriptor in (to_child, from_child, log):
            os.close(descriptor)
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._events: list[dict[str, Any]] = []
        self._session = ""
        target = self._open_page()
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser and everything it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._in)
        os.close(self._out)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session and not method.startswith("Target."):
            message["sessionId"] = self._session
        os.write(self._in, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(WAIT)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def open(self, url: str) -> None:
        """Go to a page and wait until it is complete."""
        self._events.clear()
        told = self.call("Page.navigate", url=url)
        assert "errorText" not in told, told
        self.wait_event("Page.loadEventFired")

    def wait_event(self, method: str) -> dict[str, Any]:
        """Return the next event of a kind that was not waited for before."""
        deadline = time.monotonic() + WAIT
        while True:
            for event in self._events:
                if event.get("method") == method:
                    self._events.remove(event)
                    return event
            assert time.monotonic() < deadline, f"no {method} within {WAIT:g} s"
            self._events.append(self._next(WAIT))

    def complaints(self) -> list[str]:
        """Return what the browser's console said since the page was opened, refused content included."""
        self.evaluate("1")
        found = []
        for event in self._events:
            if event.get("method") == "Log.entryAdded":
                found.append(event["params"]["entry"]["text"])
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(event["params"]["exceptionDetails"]["text"]))
        return found

    def requested(self) -> set[str]:
        """Return the addresses asked for since the page was opened."""
        self.evaluate("1")
        sent = [e for e in self._events if e.get("method") == "Network.requestWillBeSent"]
        return {event["params"]["request"]["url"] for event in sent}

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; waits for a promise."""
        told = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def look(self, size: tuple[int, int], *, dark: bool) -> None:
        """Be a window of this size that prefers light or dark."""
        width, height = size
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media="", features=features)

    def without_scripts(self, *, yes: bool = True) -> None:
        """Let pages run no script, as a locked-down browser does."""
        self.call("Emulation.setScriptExecutionDisabled", value=yes)

    def press(self, key: str) -> None:
        """Press and let go of one key."""
        codes = {"Tab": 9, "Enter": 13}
        text = {"text": "\r"} if key == "Enter" else {}
        common = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self.call("Input.insertText", text=text)

    def shot(self) -> Shot:
        """Return the whole page as a picture."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        told = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return Shot(base64.b64decode(told["data"]))

    def printed(self) -> bytes:
        """Return the page as it is printed: a PDF."""
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def cookies(self) -> list[dict[str, Any]]:
        """Return the cookies the browser holds."""
        found: list[dict[str, Any]] = self.call("Network.getCookies")["cookies"]
        return found

    def forget(self) -> None:
        """Drop every cookie."""
        self.call("Network.clearBrowserCookies")

    def _open_page(self) -> str:
        deadline = time.monotonic() + WAIT
        while True:
            pages = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
            if pages:
                return str(pages[0]["targetId"])
            assert time.monotonic() < deadline, "the browser opens no page"

    def _next(self, within: float) -> dict[str, Any]:
        deadline = time.monotonic() + within
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._out], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"the browser says nothing for {within:g} s"
            chunk = os.read(self._out, 1 << 16)
            assert chunk, "the browser has ended"
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


def _high(pair: tuple[int, int]) -> tuple[int, int]:
    """Move descriptors out of the way of those that the browser expects, and keep them from other children."""
    moved = tuple(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10) for descriptor in pair)
    for descriptor in pair:
        os.close(descriptor)
    return moved[0], moved[1]
