# Sourced by the other scripts: the repository's root, messages, and the tools it needs.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
uv_version=0.13.9
export UV_PYTHON_DOWNLOADS=never

say() { printf '%s\n' "$*" >&2; }

# fail MESSAGE NEXT-STEP
fail() { say "error: $1"; say "hint: $2"; exit 4; }

need_tools() {
    python="$(find_python)" || fail "Python 3.11 or newer is needed" \
        "install it, for example: apt-get install python3 python3-venv"
    command -v cargo >/dev/null || fail "Rust 1.94 or newer is needed" "install it with rustup"
    local version; version="$(rustc --version | cut -d' ' -f2)"
    [ "$(printf '%s\n1.94.0\n' "$version" | sort -V | head -1)" = 1.94.0 ] ||
        fail "Rust is $version, 1.94 or newer is needed" "run: rustup update stable"
    command -v c++ >/dev/null || fail "a C++ compiler is needed" "install it, for example: apt-get install g++"
}

find_python() {
    local name
    for name in "${PYTHON:-}" python3 python3.11 python3.12 python3.13 python3.14; do
        [ -n "$name" ] && command -v "$name" >/dev/null &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
            { command -v "$name"; return; }
    done
    return 1
}

# Sets $uv: the one on PATH, or one of our own in .tools.
need_uv() {
    if uv="$(command -v uv)"; then return; fi
    uv="$root/.tools/bin/uv"
    [ -x "$uv" ] && return
    say "uv is not installed: putting version $uv_version into .tools"
    "$python" -m venv .tools || fail "python3 -m venv failed" "apt-get install python3-venv"
    .tools/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
}

# The torch that the crate `tch` links, and no other.
tch_torch=2.13.0

# torch_version PYTHON: the version of its torch, which is not imported; empty where there is none.
torch_version() {
    "$1" -c 'from importlib import metadata as m; print(next(iter(d.version for d in m.distributions(name="torch")), ""))'
}

# torch_fits VERSION: whether tch can be built beside it; 2.13.0+cpu is 2.13.0.
torch_fits() { [ "${1%%+*}" = "$tch_torch" ]; }
