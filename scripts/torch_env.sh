# Sourced, with $root set: lets cargo build what is linked to LibTorch, and run it, with the torch of
# .venv, or with the LibTorch whose folder is in LIBTORCH.
if [ -n "${LIBTORCH:-}" ]; then
    libtorch_folder="$LIBTORCH/lib"
else
    libtorch_folder="$("$root/.venv/bin/python" -c 'import importlib.util as u, sys
spec = u.find_spec("torch")
sys.exit("error: .venv has no torch\nhint: run `make setup`, or set LIBTORCH") if spec is None else print(spec.submodule_search_locations[0])')/lib" ||
        return 4
    export LIBTORCH_USE_PYTORCH=1 PATH="$root/.venv/bin:$PATH"
fi
export LD_LIBRARY_PATH="$libtorch_folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
