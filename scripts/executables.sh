#!/usr/bin/env bash
# The programs without a model that the native wheel carries, in the folder that maturin takes into
# it: small ones, which take minutes, or with --everyday those of the tests, which are linked only.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
target="${CARGO_TARGET_DIR:-$root/rust_runtime/target}"
output="$root/rust_runtime/crates/runner_python/oxidizedvision_native.data/platlib/oxidizedvision_native/executables"
log="$target/executables.log"
mkdir -p "$target"
if [ "${1:-}" = --everyday ]; then
    profile=release
    built="$target/release"
    set -- --profile release
else
    profile=executable
    triple="$(rustc -vV | sed -n 's/^host: //p')"
    built="$target/$triple/executable"
    set -- --profile executable --target "$triple"
    # Whole with the C library: it runs on any Linux, of whatever distribution and age.
    case "$triple" in
        *-linux-gnu) export RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs" ;;
    esac
fi
if ! (cd rust_runtime && cargo build "$@" --locked -p model_executable) >"$log" 2>&1; then
    tail -30 "$log" >&2
    fail "the programs for packages did not build" "the whole log is ${log#"$root/"}"
fi
(cd python_client && "$root/.venv/bin/python" -m tools.executables "$profile" "$built" "$output")
