#!/bin/sh
# test.sh: everything that is checked about the packages: built, looked at, lived with in containers. Needs root, a Debian
# machine and the environment .venv; makes the roots of the containers on the first run and keeps them in .build/deb.
set -eu
cd "$(dirname "$0")/../.."
leave_out() { echo "test-deb: LEFT OUT: $1"; exit 0; }
[ "$(id -u)" -eq 0 ] || leave_out "containers with systemd need root: sudo make test-deb"
command -v apt-get >/dev/null || leave_out "this is no Debian or Ubuntu."
unshare --mount --pid --fork true 2>/dev/null || leave_out "this machine allows no containers."
packaging/deb/tools.sh dpkg-dev debhelper systemd-container mmdebstrap lintian piuparts qemu-user-static
mkdir -p .build/deb
(
    packaging/deb/root.sh boot bookworm .build/deb/bookworm
    packaging/deb/root.sh unpack bookworm arm64 python3,libstdc++6,libgcc-s1 .build/deb/bookworm-arm64
    packaging/deb/root.sh unpack bullseye amd64 systemd .build/deb/systemd-247
    packaging/deb/root.sh unpack trixie amd64 systemd,base-files .build/deb/systemd-257
) &
roots=$!
make --no-print-directory deb
packaging/deb/vendor.sh arm64 3.11 # the container's Python; the package has only those of the JetPacks
wait $roots

# The files and the machines side by side: the machines mostly wait.
files="tests/deb/test_package.py tests/deb/test_arm64.py" log=.build/deb/files.log status=0
[ $# -eq 0 ] || exec .venv/bin/python -m pytest tests/deb "$@"
.venv/bin/python -m pytest $files > $log 2>&1 &
files_pid=$!
.venv/bin/python -m pytest tests/deb $(printf -- '--ignore %s ' $files) || status=$?
wait $files_pid || status=$?
cat $log
exit $status
