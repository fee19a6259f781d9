"""The systemd units: good for systemd itself, and what must and must not stand in them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parent.parent / "systemd"
NAMES = sorted(path.name for path in UNITS.iterdir() if path.suffix in (".service", ".socket"))
SANDBOX = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectControlGroups": "yes",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service",
}
# Each was seen to break speech, or hides what CUDA on a Jetson may need, or cannot work here.
FORBIDDEN = {
    "MemoryDenyWriteExecute": "breaks soundfile and every JIT",
    "PrivateDevices": "hides the GPU",
    "ProtectClock": "adds a DeviceAllow=, which hides the GPU",
    "DevicePolicy": "not before a board has shown the list of devices",
    "DeviceAllow": "not before a board has shown the list of devices",
    "ProcSubset": "hides /proc/meminfo",
    "ProtectProc": "not before a board has shown that CUDA works with it",
    "PrivateUsers": "falsifies the uids of clients",
    "PrivateIPC": "not before a board has shown that CUDA works with it",
    "DynamicUser": "puts the sockets where clients cannot reach them",
    "RuntimeDirectory": "gives admin.sock to the clients' group, and takes the sockets away on a stop",
    "SupplementaryGroups": "a group that is missing stops the start",
    "ExecStartPre": "its exit status 78 would not stop a restart loop",
    "EnvironmentFile": "the configuration is the one place for settings",
    "Wants": "nothing else is started for us",
}


def keys(name: str) -> dict[str, list[str]]:
    """{key: its values, in order}; the sections do not matter, no key stands in two."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text(encoding="utf-8").replace("\\\n", "").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def daemon() -> dict[str, list[str]]:
    return keys("ishowttsd.service")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
@pytest.mark.parametrize("name", NAMES)
def test_systemd_finds_nothing_wrong(tmp_path: Path, name: str) -> None:
    """With a command that exists here in the place of the Jetson's: a missing one would be complained about."""
    for other in NAMES:
        text = (UNITS / other).read_text(encoding="utf-8")
        text = re.sub(r"^(Exec\w+=)/usr/bin/\S+", r"\1/bin/true", text, flags=re.MULTILINE)
        (tmp_path / other).write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    ours = [line for line in run.stderr.splitlines() if "ishowtts" in line]
    assert (run.returncode, ours) == (0, [])


@pytest.mark.parametrize(("key", "value"), SANDBOX.items())
def test_the_sandbox(daemon: dict[str, list[str]], key: str, value: str) -> None:
    assert daemon[key] == [value]


@pytest.mark.parametrize("key", FORBIDDEN)
def test_what_must_not_stand_there(daemon: dict[str, list[str]], key: str) -> None:
    assert key not in daemon, FORBIDDEN[key]


def test_networks_stay_out(daemon: dict[str, list[str]]) -> None:
    assert set(daemon["RestrictAddressFamilies"][0].split()) == {"AF_UNIX", "AF_NETLINK"}


def test_its_life(daemon: dict[str, list[str]]) -> None:
    expected = {
        "Type": "notify",
        "NotifyAccess": "main",
        "ExecStart": "/usr/bin/ishowttsd",
        "ExecReload": "/usr/bin/ishowctl reload --wait",
        "User": "ishowtts",
        "Restart": "on-failure",
        "RestartPreventExitStatus": "78",
        "StartLimitBurst": "8",
        "KillMode": "mixed",
        "OOMPolicy": "continue",
    }
    assert {key: daemon[key] for key in expected} == {key: [value] for key, value in expected.items()}
    assert int(daemon["WatchdogSec"][0]) >= 10


def test_bad_configuration_closes_the_sockets(daemon: dict[str, list[str]]) -> None:
    """A waiting client would otherwise start the daemon again and again."""
    (command,) = daemon["ExecStopPost"]
    assert command.startswith("+"), "stopping a unit is root's"
    assert "78" in command
    assert command.endswith("stop ishowttsd.socket ishowttsd-admin.socket'")
    assert "ignore-dependencies" in command


def test_a_restart_keeps_the_sockets(daemon: dict[str, list[str]]) -> None:
    both = ["ishowttsd.socket ishowttsd-admin.socket"]
    assert daemon["Sockets"] == daemon["Requires"] == daemon["Also"] == both
    assert daemon["ReadWritePaths"] == ["/run/ishowtts"]


@pytest.mark.parametrize(
    ("unit", "path", "name", "group"),
    [
        ("ishowttsd.socket", "tts.sock", "user", "ishowtts"),
        ("ishowttsd-admin.socket", "admin.sock", "admin", "ishowtts-admin"),
    ],
)
def test_sockets_are_for_their_group_alone(unit: str, path: str, name: str, group: str) -> None:
    socket = keys(unit)
    assert socket["ListenStream"] == [f"/run/ishowtts/{path}"]
    assert socket["FileDescriptorName"] == [name]
    assert (socket["SocketGroup"], socket["SocketMode"]) == ([group], ["0660"])
    assert socket["Service"] == ["ishowttsd.service"]


def test_everything_written_is_below_the_folders_it_owns(daemon: dict[str, list[str]]) -> None:
    settings = " ".join(daemon["Environment"]).split()
    paths = dict(setting.split("=") for setting in settings if "=/" in setting)
    assert {"HOME", "XDG_CACHE_HOME", "CUDA_CACHE_PATH", "TRITON_CACHE_DIR"} <= set(paths)
    assert all(path.startswith("/var/cache/ishowtts") for path in paths.values())
    assert "HF_HUB_OFFLINE=1" in settings  # the daemon never downloads


def test_code_and_models_stay_roots(daemon: dict[str, list[str]]) -> None:
    """A StateDirectory= that exists is given to the daemon with all that is in it."""
    assert daemon["StateDirectory"] == ["ishowtts/voices ishowtts/history"]
    owners = {}
    for line in (UNITS / "ishowtts.tmpfiles").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            _, path, _, user, *_ = line.split()
            owners[path.removeprefix("/var/lib/ishowtts").lstrip("/")] = user
    assert owners.pop("run/ishowtts") == "ishowtts"
    assert owners == {"": "root", "models": "root", "runtime": "root", "voices": "ishowtts", "history": "ishowtts"}


def test_users_and_groups() -> None:
    lines = [line.split()[:3] for line in (UNITS / "ishowtts.sysusers").read_text(encoding="utf-8").splitlines()]
    assert ["u", "ishowtts", "-"] in lines
    for group in ("ishowtts-admin", "video", "render"):
        assert ["g", group, "-"] in lines
        assert ["m", "ishowtts", group] in lines


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
