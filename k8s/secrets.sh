#!/bin/sh
# The Secrets of a league, as far as they are missing, with random values: for whoever deploys with kubectl alone, as
# `league k8s deploy` makes them by itself. No value is an argument of a command.
#
#     sh k8s/secrets.sh [NAMESPACE]
set -eu
namespace=${1:-league}
make() { # NAME KEY=VALUE…
  name=$1
  shift
  if kubectl --namespace "$namespace" get secret "$name" > /dev/null 2>&1; then
    echo "Secret $name is there"
    return
  fi
  {
    printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n' "$name"
    printf '  labels: {app.kubernetes.io/part-of: league}\nstringData:\n'
    for pair; do
      printf '  %s: "%s"\n' "${pair%%=*}" "${pair#*=}"
    done
  } | kubectl --namespace "$namespace" create --filename -
}
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
make gcs-redis username=league "password=$(random)"
make league-redis username=league "password=$(random)"
make league-reader "password=$(random)"
make league-backup "password=$(random)"
make league-dashboard "token=$(random)"
