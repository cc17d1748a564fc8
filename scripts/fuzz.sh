#!/usr/bin/env bash
# Runs the fuzz targets of rust_runtime/fuzz one after another: fuzz.sh [--keep] [SECONDS [TARGET…]]
# Each runs for SECONDS, 60 unless told otherwise. What it finds on the way stays in fuzz/target;
# with --keep, what reaches new code joins the corpus of the repository. rust_runtime/fuzz/README.md
# tells more.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cargo_fuzz_version=0.13.1

need_cargo_fuzz() {
    command -v cargo >/dev/null || fail "Rust is needed" "install it with rustup"
    export PATH="$root/.tools/bin:$PATH"
    command -v cargo-fuzz >/dev/null && return
    say "cargo-fuzz is not installed: putting version $cargo_fuzz_version into .tools"
    cargo install --quiet --locked --root .tools "cargo-fuzz@$cargo_fuzz_version" ||
        fail "cargo-fuzz cannot be installed" "cargo install cargo-fuzz"
}

# fuzz TARGET CORPUS… -- OPTION…: libFuzzer writes to the first corpus and only reads the others.
fuzz() { RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir fuzz "$@"; }

keep=
if [ "${1:-}" = --keep ]; then keep=1; shift; fi
seconds="${1:-60}"
[ "$seconds" -gt 0 ] 2>/dev/null || { say "error: SECONDS is $seconds, not a whole number above 0"; exit 2; }
shift $(($# > 0))
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(header binary json picture)

need_cargo_fuzz
cd rust_runtime
for target in "${targets[@]}"; do
    [ -f "fuzz/targets/$target.rs" ] || { say "error: there is no fuzz target $target"; exit 2; }
    found="fuzz/target/corpus/$target"
    kept="fuzz/corpus/$target"
    seeds=()
    [ "$target" != picture ] || seeds=(crates/vision_io/tests/goldens/decode)
    mkdir -p "$found" "$kept"
    say "$target: $seconds s"
    fuzz "$target" "$found" "$kept" "${seeds[@]}" -- -max_total_time="$seconds" -max_len=65536 \
        -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
    [ -z "$keep" ] || fuzz "$target" "$kept" "$found" -- -merge=1
done
