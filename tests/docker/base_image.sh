#!/bin/sh
# The Dockerfile's base image where no registry can be reached: Debian from its archive, and this machine's Python 3.11. As in the real
# one there is no ssh, no ps, no HOME in its configuration, and root is its user.
#
#     base_image.sh TAG        by root, with debootstrap and a Docker daemon
set -eu
tag=${1:?usage: base_image.sh TAG}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
libraries=libbz2-1.0,libexpat1,libffi8,liblzma5,libncursesw6,libreadline8,libsqlite3-0,libssl3,libuuid1,zlib1g
debootstrap --variant=minbase --include="ca-certificates,netbase,tzdata,$libraries" bookworm "$root" > "$work/log" || { tail -n 20 "$work/log" >&2; exit 1; }

python=$(python3.11 -c 'import sys; print(sys.base_prefix)')
cp -a "$python/bin/python3.11" "$root/usr/local/bin/"
ln -s python3.11 "$root/usr/local/bin/python3"
ln -s python3.11 "$root/usr/local/bin/python"
cp -a "$python"/lib/libpython3.11.so* "$root/usr/local/lib/" 2> /dev/null || true
tar -C "$python/lib" -c --exclude=site-packages --exclude=test --exclude=__pycache__ python3.11 | tar -C "$root/usr/local/lib" -x
chroot "$root" ldconfig
chroot "$root" python3 -m ensurepip > /dev/null 2>&1
ln -s pip3.11 "$root/usr/local/bin/pip"

# Packages come from where they come from on this machine.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' > "$root/etc/pip.conf"
wheels=$(python3 -m pip config get :env:.find-links 2> /dev/null || python3 -m pip config get global.find-links 2> /dev/null || true)
if [ -d "$wheels" ]; then
  mkdir -p "$root$wheels"
  cp -a "$wheels/." "$root$wheels/"
  printf 'find-links = %s\n' "$wheels" >> "$root/etc/pip.conf"
fi
rm -rf "$root"/var/cache/apt/archives/*.deb
tar -C "$root" -c . | docker import --change 'CMD ["python3"]' - "$tag"
