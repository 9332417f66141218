#!/usr/bin/env bash
# The function and the example as Vercel's own builder builds them, and what it built at work.
set -euo pipefail
source "$(dirname "$0")/environment.sh"

for tool in node npm; do
    if ! command -v "$tool" >/dev/null; then
        echo "this check needs $tool (Node.js 20 or later), which is not on the PATH"
        exit 1
    fi
done

# Later versions of the command line tool do not install: packages that they name are missing.
cli="vercel@60.1.3"
tool="$TOOLS/vercel"
if [[ ! -f "$tool/package" || "$(<"$tool/package")" != "$cli" ]]; then
    rm -rf "$tool"
    mkdir -p "$tool"
    npm install --prefix "$tool" --ignore-scripts --no-audit --no-fund --no-package-lock "$cli"
    printf '%s\n' "$cli" >"$tool/package"
fi

# The builder makes release builds. These are for a look and not for a deployment: quick to make, and
# with the same settings for both projects, so that the second finds what the first has built.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_DEBUG=0
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_STRIP=none

# Without it the builder compiles for another machine, with tools that Vercel's own image has.
export VERCEL_BUILD_IMAGE=1
export VERCEL_TELEMETRY_DISABLED=1

# The builder writes beside what it builds, so it gets a copy of what git has.
copy="$TOOLS/vercel-copy"
rm -rf "$copy" "$copy.alone"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard |
    xargs -0 sh -c 'for file; do [ ! -e "$file" ] || printf "%s\0" "$file"; done' - |
    tar --create --null --files-from=- | tar --extract --directory="$copy"

# uploaded FOLDER: leaves of it what `vercel deploy` uploads from there. The tool reads the folder's
# own .vercelignore and none below it, by the rules of git.
uploaded() (
    cd "$1"
    git init --quiet .
    git ls-files -z --others --ignored --exclude-from=.vercelignore | xargs -0 --no-run-if-empty rm --
    rm -rf .git
)

# Keys that lie about, as they do on a developer's machine.
for folder in . examples/vercel-api handlers; do
    for name in .env .env.local .env.production; do
        printf 'LANGFUSE_SECRET_KEY=sk-lf-hush\n' >"$copy/$folder/$name"
    done
done
cp -r "$copy/examples/vercel-api" "$copy.alone"
uploaded "$copy"
uploaded "$copy.alone"
keys=$(find "$copy" "$copy.alone" -name '.env*' ! -name .env.example)
if [[ -n "$keys" ]]; then
    printf 'these would be uploaded:\n%s\n' "$keys"
    exit 1
fi
if [[ ! -f "$copy/.env.example" || ! -f "$copy/examples/vercel-api/api/chat.rs" ]]; then
    echo "the upload lacks .env.example, or the example that a project's Root Directory may name"
    exit 1
fi

# build FOLDER: what `vercel build` makes of a project that is linked to nothing.
build() {
    mkdir -p "$copy/$1/.vercel"
    printf '%s\n' '{"projectId":"prj_local","orgId":"team_local","settings":{"framework":null}}' \
        >"$copy/$1/.vercel/project.json"
    echo "--- vercel build of $1"
    (cd "$copy/$1" && node "$tool/node_modules/vercel/dist/vc.js" build --yes)
}

build .
build examples/vercel-api
executables=$(python3 .ci/vercel_output.py "$copy")
{ read -r function && read -r example; } <<<"$executables"

# The executables that were built, under the protocol of the platform.
export WARMSPAN_VERCEL_BIN="$function" WARMSPAN_VERCEL_API_BIN="$example"
cargo test --locked --workspace --test it -- vercel_
cargo test --locked --workspace --test it -- --ignored vercel_api
