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

# find_toolchain NEEDS-SOURCE: sets $wasm_cargo, $wasm_rustc and what both need. The target's own
# standard library comes with rustup; to build it anew takes its source.
find_toolchain() {
    local sysroot; sysroot="$(rustc --print sysroot)"
    build_std=()
    if from_rustup target "$sysroot/lib/rustlib/$target" "$target" &&
        { [ "$1" = no ] || from_rustup component "$sysroot/lib/rustlib/src/rust/library" rust-src; }; then
        wasm_cargo=(cargo)
        return
    fi
    local linker; linker="$(command -v wasm-ld || command -v wasm-ld-19 || true)"
    if [ ! -x /usr/bin/cargo ] || [ ! -d /usr/lib/rustlib/src/rust/library ] || [ -z "$linker" ]; then
        fail "there is no toolchain for $target" "rustup target add $target && rustup component add \
rust-src, or on Debian: apt-get install --no-install-recommends rustc-web cargo-web rust-web-src lld-19"
    fi
    wasm_cargo=(env RUSTC=/usr/bin/rustc "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker" /usr/bin/cargo)
    build_std=(-Zbuild-std=std,panic_abort)
}

# from_rustup KIND FOLDER NAME: whether it is there, or rustup can have it.
from_rustup() {
    [ -d "$2" ] || { command -v rustup && timeout 120 rustup "$1" add "$3"; } >/dev/null 2>&1
}

# patch_crates: sets $patched to Cargo's setting that takes our copies of the crates that patches/
# changes. They keep their versions, so that Cargo.lock holds for them too.
patch_crates() {
    local metadata file name sources copy paths=()
    metadata="$(cargo metadata --locked --format-version 1 --manifest-path "$root/rust_runtime/Cargo.toml")"
    for file in "$root"/rust_runtime/patches/*.patch; do
        name="$(basename "$file" .patch)"
        sources="$(grep -oE "\"manifest_path\":\"[^\"]*/${name%-*}(-${name##*-})?/Cargo.toml\"" <<<"$metadata" |
            cut -d'"' -f4 | head -1 || true)"
        [ -n "$sources" ] || fail "Cargo.lock has no $name, which $file changes" "see rust_runtime/patches/README.md"
        copy="$wasm_target/patched/$name"
        # A copy that stands is as good as new, and Cargo need not build it again.
        if ! cmp -s "$file" "$copy/.patch"; then
            rm -rf "$copy"
            mkdir -p "$copy"
            cp -R "$(dirname "$sources")/." "$copy"
            (cd "$copy" && GIT_CEILING_DIRECTORIES="$wasm_target/patched" git apply "$file") ||
                fail "$file does not fit $sources" "see rust_runtime/patches/README.md"
            cp "$file" "$copy/.patch"
        fi
        paths+=("\"$copy\"")
    done
    patched="paths=[$(IFS=,; printf '%s' "${paths[*]}")]"
}

# build NAME: the module and its JavaScript, in runtime/modules/NAME.
build() {
    local name="$1" out="$crate/runtime/modules/$1"
    local flags="-C target-feature=+simd128" features="${1%-threads}" source=no settings="wasm-$profile"
    [ "$profile/$name" = everyday/rten ] || [ "$profile/$name" = everyday/tract ] || source=yes
    find_toolchain "$source"
    [ "$source" = no ] || build_std=(-Zbuild-std=std,panic_abort)
    if [ "$profile" = shipping ]; then
        build_std+=(-Zbuild-std-features=optimize_for_size -Zpanic-immediate-abort)
        flags="$flags -Z location-detail=none"
    fi
    if [ "$name" = rten-threads ]; then
        features=threads
        flags="$flags $(thread_flags)"
        [ "$profile" = everyday ] || settings="$settings-threads"
    fi
    local more=()
    if [ "${name%-threads}" = rten ]; then
        patch_crates
        more=(--config "$patched")
    fi
    # No stable compiler builds its own library anew, or leaves places out of panics.
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags" CARGO_TARGET_DIR="$wasm_target" "${wasm_cargo[@]}" \
        --config "$crate/profiles.toml" "${more[@]}" rustc --locked \
        --manifest-path "$root/rust_runtime/Cargo.toml" -p wasm_frontend --lib --crate-type cdylib \
        --profile "$settings" --target "$target" "${build_std[@]}" \
        --no-default-features --features "$features"
    rm -rf "$out.new"
    cargo run --quiet --release --locked --manifest-path "$root/rust_runtime/Cargo.toml" -p xtask -- \
        bind "$wasm_target/$target/$settings/wasm_frontend.wasm" "$out.new"
    describe "$name" "$out.new"
    list_crates "$features" "$out.new/crates.txt"
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
  "rustc": "$(compiler)",
  "sources": "$sources",
  "sha256": "$sum"
}
JSON
}

# list_crates FEATURES FILE: what the module is made of, for its bill of materials.
list_crates() {
    (cd "$root/rust_runtime" && "${wasm_cargo[@]}" tree --locked --edges normal,build --prefix none --format '{p}|{l}' \
        --target "$target" --package wasm_frontend --no-default-features --features "$1") |
        sed 's| (/[^)]*)| (here)|' >"$2"
}

# Of all that a module is made of.
sum_of_sources() {
    cd "$root/rust_runtime"
    find Cargo.toml Cargo.lock crates/{runner_core,runner_rten,runner_tract,vision_io,vision_model,xtask} \
        examples/wasm_frontend/{Cargo.toml,profiles.toml,src,runtime/src/module_types.ts} patches/*.patch ../scripts/wasm.sh -type f -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

# is_built NAME: whether the module is there, from these sources; one that is shipped serves tests too.
is_built() {
    local facts="$crate/runtime/modules/$1/build.json"
    [ -f "${facts%/*}/crates.txt" ] && grep -qs "\"sources\": \"$sources\"" "$facts" &&
        grep -qE "\"profile\": \"($profile|shipping)\"" "$facts"
}

compiler() {
    if [ "${wasm_cargo[0]}" = env ]; then /usr/bin/rustc --version; else rustc --version; fi
}

# locked_version ENGINE: of the crate that is the engine.
locked_version() {
    local name="${1/tract/tract-onnx}"
    grep -A1 "^name = \"$name\"\$" "$root/rust_runtime/Cargo.lock" | sed -n 's/^version = "\(.*\)"/\1/p'
}

mkdir -p "$crate/runtime/modules"
sources="$(sum_of_sources)"
for name in "${names[@]}"; do
    if is_built "$name"; then
        say "$name: up to date"
        continue
    fi
    start=$SECONDS
    build "$name"
    say "$name: $((SECONDS - start)) s"
done
