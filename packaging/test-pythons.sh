#!/bin/sh
# test-pythons.sh VERSION...: the tests of front and client on other Pythons, without torch. The versions run side by
# side, since most of a test is waiting; what each prints comes when it is done.
set -eu
cd "$(dirname "$0")/.."
find_python() { # find_python VERSION: the first that really starts (pyenv's shims may not)
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        "$candidate" --version >/dev/null 2>&1 && echo "$candidate" && return
    done
}
run() { # run VERSION: into a log, which is shown at the end. A shell's background ignores Ctrl-C, which is tested too
    env --default-signal=INT ".venv-py$1/bin/python" -m pytest -q tests/front tests/ctl tests/wire tests/device tests/setup tests/tuner \
        tests/test_service.py tests/test_config.py tests/test_voices.py --ignore tests/device/test_jtop_contract.py \
        -p no:cacheprovider >".build/tests-py$1.log" 2>&1
}

mkdir -p .build
started=""
for version in "$@"; do
    python=$(find_python "$version" || true)
    if [ -z "$python" ]; then
        echo "Python $version is not on this machine: its tests are left out."
        [ -z "${CI:-}" ] || exit 1
        continue
    fi
    packaging/environment.sh ".venv-py$version" "$python" runtime dev
    run "$version" &
    started="$started $version:$!"
done
failed=0
for one in $started; do
    wait "${one#*:}" || failed=1
    echo "tests on Python ${one%:*}"
    tail -n 60 ".build/tests-py${one%:*}.log"
done
exit $failed
