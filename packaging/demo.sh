#!/bin/sh
# The whole path once: daemon up, a paragraph spoken, its status shown, daemon down. Leaves .build/demo.wav.
set -eu
cd "$(dirname "$0")/.."
runtime=$(mktemp -d "${TMPDIR:-/tmp}/ishowtts.XXXXXX")
ISHOWTTS_ENDPOINT=ipc://$runtime/tts.sock
export ISHOWTTS_ENDPOINT
wav=.build/demo.wav
mkdir -p .build

.venv/bin/ishowttsd --config config/development.yaml --runtime-dir "$runtime" 2> .build/demo.log &
daemon=$!
finish() {
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
    rm -rf "$runtime"
}
trap finish EXIT
trap 'exit 130' INT TERM

echo "demo: starting ishowttsd (log: .build/demo.log)"
for _ in $(seq 120); do
    ! .venv/bin/ishowctl wait-ready --timeout 1 2> /dev/null || break
    if ! kill -0 "$daemon" 2> /dev/null; then
        cat .build/demo.log >&2
        exit 1
    fi
done
echo "demo: speaking"
.venv/bin/ishowctl say --seed 7 -o "$wav" \
    "I was a person with a stopwatch once, on a board in a corner of the room. I checked the clocks, I counted the steps," \
    "I listened, and I wrote it all down. Now I am a daemon, and I do it while you read this."
.venv/bin/ishowctl status
echo "demo: this is the small model that comes along, trained on synthetic voices; real weights go into config/ishowtts.yaml."
echo "demo: the speech is in $wav"
