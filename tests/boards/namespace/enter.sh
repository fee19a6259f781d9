#!/bin/sh
# enter.sh BOARD PYTHON_PREFIX COMMAND...: the command on an emulated board, in a mount and a pid namespace of its own.
# The host's files are untouched, and whatever the command leaves running ends with it. BOARD is a tree of tests.boards;
# the folder that PYTHON_PREFIX names is covered too, for jtop writes into <prefix>/local even from a virtual environment.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] && user= || user="-U -r"
# shellcheck disable=SC2086
exec unshare $user -m -p -f --kill-child -- sh "$here/inside.sh" "${user:+rootless}" "$@"
