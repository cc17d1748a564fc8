#!/usr/bin/env bash
# The server as one program in dist/, with the glibc that it needs.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
scripts/cargo.sh build --release --locked --package image_server
target="${CARGO_TARGET_DIR:-$root/rust_runtime/target}"
mkdir -p dist
install -m 755 "$target/release/image_server" dist/image_server
needed="$(grep -aoE 'GLIBC_[0-9]+\.[0-9]+' dist/image_server | sort -uV | tail -1)"
ls -l dist/image_server
say "It needs glibc ${needed#GLIBC_} or newer."
