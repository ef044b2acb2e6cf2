#!/bin/sh
# A machine on this one, as far as `ray up` can tell: with a network, a host name, processes, homes, users, an SSH server and a Docker
# daemon of its own. It ends, with all that runs on it, when its first process does, which is this.
#
#     unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc machine.sh NAME ADDRESS FOLDER UID KEY
#
# Two users log in with the public KEY: `ubuntu`, whose uid is UID, and `guest`, who may not use Docker.
set -eu
exec > "$3/log" 2>&1
name=$1 address=$2 folder=$3 uid=$4 key=$5
mount --make-rprivate /
hostname "$name"
ip link set lo up

mkdir -p "$folder/home" "$folder/etc" "$folder/docker"
{ grep -v '^ubuntu:\|^guest:' /etc/passwd; echo "ubuntu:x:$uid:$uid::/home/ubuntu:/bin/bash"; echo 'guest:x:2000:2000::/home/guest:/bin/bash'; } > "$folder/etc/passwd"
{ grep -v '^ubuntu:\|^guest:\|^docker:' /etc/group; echo "ubuntu:x:$uid:"; echo 'guest:x:2000:'; echo 'docker:x:2375:ubuntu'; } > "$folder/etc/group"
printf '127.0.0.1 localhost\n%s %s\n' "$address" "$name" > "$folder/etc/hosts"
for file in passwd group hosts; do
  mount --bind "$folder/etc/$file" "/etc/$file"
done
mount --bind "$folder/home" /home
mount -t tmpfs none /run
mkdir /run/sshd /run/data
mount --bind "$folder/docker" /run/data
mount -t tmpfs none /tmp
for user in ubuntu guest; do
  mkdir -p -m 700 "/home/$user" "/home/$user/.ssh"
  echo "$key" > "/home/$user/.ssh/authorized_keys"
  touch "/home/$user/.bashrc"
  chown -R "$user:$user" "/home/$user"
done
ssh-keygen -q -t ed25519 -N '' -f /run/host_key
printf '%s\n' 'HostKey /run/host_key' 'UsePAM no' 'PasswordAuthentication no' > /run/sshd_config
/usr/sbin/sshd -D -e -f /run/sshd_config &
# Containers of `ray up` share the network of their machine, so Docker need not touch it.
dockerd --group docker --data-root /run/data --bridge none --iptables=false --ip6tables=false --ip-forward=false &
wait
