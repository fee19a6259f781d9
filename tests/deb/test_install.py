"""A board without torch: installed, it answers at once and says what is missing; removed, it leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.deb.board import UNIT, UNITS, Board
from tests.deb.machine import Machine

# What any installation changes: dpkg's and systemd's own records, logs, and the files that hold the users.
_RECORDS = (
    "/var/lib/dpkg/", "/var/lib/apt/", "/var/lib/systemd/", "/var/log/", "/var/cache/", "/etc/passwd", "/etc/group",
    "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid", "/etc/.pwd.lock", "/home/", "/tmp/", "/run/",
    "/var/mail/",
)  # fmt: skip


def files(machine: Machine) -> set[str]:
    listed = machine.sh("find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /mnt \\) -prune -o -print")
    return {path for path in listed.splitlines() if not path.startswith(_RECORDS)}


@pytest.fixture(scope="module")
def before(machine: Machine) -> set[str]:
    return files(machine)


@pytest.fixture(scope="module", autouse=True)
def installed(before: set[str], board: Board) -> None:
    """In this order: the list of files, then the package."""


def test_it_runs_and_is_enabled(board: Board) -> None:
    assert board.sh(f"systemctl is-active {UNITS}").split() == ["active"] * 3
    assert board.sh(f"systemctl is-enabled {UNITS}").split() == ["enabled"] * 3
    assert board.run("systemctl is-enabled ishowtts-clocks").stdout.strip() == "disabled"


def test_the_status_answers_at_once_and_names_setup(board: Board) -> None:
    board.wait_for(lambda: board.status()["state"] == "degraded", "the engine to miss torch")
    said = board.sh("ishowctl status")
    assert "degraded" in said
    assert "sudo ishowctl setup" in said
    board.wait_for(lambda: "sudo ishowctl setup" in board.show("StatusText"), "systemd to be told")


def test_speech_is_refused_with_the_same_sentence(board: Board) -> None:
    done = board.run("ishowctl say Hello. -o /tmp/hello.wav", user="member")
    assert done.returncode == 4
    assert "ishowctl setup" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_who_may_speak_and_who_may_steer(board: Board) -> None:
    modes = board.sh("stat -c '%U %G %a' /run/ishowtts/tts.sock /run/ishowtts/admin.sock").splitlines()
    assert modes == ["ishowtts ishowtts 660", "ishowtts ishowtts-admin 660"]
    assert board.run("ishowctl ping", user="member").returncode == 0
    for user, command in (("stranger", "ishowctl ping"), ("member", "ishowctl restart-engine")):
        done = board.run(command, user=user)
        assert done.returncode == 3
        assert "usermod -aG" in done.stderr


def test_dpkg_owns_every_file(board: Board) -> None:
    assert board.sh("dpkg -V ishowtts") == ""
    there = set(board.sh("find /usr/lib/ishowtts -not -path '*/__pycache__*'").splitlines())
    assert there <= set(board.sh("dpkg -L ishowtts").splitlines())
    assert board.sh("find /usr/lib/ishowtts -not -user root -o -not -type l -perm /022") == ""


def test_it_is_compiled_before_it_starts(board: Board) -> None:
    """The service may not write to /usr: what is not compiled then is compiled at each start."""
    loaded = "/usr/lib/ishowtts/app/ishowtts/app.py"
    compiled = int(board.sh(f"stat -c %Y /usr/lib/ishowtts/app/ishowtts/__pycache__/{Path(loaded).stem}.*.pyc"))
    assert compiled * 1_000_000 <= int(board.sh(f'date -d "$(systemctl show -P ActiveEnterTimestamp {UNIT})" +%s%6N'))
    sources = board.sh("find /usr/lib/ishowtts/app /usr/lib/ishowtts/vendor/any -name '*.py' | wc -l")
    assert (
        board.sh("find /usr/lib/ishowtts/app /usr/lib/ishowtts/vendor/any -name '*.cpython-311.pyc' | wc -l") == sources
    )


def test_nothing_of_the_callers_folder_gets_in(board: Board) -> None:
    """`ishowctl doctor` and `setup` are run by root, anywhere."""
    board.sh("mkdir -p /tmp/trap/ishowtts; cd /tmp/trap; echo 'exit(99)' | tee ishowtts/__init__.py json.py")
    checks = json.loads(board.run("cd /tmp/trap && PYTHONPATH=/tmp/trap ishowctl doctor --json").stdout)["checks"]
    assert {"config", "model", "voices"} <= {check["name"] for check in checks}


def test_a_python_without_libraries_is_told_so(board: Board) -> None:
    vendor = "/usr/lib/ishowtts/vendor"
    board.sh(f"mv {vendor}/cp311 {vendor}/away")
    try:
        done = board.run("ishowttsd --check-config")
        assert done.returncode == 78
        assert "Python 3.11" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    finally:
        board.sh(f"mv {vendor}/away {vendor}/cp311")


def test_systemd_finds_nothing_wrong(board: Board, capsys: pytest.CaptureFixture[str]) -> None:
    done = board.run(f"systemd-analyze verify --man=no {UNITS}")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    score = board.sh(f"systemd-analyze security --no-pager {UNIT} | tail -1")
    with capsys.disabled():
        print(f"\n{score}")


def test_limits_that_a_container_cannot_show_are_asked_for(board: Board) -> None:
    assert board.show("OOMScoreAdjust") == "-300"
    assert board.show("LimitMEMLOCK") == "infinity"
    assert board.show("WatchdogUSec") == "30s"


def test_removed_it_stops_and_keeps_what_people_wrote(board: Board) -> None:
    board.write("/etc/ishowtts/conf.d/10-mine.yaml", "log:\n  level: info\n")
    board.sh("cp /usr/lib/ishowtts/app/ishowtts/demo/voices/slt.wav /var/lib/ishowtts/voices/mine.wav")
    board.sh("echo Mine. > /var/lib/ishowtts/voices/mine.txt; dpkg -r ishowtts")
    assert board.run(f"systemctl is-active {UNITS}").stdout.split() == ["inactive"] * 3
    assert board.run("ls /usr/lib/ishowtts /run/ishowtts/tts.sock").stdout == ""
    board.sh("ls /etc/ishowtts/ishowtts.yaml /etc/ishowtts/conf.d/10-mine.yaml /var/lib/ishowtts/voices/mine.wav")


def test_installed_again_it_finds_all_of_that(board: Board, deb: Path) -> None:
    board.install(deb)
    assert board.sh(f"systemctl is-active {UNITS}").split() == ["active"] * 3
    assert board.sh("ls /var/lib/ishowtts/voices").split() == ["mine.txt", "mine.wav"]
    assert "10-mine.yaml: good" in board.sh("ishowttsd --check-config")


def test_purged_it_leaves_only_the_system_user(board: Board, before: set[str]) -> None:
    board.sh("dpkg -P ishowtts")
    assert files(board.machine) - before == set()
    assert before - files(board.machine) == set()
    assert board.run("ls /var/lib/ishowtts /var/cache/ishowtts /run/ishowtts").stdout == ""
    assert "ishowtts" in board.sh("getent passwd ishowtts")
    assert board.sh("systemctl list-units --all 'ishowtts*' --no-legend") == ""
