#!/bin/sh
# environment.sh FOLDER PYTHON LOCK...: a virtual environment with the named locks and this checkout in it.
# Does nothing when it is already there and the locks have not changed. Downloads show their progress.
set -eu
cd "$(dirname "$0")/.."
folder=$1 python=$2
shift 2

fail() { echo "setup: $1" >&2; exit 1; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    fail "$python is not there or older than Python 3.10: name another with \`make PYTHON=python3.11 ...\`."
base="$(pwd) $("$python" --version)"
if [ -d "$folder" ] && [ "$(cat "$folder/.base" 2>/dev/null)" != "$base" ]; then
    rm -rf "$folder" # moved, or made by another Python
fi
stamp=$folder/.made-from-$(echo "$*" | tr ' ' '-')
case " $* " in
    *" reference "*)
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
            fail "stock f5-tts's environment needs Python 3.11 or newer: \`make PYTHON=python3.11 test\`."
        ;;
esac
for lock in "$@"; do files="${files:-} packaging/locks/$lock.txt"; done
made_from=$(cat $files pyproject.toml daemon/ishowtts/__init__.py | sha256sum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$made_from" ] && exit 0

echo "setup: $folder with $("$python" --version) and ${*}"
rm -f "$stamp"
if [ ! -x "$folder/bin/python" ]; then
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$python has no venv module: \`sudo apt install python3-venv\`."
    "$python" -m venv "$folder"
fi
echo "$base" > "$folder/.base"
pip="$folder/bin/python -m pip --disable-pip-version-check"
for lock in "$@"; do
    case $lock in
        jtop) $pip install --only-binary=:all: --no-deps --require-hashes -r packaging/locks/jtop.txt ;;
        torch) $pip install --prefer-binary --no-warn-conflicts -r packaging/locks/torch.txt ;;
        *) $pip install --prefer-binary --no-deps --require-hashes -r "packaging/locks/$lock.txt" ;;
    esac || fail "$lock could not be installed: see above, then run the same command again."
done
# The reference environment is shown our source by PYTHONPATH: its own packages decide there. jtop's is a foreign one.
case " $* " in
    *" reference "* | *" jtop "*) ;;
    *) $pip install --no-build-isolation --no-deps -e . ;;
esac
echo "$made_from" > "$stamp"
