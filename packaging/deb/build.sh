#!/bin/sh
# build.sh ARCH [VERSION]: .build/deb/ishowtts_VERSION_ARCH.deb from this checkout, on any machine: nothing is compiled.
# The same checkout gives the same bytes. VERSION: another than the checkout's, for tests of upgrades.
set -eu
cd "$(dirname "$0")/../.."
arch=$1
own=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' daemon/ishowtts/__init__.py)
version=${2:-$own}
case $arch in
    arm64) pythons="3.10 3.12" ;;      # JetPack 6, JetPack 7
    amd64) pythons="3.10 3.11 3.12" ;; # and Debian 12's, for the tests
    *) echo "deb: $arch is not built: arm64 or amd64" >&2; exit 1 ;;
esac
mkdir -p .build/deb
flock .build/deb packaging/deb/tools.sh dpkg-dev debhelper # two builds may run side by side
vendor=$(flock .build/deb packaging/deb/vendor.sh "$arch" $pythons)

tree=$PWD/.build/deb/tree-$arch-$version/ishowtts
rm -rf "$(dirname "$tree")"
mkdir -p "$tree"
# What git knows, as it is now; also where root builds in another user's checkout.
git -c safe.directory="$PWD" ls-files -z config daemon ctl systemd packaging CHANGELOG.md LICENSE > "$tree/../files"
xargs -0 cp --parents -P -t "$tree" < "$tree/../files"
mv "$tree/packaging/debian" "$tree/debian"
cp -r "$vendor" "$tree/vendor"
if [ "$version" != "$own" ]; then
    sed -i "s/^__version__ = .*/__version__ = \"$version\"/" "$tree/daemon/ishowtts/__init__.py"
    sed -i "1s/(.*)/($version)/" "$tree/debian/changelog"
fi
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l "$tree/debian/changelog" -S Timestamp) PYTHONPATH=$tree/daemon:$tree/ctl \
    PYTHONDONTWRITEBYTECODE=1 "$(packaging/deb/environment.sh)" "$tree/packaging/manuals" "$tree/share"
(cd "$tree" && dpkg-buildpackage -b -us -uc -d --host-arch "$arch" >../build.log 2>&1) || {
    cat "$tree/../build.log" >&2
    exit 1
}
mv "$tree/../ishowtts_${version}_$arch.deb" .build/deb/
rm -rf "$(dirname "$tree")"
echo ".build/deb/ishowtts_${version}_$arch.deb"
