#!/usr/bin/env bash
# Every feature compiles on its own, without a warning, and so does the crate without any.
# Clippy stands in for `cargo check`: it denies warnings without another RUSTFLAGS, which would build
# every dependency again.
set -euo pipefail
source "$(dirname "$0")/environment.sh"

features=$(cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import json, sys
packages = json.load(sys.stdin)["packages"]
print(*next(package["features"] for package in packages if package["name"] == "warmspan"))')

failed=()
for feature in "" $features; do
    echo "--- ${feature:-no feature}"
    cargo clippy --locked -p warmspan --lib --no-default-features --features "$feature" -- -D warnings ||
        failed+=("${feature:-none}")
done
if ((${#failed[@]})); then
    echo "these features do not compile on their own without a warning: ${failed[*]}"
    exit 1
fi
