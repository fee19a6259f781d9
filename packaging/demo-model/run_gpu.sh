#!/bin/sh
# Everything on the training machine: speech from .gpu/texts.txt, then Vocos and the DiT side by side on its one GPU.
#   run_gpu.sh OUT DIT_SECONDS VOCOS_SECONDS        (for example /tmp/demo-out 1000 300)
#   run_gpu.sh --tiny OUT                           (a toy of it on a CPU, two minutes)
# OUT gets dit-*.safetensors and vocos.safetensors every few minutes, log.txt, samples and in the end `finished`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tiny=
[ "$1" != --tiny ] || { tiny=--tiny; shift; }
out=$1
dit_seconds=${2:-45}
vocos_seconds=${3:-40}
python=${PYTHON:-python3}
work=${DEMO_WORK:-${TMPDIR:-/tmp}/demo-work}
rm -rf "$work" "$out"
mkdir -p "$work" "$out"
exec >> "$out/log.txt" 2>&1
echo "start $(date +%T) on $(nproc) cores, $($python --version)"
nvidia-smi --query-gpu=name,memory.used --format=csv,noheader 2> /dev/null || true
[ ! -d "$here/.gpu/lib" ] || export LD_LIBRARY_PATH="$here/.gpu/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
"$python" -c 'import msgspec' 2> /dev/null || export PYTHONPATH="$here/.gpu/site${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONUNBUFFERED=1 PYTHONPATH="$here/../../daemon${PYTHONPATH:+:$PYTHONPATH}" PYTHONWARNINGS=ignore
cd "$here"

end=$(($(date +%s) + dit_seconds))
if [ -n "$tiny" ]; then
    data="--count 200 --shard 40 --processes 2 --wave-shards 2"
    vocos="--shards 2 --batch 4"
    dit="--shards 4 --single-frames 3000 --pair-frames 3000 --warm-up 30 --characters 30000 --log-every 8 --save-every 20"
    export OMP_NUM_THREADS=1
else
    cores=$(nproc)
    data="--processes $((cores > 4 ? cores - 2 : cores))"
    vocos=
    dit=
fi
# shellcheck disable=SC2086 # the options are lists
OMP_NUM_THREADS=1 nice -n 5 "$python" data.py speech "$work/data" $data &
speech=$!
"$python" data.py voices "$work/voices" &
clips=$!
# shellcheck disable=SC2086
"$python" train_vocos.py "$work/data" "$out" --seconds "$vocos_seconds" $tiny $vocos &
vocoder=$!
trap 'kill "$speech" "$clips" "$vocoder" 2> /dev/null || true' EXIT
trap 'exit 130' INT TERM
# The fastest way first; where it fails on this machine, a slower one goes on with the time that is left.
for way in "" "--resume --no-graph" "--resume --no-graph --no-compile"; do
    left=$((end - $(date +%s)))
    [ "$left" -gt 15 ] || break
    # shellcheck disable=SC2086
    if "$python" train_dit.py "$work/data" "$out" --seconds "$left" $tiny $dit ${DEMO_DIT-} $way; then
        break
    fi
    echo "dit: failed with '$way' at $(date +%T)"
done
wait "$vocoder" || echo "vocos: failed"
wait "$clips" || echo "voices: failed"
"$python" export.py samples "$out" "$work/voices" || echo "samples: failed"
echo "finished $(date +%T)"
touch "$out/finished"
