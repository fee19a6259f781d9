"""check_deb.py FILE.deb...: is this package fit for its machines? Prints what is wrong; exit status 1 if anything is.

Every ELF file is for the package's architecture and the Python whose folder it is in, needs no newer glibc or libstdc++
than the oldest target has, and finds its libraries by paths relative to itself. No torch, CUDA, numpy or pip is inside,
and the maintainer scripts fetch nothing.
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

MACHINES = {"arm64": 183, "amd64": 62}  # e_machine of elf.h
TRIPLETS = {"arm64": "aarch64-linux-gnu", "amd64": "x86_64-linux-gnu"}
NEWEST = {"GLIBC": (2, 35), "GLIBCXX": (3, 4, 30)}  # Ubuntu 22.04, which is JetPack 6
FOREIGN_FOLDERS = {"torch", "torchaudio", "triton", "nvidia", "numpy", "pip", "setuptools", "f5_tts"}
FETCHERS = re.compile(r"\b(pip3?|curl|wget|apt|apt-get|git)\b")
ABIS = {"arm64": {"cp310", "cp312"}, "amd64": {"cp310", "cp311", "cp312"}}


def problems(deb: Path) -> Iterator[str]:
    """One line each."""
    arch = _said("dpkg-deb", "-f", str(deb), "Architecture").strip()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-R", str(deb), folder], check=True)
        root = Path(folder)
        vendor = root / "usr/lib/ishowtts/vendor"
        if (have := {path.name for path in vendor.iterdir()}) != ABIS[arch] | {"any"}:
            yield f"vendor/ has {', '.join(sorted(have))}"
        for script in (root / "DEBIAN").glob("p*"):
            if found := FETCHERS.search(script.read_text(encoding="utf-8")):
                yield f"DEBIAN/{script.name}: runs {found[0]}"
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root)
            if path.is_dir() and path.name in FOREIGN_FOLDERS:
                yield f"{name}/: does not belong into the package"
            if path.is_file() and not path.is_symlink() and _is_elf(path):
                yield from (f"{name}: {problem}" for problem in _elf_problems(path, arch))


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _elf_problems(path: Path, arch: str) -> Iterator[str]:
    with path.open("rb") as file:
        machine = struct.unpack_from("<H", file.read(20), 18)[0]
    if machine != MACHINES[arch]:
        yield f"ELF machine {machine}, not {MACHINES[arch]}"
    folder = re.search(r"/vendor/(\w+)/", str(path))
    tag = re.search(r"\.cpython-(\d+)-([\w-]+)\.so$", path.name)
    if tag and (folder is None or folder[1] != f"cp{tag[1]}"):
        yield f"made for Python {tag[1]}, in {folder[1] if folder else 'no folder of a Python'}"
    if tag and tag[2] != TRIPLETS[arch]:
        yield f"made for {tag[2]}"
    versions = _said("readelf", "-VW", str(path))
    for library, newest in NEWEST.items():
        for version in sorted(set(re.findall(rf"Name: {library}_([\d.]+)", versions))):
            if tuple(map(int, version.split("."))) > newest:
                yield f"needs {library}_{version}"
    for paths in re.findall(r"R(?:UN)?PATH.*\[(.*?)\]", _said("readelf", "-dW", str(path))):
        if any(not part.startswith("$ORIGIN") for part in paths.split(":") if part):
            yield f"looks for libraries in {paths}"


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    bad = False
    for deb in map(Path, sys.argv[1:]):
        found = list(problems(deb))
        bad = bad or bool(found)
        print("\n".join([f"{deb.name}: {len(found)} problems", *(f"  {problem}" for problem in found)]))
    sys.exit(bad)


if __name__ == "__main__":
    main()
