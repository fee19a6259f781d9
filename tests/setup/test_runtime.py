"""A runtime's folder, made by the real venv and pip: beside the device's packages, which it sees and never touches."""

from __future__ import annotations

import subprocess
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

from ishowtts.places import Places
from ishowtts.setup import download, runtime
from ishowtts.setup.errors import SetupError
from ishowtts.setup.plan import Wheel
from tests.setup.kit import PIP

pytestmark = pytest.mark.skipif(PIP is None, reason="this Python brings no pip wheel")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    assert PIP is not None
    made = Places(tmp_path / "root")
    made.setup_data.mkdir(parents=True)
    made.runtimes.mkdir(parents=True)
    (made.setup_data / PIP.name).symlink_to(PIP)
    return made


def wheel(folder: Path, name: str, tag: str = "py3-none-any", needs: str = "") -> Wheel:
    """A package of one module, which says where it comes from; with a program, which must be executable."""
    file = folder / f"{name}-1.0-{tag}.whl"
    info = f"{name}-1.0.dist-info"
    content = {
        f"{name}/__init__.py": "WHERE = __file__\n",
        f"{name}-1.0.data/scripts/{name}-program": "#!python\nprint('hello')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    with ZipFile(file, "w") as packed:
        for path, text in content.items():
            entry = ZipInfo(path)
            entry.external_attr = 0o100755 << 16
            packed.writestr(entry, text)
        packed.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"]))
    return Wheel(str(file), download.sha256(file))


def says(python: Path, code: str) -> str:
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


def test_it_sees_the_devices_packages(places: Places) -> None:
    folder = runtime.build(places, "abc", (), "{}\n")
    assert runtime.is_whole(folder)
    code = "import site, sys; print(sys.prefix, sys.base_prefix != sys.prefix, len(site.getsitepackages()))"
    prefix, is_virtual, folders = says(folder / "bin/python", code).split()
    assert (prefix, is_virtual) == (str(folder), "True")
    assert int(folders) > 1, "its own packages and the device's"
    assert not list(folder.rglob("pip*"))


def test_a_wheel_goes_into_the_runtime_and_brings_nothing(places: Places, tmp_path: Path) -> None:
    """pip itself stands for a package that the device has: another pip lands in the runtime, the device's stays."""
    brought = wheel(tmp_path, "sirens", needs="Requires-Dist: nobody-has-this\n")
    runtime.build(places, "abc", [brought, wheel(tmp_path, "pip")], "{}\n")
    runtime.finish(places, "abc")
    folder = places.runtimes / "abc"
    assert says(folder / "bin/python", "import sirens; print(sirens.WHERE)").startswith(f"{folder}/lib/")
    assert says(folder / "bin/python", "import pip; print(pip.WHERE)").startswith(f"{folder}/lib/")
    assert says(Path((folder / "bin/python").resolve()), "import pip; print(pip.__version__)") != "1.0\n"
    assert (folder / "bin/sirens-program").stat().st_mode & 0o111
    assert list((folder / "lib").rglob("sirens/__pycache__/*.pyc")), "the daemon's user could not write them later"


@pytest.mark.parametrize(
    ("tag", "says"),
    [("cp27-cp27m-linux_aarch64", "is not a supported wheel on this platform"), ("py3-none-any", "")],
)
def test_what_pip_refuses_is_one_sentence(places: Places, tmp_path: Path, tag: str, says: str) -> None:
    brought = wheel(tmp_path, "sirens", tag)
    if not says:
        Path(brought.file).write_bytes(b"PK no more")
    with pytest.raises(SetupError) as caught:
        runtime.build(places, "abc", [brought], "{}\n")
    assert caught.value.what.startswith("the runtime cannot be made: ")
    assert says in caught.value.what
    assert len(str(caught.value).splitlines()) == 1
    assert not runtime.is_whole(places.runtimes / "abc")


def test_without_pips_wheel(places: Places, tmp_path: Path) -> None:
    for file in places.setup_data.iterdir():
        file.unlink()
    with pytest.raises(SetupError, match="holds no pip wheel"):
        runtime.build(places, "abc", [wheel(tmp_path, "sirens")], "{}\n")


def test_the_size_of_a_wheel(tmp_path: Path) -> None:
    brought = wheel(tmp_path, "sirens")
    assert 200 < runtime.unpacked_bytes(brought) < 2000
    Path(brought.file).write_bytes(b"x")
    with pytest.raises(SetupError, match=r"sirens.*not a zip file"):
        runtime.unpacked_bytes(brought)


def test_one_rename_and_the_old_ones_go(places: Places) -> None:
    for name in ("one", "two", "three", "four.tmp"):
        (places.runtimes / name).mkdir()
    assert runtime.current(places) == ""
    runtime.use(places, "one")
    runtime.use(places, "two")
    assert runtime.current(places) == "two"
    assert sorted(runtime.collect(places, {"two", "one"})) == ["four.tmp", "three"]
    assert sorted(path.name for path in places.runtimes.iterdir()) == ["current", "one", "two"]
    runtime.use(places, "")
    assert runtime.current(places) == ""
