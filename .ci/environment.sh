# Sourced by the checks: where things are, and a guard against anybody's real accounts.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
# What the checks install for themselves.
TOOLS="$CARGO_TARGET_DIR/ci"
mkdir -p "$TOOLS"

for variable in $(compgen -e); do
    case "$variable" in
        AWS_* | LANGFUSE_* | OPENAI_* | OTEL_*) unset "$variable" ;;
    esac
done

# python_tools NAME PACKAGE...: a virtual environment $TOOLS/NAME with these packages of PyPI.
python_tools() {
    local folder="$TOOLS/$1" packages="${*:2}"
    if [[ ! -f "$folder/packages" || "$(<"$folder/packages")" != "$packages" ]]; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
        printf '%s\n' "$packages" >"$folder/packages"
    fi
}

# Nothing here is built twice, and what would speed that up takes more room than all the rest.
export CARGO_INCREMENTAL=0
