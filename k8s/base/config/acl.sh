# Users known by the hashes of their passwords: one, and where READER_PASSWORD is set one more that may only read. Nobody else may
# do anything.
set -eu
umask 077
user() {
  printf 'user %s reset on #%s %s\n' "$1" "$(printf %s "$2" | sha256sum | cut -d ' ' -f 1)" "$3"
}
{
  echo user default reset
  user "$REDIS_USERNAME" "$REDIS_PASSWORD" "$REDIS_RULES"
  [ -z "${READER_PASSWORD:-}" ] || user reader "$READER_PASSWORD" "$READER_RULES"
} > "${1:-/run/redis/users.acl}"
