#!/usr/bin/env bash
# Each fuzz target runs for a short time. libFuzzer needs a nightly toolchain and a C++ compiler.
set -euo pipefail
source "$(dirname "$0")/environment.sh"

seconds="${FUZZ_SECONDS:-10}"
version=0.13.2
rustup run nightly rustc --version
if [[ "$("$TOOLS/fuzz/bin/cargo-fuzz" --version 2>/dev/null)" != "cargo-fuzz $version" ]]; then
    cargo install --quiet --locked "cargo-fuzz@$version" --root "$TOOLS/fuzz"
fi
targets="$("$TOOLS/fuzz/bin/cargo-fuzz" list)"
for target in $targets; do
    echo "--- $target, $seconds s"
    # What it finds interesting stays out of the tree.
    corpus="$TOOLS/fuzz/corpus/$target"
    mkdir -p "$corpus"
    PATH="$TOOLS/fuzz/bin:$PATH" cargo +nightly fuzz run "$target" "$corpus" -- \
        -max_total_time="$seconds" -rss_limit_mb=2048 -print_final_stats=1
done
