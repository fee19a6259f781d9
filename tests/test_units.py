"""The systemd units: good for systemd itself, and ordered as they must be."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parent.parent / "systemd"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
@pytest.mark.parametrize("name", ["ishowttsd.service", "ishowtts-clocks.service"])
def test_systemd_finds_nothing_wrong(tmp_path: Path, name: str) -> None:
    """With a command that exists here in the place of the Jetson's: a missing one would be complained about."""
    text = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", (UNITS / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    (tmp_path / name).write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    ours = [line for line in run.stderr.splitlines() if name in line]
    assert (run.returncode, ours) == (0, [])


def test_the_clocks_are_locked_between_nvpmodel_and_the_daemon() -> None:
    unit = (UNITS / "ishowtts-clocks.service").read_text(encoding="utf-8")
    assert re.search(r"^After=nvpmodel\.service", unit, re.MULTILINE)
    assert re.search(r"^Before=ishowttsd\.service", unit, re.MULTILINE)
    assert re.search(r"^ExecStart=/usr/bin/jetson_clocks$", unit, re.MULTILINE)


def test_it_is_opt_in() -> None:
    """Nothing pulls it in: only `systemctl enable` does."""
    daemon = (UNITS / "ishowttsd.service").read_text(encoding="utf-8")
    assert "ishowtts-clocks" not in daemon
    assert "jtop" not in daemon  # its group is as good as root
