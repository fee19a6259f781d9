"""Start, stop, second instance, bad configuration: as systemd and an operator see it."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon import Daemon, Wire, wait_for


def run_daemon(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ishowtts", *args], capture_output=True, text=True, timeout=30)


def test_stops_cleanly_and_takes_its_sockets_along(daemon: Daemon) -> None:
    engine = daemon.engine_pid()
    assert (daemon.runtime / "tts.sock").exists()
    assert daemon.stop() == 0
    assert sorted(path.name for path in daemon.runtime.iterdir()) == ["ishowttsd.lock"]
    wait_for(lambda: not Path(f"/proc/{engine}").exists(), "the engine child to be gone")


def test_socket_files_are_for_the_group_alone(daemon: Daemon) -> None:
    for name in ("tts.sock", "admin.sock"):
        assert stat.S_IMODE((daemon.runtime / name).stat().st_mode) == 0o660
    assert stat.S_IMODE(daemon.runtime.stat().st_mode) == 0o750


def test_a_second_instance_refuses_and_the_first_is_unharmed(daemon: Daemon, wire: Wire) -> None:
    second = run_daemon("--config", str(daemon.config), "--runtime-dir", str(daemon.runtime))
    assert second.returncode == 1
    assert second.stderr == f"ishowttsd: another ishowttsd already serves {daemon.runtime}: stop it first.\n"
    wire.send("ping")
    assert wire.receive()["op"] == "pong"


def test_the_engine_dies_with_the_front(daemon: Daemon) -> None:
    engine = daemon.engine_pid()
    daemon.process.kill()
    daemon.process.wait()
    wait_for(lambda: not Path(f"/proc/{engine}").exists(), "the orphaned engine to be gone")


def test_sigterm_finishes_what_was_accepted(start: Callable[..., Daemon], connect: Callable[..., Wire]) -> None:
    daemon = start({"engine": {"fake_rtf": 0.3}}).wait_ready()
    wire = connect(daemon)
    ids = [wire.send("synth", text="one two three four five", prio="interactive") for _ in range(5)]
    for id in ids:
        wire.until("accepted", id=id) if id == ids[0] else None
    wait_for(lambda: daemon.log.count("request.accepted") == 5, "all to be accepted")
    daemon.process.send_signal(signal.SIGTERM)
    daemon.wait_log("drain why=signal")
    late = wire.send("synth", text="too late")
    ends = {}
    while len(ends) < 6:
        message = wire.until("done", "error")[-1]
        ends[message["id"]] = message
    assert [ends[id]["op"] for id in ids] == ["done"] * 5
    assert ends[late]["reason"] == "DRAINING"
    assert daemon.process.wait(20) == 0


def test_a_second_signal_ends_at_once_with_an_answer(
    start: Callable[..., Daemon], connect: Callable[..., Wire]
) -> None:
    daemon = start({"engine": {"fake_rtf": 50}}).wait_ready()
    wire = connect(daemon)
    id = wire.send("synth", text="a text that takes minutes")
    wire.until("started", id=id)
    daemon.process.send_signal(signal.SIGTERM)
    daemon.wait_log("drain why=signal")
    daemon.process.send_signal(signal.SIGTERM)
    assert wire.finish(id)["reason"] == "DRAINING"
    assert daemon.process.wait(10) == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("engine: {nfee: 7}", "engine.nfee: unknown key; did you mean `engine."),
        ("synthesis: {nfe: seven}", "synthesis.nfe: expected `int`"),
        ("synthesis: {nfe: 0}", "synthesis.nfe: expected `int` >= 1"),
        ("engine: [", "line"),
    ],
)
@pytest.mark.parametrize("check", [[], ["--check-config"]])
def test_a_bad_configuration_exits_78_with_one_line(tmp_path: Path, text: str, says: str, check: list[str]) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text, encoding="utf-8")
    run = run_daemon("--config", str(file), "--runtime-dir", str(tmp_path / "run"), *check)
    assert run.returncode == 78
    assert run.stderr.startswith(f"ishowttsd: {file}: ")
    assert says in run.stderr
    assert run.stderr.count("\n") == 1


def test_check_config_of_a_good_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    file.write_text("engine: {kind: fake}", encoding="utf-8")
    run = run_daemon("--config", str(file), "--runtime-dir", str(tmp_path / "run"), "--check-config")
    assert (run.returncode, run.stdout) == (0, f"{file}: good\n")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    run = run_daemon("--engine", "fake", "--runtime-dir", str(tmp_path / "file" / "run"))
    assert run.returncode == 1
    assert run.stderr.startswith("ishowttsd: ")
    assert "Traceback" not in run.stderr


def test_the_log_holds_ids_and_no_text(daemon: Daemon, wire: Wire) -> None:
    id = wire.send("synth", text="a very private sentence")
    wire.finish(id)
    daemon.wait_log(f"request.ended id={id}")
    assert "private" not in daemon.log


@pytest.mark.parametrize("python", ["/bin/false", "/nowhere/python"])
def test_stops_at_once_while_the_engine_cannot_start(start: Callable[..., Daemon], python: str) -> None:
    """In back-off, and waiting to be mended."""
    daemon = start({"engine": {"python": python}})
    daemon.wait_log("engine.died" if python == "/bin/false" else "engine.setup_required")
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(10) == 0
    assert not (daemon.runtime / "tts.sock").exists()


def test_check_config_looks_at_voices_and_paths(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    for text in ("voices: {default: nosuch}", 'voices: {folder: "a\\0b"}', "voices: {folder: ~nosuchuser/x}"):
        file.write_text(text, encoding="utf-8")
        run = run_daemon("--config", str(file), "--check-config")
        assert (run.returncode, run.stderr.count("\n")) == (78, 1), run.stderr
