#!/usr/bin/env bash
# Each fuzz target runs for a short time, from recordings on. libFuzzer needs a nightly toolchain and
# a C++ compiler.
set -euo pipefail
source "$(dirname "$0")/environment.sh"

seconds="${FUZZ_SECONDS:-10}"
version=0.13.2
rustup run nightly rustc --version
if [[ "$("$TOOLS/fuzz/bin/cargo-fuzz" --version 2>/dev/null)" != "cargo-fuzz $version" ]]; then
    cargo install --quiet --locked "cargo-fuzz@$version" --root "$TOOLS/fuzz"
fi
# What the targets find interesting stays out of the tree.
python3 .ci/fuzz_seeds.py "$TOOLS/fuzz/corpus"
targets="$("$TOOLS/fuzz/bin/cargo-fuzz" list)"
for target in $targets; do
    echo "--- $target, $seconds s"
    PATH="$TOOLS/fuzz/bin:$PATH" cargo +nightly fuzz run "$target" "$TOOLS/fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1
done
