"""The two clients printed in PROTOCOL.md, taken out of it, built, and run against a real daemon."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.daemon import Daemon

ROOT = Path(__file__).resolve().parents[2]
NODE_FOLDER = ROOT / ".build/node"
NODE_PACKAGE = "zeromq@6.8.0"
SECONDS_PER_CHAR = 0.06  # the fake engine's
LONG_TEXT = "This sentence is spoken slowly enough to be interrupted in the middle. " * 3


@dataclass(frozen=True)
class ForeignClient:
    argv: list[str]
    env: dict[str, str]

    def command(self, daemon: Daemon, out: Path, *words: str) -> list[str]:
        return [*self.argv, daemon.endpoint, str(out), *words]

    def run(self, daemon: Daemon, out: Path, *words: str) -> subprocess.CompletedProcess[str]:
        command = self.command(daemon, out, *words)
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=30, check=False)

    @contextmanager
    def started(self, daemon: Daemon, out: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
        command = self.command(daemon, out, *words)
        with subprocess.Popen(command, env=self.env, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


def _missing(what: str, mend: str) -> NoReturn:
    """A skip on a person's machine, a failure in CI, where the tools are promised."""
    reason = f"{what} is missing: {mend}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _code_block(document: str, language: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f"PROTOCOL.md has {len(blocks)} ```{language} blocks instead of one"
    return str(blocks[0])


def _pkg_config() -> list[str]:
    """The compiler's flags for libzmq, or the plain ones where pkg-config knows nothing."""
    try:
        asked = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "libzmq"], capture_output=True, text=True, timeout=20, check=True
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ["-lzmq"]
    return asked.stdout.split()


@pytest.fixture(scope="session")
def c_client(document: str) -> Iterator[ForeignClient]:
    if not shutil.which("cc"):
        _missing("cc", "apt-get install gcc libc6-dev")
    with tempfile.TemporaryDirectory(prefix="ist") as name:
        source, program = Path(name, "say.c"), Path(name, "say")
        source.write_text("#include <zmq.h>\n")
        probe = subprocess.run(["cc", "-E", str(source), *_pkg_config()], capture_output=True, timeout=60, check=False)
        if probe.returncode != 0:
            _missing("zmq.h", "apt-get install libzmq3-dev")
        source.write_text(_code_block(document, "c"), encoding="utf-8")
        command = ["cc", "-Wall", "-Wextra", "-Werror", "-O1", "-o", str(program), str(source), *_pkg_config()]
        built = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert built.returncode == 0, built.stderr
        yield ForeignClient([str(program)], dict(os.environ))


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """npm's zeromq, installed once for all runs."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            _missing(tool, "apt-get install nodejs npm (18 or newer)")
    modules, stamp = NODE_FOLDER / "node_modules", NODE_FOLDER / f"installed-{NODE_PACKAGE}"
    if not stamp.exists() or not modules.is_dir():
        NODE_FOLDER.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--prefix", str(NODE_FOLDER), NODE_PACKAGE, "--no-audit", "--no-fund"]
        installed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if installed.returncode != 0:
            _missing(NODE_PACKAGE, f"`{' '.join(command)}` failed:\n{installed.stderr[-1000:]}")
        stamp.touch()
    return modules


@pytest.fixture(scope="session")
def node_client(document: str, node_modules: Path) -> Iterator[ForeignClient]:
    with tempfile.TemporaryDirectory(prefix="ist") as name:
        program = Path(name, "say.js")
        program.write_text(_code_block(document, "js"), encoding="utf-8")
        yield ForeignClient(["node", str(program)], {**os.environ, "NODE_PATH": str(node_modules)})


@pytest.fixture(params=["c", "node"])
def client(request: pytest.FixtureRequest) -> ForeignClient:
    chosen = request.getfixturevalue(f"{request.param}_client")
    assert isinstance(chosen, ForeignClient)
    return chosen


def _duration_s(path: Path) -> float:
    with wave.open(str(path)) as speech:
        assert (speech.getnchannels(), speech.getsampwidth(), speech.getframerate()) == (1, 2, 24000)
        frames = speech.getnframes()
        assert len(speech.readframes(frames + 1)) == 2 * frames  # the header tells the truth
    assert path.stat().st_size == 44 + 2 * frames
    return frames / 24000


@pytest.mark.parametrize(
    "text",
    [
        "Good morning.",
        'She said "no\\yes" and C:\\new\\table.\nA second line\tand a tab.',
        "Grüße aus Zürich, 你好, ¡olé! \U0001f600 𝄞 {}[],:",
        "A longer text. " * 60,
    ],
    ids=["plain", "quotes", "utf8", "long"],
)
def test_writes_a_wav(client: ForeignClient, fake_daemon: Daemon, tmp_path: Path, text: str) -> None:
    out = tmp_path / "speech.wav"
    ended = client.run(fake_daemon, out, text)
    assert (ended.returncode, ended.stderr) == (0, "")
    expected_s = SECONDS_PER_CHAR * len(" ".join(text.split()))
    assert 0.8 * expected_s - 0.5 < _duration_s(out) < 1.1 * expected_s + 0.1  # pieces overlap by 0.15 s


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["Hello.", "nobody"], "there is no voice 'nobody'; this daemon has english."),
        (["Hello {error}."], "the engine failed on this request (RuntimeError: asked to fail)."),
        ([""], "the text has nothing to speak: give it at least one letter or digit."),
        (["Hello \x07."], "the text holds a control character (U+0007 at 6): remove it."),
        (["Hello.", 'a"b'], "`voice`: this is not an allowed name."),
        (["a" * 20001], "the text has 20001 characters; at most 20000 are taken."),
    ],
    ids=["voice", "engine", "empty", "control", "escaped", "long"],
)
def test_says_what_the_daemon_says(
    client: ForeignClient, fake_daemon: Daemon, tmp_path: Path, words: list[str], sentence: str
) -> None:
    out = tmp_path / "speech.wav"
    ended = client.run(fake_daemon, out, *words)
    assert (ended.returncode, ended.stderr) == (1, f"say: {sentence}\n")
    assert not out.exists()


def test_without_a_daemon(client: ForeignClient, fake_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "speech.wav"
    command = [*client.argv, f"ipc://{fake_daemon.folder}/nobody.sock", str(out), "Hello."]
    ended = subprocess.run(command, env=client.env, capture_output=True, text=True, timeout=15, check=False)
    assert (ended.returncode, ended.stderr) == (1, "say: no daemon answers at this endpoint.\n")
    assert not out.exists()


def test_a_file_that_cannot_be_written(client: ForeignClient, fake_daemon: Daemon, tmp_path: Path) -> None:
    """The request is cancelled, not left to run for nobody."""
    ended = client.run(fake_daemon, tmp_path / "no" / "speech.wav", "Hello there.")
    assert ended.returncode == 1
    assert "no such file" in ended.stderr.lower()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["sigint", "sigterm"])
def test_a_signal_cancels(client: ForeignClient, slow_daemon: Daemon, tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "speech.wav"
    with client.started(slow_daemon, out, LONG_TEXT) as process:
        slow_daemon.wait_log("request.started")
        begun_s = time.monotonic()
        process.send_signal(number)
        _, stderr = process.communicate(timeout=10)
        assert time.monotonic() - begun_s < 2.0
    assert (process.returncode, stderr) == (1, "say: cancelled, as you asked.\n")
    slow_daemon.wait_log("outcome=BY_CLIENT")
    assert not out.exists()


def test_a_daemon_that_dies_is_noticed(client: ForeignClient, slow_daemon: Daemon, tmp_path: Path) -> None:
    """By its silence, 3 heartbeats; Node then tries for 2 s more to send the cancel."""
    out = tmp_path / "speech.wav"
    with client.started(slow_daemon, out, LONG_TEXT) as process:
        slow_daemon.wait_log("request.started")
        slow_daemon.process.kill()
        begun_s = time.monotonic()
        _, stderr = process.communicate(timeout=20)
        assert 4.0 < time.monotonic() - begun_s < 12.0
    assert (process.returncode, stderr) == (1, "say: the daemon fell silent.\n")
    assert not out.exists()
