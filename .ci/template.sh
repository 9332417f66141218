#!/usr/bin/env bash
# template.yaml is valid, and keeps secrets where they belong.
set -euo pipefail
source "$(dirname "$0")/environment.sh"

python_tools sam aws-sam-cli==1.170.0 cfn-lint==1.58.0
export SAM_CLI_TELEMETRY=0
"$TOOLS/sam/bin/cfn-lint" -t template.yaml
echo "cfn-lint: no finding"
"$TOOLS/sam/bin/sam" validate --lint -t template.yaml

if grep -n 'resolve:ssm-secure' template.yaml; then
    echo "the environment of a function does not support ssm-secure"
    exit 1
fi
