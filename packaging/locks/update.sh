#!/bin/sh
# Makes the lock files anew from the names below. Needs uv. No index address gets into them.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
options="-q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header"

lock() { # lock NAME "comment" PYTHON requirement...
    name=$1 comment=$2 python=$3
    shift 3
    printf '%s\n' "$@" > "$work/$name.in"
    uv pip compile $options --python-version "$python" "$work/$name.in" -o "$work/$name.txt"
    { printf '# %s\n# Made by packaging/locks/update.sh; do not edit.\n' "$comment"; cat "$work/$name.txt"; } > "$name.txt"
}

lock runtime "What the daemon, the client and the engine need beside torch. Installed with --no-deps: f5-tts is here for its data." \
    3.10 pyzmq msgspec soundfile pyyaml sdnotify "apscheduler<4" numpy==2.2.6 safetensors pypinyin rjieba hatchling editables
echo "f5-tts==1.1.22" > "$work/f5.in"
uv pip compile $options --no-deps "$work/f5.in" >> runtime.txt
lock dev "What the checks and tests need on top of runtime.txt." \
    3.10 "-c $work/runtime.txt" pytest hypothesis ruff mypy import-linter types-PyYAML matplotlib shtab \
    "pocketsphinx==5.0.4; platform_machine == 'x86_64'" # the last with wheels for each Python from 3.10 on
lock reference "Stock f5-tts with everything it wants: parity tests and benchmark, in an environment of its own (Python >= 3.11)." \
    3.11 f5-tts==1.1.22 torch==2.11.0 torchaudio==2.11.0 msgspec==0.22.0 pyyaml==6.0.3 safetensors==0.8.0 \
    soundfile==0.14.0 pytest==9.2.0 hypothesis
lock jtop "jetson-stats for the contract test, in an environment of its own (AGPL-3.0). Wheels only: as root its sdist changes the host." \
    3.10 jetson-stats==7.2.2
# Without numpy, which comes with the device's torch. Not universal in pycparser: one version for each Python.
grep -E '^[a-z]' runtime.txt | grep -v -e '^numpy' -e '^pycparser' | sed 's/ \\$//' > "$work/pins.txt"
options="$options --no-emit-package numpy --no-emit-package tzdata"
lock vendor "The libraries in the .deb, as wheels for its Pythons and architectures; sdnotify has a source archive only." \
    3.10 "-c $work/pins.txt" pyzmq msgspec pyyaml sdnotify apscheduler soundfile safetensors pypinyin rjieba pycparser==3.11
lock vendor-build "What the .deb's build needs beside vendor.txt: for the one source archive in there, and for the completions." \
    3.10 setuptools==84.2.1 "shtab==$(sed -n 's/^shtab==\([^ ]*\).*/\1/p' dev.txt)"
lock vendor-setup "What ishowctl setup installs a torch wheel with, on a device whose own pip may be missing or old." 3.10 pip
