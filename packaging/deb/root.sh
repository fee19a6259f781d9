#!/bin/sh
# root.sh boot SUITE FOLDER                 : a small Debian with systemd, to be started as a container
# root.sh unpack SUITE ARCH PACKAGES FOLDER : unpacked only: no script of it runs, so a foreign one costs no emulation
# From the mirror that this machine's apt uses.
set -eu
kind=$1 suite=$2
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Component: main' | grep -v security | head -1)
[ -n "$mirror" ] || { echo "root.sh: this machine's apt has no Debian mirror: no root can be made." >&2; exit 1; }

if [ "$kind" = boot ]; then
    out=$3
    mask=$(printf 'ln -sf /dev/null "$1/etc/systemd/system/%s"; ' systemd-udevd.service systemd-logind.service \
        getty.target console-getty.service systemd-timesyncd.service e2scrub_reap.service apt-daily.timer \
        apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer)
    set -- --variant=minbase --include=systemd,systemd-sysv,dbus,python3,procps,libstdc++6,adduser \
        --customize-hook=': > "$1/etc/machine-id"; echo board > "$1/etc/hostname"' --customize-hook="$mask" \
        --customize-hook='ln -sf /lib/systemd/system/multi-user.target "$1/etc/systemd/system/default.target"'
else
    out=$5
    set -- --variant=extract --architectures="$3" --include="$4" --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*'
fi
[ ! -e "$out" ] || exit 0
rm -rf "$out.part"
mmdebstrap --quiet --mode=root --format=directory --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/locale/*' "$@" "$suite" "$out.part" \
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
mv "$out.part" "$out"
