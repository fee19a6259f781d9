"""`sudo ishowctl setup` under a real systemd: tried in the service's own sandbox, taken back where it fails."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.setup import kit

pytest.importorskip("tests.deb.machine")
UNIT = "ishowttsd.service"
SETUP = "ishowctl setup --model F5TTS_v1_Base --from /media/stick --accept-licence"
CURRENT = "readlink /var/lib/ishowtts/runtime/current"
DROP_IN = f"/etc/systemd/system/{UNIT}.d/forbid.conf"


@pytest.fixture(scope="module")
def torch(board: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """NVIDIA's place for it; and a small model on a stick, with its YAML in place of the big one's."""
    from tests.deb.test_speech import NEEDED

    if sys.version_info[:2] != (3, 11) or find_spec("torch") is None:
        pytest.skip("torch of this environment is not for the container's Python 3.11")
    untrained = tmp_path_factory.mktemp("untrained")
    subprocess.run([sys.executable, "-m", "ishowtts.engine.untrained", str(untrained)], check=True, capture_output=True)
    kit.put(board.machine.root / "media/stick", kit.weights(untrained))
    yaml = Path("usr/lib/ishowtts/setup/models", kit.MODEL.config)
    (board.machine.root / yaml).write_bytes((untrained / "model.yaml").read_bytes())
    there = "/usr/local/lib/python3.11/dist-packages"
    board.sh(f"mkdir -p {there}; cd {there}; for name in {' '.join(NEEDED)}; do ln -s /mnt/site/$name; done")


def test_without_torch_it_says_what_to_do(board: Any) -> None:
    board.wait_for(lambda: board.status()["state"] == "degraded", "the engine to say what it lacks")
    assert "`sudo ishowctl setup`" in board.status()["mend"]
    run = board.run("ishowctl setup --model demo")
    assert run.returncode == 4
    assert "the device's Python cannot import torch" in run.stderr
    assert "--torch wheel:FILE" in run.stderr
    assert board.show("ActiveState") == "active"


def test_a_member_may_look_and_not_change(board: Any) -> None:
    assert "next       sudo ishowctl setup" in board.sh("ishowctl setup --status", user="member")
    run = board.run("ishowctl setup", user="member")
    assert (run.returncode, run.stderr.splitlines()[-1]) == (3, "  -> sudo ishowctl setup")


def test_it_speaks_in_the_sandbox_and_then_in_the_service(torch: None, board: Any) -> None:
    run = board.run(SETUP, timeout_s=300)
    assert run.returncode == 0, run.stderr
    assert f"speaks one sentence in the sandbox of {UNIT}" in run.stderr
    assert "the service has been restarted" in run.stderr
    board.sh("ishowctl wait-ready --timeout 120")
    assert board.status()["engine"]["model"] == "small-UNTRAINED"
    runtime = board.sh("readlink -f /var/lib/ishowtts/runtime/current")
    assert board.sh(f"tr '\\0' ' ' < /proc/{board.engine_pid()}/cmdline").startswith(f"{runtime}/bin/python ")
    board.sh("ishowctl say 'It works.' -o works.wav", user="member")
    assert board.sh("stat -c %U:%a /var/lib/ishowtts/runtime /var/lib/ishowtts/setup.json").split() == [
        "root:755",
        "root:644",
    ]


def test_what_the_sandbox_forbids_is_noticed_before_it_is_used(torch: None, board: Any) -> None:
    before = board.sh(CURRENT)
    board.write(DROP_IN, "[Service]\nInaccessiblePaths=/var/lib/ishowtts/models\n")
    board.sh("systemctl daemon-reload; rm /var/lib/ishowtts/setup.json")
    run = board.run(SETUP, timeout_s=300)
    assert run.returncode == 6
    assert "cannot be read: Permission denied" in run.stderr
    assert board.sh(CURRENT) == before
    assert board.show("ActiveState") == "active"
    board.sh(f"rm {DROP_IN}; systemctl daemon-reload")
    board.sh("ishowctl setup", timeout_s=300)


def test_a_service_that_does_not_come_up_gets_the_old_runtime_back(torch: None, board: Any) -> None:
    before = board.sh(CURRENT)
    board.write("/etc/ishowtts/conf.d/50-test.yaml", "engine: {kind: fake}\n")
    board.write(DROP_IN, "[Service]\nExecStart=\nExecStart=/bin/false\n")
    board.sh("systemctl daemon-reload")
    run = board.run("ishowctl setup --model demo", timeout_s=300)
    assert run.returncode == 6
    assert "the service does not start" in run.stderr
    assert board.sh(CURRENT) == before
    board.sh(f"rm {DROP_IN}; systemctl daemon-reload")
    board.sh("ishowctl setup && ishowctl wait-ready --timeout 120", timeout_s=300)
    assert board.sh(CURRENT) != before
