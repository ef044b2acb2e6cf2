#!/bin/sh
# Starts Ray on a node of a cluster that `ray up` made, with what a league needs there: in its environment the secrets, which come
# from ~/league.env; on the head the store before Ray, and the exporter after it.
#
#     league-node head ray start --head …
#     league-node worker ray start --address=…
set -eu
case ${1:-} in
head | worker) role=$1 ;;
*)
  echo "usage: league-node head|worker COMMAND…" >&2
  exit 2
  ;;
esac
shift
set -a
. "$HOME/league.env"
RAY_AUTH_MODE=token  # A token is asked of whoever connects.
if [ "$role" = head ]; then
  # Actors on all nodes are told this address, so it is the one that Ray's head has, too.
  LEAGUE_STORE=redis://$(python3 -c 'import ray.util; print(ray.util.get_node_ip_address())'):6380/0
  RAY_JOB_STOP_WAIT_TIME_S=240  # So long a league may save before `ray job stop` kills it.
  RAY_GRAFANA_DATA_DASHBOARD_UID=league-league  # Ray's Metrics page shows the league where Ray Data would be.
  league-redis /data/redis 6380
fi
set +a
ulimit -n "$(ulimit -H -n)"
"$@"
if [ "$role" = head ]; then
  nohup sh -c 'until league exporter; do sleep 15; done' > "$HOME/exporter.log" 2>&1 < /dev/null &
fi
