#!/bin/sh
# The way from a test to a systemd that is the first program of its own namespaces (booted.py). usage:
#   unshare --mount --pid --ipc --uts [--net] --propagation private --fork sh booted.sh ROOT CGROUP
# The cgroup is entered before its namespace is made, and by the first program alone: what has processes gives no
# controllers to those below.
set -eu
if [ "${3:-}" != inner ]; then
  echo 0 >"$2/cgroup.procs"
  exec unshare --cgroup sh "$0" "$1" "$2" inner
fi
cd "$1"
mount -t proc proc proc
# What belongs to the host is read only, as a container manager does it: kernel settings, devices.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs sysfs sys
mount -o remount,bind,ro sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t bpf bpf sys/fs/bpf
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for name in null zero full random urandom tty; do
  : >dev/$name
  mount --bind /dev/$name dev/$name
done
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
hostname booted
pivot_root . mnt
cd /
umount -l /mnt
exec env -i container=tiercel-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
