#!/usr/bin/env bash
# Asks, watches, comes back: what a script needs of askstream.
#
#   examples/curl.sh [http://127.0.0.1:8787]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
server=${1:-http://127.0.0.1:8787}
json='content-type: application/json'

echo "== ask and watch"
curl -sSN -H "$json" -d @01-foundation-strip.json "$server/ask-stream" | grep '^event:'

echo "== ask and wait for the result as one document"
curl -sS -H "$json" -d @01-foundation-strip.json "$server/ask" | cut -c 1-300

echo "== ask in the background, then read its events from the third on"
location=$(curl -sS -D - -o /dev/null -H "$json" -d @01-foundation-strip.json "$server/api/v1/runs" |
  tr -d '\r' | sed -n 's/^location: //Ip')
run=${location##*/}
curl -sSN -H "last-event-id: $run.2" "$server$location/events" | grep '^id:'
