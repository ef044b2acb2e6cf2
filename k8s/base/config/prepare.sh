# Before each start of the server: how it listens, and its users, known by the hashes of their passwords. One may do what the
# instance says, `reader` and `backup`, where they have a password, may only read; nobody else may do anything.
set -eu
umask 077
folder=${1:-/run/redis}
tls=${2:-/etc/redis-tls}
user() {
  printf 'user %s reset on #%s %s\n' "$1" "$(printf %s "$2" | sha256sum | cut -d ' ' -f 1)" "$3"
}
{
  echo user default reset
  user "$REDIS_USERNAME" "$REDIS_PASSWORD" "$REDIS_RULES"
  [ -z "${READER_PASSWORD:-}" ] || user reader "$READER_PASSWORD" "$READER_RULES"
  [ -z "${BACKUP_PASSWORD:-}" ] || user backup "$BACKUP_PASSWORD" "$BACKUP_RULES"
} > "$folder/users.acl"
if [ -e "$tls/tls.key" ]; then
  printf '%s\n' 'port 0' 'tls-port 6380' "tls-cert-file $tls/tls.crt" "tls-key-file $tls/tls.key" \
    "tls-ca-cert-file $tls/ca.crt" 'tls-auth-clients no' > "$folder/listen.conf"
  echo "-p 6380 --tls --cacert $tls/ca.crt" > "$folder/cli" # what redis-cli needs, for the probes
else
  echo 'port 6380' > "$folder/listen.conf"
  echo '-p 6380' > "$folder/cli"
fi
