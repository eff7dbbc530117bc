#!/bin/sh
# Shows the status every five seconds, until Ctrl-C.
set -eu
cd "$(dirname "$0")/.."

# Version 2 of Compose is a part of docker, version 1 a command of its own.
if docker compose version >/dev/null 2>&1; then docker_compose="docker compose"; else docker_compose=docker-compose; fi
# shellcheck disable=SC2086 # two words
compose() { $docker_compose -p __project__ -f __file__ -f docker-compose.autoscale.yml "$@"; }

while compose exec -T autoscaler selfscale status; do
  sleep 5
  printf '\n'
done
