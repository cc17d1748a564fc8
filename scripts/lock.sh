#!/usr/bin/env bash
# Resolves the Python locks anew: with torch, and without it for those who bring their own.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
python="$(find_python)"
need_uv
cd python_client
compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header --constraint pins.in --extra openvino --extra fixtures --extra dev \
        pyproject.toml "$@"
}
compile --extra torch --extra zoo -o requirements.lock
compile --extra onnx -o requirements-without-torch.lock
