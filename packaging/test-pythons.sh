#!/bin/sh
# test-pythons.sh VERSION...: the tests of front and client on other Pythons, without torch.
set -eu
cd "$(dirname "$0")/.."
for version in "$@"; do
    python=$(command -v "python$version" || ls "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python 2>/dev/null | tail -n 1 || true)
    if [ -z "$python" ] || ! "$python" --version >/dev/null 2>&1; then
        echo "Python $version is not on this machine: its tests are left out."
        [ -z "${CI:-}" ] || exit 1
        continue
    fi
    packaging/environment.sh ".venv-py$version" "$python" runtime dev
    echo "tests on $("$python" --version)"
    ".venv-py$version/bin/python" -m pytest tests -q --ignore tests/parity --ignore tests/engine
done
