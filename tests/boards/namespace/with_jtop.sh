#!/bin/sh
# with_jtop.sh JTOP LOG COMMAND...: the command while the real jtop server runs, as jtop.service starts it.
set -eu
jtop=$1 log=$2
shift 2
JTOP_SERVICE=True "$jtop" --force > "$log" 2>&1 &
server=$!
tries=0
until [ -S /run/jtop.sock ] && grep -q "service ready" "$log"; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || ! kill -0 $server; then
        echo "the jtop server did not start:" >&2
        cat "$log" >&2
        exit 99
    fi
    sleep 0.1
done
"$@"
