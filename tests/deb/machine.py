"""A container with a real systemd as PID 1, pristine each time: systemd-nspawn on an overlay over a root folder.

Works as root also where the host's own PID 1 is no systemd. Real limits that it has: no cgroup controllers, and without
CAP_SYS_RESOURCE no OOMScoreAdjust or LimitMEMLOCK; those are only read back from systemd.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

BOOT_S = 60.0
_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
_SAYS = ["LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0"]


@contextmanager
def overlay(lower: Path) -> Iterator[Path]:
    """``lower`` as it is, to be written to: what is written goes when this ends."""
    work = Path(tempfile.mkdtemp(prefix="ishowtts-deb-"))
    for name in ("upper", "work", "root"):
        (work / name).mkdir()
    layers = f"lowerdir={lower},upperdir={work}/upper,workdir={work}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, work / "root"], check=True)
    try:
        yield work / "root"
    finally:
        subprocess.run(["umount", work / "root"], check=True)
        shutil.rmtree(work)


class Machine:
    """``binds``: (folder here, folder there), read-only there."""

    def __init__(self, root: Path, binds: Sequence[tuple[Path, str]] = ()) -> None:
        self._lower, self._binds = root, binds
        self._leader = 0

    def __enter__(self) -> Machine:
        self._overlay = overlay(self._lower)
        self.root = self._overlay.__enter__()
        self._log = tempfile.TemporaryFile()
        environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_LOG_LEVEL": "err"}
        self._nspawn = subprocess.Popen(
            self._command(), stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=environment
        )
        try:
            self._wait_until_up()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def run(self, script: str, *, user: str = "", timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """A shell script in the container, as root or ``user`` with all groups of that user."""
        return subprocess.run(self.command(script, user), capture_output=True, text=True, timeout=timeout_s)

    def sh(self, script: str, *, user: str = "", timeout_s: float = 120.0) -> str:
        """What it printed; it must succeed."""
        done = self.run(script, user=user, timeout_s=timeout_s)
        assert done.returncode == 0, f"{script}: status {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start(self, script: str, *, user: str = "") -> subprocess.Popen[str]:
        """A script that goes on meanwhile; for `communicate`."""
        return subprocess.Popen(
            self.command(script, user),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, script: str, user: str = "") -> list[str]:
        enter = [
            "nsenter",
            "-t",
            str(self._leader),
            "-m",
            "-u",
            "-i",
            "-n",
            "-p",
            "-C",
            "--",
            "env",
            "-i",
            _PATH,
            *_SAYS,
        ]
        who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        home = f"/home/{user}" if user else "/root"
        return [*enter, f"HOME={home}", *who, "sh", "-c", f"cd; {script}"]

    # --- within ---------------------------------------------------------------------------------------------------

    def _command(self) -> list[str]:
        binds = [f"--bind-ro={here}:{there}" for here, there in self._binds]
        return [
            *("systemd-nspawn", "-q", "-D", str(self.root), "--machine", f"ishowtts-{os.getpid()}", "-b"),
            *("--register=no", "--keep-unit", "--private-network", "--console=read-only", "--kill-signal=SIGRTMIN+4"),
            *("--link-journal=no", "--resolv-conf=off", "--timezone=off", *binds),
        ]

    def _wait_until_up(self) -> None:
        until_s = time.monotonic() + BOOT_S
        while time.monotonic() < until_s and self._nspawn.poll() is None:
            children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
            if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd":
                self._leader = int(children[0])
                if self.run("systemctl is-system-running --wait").stdout.strip() == "running":
                    return
            time.sleep(0.05)
        self._log.seek(0)
        raise AssertionError(f"no boot in {BOOT_S:.0f} s: {self._log.read().decode(errors='replace')[-2000:]}")

    def _end(self) -> None:
        if self._nspawn.poll() is None:
            self._nspawn.terminate()  # power off
            try:
                self._nspawn.wait(20)
            except subprocess.TimeoutExpired:
                if self._leader:  # never nspawn first: it would leave the container's PID 1 behind
                    os.kill(self._leader, signal.SIGKILL)
                self._nspawn.kill()
                self._nspawn.wait()
        self._log.close()
        self._overlay.__exit__(None, None, None)
        for leaf in ("unified/payload", "unified/supervisor", "systemd/payload", "systemd/supervisor"):
            for folder, _, _ in os.walk(Path("/sys/fs/cgroup") / leaf, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
