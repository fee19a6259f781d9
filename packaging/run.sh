#!/bin/sh
# The development daemon in the foreground. Its one endpoint goes to standard output, its log to standard error.
set -eu
cd "$(dirname "$0")/.."
runtime=${ISHOWTTS_RUNTIME_DIR:-$PWD/.build/run}
if [ "$(printf %s "$runtime/admin.sock" | wc -c)" -gt 107 ]; then # longer than the path of a socket may be
    runtime=${XDG_RUNTIME_DIR:-/tmp}/ishowtts-$(id -u)
fi
echo "ipc://$runtime/tts.sock"
exec .venv/bin/ishowttsd --config config/development.yaml --runtime-dir "$runtime"
