"""Preflight's judgement, the sandbox's properties, what a terminal sees, the data that the package brings along."""

from __future__ import annotations

import os
import pty
import pwd
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import ishowctl.__main__ as ishowctl
from ishowtts import config
from ishowtts.places import Places
from ishowtts.setup import __main__ as program
from ishowtts.setup import models, preflight, sandbox
from ishowtts.setup.preflight import Machine
from tests.setup import kit
from tests.setup.hub import Hub
from tests.setup.kit import ROOT, Device

ORIN = Machine("36.4.3", "6.2", "cp310", ("cp310", "cp312"), 20_000_000_000, 64_000_000_000)


@pytest.mark.parametrize(
    ("machine", "level", "says"),
    [
        (ORIN, "ok", "JetPack 6.2 (L4T 36.4.3)"),
        (replace(ORIN, l4t="99.1", jetpack=None), "ok", "JetPack unknown (L4T 99.1)"),
        (replace(ORIN, l4t=None, jetpack=None), "ok", "no Jetson"),
        (replace(ORIN, abi="cp314"), "fail", "(cp314) is not served by this package, which has cp310, cp312"),
        (replace(ORIN, served_abis=()), "fail", "which has none"),
        (replace(ORIN, free_bytes=1_000_000_000), "fail", "1.0 GB free, 1.7 GB are needed"),
        (replace(ORIN, memory_bytes=3_000_000_000), "warn", "3.0 GB of memory is tight"),
        (replace(ORIN, memory_bytes=None), "warn", "/proc/meminfo cannot be read"),
    ],
)
def test_preflight(machine: Machine, level: str, says: str) -> None:
    checks = preflight.judge(machine, 1_400_000_000)
    worst = next(check for name in ("fail", "warn", "ok") for check in checks if check.level == name)
    assert worst.level == level
    assert any(says in check.text for check in checks), checks
    assert all(check.mend for check in checks if check.level != "ok")


def test_preflight_reads_a_board(tmp_path: Path) -> None:
    places = Places(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/nv_tegra_release").write_text("# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic")
    places.state.mkdir(parents=True)
    (places.program / "vendor/cp310").mkdir(parents=True)
    machine = preflight.read(places)
    assert (machine.l4t, machine.jetpack, machine.served_abis) == ("36.4.3", "6.2", ("cp310",))
    assert machine.free_bytes > 0
    assert (machine.memory_bytes or 0) > 100_000_000


def test_the_sandbox_of_our_unit() -> None:
    """Rights and surroundings are taken, what would touch the live service is not."""
    found = sandbox.rights((ROOT / "systemd/ishowttsd.service").read_text(encoding="utf-8"))
    names = {line.partition("=")[0] for line in found}
    assert {"User", "NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp", "RestrictAddressFamilies"} <= names
    banned = {
        "Type",
        "ExecStart",
        "ExecReload",
        "Restart",
        "WatchdogSec",
        "RuntimeDirectory",
        "StateDirectory",
        "Sockets",
    }
    assert not names & banned


def test_drop_ins_and_what_they_clear_are_kept_in_order() -> None:
    unit = (
        "[Unit]\nUser=no\n[Service]\nDeviceAllow=/dev/a\n#User=x\n[Service]\nDeviceAllow=\nDeviceAllow=/dev/b \\\n rw\n"
    )
    assert sandbox.rights(unit) == ["DeviceAllow=/dev/a", "DeviceAllow=", "DeviceAllow=/dev/b   rw"]


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/usr/bin/setpriv").exists(), reason="needs root and setpriv")
def test_without_systemd_it_runs_as_the_daemons_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISHOWTTS_ROOT", str(tmp_path))
    monkeypatch.setenv("ISHOWTTS_USER", "nobody")
    monkeypatch.setenv("NOTIFY_SOCKET", "/x")
    shell = 'printf \'{"uid": %s, "group": "%s", "path": "%s", "notify": "%s"}\\n\''
    shell += ' "$(id -u)" "$(id -g)" "$PYTHONPATH" "$NOTIFY_SOCKET"'
    said = sandbox.run(Places(tmp_path), ["/bin/sh", "-c", shell], 30)
    app, vendor = said["path"].split(":")
    assert (said["uid"], said["group"], said["notify"]) == (65534, str(pwd.getpwnam("nobody").pw_gid), "")
    assert (app, Path(vendor).parent) == (f"{tmp_path}/usr/lib/ishowtts/app", tmp_path / "usr/lib/ishowtts/vendor")


def test_the_options_are_ishowctls() -> None:
    """Two parsers read them, for ishowctl may not import setup: they must agree."""
    choices = next(action for action in ishowctl.build_parser()._actions if action.dest != "help" and action.choices)
    assert isinstance(choices.choices, dict)
    theirs = choices.choices["setup"]

    def options(parser: Any) -> dict[str, str]:
        return {name: action.dest for action in parser._actions for name in action.option_strings}

    shown = {name: dest for name, dest in options(theirs).items() if dest not in ("help", "endpoint")}
    assert shown == {name: dest for name, dest in options(program.parser()).items() if dest != "help"}
    help_of_model = next(action.help for action in theirs._actions if action.dest == "model")
    assert all(name in (help_of_model or "") for name in models.MODELS)


def test_only_one_file_names_the_hub() -> None:
    files = [*ROOT.glob("daemon/**/*.py"), *ROOT.glob("ctl/**/*.py"), *ROOT.glob("config/*")]
    assert [file.name for file in files if "huggingface.co" in file.read_text(encoding="utf-8")] == ["weights.py"]


@pytest.mark.skipif(find_spec("f5_tts") is None, reason="f5-tts's data files are not installed here")
@pytest.mark.parametrize("model", [model for model in models.MODELS.values() if model.config], ids=lambda m: m.name)
def test_the_models_yaml_is_f5_tts_own(model: models.Model) -> None:
    spec = find_spec("f5_tts")
    assert spec is not None
    assert spec.submodule_search_locations
    upstream = Path(spec.submodule_search_locations[0], "configs", model.config)
    ours = ROOT / "packaging/setup/models" / model.config
    theirs = yaml.safe_load(upstream.read_text(encoding="utf-8"))["model"]
    assert yaml.safe_load(ours.read_text(encoding="utf-8")) == {"model": theirs}


def test_fragments_are_good_configurations(tmp_path: Path) -> None:
    for model in models.MODELS.values():
        file = tmp_path / "ishowtts.yaml"
        file.write_text(models.fragment(model, "/var/lib/ishowtts/models"), encoding="utf-8")
        loaded = msgspec.to_builtins(config.load(file).engine)
        assert (loaded["vocab"] == "/var/lib/ishowtts/models/F5TTS_v1_Base/vocab.txt") == bool(model.files)


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("", 4), ("n", 4)])
def test_at_a_terminal_the_licence_is_asked_and_a_bar_shown(
    device: Device, hub: Hub, answer: str, status: int, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    running = subprocess.Popen(device.command(), env=device.environment(), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"Accept? [y/N] " not in seen:
        seen += os.read(ours, 4096)
    os.write(ours, f"{answer}\n".encode())
    try:
        while data := os.read(ours, 4096):
            seen += data
    except OSError:  # EIO: the other side is closed
        pass
    os.close(ours)
    assert running.wait(60) == status
    text = seen.decode()
    assert "CC-BY-NC-4.0. Not for commercial use" in text
    if status == 0:
        assert "charactr/vocos-mel-24khz): MIT" in text
        assert re.search(r"model_1250000\.safetensors \[#{30}\] 100 % 2\.\d of 2\.\d MB\r\n", text)


def test_in_a_pipe_a_line_for_each_tenth(device: Device, hub: Hub) -> None:
    run = device.setup("--accept-licence")
    lines = [line for line in run.stderr.splitlines() if line.startswith("  model_1250000.safetensors: ")]
    assert 2 <= len(lines) <= 11
    assert lines[-1].startswith("  model_1250000.safetensors: 100 %")
    assert "\r" not in run.stderr


@pytest.mark.skipif(kit.PIP is None, reason="this Python brings no pip wheel")
def test_a_wheel_that_is_remembered(device: Device, tmp_path: Path) -> None:
    """A setup that goes on needs the wheel no more once the runtime is made."""
    from tests.setup.test_runtime import wheel

    brought = Path(wheel(tmp_path, "sirens").file)
    run = device.setup("--model", "demo", "--torch", f"wheel:{brought}")
    assert run.returncode == 0, run.stderr
    code = "import sirens; print(sirens.WHERE)"
    python = device.places.current / "bin/python"
    assert subprocess.run([python, "-I", "-c", code], capture_output=True, check=True).stdout
    first = device.status()["runtime"]
    brought.unlink()
    assert device.setup().returncode == 0
    assert device.status()["runtime"] == first
    assert device.status()["torch"] == [str(brought)]
    assert device.setup("--torch", "device").returncode == 0
    assert device.status()["runtime"] != first


def test_without_torch(device: Device) -> None:
    """The interpreter has the daemon's libraries and no torch, as a board that is fresh from its installer."""
    device.use_engine("native")
    vendor = next((device.places.program / "vendor").iterdir())
    real = vendor.resolve()
    vendor.unlink()
    vendor.mkdir()
    for entry in real.iterdir():
        if entry.name.startswith(("msgspec", "yaml", "_yaml")):
            (vendor / entry.name).symlink_to(entry)
    run = device.setup("--model", "demo")
    assert run.returncode == 4
    assert run.stderr.splitlines()[-2:] == [
        "ishowctl: the device's Python cannot import torch (ModuleNotFoundError: No module named 'torch').",
        "  -> Install NVIDIA's for this JetPack, or bring its wheel: sudo ishowctl setup --torch wheel:FILE",
    ]
    assert device.steps()["runtime"] == "failed"
    assert not device.places.current.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_not_root(tmp_path: Path) -> None:
    """Without a root of its own, setup would change the machine's: only root may."""
    code = (
        "import os, sys; from ishowtts.setup.__main__ import main; from ishowtts import places\n"
        "os.environ['ISHOWTTS_ROOT'] = '/'; os.setgid(65534); os.setuid(65534); sys.argv = ['setup']; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr.splitlines()[-1]) == (3, "  -> sudo ishowctl setup"), run.stderr
