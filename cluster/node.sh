#!/bin/sh
# Runs a command on a node of a cluster that `ray up` made, with what a league needs there in its environment: the secrets, which come
# from ~/.league/cluster.env, and on the head the address of the store. On the head the store and the exporter start before Ray.
#
#     league-node head ray start --head …
#     league-node worker ray start --address=…
#     league-node run league status              on the head, by hand or by `ray exec`
set -eu
here=$(dirname "$(readlink -f "$0")")
secrets=$HOME/.league/cluster.env
role=${1:-}
case $role in
head | worker | run) shift ;;
*) set -- ;;
esac
if [ $# = 0 ]; then
  echo "usage: league-node head|worker|run COMMAND…" >&2
  exit 2
fi
if ! [ -r "$secrets" ]; then
  echo "league-node: $secrets is not there, or $(id -un) may not read it" >&2
  exit 2
fi
services() {
  supervisorctl --configuration "$here/services.conf" "$@"
}

set -a
. "$secrets"
for name in LEAGUE_REDIS_PASSWORD LEAGUE_READER_PASSWORD RAY_AUTH_TOKEN; do
  eval "value=\${$name:-}"
  if [ -z "$value" ]; then
    echo "league-node: no $name in $secrets; the top of the cluster file says how to make it" >&2
    exit 2
  fi
done
LEAGUE_REDIS_USERNAME=league
RAY_AUTH_MODE=token  # A token is asked of whoever connects.
RAY_ROTATION_MAX_BYTES=${RAY_ROTATION_MAX_BYTES:-16777216}  # What environments print must not fill the disk.
RAY_ROTATION_BACKUP_COUNT=${RAY_ROTATION_BACKUP_COUNT:-2}
# Of connections to Ray Serve's proxy there are so many and no more: docs/serving.md.
RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=${RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH:-league.interfaces.serve.proxy:bounded}
case $role in
head)
  # Actors on all nodes are told this address, so it is the one that Ray's head has, too.
  LEAGUE_STORE=redis://$(python3 -c 'import ray.util; print(ray.util.get_node_ip_address())'):6380/0
  LEAGUE_DATA=${LEAGUE_DATA:-/data}
  RAY_JOB_STOP_WAIT_TIME_S=240  # So long a league may save before `ray job stop` kills it.
  RAY_GRAFANA_DATA_DASHBOARD_UID=league-league  # Ray's Metrics page shows the league where Ray Data would be.
  ;;
run) LEAGUE_STORE=${LEAGUE_STORE:-redis://127.0.0.1:6380/0} ;;
esac
set +a

# As many open files as Ray asks for, or as the machine allows.
files=$(ulimit -H -n)
if [ "$files" = unlimited ] || [ "$files" -gt 65536 ]; then
  files=65536
fi
ulimit -n "$files"

if [ "$role" = head ]; then
  # Those of before have the secrets of before.
  if before=$(services pid 2> /dev/null) && services shutdown > /dev/null; then
    while kill -0 "$before" 2> /dev/null; do  # It kills what does not end.
      sleep 0.2
    done
  fi
  (umask 077; mkdir -p "$LEAGUE_DATA/log")
  supervisord --configuration "$here/services.conf"
  if ! services start store; then
    tail -n 20 "$LEAGUE_DATA/log/store.log" >&2
    exit 1
  fi
  services start exporter || tail -n 20 "$LEAGUE_DATA/log/exporter.log" >&2
fi
unset LEAGUE_READER_PASSWORD
exec "$@"
