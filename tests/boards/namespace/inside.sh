#!/bin/sh
# Within the fresh namespaces (see enter.sh): the fake board in front of the host's folders, then the command.
set -eu
rootless=$1 board=$(readlink -f "$2") prefix=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
overlay() { # overlay TARGET LOWER [UPPER]: the lower folders, read-only unless there is an upper one
    options="${rootless:+userxattr,}lowerdir=$2"
    if [ $# -gt 2 ]; then
        mkdir -p "$3" "$3.work"
        options="$options,upperdir=$3,workdir=$3.work"
    fi
    mount -t overlay overlay -o "$options" "$1"
}
mount --make-rprivate /
mkdir -p "$board/realproc" "$board/run" "$board/upper/prefix/local/jtop" "$board/usrbin"
mount -t proc proc "$board/realproc"
# /proc becomes a tmpfs: links to the real one, and the fake files
mount -t tmpfs -o size=4m tmpfs /proc
for name in self thread-self uptime meminfo buddyinfo loadavg version filesystems mounts sys swaps vmstat net cmdline \
    cgroups devices partitions; do
    ln -s "$board/realproc/$name" "/proc/$name"
done
cp "$board/proc/cpuinfo" "$board/proc/stat" /proc/
mount --bind "$board/sys" /sys
ln -s /sys/firmware/devicetree/base /proc/device-tree
mount --bind "$board/run" /run
overlay "$prefix" "$prefix" "$board/upper/prefix"
cp /etc/group "$board/etc/group"
gid=990
[ -z "$rootless" ] || gid=0 # the only one that is mapped there
grep -q '^jtop:' "$board/etc/group" || echo "jtop:x:$gid:" >> "$board/etc/group"
overlay /etc "$board/etc:/etc"
cp "$here/bin/nvpmodel" "$here/bin/jetson_clocks" "$board/usrbin/"
overlay /usr/bin "$board/usrbin:/usr/bin"
overlay /var/lib "$board/varlib:/var/lib" "$board/upper/varlib"
export BOARD_TREE="$here/.." LD_PRELOAD="$board/unamehook.so"
exec "$@"
