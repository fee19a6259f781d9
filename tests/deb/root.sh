#!/bin/sh
# root.sh FOLDER: a small Debian 12 with systemd, for containers, from the mirror that this machine's apt uses.
set -eu
out=$1
rm -rf "$out.part"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Codename: bookworm' | head -1)
[ -n "$mirror" ] || { echo "root.sh: this machine's apt knows no Debian 12: no container can be made." >&2; exit 1; }
mask() { printf 'ln -sf /dev/null "$1/etc/systemd/system/%s"; ' "$@"; }
mmdebstrap --quiet --mode=root --variant=minbase \
    --include=systemd,systemd-sysv,dbus,python3,procps,libstdc++6,adduser \
    --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook=': > "$1/etc/machine-id"; echo lab > "$1/etc/hostname"' \
    --customize-hook="$(mask systemd-udevd.service systemd-logind.service getty.target console-getty.service \
        systemd-timesyncd.service e2scrub_reap.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
        fstrim.timer)" \
    --customize-hook='ln -sf /lib/systemd/system/multi-user.target "$1/etc/systemd/system/default.target"' \
    --format=directory bookworm "$out.part" \
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main"
mv "$out.part" "$out"
