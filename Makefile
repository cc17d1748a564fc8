# Everyday verbs. Each does its own set-up; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
LOCKS := python_client/requirements.lock python_client/requirements-without-torch.lock
CARGO := scripts/cargo.sh
# What is linked to LibTorch builds only beside a matching torch; `test-tch` and `clippy` see to it.
WITHOUT_TORCH := --workspace --exclude runner_tch --exclude runner_python_tch
EXECUTABLES := rust_runtime/crates/runner_python/oxidizedvision_native.data/platlib/oxidizedvision_native/executables
RUFF := $(BIN)/ruff --config python_client/pyproject.toml
PYTHON_FOLDERS := python_client examples testdata scripts rust_runtime benchmarks
export PATH := $(CURDIR)/$(VENV)/bin:$(CURDIR)/.tools/bin:$(PATH)

.PHONY: help setup native wheel demo test test-python test-rust test-tch test-web bench bench-trust bench-quantise bench-overhead bench-server bench-wasm bench-package onnx-cases zoo plant-faults soak server serve-demo wasm wasm-page serve-page test-page test-packages kserve-client test-faults fuzz check lint-python types lint-web fmt-check clippy fmt lock docs clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 16

setup:  ## .venv from the hashed lock (OXV_TORCH=installed keeps your own torch) and the native module
	@scripts/setup.sh

native:  ## build the native module and install it into .venv
	@scripts/native.sh

wheel: setup  ## an installable wheel of the client and of the native module, in dist/
	@scripts/wheel.sh

demo: setup  ## from the trained denoiser to a Rust program that has proved itself
	@$(BIN)/python examples/denoiser/demo.py

wasm:  ## the browser's modules as they are shipped (ARGS="--everyday rten": one, quickly)
	@scripts/wasm.sh $(ARGS)

server:  ## the server as one program, dist/image_server, and the glibc that it needs
	@scripts/server.sh

serve-demo: setup  ## the trained denoiser behind HTTP, with its status page (ARGS="--port 9000")
	@$(BIN)/python examples/denoiser/serve.py $(ARGS)

test: setup test-rust test-tch test-web test-python  ## every test

test-rust: setup  ## tests of the Rust workspace, in the profile of the native module
	@$(CARGO) test --release $(WITHOUT_TORCH) --exclude runner_python

test-tch: setup  ## tests of the engine on LibTorch, beside a matching torch
	@$(CARGO) --tch test --release -p runner_tch -p runners --no-default-features --features runners/tch

test-python: setup  ## tests of the Python client, end to end included, two files at a time (ARGS="-n 0": one)
	@cd python_client && ../$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-web:  ## quick tests of the web runtime and the page, in Node and in Chromium
	@scripts/wasm.sh --everyday rten
	@scripts/web.sh build test

bench: setup  ## eight networks in every engine, ours beside the bare ones, and what auto makes of it
	@$(BIN)/python -m benchmarks.grid.run $(ARGS)

bench-trust: setup  ## whether the benchmark finds a tenth, and nothing where nothing is
	@$(BIN)/python -m benchmarks.trust.run $(ARGS)

bench-quantise: setup  ## trained models in INT8 and FP16 within their budgets, beside what others make
	@$(BIN)/python -m benchmarks.quantise.run $(ARGS)

bench-overhead: setup  ## what the contract costs over each engine called bare, and Python over Rust
	@$(BIN)/python benchmarks/overhead/run.py $(ARGS)

bench-server: setup  ## our server beside FastAPI, LitServe, mosec and MLServer, and what is claimed of it
	@$(BIN)/python -m benchmarks.server.run $(ARGS)

bench-wasm: setup  ## the browser's modules beside onnxruntime-web in Chromium (ARGS=--quick: rten alone, a try)
	@scripts/wasm.sh $(if $(findstring --quick,$(ARGS)),--everyday rten)
	@$(BIN)/python -m benchmarks.wasm.run $(ARGS)

bench-package: setup  ## executables beside Python processes, from exec to the first result (ARGS=--levers: what makes them small)
	@scripts/executables.sh
	@OXIDIZEDVISION_EXECUTABLES="$(EXECUTABLES)" $(BIN)/python -m benchmarks.package.run $(ARGS)

test-packages: setup  ## every kind of crate with every engine, vendored sources, and the C header
	@cd python_client && OXV_PACKAGES=1 ../$(BIN)/python -m pytest -q tests/e2e/test_package_matrix.py tests/e2e/test_travelling.py $(ARGS)

onnx-cases: setup  ## the ONNX project's own test cases through every engine, ours beside the bare one
	@$(BIN)/python -m benchmarks.onnx_cases.run $(ARGS)

zoo: setup  ## known architectures and MTCNN through convert and every engine, compared with PyTorch
	@$(BIN)/python -m benchmarks.zoo.run $(ARGS)

plant-faults: setup  ## faults put into known graphs: each is found, at the right layer, and none where none is
	@$(BIN)/python -m benchmarks.faults.run $(ARGS)

test-faults: setup  ## the served OpenAPI with 50,000 generated requests (FAULT_CASES for each operation)
	@cd python_client && OXV_API_CASES=$(or $(FAULT_CASES),4000) ../$(BIN)/python -m pytest -s tests/serve/test_served_openapi.py

fuzz:  ## 10 minutes for each fuzz target of the server (ARGS="60 json": seconds, targets)
	@scripts/fuzz.sh $(or $(ARGS),600)

wasm-page: setup  ## the browser's page with the trained denoiser as its sample, in dist/page
	@scripts/web.sh build
	@$(BIN)/python examples/denoiser/page.py

serve-page: wasm-page  ## the same on http://localhost:8000
	@$(BIN)/python examples/denoiser/page.py --serve

test-page: setup  ## the page in Chromium: every model, way of use and fault, with screenshots
	@scripts/web.sh build test:long

kserve-client: setup  ## kserve with all that it needs, in .tools/kserve, for the test of its client
	@scripts/kserve_client.sh

soak: setup  ## verbs killed at 100 random moments, and 8 writers at once: nothing is lost
	@$(BIN)/python benchmarks/soak/soak.py $(ARGS)

check: fmt-check lint-python types lint-web clippy  ## every lint

lint-python: setup  ## ruff: style, bugs, format
	@$(RUFF) check $(PYTHON_FOLDERS) && $(RUFF) format --check $(PYTHON_FOLDERS)

types: setup  ## mypy --strict
	@cd python_client && ../$(BIN)/mypy

lint-web:  ## biome and tsc: the web runtime and the page
	@scripts/web.sh lint types

fmt-check:  ## rustfmt
	@$(CARGO) fmt --all --check

clippy: setup  ## clippy pedantic, warnings are errors
	@$(CARGO) clippy --release $(WITHOUT_TORCH) --all-targets -- -D warnings
	@$(CARGO) --tch clippy --release -p runner_tch -p runner_python_tch --all-targets -- -D warnings

fmt: setup  ## format everything
	@$(CARGO) fmt --all
	@$(RUFF) format $(PYTHON_FOLDERS) && $(RUFF) check --fix $(PYTHON_FOLDERS)

docs: setup  ## write the generated tables of docs/ anew
	@cd python_client && ../$(BIN)/python -m tools.reference

lock:  ## resolve the Python locks anew
	@scripts/lock.sh

clean:  ## remove what demo wrote; the environment and compiled engines stay
	@rm -rf out dist
