#!/bin/sh
# test-pythons.sh VERSION...: the tests of front and client on other Pythons, without torch.
set -eu
cd "$(dirname "$0")/.."
find_python() { # find_python VERSION: the first that really starts (pyenv's shims may not)
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        "$candidate" --version >/dev/null 2>&1 && echo "$candidate" && return
    done
}

for version in "$@"; do
    python=$(find_python "$version" || true)
    if [ -z "$python" ]; then
        echo "Python $version is not on this machine: its tests are left out."
        [ -z "${CI:-}" ] || exit 1
        continue
    fi
    packaging/environment.sh ".venv-py$version" "$python" runtime dev
    echo "tests on $("$python" --version)"
    ".venv-py$version/bin/python" -m pytest -q tests/front tests/ctl tests/wire tests/device tests/setup tests/test_service.py \
        tests/test_config.py tests/test_voices.py --ignore tests/device/test_jtop_contract.py
done
