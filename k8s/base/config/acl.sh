# One user, known by the hash of its password; nobody else may do anything.
set -eu
umask 077
hash=$(printf %s "$REDIS_PASSWORD" | sha256sum | cut -d ' ' -f 1)
printf 'user default reset\nuser %s reset on #%s %s\n' "$REDIS_USERNAME" "$hash" "$REDIS_RULES" > "${1:-/run/redis/users.acl}"
