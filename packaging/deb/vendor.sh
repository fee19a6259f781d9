#!/bin/sh
# vendor.sh ARCH VERSION... : wheels of locks/vendor.txt for the Pythons VERSION (3.10 ...) of a Debian architecture,
# unpacked to .build/deb/vendor-ARCH-VERSIONS/{any,cp310,...}: `any` has what each of these Pythons can load. Beside
# them, as a wheel, the pip of `ishowctl setup`. Downloaded once. Prints the folder.
set -eu
cd "$(dirname "$0")/../.."
arch=$1
shift
lock=packaging/locks/vendor.txt
out=.build/deb/vendor-$arch-$(echo "$*" | tr ' ' -)
wheels=$out.wheels
echo "$out"
case $arch in
    arm64) machine=aarch64 ;;
    amd64) machine=x86_64 ;;
    *) echo "deb: no wheels are known for $arch" >&2; exit 1 ;;
esac
made_from=$(cat packaging/locks/vendor*.txt "$0" | sha256sum)-$*
[ "$(cat "$out.made-from" 2>/dev/null)" != "$made_from" ] || exit 0

python=$(packaging/deb/environment.sh)
pip="$python -m pip -q --disable-pip-version-check"

platforms="" # glibc 2.35 is JetPack 6's
for glibc in 17 24 26 27 28 31 34 35; do platforms="$platforms --platform manylinux_2_${glibc}_$machine"; done
rm -rf "$wheels" "$out"
for version in "$@"; do
    abi=cp$(echo "$version" | tr -d .)
    # A source archive is taken for sdnotify alone, which has nothing else.
    $pip download --no-deps --require-hashes -r "$lock" -d "$wheels/$abi" --only-binary :all: --no-binary sdnotify \
        --no-build-isolation $platforms --platform "manylinux2014_$machine" --python-version "$version" \
        --implementation cp --abi "$abi" --abi abi3 --abi none
    $pip wheel --no-deps --no-index --no-build-isolation -w "$wheels/$abi" "$wheels/$abi"/*.tar.gz
    rm "$wheels/$abi"/*.tar.gz
done

for wheel in "$wheels"/*/*.whl; do
    folder=$(basename "$(dirname "$wheel")") name=$(basename "$wheel")
    if [ "${name#*-"$folder-$folder"-}" = "$name" ] && [ "$(ls "$wheels"/*/"$name" | wc -l)" -eq $# ]; then
        folder=any
    fi
    if [ ! -e "$out/$folder/$(echo "$name" | cut -d- -f1,2).dist-info" ]; then
        mkdir -p "$out/$folder"
        "$python" -m zipfile -e "$wheel" "$out/$folder"
    fi
done
$pip download --no-deps --require-hashes --only-binary :all: -r packaging/locks/vendor-setup.txt -d "$wheels/setup"
cp -r "$wheels/setup" "$out"
echo "$made_from" > "$out.made-from"
