#!/usr/bin/env bash
# Resolves the Python locks anew: with torch, without it for those who bring their own, and for
# kserve's client and the servers of benchmarks/peers, which stand apart.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
python="$(find_python)"
need_uv
cd python_client
resolve() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header "$@"
}
compile() {
    resolve --constraint pins.in --extra openvino --extra fixtures --extra dev pyproject.toml "$@"
}
compile --extra torch --extra zoo -o requirements.lock
compile --extra onnx -o requirements-without-torch.lock
resolve kserve.in -o requirements-kserve.lock
# The servers that ours is measured beside have an environment each.
cd ../benchmarks/peers/requirements
for peer in fastapi litserve mosec mlserver; do
    resolve "$peer.in" engine.in -o "$peer.txt"
done
