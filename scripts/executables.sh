#!/usr/bin/env bash
# The programs without a model that the native wheel carries, in the folder that maturin takes into
# it: scripts/executables.sh [--everyday] [--target TRIPLE]
# Small ones, which take minutes, or with --everyday those of the tests, which are linked only.
# Small ones have the C library inside: musl where the machine has it, else glibc, which is larger.
# --target: for another kind of machine, such as aarch64-unknown-linux-gnu, in a folder of its name,
# or for this one with the other C library, in place of its own programs.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
crate="$root/rust_runtime/crates/model_executable"
target="${CARGO_TARGET_DIR:-$root/rust_runtime/target}"
output="$root/rust_runtime/crates/runner_python/oxidizedvision_native.data/platlib/oxidizedvision_native/executables"
log="$target/executables.log"
host="$(rustc -vV | sed -n 's/^host: //p')"
triple=""
profile=executable
while [ $# -gt 0 ]; do
    case "$1" in
        --everyday) profile=release ;;
        --target) shift; triple="${1:?}" ;;
        *) fail "there is no option $1" "scripts/executables.sh [--everyday] [--target TRIPLE]" ;;
    esac
    shift
done
mkdir -p "$target"
musl="/usr/lib/${host%%-*}-linux-musl"
if [ -z "$triple" ]; then
    triple="$host"
    if [ "$profile" = executable ] && [[ "$host" = *-linux-gnu ]]; then
        if [ -f "$musl/rcrt1.o" ]; then triple="${host/gnu/musl}"; else
            say "programs with glibc inside: with musl they are smaller (on Debian: apt-get install musl-tools)"
        fi
    fi
fi
by_musl=no
[ "$triple" = "$host" ] || [ "$triple" != "${host/gnu/musl}" ] || by_musl=yes
command=(cargo build --locked -p model_executable --profile "$profile")
flags=""

# Sets the compilers of a machine that is not this one, by the names of Debian's.
cross_compile() {
    local prefix="${triple/-unknown/}" name="${triple//-/_}"
    command -v "$prefix-gcc" >/dev/null || fail "there is no C compiler for $triple" \
        "on Debian: apt-get install gcc-$prefix"
    export "CC_$name=$prefix-gcc" "AR_$name=$prefix-ar" "CARGO_TARGET_${name^^}_LINKER=$prefix-gcc"
}

# No stable compiler builds its own library anew: it takes its source, which rustup has.
build_the_library() {
    local source; source="$(rustc --print sysroot)/lib/rustlib/src/rust/library"
    [ -d "$source" ] || { command -v rustup && timeout 120 rustup component add rust-src; } >/dev/null 2>&1 ||
        fail "there is no source of Rust's library" "rustup component add rust-src"
    # Apart, since build scripts ask for the variable: all would be built anew each time.
    export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$target/executables"
    target="$CARGO_TARGET_DIR"
    command+=(-Zbuild-std=std,panic_abort "$@")
}

# The linker is LLVM's by way of musl-gcc, whose own start files want a loader. No panic is unwound,
# and no errors carry the stack they came from: what would walk it finds none.
link_with_musl() {
    local name="${triple//-/_}" stub="$target/no-unwinding"
    [ -f "$musl/rcrt1.o" ] || fail "there is no musl" "on Debian: apt-get install musl-tools"
    export "CC_$name=musl-gcc" "CARGO_TARGET_${name^^}_LINKER=musl-gcc"
    mkdir -p "$stub"
    echo 'int _Unwind_Backtrace(void *f, void *d) { return 5; } void *_Unwind_GetIP(void *c) { return 0; }
        void *_Unwind_GetCFA(void *c) { return 0; } void *_Unwind_FindEnclosingFunction(void *p) { return 0; }' |
        musl-gcc -Os -x c -c - -o "$stub/unwind.o"
    ar rcs "$stub/libunwind.a" "$stub/unwind.o"
    flags="$flags -C link-self-contained=no -L native=$stub -C link-arg=-fuse-ld=lld"
    flags="$flags -C link-arg=-B$(rustc --print sysroot)/lib/rustlib/$host/bin/gcc-ld"
    flags="$flags -C link-arg=-nostartfiles -C link-arg=-Wl,--no-dynamic-linker"
    flags="$flags -Z pre-link-args=$musl/rcrt1.o -Z pre-link-args=$musl/crti.o -C link-arg=$musl/crtn.o"
}

if [ "$triple" != "$host" ] && [ "$by_musl" = no ]; then
    output="$output/$triple"
    cross_compile
fi
if [ "$profile" = executable ]; then
    build_the_library -Zbuild-std-features=optimize_for_size -Zpanic-immediate-abort
    command+=(--config "$crate/profiles.toml")
    # No panic is unwound, so that no tables of the stack are needed.
    flags="-Z location-detail=none -C force-unwind-tables=no"
    # Rust's linker on this target is LLVM's, which folds functions of the same code.
    case "$triple" in x86_64-unknown-linux-*) flags="$flags -C link-arg=-Wl,--icf=all" ;; esac
elif [ "$by_musl" = yes ] || [ ! -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ]; then
    build_the_library
fi
built="$target/$profile"
if [ "$profile" = executable ] || [ "$triple" != "$host" ]; then
    command+=(--target "$triple")
    built="$target/$triple/$profile"
    # Whole with the C library: it runs on any Linux, of whatever distribution and age.
    case "$triple" in
        *-linux-gnu) flags="$flags -C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs" ;;
    esac
    [ "$by_musl" = no ] || link_with_musl
    export RUSTFLAGS="$flags"
fi
if ! (cd rust_runtime && "${command[@]}") >"$log" 2>&1; then
    tail -30 "$log" >&2
    fail "the programs for packages did not build" "the whole log is ${log#"$root/"}"
fi
(cd python_client && "$root/.venv/bin/python" -m tools.executables "$profile" "$triple" "$built" "$output")
