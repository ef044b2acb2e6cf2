# Beside a node of Ray: its logs go to a folder of the pod's name on the shared volume, every 15 seconds and once more when Ray has
# ended; folders that nobody has written to for 14 days are removed.
set -u
logs=${1:-/tmp/ray/session_latest/logs}
kept=${2:-/logs/ray}
here=$kept/$POD_NAME
copy() {
  [ -d "$logs/" ] || return 0
  mkdir -p "$here" && rsync --recursive --times --inplace "$logs/" "$here/" && touch "$here"
}
trap 'copy; exit 0' TERM
mkdir -p "$kept"
while :; do
  copy
  find "$kept" -mindepth 1 -maxdepth 1 -type d -mtime +14 -exec rm -rf {} +
  sleep "${KEEP_EVERY_S:-15}" &
  wait $!
done
