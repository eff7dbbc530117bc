#!/bin/sh
# Shows the status every five seconds, until Ctrl-C.
set -eu
cd "$(dirname "$0")/.."

while docker-compose -p __project__ -f docker-compose.yml -f docker-compose.autoscale.yml exec -T autoscaler selfscale status; do
  sleep 5
  printf '\n'
done
