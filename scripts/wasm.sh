#!/usr/bin/env bash
# Builds the browser's modules: scripts/wasm.sh [--everyday] [rten] [rten-threads] [tract]
# Without names, all three. --everyday: without the settings that make a module small and its build
# long. A module that was built from the same sources is left as it is.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

crate="$root/rust_runtime/examples/wasm_frontend"
target=wasm32-unknown-unknown
profile=shipping
names=()
for word in "$@"; do
    case "$word" in
        --everyday) profile=everyday ;;
        rten | rten-threads | tract) names+=("$word") ;;
        *) fail "there is no module $word" "scripts/wasm.sh [--everyday] [rten] [rten-threads] [tract]" ;;
    esac
done
[ ${#names[@]} -gt 0 ] || names=(rten rten-threads tract)

native_target="${CARGO_TARGET_DIR:-$root/rust_runtime/target}"
wasm_target="$native_target/wasm"
command -v cargo >/dev/null || fail "Rust 1.94 or newer is needed" "install it with rustup"

# Sets $wasm_cargo and the environment that it needs. Threads and the small build want the standard
# library built anew, which no stable release offers: RUSTC_BOOTSTRAP makes do with the one there is.
find_toolchain() {
    build_std=()
    export RUSTC_BOOTSTRAP=1
    local sysroot; sysroot="$(rustc --print sysroot)"
    if [ -d "$sysroot/lib/rustlib/$target" ] || add_rustup_target; then
        wasm_cargo=cargo
        [ -d "$sysroot/lib/rustlib/src/rust/library" ] && has_source=yes || has_source=no
        return
    fi
    local linker; linker="$(command -v wasm-ld || command -v wasm-ld-19 || true)"
    if [ ! -x /usr/bin/cargo ] || [ ! -d /usr/lib/rustlib/src/rust/library ] || [ -z "$linker" ]; then
        fail "there is no toolchain for $target" "rustup target add $target, or on Debian: \
apt-get install --no-install-recommends rustc-web cargo-web rust-web-src lld-19"
    fi
    wasm_cargo=/usr/bin/cargo
    has_source=yes
    export RUSTC=/usr/bin/rustc CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$linker"
    build_std=(-Zbuild-std=std,panic_abort)
}

# Whether rustup can have the target; what it says is of no use where it cannot.
add_rustup_target() {
    command -v rustup >/dev/null && timeout 120 rustup target add "$target" >/dev/null 2>&1
}

# build NAME: the module and its JavaScript, in runtime/modules/NAME.
build() {
    local name="$1" out="$crate/runtime/modules/$1"
    local flags="-C target-feature=+simd128" features="${1%-threads}" std=("${build_std[@]}")
    [ "$has_source" = no ] || [ "$profile" = everyday ] ||
        std=(-Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size)
    [ "$profile" = everyday ] || flags="$flags -Z location-detail=none"
    if [ "$name" = rten-threads ]; then
        [ "$has_source" = yes ] || fail "threads need the standard library's source" \
            "rustup component add rust-src"
        [ ${#std[@]} -gt 0 ] || std=(-Zbuild-std=std,panic_abort)
        features=threads
        flags="$flags $(thread_flags)"
    fi
    RUSTFLAGS="$flags" CARGO_TARGET_DIR="$wasm_target" "$wasm_cargo" \
        --config "$crate/profiles.toml" rustc --locked \
        --manifest-path "$root/rust_runtime/Cargo.toml" -p wasm_frontend --lib --crate-type cdylib \
        --profile "wasm-$profile" --target "$target" "${std[@]}" \
        --no-default-features --features "$features"
    rm -rf "$out.new"
    cargo run --quiet --release --locked --manifest-path "$root/rust_runtime/Cargo.toml" -p xtask -- \
        bind "$wasm_target/$target/wasm-$profile/wasm_frontend.wasm" "$out.new"
    describe "$name" "$out.new"
    rm -rf "$out"
    mv "$out.new" "$out"
    say "built $name ($profile): $(stat -c %s "$out/oxidizedvision_bg.wasm") bytes"
}

# Memory that workers share, of 2 GiB at most: more is refused by the browsers of many phones.
thread_flags() {
    local argument flags="-C target-feature=+atomics"
    for argument in --shared-memory --import-memory --max-memory=2147483648 \
        --export=__wasm_init_tls --export=__tls_size --export=__tls_align --export=__tls_base; do
        flags="$flags -C link-arg=$argument"
    done
    printf '%s' "$flags"
}

# describe NAME FOLDER: what the module is and what built it, beside it. rten has no f64.
describe() {
    local engine="${1%-threads}" dtypes='"f32", "f16", "f64", "i8", "u8", "i32", "i64", "bool"' sum
    [ "$engine" = tract ] || dtypes="${dtypes/\"f64\", /}"
    sum="$(sha256sum "$2/oxidizedvision_bg.wasm" | cut -d' ' -f1)"
    cat >"$2/build.json" <<JSON
{
  "engine": "$engine",
  "version": "$(locked_version "$engine")",
  "dtypes": [$dtypes],
  "profile": "$profile",
  "rustc": "$("${RUSTC:-rustc}" --version)",
  "sha256": "$sum"
}
JSON
}

# locked_version ENGINE: of the crate that is the engine.
locked_version() {
    local name="${1/tract/tract-onnx}"
    grep -A1 "^name = \"$name\"\$" "$root/rust_runtime/Cargo.lock" | sed -n 's/^version = "\(.*\)"/\1/p'
}

find_toolchain
mkdir -p "$crate/runtime/modules"
for name in "${names[@]}"; do
    start=$SECONDS
    build "$name"
    say "$name: $((SECONDS - start)) s"
done
