#!/usr/bin/env bash
# Puts kserve into a folder of its own: it brings a web server, a cluster's client and more, which
# nothing else here wants. The test of its client finds it there.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
lock=python_client/requirements-kserve.lock
folder="$root/.tools/kserve"
stamp="$(sha256sum "$lock" | cut -d' ' -f1)"
[ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ] && exit 0
need_uv
rm -rf "$folder"
"$uv" pip install --quiet --python .venv/bin/python --target "$folder" --require-hashes -r "$lock"
printf '%s\n' "$stamp" >"$folder/.stamp"
say "kserve is in .tools/kserve"
