#!/usr/bin/env bash
# Puts kserve into a folder of its own: it brings a web server, a cluster's client and more, which
# nothing else here wants. The test of its client finds it there.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
kserve_version=0.21.0
folder="$root/.tools/kserve"
[ "$(cat "$folder/.version" 2>/dev/null)" = "$kserve_version" ] && exit 0
need_uv
rm -rf "$folder"
"$uv" pip install --quiet --python .venv/bin/python --target "$folder" "kserve==$kserve_version"
printf '%s\n' "$kserve_version" >"$folder/.version"
say "kserve $kserve_version is in .tools/kserve"
