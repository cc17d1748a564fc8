#!/usr/bin/env bash
# Builds the native module and installs it into .venv; does nothing when its sources did not change.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ -x .venv/bin/python ] || exec scripts/setup.sh
python=.venv/bin/python
stamp="$(cat rust_runtime/Cargo.toml rust_runtime/Cargo.lock \
    $(find rust_runtime/crates -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.pyi' \) | sort) |
    sha256sum | cut -d' ' -f1)"
if [ "$(cat .venv/.native-stamp 2>/dev/null)" = "$stamp" ] &&
    "$python" -c 'import oxidizedvision_native' 2>/dev/null; then
    exit 0
fi
need_uv
say "Native module: building"
wheels="$(mktemp -d)"
trap 'rm -rf "$wheels"' EXIT
log="$root/rust_runtime/target/native.log"
mkdir -p "$(dirname "$log")"
if ! .venv/bin/maturin build --release --locked --interpreter "$python" \
    --manifest-path rust_runtime/crates/runner_python/Cargo.toml --out "$wheels" >"$log" 2>&1; then
    tail -30 "$log" >&2
    fail "the native module did not build" "the whole log is rust_runtime/target/native.log"
fi
"$uv" pip install --quiet --python "$python" --no-deps --force-reinstall "$wheels"/*.whl
printf '%s\n' "$stamp" >.venv/.native-stamp
say "Native module: ready"
