#!/usr/bin/env bash
# Wheels of the client and of the native module in dist/, with the glibc that the latter needs. The
# client's carries what `make wasm` built for browsers, and says so; the native module's carries small
# programs for `package --kind executable`, which take minutes to build.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
mkdir -p dist
scripts/executables.sh
.venv/bin/maturin build --quiet --release --locked --interpreter .venv/bin/python \
    --manifest-path rust_runtime/crates/runner_python/Cargo.toml --out dist
(cd python_client && ../.venv/bin/python -m hatchling build -t wheel -d ../dist)
ls -l dist/*.whl
