#!/usr/bin/env bash
# Builds the native modules and installs them into .venv; does nothing when their sources did not
# change. The one with LibTorch is built only beside the torch that `tch` links.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ -x .venv/bin/python ] || exec scripts/setup.sh
python=.venv/bin/python
sources="$(cat rust_runtime/Cargo.toml rust_runtime/Cargo.lock \
    $(find rust_runtime/crates -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.pyi' \) | sort) |
    sha256sum | cut -d' ' -f1)"

# ready STAMP-FILE STAMP: whether this was the last thing done.
ready() { [ "$(cat ".venv/$1" 2>/dev/null)" = "$2" ]; }

# build CRATE LOG MATURIN-OPTION...: builds the wheel of a crate and installs it.
build() {
    local crate="$1" log="$root/rust_runtime/target/$2" wheels
    shift 2
    need_uv
    wheels="$(mktemp -d)"
    mkdir -p "$(dirname "$log")"
    if ! .venv/bin/maturin build --release --locked --interpreter "$python" \
        --manifest-path "rust_runtime/crates/$crate/Cargo.toml" --out "$wheels" "$@" >"$log" 2>&1; then
        rm -rf "$wheels"
        tail -30 "$log" >&2
        fail "$crate did not build" "the whole log is ${log#"$root/"}"
    fi
    "$uv" pip install --quiet --python "$python" --no-deps --force-reinstall "$wheels"/*.whl
    rm -rf "$wheels"
}

if ! ready .native-stamp "$sources" || ! "$python" -c 'import oxidizedvision_native' 2>/dev/null; then
    say "Native module: building"
    scripts/executables.sh --everyday
    build runner_python native.log
    printf '%s\n' "$sources" >.venv/.native-stamp
    say "Native module: ready"
fi

torch="$(torch_version "$python")"
if torch_fits "$torch"; then
    ready .native-tch-stamp "$sources $torch" &&
        "$python" -c 'import importlib.util as u, sys; sys.exit(u.find_spec("oxidizedvision_native_tch") is None)' &&
        exit 0
    say "Native module for tch: building (the first time LibTorch's bindings, 2 to 4 minutes)"
    unset LIBTORCH
    . scripts/torch_env.sh
    # Its libraries are torch's: they are not to be copied into the wheel.
    build runner_python_tch native-tch.log --auditwheel skip --compatibility linux
    printf '%s\n' "$sources $torch" >.venv/.native-tch-stamp
    say "Native module for tch: ready"
elif ! ready .native-tch-stamp "without ${torch:-torch}"; then
    if [ -n "$torch" ]; then
        say "torch $torch is not $tch_torch: the runner tch is left out"
    else
        say "torch is not installed: the runner tch is left out"
    fi
    printf '%s\n' "without ${torch:-torch}" >.venv/.native-tch-stamp
fi
