#!/bin/sh
# A room that looks like the host: its own namespaces, the host's root below a layer in memory. Becomes the script.
# usage: unshare -m -p -f -u -i --kill-child host_room.sh FOLDER ATTACK_FOLDER USER IDENT
# FOLDER: empty, to mount on. ATTACK_FOLDER: what shall be /attack. IDENT: the script's name in it.
set -eu
room=$1 attack=$2 user=$3 ident=$4
mount --make-rprivate /
mount -t tmpfs -o size=512m,mode=755 room "$room"
mkdir "$room/upper" "$room/work" "$room/root"
mount -t overlay -o "lowerdir=/,upperdir=$room/upper,workdir=$room/work" room "$room/root"
cd "$room/root"
mount --rbind /dev dev
mount -t proc proc proc
mount -t sysfs sys sys
mount -t tmpfs -o mode=755 run run
mkdir -p run/sshd run/lock
mount -t tmpfs -o mode=1777 tmp tmp
mkdir attack
cp -r "$attack/." attack/
# User 1000 is app, whoever has that number on the host.
sed -i '/^[^:]*:x:1000:/d' etc/passwd etc/group
echo 127.0.0.1 localhost room >>etc/hosts
for line in www-data:x:33:33::/var/www:/usr/sbin/nologin app:x:1000:1000::/home/app:/bin/bash; do
  grep -q "^${line%%:*}:" etc/passwd || echo "$line" >>etc/passwd
  grep -q "^${line%%:*}:" etc/group || echo "${line%%:*}:x:$(echo "$line" | cut -d: -f4):" >>etc/group
  grep -q "^${line%%:*}:" etc/shadow || echo "${line%%:*}:*:19000:0:99999:7:::" >>etc/shadow
done
mkdir -p home/app var/www/html
# Start-up files as a distribution ships them.
cp etc/skel/.bashrc etc/skel/.profile root/
cp etc/skel/.bashrc etc/skel/.profile home/app/
chown -R 1000:1000 home/app
mkdir old
pivot_root . old
cd /
umount -l /old
rmdir /old
hostname room
export TIERCEL_ATTACK="$ident" HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ "$user" = root ]; then
  exec bash "/attack/$ident"
fi
export HOME="/home/$user"
exec setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups bash "/attack/$ident"
