# Sourced: lets cargo build what is linked to LibTorch, and run it, with the torch of .venv or LIBTORCH.
if [ -z "${LIBTORCH:-}" ]; then
    torch_folder="$("$root/.venv/bin/python" -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])')"
    export LIBTORCH_USE_PYTORCH=1 PATH="$root/.venv/bin:$PATH"
    LIBTORCH_FOLDER="$torch_folder/lib"
else
    LIBTORCH_FOLDER="$LIBTORCH/lib"
fi
export LD_LIBRARY_PATH="$LIBTORCH_FOLDER${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
