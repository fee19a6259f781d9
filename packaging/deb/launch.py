"""Runs a program of the package: the libraries of this interpreter's own ABI go first on its path.

`launch.py MODULE ARGUMENT...` is what the daemon and ishowctl start their children with (ishowtts/children.py);
/usr/bin/ishowttsd and /usr/bin/ishowctl call `run`. Meant for `python -I`: nothing of the caller's folder, environment
or home gets in. An interpreter that the package has no libraries for ends with status 78.
"""

from __future__ import annotations

import os
import sys

HOME = os.path.dirname(os.path.abspath(__file__))
EX_CONFIG = 78


def run(program: str, module: str) -> None:
    """``module`` as `__main__`, with the path set. ``program`` is the name in the sentence when that cannot be."""
    vendor, abi = f"{HOME}/vendor", f"cp{sys.version_info[0]}{sys.version_info[1]}"
    if not os.path.isdir(f"{vendor}/{abi}"):
        have = sorted(name[2] + "." + name[3:] for name in os.listdir(vendor) if name.startswith("cp"))
        print(
            f"{program}: this package has no libraries for {sys.executable}, Python {sys.version_info[0]}."
            f"{sys.version_info[1]} (it has {', '.join(have)}): install the one made for this system.",
            file=sys.stderr,
        )
        sys.exit(EX_CONFIG)
    sys.path[:0] = [f"{HOME}/app", f"{vendor}/{abi}", f"{vendor}/any"]
    import runpy

    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    del sys.argv[0]
    run(sys.argv[0], sys.argv[0])
