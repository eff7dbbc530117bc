#!/bin/sh
# Asks and tells the running agent:
#   autoscaling-control.sh status               what it sees, recommends and may do, and who says so
#   autoscaling-control.sh history [SERVICE]    what it has done
#   autoscaling-control.sh explain [ID]         why: the last decision, or the one of that ID
#   autoscaling-control.sh policies             the policies as they are understood
#   autoscaling-control.sh enable | disable     the switch for everything; each policy has one of its own beside
set -eu
cd "$(dirname "$0")/.."

# Version 2 of Compose is a part of docker, version 1 a command of its own.
if docker compose version >/dev/null 2>&1; then docker_compose="docker compose"; else docker_compose=docker-compose; fi
# shellcheck disable=SC2086 # two words
compose() { $docker_compose -p __project__ -f __file__ -f docker-compose.autoscale.yml "$@"; }
agent() { compose exec -T autoscaler selfscale "$@"; }

# The agent reads its settings when it starts; what it remembers is kept.
switch() {
  settings=config/autoscaling/.env.autoscaling
  sed "s/^AUTOSCALING_ENABLED=.*/AUTOSCALING_ENABLED=$1/" "$settings" >"$settings.new"
  mv "$settings.new" "$settings"
  compose restart autoscaler
}

case "${1:-}" in
  status) agent status ;;
  history) agent history --service "${2:-__service__}" ;;
  explain) shift && agent explain "$@" ;;
  policies) agent validate /config/policies.json ;;
  enable) switch true ;;
  disable) switch false ;;
  *) sed -n 's/^#   //p' "$0" >&2 && exit 2 ;;
esac
