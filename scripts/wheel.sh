#!/usr/bin/env bash
# Wheels of the client and of the native module in dist/, with the glibc that the latter needs. The
# client's carries what `make wasm` built for browsers, and says so; the native module's carries small
# programs for `package --kind executable`, which take minutes to build; OXV_TARGETS names further
# machines that it is to carry them for, such as aarch64-unknown-linux-gnu.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
mkdir -p dist
rm -rf rust_runtime/crates/runner_python/oxidizedvision_native.data
for triple in "" ${OXV_TARGETS:-}; do
    scripts/executables.sh ${triple:+--target "$triple"}
done
.venv/bin/maturin build --quiet --release --locked --interpreter .venv/bin/python \
    --manifest-path rust_runtime/crates/runner_python/Cargo.toml --out dist
(cd python_client && ../.venv/bin/python -m hatchling build -t wheel -d ../dist)
ls -l dist/*.whl
