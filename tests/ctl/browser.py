"""A real headless browser for tests: Chromium, steered over its debugging pipe (Chrome DevTools Protocol)."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 60
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--mute-audio",
    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--remote-debugging-pipe",
)  # fmt: skip
_NAMED = {"Enter": ("\r", 13), "Tab": ("", 9)}  # what they type, and their virtual key codes
_WAIT = """new Promise((done, give_up) => {
    const until = performance.now() + %d;
    const look = () => (%s) ? done(true) : performance.now() > until ? give_up(new Error("waited in vain"))
        : setTimeout(look, 10);
    look();
})"""


def program() -> str | None:
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Browser:
    """One tab. ``complaints`` gathers what the page logs, throws and asks of the network."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        found = program()
        assert found is not None
        # The pipe is the descriptors 3 (commands) and 4 (answers) of the browser, which a shell puts there.
        shell = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        command = ["bash", "-c", shell, found, *ARGUMENTS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        log = (folder / "browser.log").open("wb")
        self._process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stderr=log
        )
        log.close()
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = os.fdopen(ours_in, "rb"), os.fdopen(ours_out, "wb", buffering=0)
        self._count, self._session = 0, ""
        self._buffer = b""
        self.complaints: list[str] = []
        self._attach()

    def _attach(self) -> None:
        pages = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        target = pages[0]["targetId"] if pages else self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its result; events that come before it are taken note of."""
        id = self._send(method, params)
        while True:
            answer = self._read()
            if answer.get("id") == id:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _send(self, method: str, params: dict[str, Any]) -> int:
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        return self._count

    def open(
        self, page: Path, *, width: int = 1000, height: int = 800, dark: bool = False, phone: bool = False
    ) -> None:
        scale = 2 if phone else 1
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=page.as_uri())
        self.until("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page, awaited; AssertionError where it throws."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait for it to become true; AssertionError when it does not."""
        self.run(_WAIT % (1000 * PATIENCE_S, expression))

    def press(self, key: str) -> None:
        text, code = _NAMED.get(key, (key, ord(key[0].upper())))
        down = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **down)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        path.write_bytes(b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]))

    def pdf(self) -> bytes:
        return b64decode(self.call("Page.printToPDF")["data"])

    def close(self) -> None:
        self._session = ""
        self.call("Browser.close")
        self._process.wait(PATIENCE_S)
        self._in.close()
        self._out.close()

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._in], [], [], PATIENCE_S)[0], "the browser does not answer"
            more = os.read(self._in.fileno(), 1 << 20)
            assert more, (self._folder / "browser.log").read_text(encoding="utf-8", errors="replace")
            self._buffer += more
        message, _, self._buffer = self._buffer.partition(b"\0")
        event: dict[str, Any] = json.loads(message)
        self._note(event.get("method", ""), event.get("params", {}))
        return event

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.javascriptDialogOpening" and params["type"] == "beforeunload":
            self._send("Page.handleJavaScriptDialog", {"accept": True})  # leave the page, as a person would answer
        if method in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"):
            self.complaints.append(json.dumps(params))
        if method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(
            ("file:", "data:", "blob:", "about:")
        ):
            self.complaints.append(params["request"]["url"])
