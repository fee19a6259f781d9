#!/bin/sh
# Everything on the training machine: speech from .gpu/texts.txt, then Vocos and the DiT side by side on its one GPU.
#   run_gpu.sh OUT DIT_SECONDS VOCOS_SECONDS        (for example /tmp/demo-out 1000 300)
#   run_gpu.sh --tiny OUT                           (a toy of it on a CPU in under a minute, the same every time)
# OUT gets dit-*.safetensors and vocos.safetensors every few minutes, log.txt, samples and in the end `finished`.
# Exits with 1 when any part failed.
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
ways='"" "--resume --no-graph" "--resume --no-graph --no-compile"'
if [ -n "$tiny" ]; then
    data="--texts tiny_texts.txt --count 60 --shard 20 --processes 2 --wave-shards 2"
    clips="--texts tiny_texts.txt --common 1"
    vocos="--tiny --steps 12 --batch 3 --warm-up 3 --steps-a-line 4"
    dit="--tiny --steps 32 --steps-a-line 16 --single-frames 1200 --pair-frames 1200 --warm-up 10 --characters 30000"
    ways='""'
    export OMP_NUM_THREADS=1 CUDA_VISIBLE_DEVICES=
else
    cores=$(nproc)
    data="--processes $((cores > 4 ? cores - 2 : cores))"
    clips=
    vocos=
    dit=
fi
# shellcheck disable=SC2086 # the options are lists
OMP_NUM_THREADS=1 nice -n 5 "$python" data.py speech "$work/data" $data &
speech=$!
# shellcheck disable=SC2086
"$python" data.py voices "$work/voices" $clips &
clipping=$!
# shellcheck disable=SC2086
"$python" train_vocos.py "$work/data" "$out" --seconds "$vocos_seconds" $vocos &
vocoder=$!
trap 'kill "$speech" "$clipping" "$vocoder" 2> /dev/null || true' EXIT
trap 'exit 130' INT TERM
failed=
# The fastest way first; where it fails on this machine, a slower one goes on with the time that is left.
eval "set -- $ways"
trained=
for way in "$@"; do
    left=$((end - $(date +%s)))
    [ "$left" -gt 15 ] || break
    # shellcheck disable=SC2086
    if "$python" train_dit.py "$work/data" "$out" --seconds "$left" $dit ${DEMO_DIT-} $way; then
        trained=1
        break
    fi
    echo "dit: failed with '$way' at $(date +%T)"
done
[ -n "$trained" ] || failed=dit
wait "$speech" || { echo "data: failed"; failed=data; }
wait "$vocoder" || { echo "vocos: failed"; failed=vocos; }
wait "$clipping" || { echo "voices: failed"; failed=voices; }
"$python" export.py both "$out" "$work/voices" "$out/model" || { echo "export: failed"; failed=export; }
echo "finished $(date +%T)"
touch "$out/finished"
[ -z "$failed" ]
