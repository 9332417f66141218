#!/usr/bin/env bash
# The function under the real cargo lambda: cold and warm on this machine, and the build of what
# template.yaml deploys.
set -euo pipefail
source "$(dirname "$0")/environment.sh"

python_tools cargo-lambda cargo-lambda==1.9.2
export PATH="$TOOLS/cargo-lambda/bin:$PATH"
cargo lambda --version

# The whole workspace, so that cargo uses what it has built for the tests.
WARMSPAN_CARGO_LAMBDA="$TOOLS/cargo-lambda/bin/cargo-lambda" \
    cargo test --locked --workspace --test cargo_lambda -- --nocapture

# What the template deploys is for arm64. Rust's standard library for it comes with the toolchain or
# by `rustup target add`, which this script leaves to you; without it the build is for this machine.
arm64=aarch64-unknown-linux-gnu
architecture=x86_64
if [[ -d "$(rustc --print target-libdir --target "$arm64")" ]]; then
    architecture=arm64
fi
python_tools sam aws-sam-cli==1.170.0 cfn-lint==1.58.0
export SAM_CLI_TELEMETRY=0
rm -rf "$CARGO_TARGET_DIR/lambda/lambda"
echo "--- sam build for $architecture"
"$TOOLS/sam/bin/sam" build -t template.yaml --build-dir "$TOOLS/sam-build" --region eu-central-1 \
    --parameter-overrides "Architecture=$architecture"
for bootstrap in "$CARGO_TARGET_DIR/lambda/lambda/bootstrap" "$TOOLS/sam-build/ChatFunction/bootstrap"; do
    echo "$(stat --format=%s "$bootstrap") bytes: ${bootstrap#"$CARGO_TARGET_DIR/"}"
done
