"""`ishowctl setup` on an installed package: every step real, the weights small."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from tests.setup import kit
from tests.setup.hub import Hub
from tests.setup.kit import Device

CHECKPOINT = "F5TTS_v1_Base/model_1250000.safetensors"
ALL_DONE = dict.fromkeys(("preflight", "runtime", "weights", "smoke", "activate"), "done")


def test_from_the_hub(device: Device, hub: Hub, untrained: Path) -> None:
    device.use_engine("native")
    run = device.setup("--accept-licence", "--json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["next"] == "nothing: setup is complete"
    assert told["active"] == told["runtime"] == str(device.places.current.readlink())
    assert device.steps() == ALL_DONE
    assert {path: (device.places.models / path).read_bytes() for path in kit.weights(untrained)} == kit.weights(
        untrained
    )
    assert {entry["proof"] for entry in told["files"].values()} == {"sha256", "git"}
    assert "speaks one sentence as user root, without its sandbox: systemd does not run here" in run.stderr
    assert "small-UNTRAINED on cpu: " in run.stderr
    assert not list(device.places.models.rglob("*.part"))


def test_again_changes_nothing_and_asks_nobody(device: Device, hub: Hub) -> None:
    assert device.setup("--accept-licence").returncode == 0
    asked, journal = list(hub.asked), device.places.journal.read_bytes()
    run = device.setup()
    assert (run.returncode, hub.asked, device.places.journal.read_bytes()) == (0, asked, journal)
    assert "smoke" not in run.stderr


def test_the_daemon_then_reads_what_setup_chose(device: Device, hub: Hub) -> None:
    assert device.setup("--accept-licence").returncode == 0
    fragment = device.places.fragment.read_text()
    assert f"checkpoint: {device.places.models / CHECKPOINT}\n" in fragment
    assert (device.places.current / "bin/python").exists()


def test_from_a_folder_without_a_network(device: Device, untrained: Path, tmp_path: Path) -> None:
    device.env["HF_ENDPOINT"] = "http://127.0.0.1:9"
    stick = kit.put(tmp_path / "stick", kit.weights(untrained))
    run = device.setup("--from", str(stick), "--accept-licence")
    assert run.returncode == 0, run.stderr
    assert device.steps() == ALL_DONE
    assert {entry["proof"] for entry in device.status()["files"].values()} == {"sums"}


def test_from_a_flat_folder_without_a_list(device: Device, untrained: Path, tmp_path: Path) -> None:
    flat = {Path(name).name: data for name, data in kit.weights(untrained).items()}
    run = device.setup("--from", str(kit.put(tmp_path / "stick", flat, sums=False)), "--accept-licence")
    assert run.returncode == 0, run.stderr
    assert "no checksum is known of vocab.txt, config.yaml, pytorch_model.bin, model_1250000.safetensors" in run.stderr


def test_the_demo_model_needs_no_weights_and_no_licence(device: Device) -> None:
    device.use_engine("native")
    run = device.setup("--model", "demo")
    assert run.returncode == 0, run.stderr
    assert "iShowTTS-demo on cpu" in run.stderr
    assert device.steps() == ALL_DONE


def test_the_licence_must_be_accepted(device: Device, hub: Hub) -> None:
    run = device.setup()
    assert run.returncode == 4
    assert "CC-BY-NC-4.0. Not for commercial use" in run.stderr
    assert run.stderr.splitlines()[-2:] == [
        "ishowctl: the licence of the F5-TTS weights (SWivid/F5-TTS), CC-BY-NC-4.0, was not accepted.",
        "  -> Read it, then: sudo ishowctl setup --accept-licence (or --model demo, which has no such terms)",
    ]
    assert hub.asked == []
    assert device.steps()["preflight"] == "failed"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "vocab.txt is not there."),
        ({CHECKPOINT: b"version https://git-lfs.github.com/spec/v1\n"}, "is no .safetensors file"),
    ],
)
def test_a_folder_that_lacks_something(
    device: Device, untrained: Path, tmp_path: Path, files: dict[str, bytes], says: str
) -> None:
    stick = kit.put(tmp_path / "stick", {**kit.weights(untrained), **files} if files else {"x": b""}, sums=False)
    run = device.setup("--from", str(stick), "--accept-licence")
    assert run.returncode in (4, 6)
    assert says in run.stderr
    assert "Traceback" not in run.stderr
    assert not device.places.current.exists()


def test_a_file_that_is_not_what_the_list_says(device: Device, untrained: Path, tmp_path: Path) -> None:
    stick = kit.put(tmp_path / "stick", kit.weights(untrained))
    (stick / CHECKPOINT).write_bytes(b"x" * 100)
    run = device.setup("--from", str(stick), "--accept-licence")
    assert (run.returncode, "SHA256SUMS says" in run.stderr) == (6, True)
    assert not (device.places.models / CHECKPOINT).exists()


def test_a_failed_step_leaves_the_old_runtime_in_use(device: Device, hub: Hub, untrained: Path) -> None:
    assert device.setup("--model", "demo").returncode == 0
    before = str(device.places.current.readlink())
    vocos = "charactr/vocos-mel-24khz/resolve/main/config.yaml"
    good, hub.files[vocos] = hub.files[vocos], b"backbone: {}\n"
    device.use_engine("native")
    run = device.setup("--model", "F5TTS_v1_Base", "--accept-licence")
    assert run.returncode == 6
    assert "vocos-mel-24khz/config.yaml" in run.stderr
    assert str(device.places.current.readlink()) == before
    assert device.steps() == {**ALL_DONE, "preflight": "open", "smoke": "failed", "activate": "open"}
    hub.files[vocos] = good
    device.use_engine("fake")
    (device.places.models / "vocos-mel-24khz/config.yaml").unlink()
    run = device.setup()
    assert run.returncode == 0, run.stderr
    assert device.status()["previous"] == before
    assert (device.places.runtimes / before / "bin/python").exists(), "the one before stays, for a way back"
    assert device.setup("--model", "demo").returncode == 0
    assert str(device.places.current.readlink()) == before


def files_of(device: Device) -> dict[str, os.stat_result]:
    return {file.place: (device.places.models / file.place).stat() for file in kit.MODEL.files}


def test_weights_that_lie_there_already_are_not_fetched(device: Device, hub: Hub, untrained: Path) -> None:
    """Put there by hand, as the README said before there was a setup."""
    kit.put(device.places.models, kit.weights(untrained), sums=False)
    before = {name: stat.st_ino for name, stat in files_of(device).items()}
    run = device.setup("--accept-licence")
    assert run.returncode == 0, run.stderr
    assert all(stat.st_ino == before[name] for name, stat in files_of(device).items()), "each is the same file"
    assert not list(device.places.models.rglob("*.part"))


def test_a_file_that_was_changed_later_is_fetched_again(device: Device, hub: Hub, untrained: Path) -> None:
    assert device.setup("--accept-licence").returncode == 0
    (device.places.models / CHECKPOINT).write_bytes(b"broken")
    assert device.steps() == {**ALL_DONE, "preflight": "open", "weights": "open", "smoke": "open", "activate": "open"}
    assert device.setup().returncode == 0
    assert (device.places.models / CHECKPOINT).read_bytes() == kit.weights(untrained)[CHECKPOINT]


def test_what_people_configured_is_what_is_tried(device: Device, hub: Hub) -> None:
    device.use_engine("native")
    device.places.config.write_text("engine: {checkpoint: /nowhere/mine.pt}")
    run = device.setup("--accept-licence")
    assert run.returncode == 6
    assert "note: your configuration names another engine.checkpoint, /nowhere/mine.pt" in run.stderr
    assert "/nowhere/mine.pt is not there." in run.stderr
    device.places.config.write_text("engine: {checkpointt: x}")
    run = device.setup()
    assert run.returncode == 4
    assert "did you mean `engine.checkpoint`?" in run.stderr


def test_two_at_a_time(device: Device) -> None:
    with (device.places.runtimes / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = device.setup("--model", "demo")
    assert (run.returncode, "another setup is running" in run.stderr) == (5, True)


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (["--model", "F6"], 2, "invalid choice: 'F6'"),
        (["--torch", "pip"], 2, "--torch pip is not known."),
        (["--torch", "wheel:/nowhere.whl"], 4, "/nowhere.whl is not there."),
        (["--from", "/nowhere"], 4, "/nowhere is no folder."),
        (["--frm", "x"], 2, "unrecognized arguments: --frm"),
    ],
)
def test_a_wrong_command_line(device: Device, args: list[str], status: int, says: str) -> None:
    run = device.setup(*args)
    assert (run.returncode, says in run.stderr, "Traceback" in run.stderr) == (status, True, False), run.stderr


def test_a_journal_that_is_none(device: Device) -> None:
    device.places.journal.write_text("{")
    run = device.setup("--json")
    assert run.returncode == 6
    assert f"sudo rm {device.places.journal}" in run.stderr
    assert json.loads(run.stdout)["error"]["mend"]


def test_in_a_checkout(device: Device) -> None:
    device.env["ISHOWTTS_ROOT"] = ""
    run = device.setup()
    assert (run.returncode, "In a checkout, `make setup`" in run.stderr) == (4, True)
