#!/usr/bin/env bash
# The programs without a model that the native wheel carries, in the folder that maturin takes into
# it: small ones, which take minutes, or with --everyday those of the tests, which are linked only.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
profile=dist
[ "${1:-}" = --everyday ] && profile=release
target="${CARGO_TARGET_DIR:-$root/rust_runtime/target}"
output="$root/rust_runtime/crates/runner_python/oxidizedvision_native.data/platlib/oxidizedvision_native/executables"
log="$target/executables.log"
mkdir -p "$target"
if ! (cd rust_runtime && cargo build --profile "$profile" --locked -p model_executable) >"$log" 2>&1; then
    tail -30 "$log" >&2
    fail "the programs for packages did not build" "the whole log is ${log#"$root/"}"
fi
(cd python_client && "$root/.venv/bin/python" -m tools.executables "$profile" "$target" "$output")
