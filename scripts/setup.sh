#!/usr/bin/env bash
# Makes .venv from the hashed lock and builds the native module. Cheap when nothing changed.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need_tools

torch="${OXV_TORCH:-locked}"
case "$torch" in
locked) lock=python_client/requirements.lock ;;
installed) lock=python_client/requirements-without-torch.lock ;;
*) fail "OXV_TORCH=$torch is not known" "use OXV_TORCH=locked (the default) or OXV_TORCH=installed" ;;
esac

# tract compiles longest: it starts first, and the Python side is set up beside it.
log="$root/rust_runtime/target/setup.log"
mkdir -p "$(dirname "$log")"
# LibTorch's bindings need torch: where it is there already they are compiled in the same go, else
# after tract (by native.sh), since one Cargo waits for the other.
(
    packages=(--package denoiser_cli)
    if [ -x .venv/bin/python ] && torch_fits "$(torch_version .venv/bin/python)"; then
        unset LIBTORCH
        . scripts/torch_env.sh
        packages+=(--package runner_tch)
    fi
    cd rust_runtime && exec cargo build --release --locked "${packages[@]}"
) >"$log" 2>&1 &
build=$!
trap 'kill "$build" 2>/dev/null || true' EXIT

stamp="$(cat "$lock" python_client/pyproject.toml | sha256sum | cut -d' ' -f1) $torch"
if [ ! -x .venv/bin/python ] || [ "$(cat .venv/.stamp 2>/dev/null)" != "$stamp" ]; then
    need_uv
    if [ "$torch" = locked ]; then
        say "Python: making .venv with torch 2.13.0. On Linux x86_64 this is the CUDA build:"
        say "        about 2.5 GB to download unless cached, 4.6 GB on disk."
        say "        To use a torch you already have: make setup OXV_TORCH=installed"
    else
        "$python" -c 'import torch' 2>/dev/null || fail "$python has no torch" \
            "install torch there, or leave OXV_TORCH out"
    fi
    rm -f .venv/.stamp
    [ -x .venv/bin/python ] || "$uv" venv --quiet --python "$python" \
        $([ "$torch" = installed ] && echo --system-site-packages) .venv
    "$uv" pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r "$lock"
    "$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation \
        -e ./python_client
    printf '%s\n' "$stamp" >.venv/.stamp
    say "Python: ready"
fi

# One line for every 20 crates, so that nobody thinks it hangs.
total="$(grep -c '^name = ' rust_runtime/Cargo.lock)"
shown=0
while kill -0 "$build" 2>/dev/null; do
    done_now="$(grep -c '^ *Compiling' "$log" || true)"
    if [ "$done_now" -ge $((shown + 20)) ]; then
        shown="$done_now"
        say "Rust:   $shown crates of less than $total (tract takes the longest, 5 to 10 minutes in all)"
    fi
    sleep 1
done
trap - EXIT
if ! wait "$build"; then
    tail -30 "$log" >&2
    fail "the Rust engines did not build" "the whole log is rust_runtime/target/setup.log"
fi
exec scripts/native.sh
