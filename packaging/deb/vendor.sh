#!/bin/sh
# vendor.sh ARCH VERSION... : wheels of locks/vendor.txt for the Pythons VERSION (3.10 ...) of a Debian architecture,
# unpacked to .build/deb/vendor/ARCH/{any,cp310,...}: `any` has what each of these Pythons can load. Downloaded once.
# Beside them, as a wheel: the pip of `ishowctl setup`.
set -eu
cd "$(dirname "$0")/../.."
arch=$1
shift
lock=packaging/locks/vendor.txt build=.build/deb tools=.build/deb/tools wheels=.build/deb/wheels/$arch
case $arch in
    arm64) machine=aarch64 ;;
    amd64) machine=x86_64 ;;
    *) echo "deb: no wheels are known for $arch" >&2; exit 1 ;;
esac
made_from=$(cat packaging/locks/vendor*.txt "$0" | sha256sum)-$*
[ "$(cat "$build/vendor/$arch/.made-from" 2>/dev/null)" != "$made_from" ] || exit 0

if [ ! -x "$tools/bin/pip" ]; then
    rm -rf "$tools"
    "${PYTHON:-python3}" -m venv "$tools" || { echo "deb: apt install python3-venv" >&2; exit 1; }
    "$tools/bin/pip" -q --disable-pip-version-check install --require-hashes -r packaging/locks/vendor-build.txt
fi
pip="$tools/bin/python -m pip -q --disable-pip-version-check"

platforms="" # glibc 2.35 is JetPack 6's
for glibc in 17 24 26 27 28 31 34 35; do platforms="$platforms --platform manylinux_2_${glibc}_$machine"; done
rm -rf "$wheels" "$build/vendor/$arch"
for version in "$@"; do
    abi=cp$(echo "$version" | tr -d .)
    # A source archive is taken for sdnotify alone, which has nothing else.
    $pip download --no-deps --require-hashes -r "$lock" -d "$wheels/$abi" --only-binary :all: --no-binary sdnotify \
        --no-build-isolation $platforms --platform "manylinux2014_$machine" --python-version "$version" \
        --implementation cp --abi "$abi" --abi abi3 --abi none
    $pip wheel --no-deps --no-index --no-build-isolation -w "$wheels/$abi" "$wheels/$abi"/*.tar.gz
    rm "$wheels/$abi"/*.tar.gz
done

first=cp$(echo "$1" | tr -d .)
for wheel in "$wheels"/*/*.whl; do
    folder=$(basename "$(dirname "$wheel")") name=$(basename "$wheel")
    if [ "$(ls "$wheels"/*/"$name" | wc -l)" -eq $# ]; then
        [ "$folder" = "$first" ] || continue
        folder=any
    fi
    mkdir -p "$build/vendor/$arch/$folder"
    "$tools/bin/python" -m zipfile -e "$wheel" "$build/vendor/$arch/$folder"
done
$pip download --no-deps --require-hashes --only-binary :all: -r packaging/locks/vendor-setup.txt -d "$wheels/setup"
cp -r "$wheels/setup" "$build/vendor/$arch/"
echo "$made_from" > "$build/vendor/$arch/.made-from"
