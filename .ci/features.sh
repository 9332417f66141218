#!/usr/bin/env bash
# Every feature compiles on its own, and so does the crate without any.
set -euo pipefail
source "$(dirname "$0")/environment.sh"

features=$(cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import json, sys
packages = json.load(sys.stdin)["packages"]
print(*next(package["features"] for package in packages if package["name"] == "warmspan"))')

failed=()
for feature in "" $features; do
    echo "--- ${feature:-no feature}"
    cargo check --locked -p warmspan --no-default-features --features "$feature" ||
        failed+=("${feature:-none}")
done
if ((${#failed[@]})); then
    echo "these features do not compile on their own: ${failed[*]}"
    exit 1
fi
