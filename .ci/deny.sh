#!/usr/bin/env bash
# Licences, bans and sources of every dependency; advisories where their database is.
set -euo pipefail
source "$(dirname "$0")/environment.sh"

version=0.20.2
deny="$TOOLS/cargo-deny/bin/cargo-deny"
if [[ "$(cargo-deny --version 2>&1)" == "cargo-deny $version" ]]; then
    deny=cargo-deny
elif [[ ! -x "$deny" || "$("$deny" --version)" != "cargo-deny $version" ]]; then
    # Unoptimised and without debug information: it compiles in a fraction of the time and runs a second.
    CARGO_PROFILE_DEV_DEBUG=0 cargo install cargo-deny --quiet --locked --debug --version "$version" \
        --root "$TOOLS/cargo-deny" --target-dir "$TOOLS/cargo-deny-build"
    rm -rf "$TOOLS/cargo-deny-build"
fi

"$deny" --locked check --hide-inclusion-graph licenses bans sources

# The database is a git repository, which not every network lets through: `cargo deny fetch db` gets it.
# Where there is none, advisories are not checked, and this says so.
if compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/crates" >/dev/null; then
    "$deny" --offline --locked check advisories
else
    echo "NOT CHECKED: advisories, since there is no advisory database on this machine"
fi
