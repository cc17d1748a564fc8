#!/usr/bin/env bash
# Runs cargo in rust_runtime, with the engines' libraries of .venv where they are installed.
# --tch as the first word: with LibTorch; does nothing, and says so, where torch is another release.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# installed PACKAGE PATTERN: the file inside a Python package of .venv, if it is there.
installed() { compgen -G "$root/.venv/lib/python3*/site-packages/$1/$2" | head -1 || true; }

library="$(installed onnxruntime 'capi/libonnxruntime.*')"
[ -z "$library" ] || export ORT_DYLIB_PATH="${ORT_DYLIB_PATH:-$library}"
library="$(installed openvino 'libs/libopenvino_c.*')"
[ -z "$library" ] || export OPENVINO_DYLIB_PATH="${OPENVINO_DYLIB_PATH:-$library}"
export OXV_PYTHON="$root/.venv/bin/python"
if [ "${1:-}" = --tch ]; then
    shift
    version="$(torch_version "$root/.venv/bin/python")"
    if [ -z "${LIBTORCH:-}" ] && ! torch_fits "$version"; then
        say "tch: left out, there is no torch $tch_torch here"
        exit 0
    fi
    . scripts/torch_env.sh
fi
cd rust_runtime
exec cargo "$@"
