#!/usr/bin/env bash
# The quickstart works, loses nothing, harms nothing without its collector, and is quick once built.
set -euo pipefail
source "$(dirname "$0")/environment.sh"

# milliseconds COMMAND...: runs it and sets `took`.
milliseconds() {
    local begin
    begin=$(date +%s%N)
    "$@"
    took=$((($(date +%s%N) - begin) / 1000000))
}

limit=5000
milliseconds cargo run --locked --example quickstart
echo "--- first run: $took ms"
milliseconds cargo run --locked --example quickstart
echo "--- second run: $took ms, $limit at most"
if ((took > limit)); then
    exit 1
fi
milliseconds cargo run --locked --example quickstart -- --kill-collector-after 1
echo "--- without its collector after the first invocation: $took ms"
