#!/bin/sh
# environment.sh: the environment that the packages are built with, in .build/deb/tools; prints its Python.
set -eu
cd "$(dirname "$0")/../.."
tools=.build/deb/tools
made_from=$(cat packaging/locks/vendor.txt packaging/locks/vendor-build.txt | sha256sum)
if [ "$(cat "$tools/.made-from" 2>/dev/null)" != "$made_from" ]; then
    rm -rf "$tools"
    "${PYTHON:-python3}" -m venv "$tools" >&2 || { echo "deb: apt install python3-venv" >&2; exit 1; }
    for lock in vendor-build vendor; do # in this order: the one source archive is made with the first
        "$tools/bin/pip" -q --disable-pip-version-check install --prefer-binary --no-deps --no-build-isolation \
            --require-hashes -r "packaging/locks/$lock.txt" >&2
    done
    echo "$made_from" > "$tools/.made-from"
fi
echo "$PWD/$tools/bin/python"
