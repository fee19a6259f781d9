# make demo | make test | make run | make check: each sets up what it needs, once.
PYTHON ?= python3
PYTEST = .venv/bin/python -m pytest

.PHONY: demo run test check format setup setup-dev test-engine test-pythons test-parity test-jtop
.PHONY: deb deb-arm64 deb-amd64 test-deb simulate bench bench-front manuals demo-model-evaluate clean

demo: setup
	@packaging/demo.sh

run: setup
	@packaging/run.sh

# The suite in the engine's environment, the front and the client on the oldest and the newest Jetson Python, parity with
# stock f5-tts and the Triton kernels (interpreted without a GPU) in an environment of their own; the device module
# against the real jtop service; the packages in containers.
test: test-engine test-pythons test-parity test-jtop test-deb

test-engine: setup-dev
	$(PYTEST) tests --ignore tests/parity --ignore tests/deb --ignore tests/device/test_jtop_contract.py

test-pythons: setup-dev
	@packaging/test-pythons.sh 3.10 3.12

test-parity:
	@packaging/environment.sh .venv-reference $(PYTHON) reference
	PYTHONPATH=daemon:ctl .venv-reference/bin/python -m pytest -W ignore --confcutdir tests/parity tests/parity
	PYTHONPATH=daemon:ctl .venv-reference/bin/python -m pytest -W ignore --confcutdir tests/kernels tests/kernels

# jetson-stats's real server and client on emulated boards, in a mount namespace: skipped aloud where that is not allowed.
test-jtop: setup-dev
	@packaging/environment.sh .venv-jtop $(PYTHON) jtop
	$(PYTEST) tests/device/test_jtop_contract.py

check: setup-dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	@$(MAKE) --no-print-directory test

# .build/deb/ishowtts_VERSION_{arm64,amd64}.deb: arm64 for JetPack 6 and 7; amd64 is what the tests install.
deb:
	@$(MAKE) --no-print-directory -j2 deb-arm64 deb-amd64

deb-arm64 deb-amd64:
	@PYTHON=$(PYTHON) packaging/deb/build.sh $(@:deb-%=%)

# The packages' checks and their life on a machine: real systemd in containers. Left out aloud without root.
test-deb: setup-dev
	@PYTHON=$(PYTHON) packaging/deb/test.sh $(DEB)

format: setup-dev
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Stock f5-tts against this engine, in one run, on the same random weights: F5TTS_v1_Base on a GPU, the demo's size on a
# CPU. Both run in the reference environment (one torch for both), which gets 4.6 GB on its first use; engine starts and
# the time to first audio are the product's, in .venv. Written to .build/bench; a run that was stopped goes on with
# `make bench BENCH=--resume`. BENCH takes what `ishowctl bench --help` says, such as BENCH="--quick --compare OLD.json".
bench: setup
	@packaging/environment.sh .venv-reference $(PYTHON) reference
	PYTHONPATH=daemon:ctl .venv-reference/bin/python -W ignore -m ishowtts.bench --daemon-python .venv/bin/python $(BENCH)

# The figures of the README's "Measured": front memory, ping under load, first frame, engine start.
bench-front: setup
	.venv/bin/python -m tests.bench_front

# A month of 504 machines' lives with the tuner: does it find the right NFE, does it flap, what does it cost? Half a minute.
simulate: setup-dev
	PYTHONPATH=. .venv/bin/python -m tests.tuner.simulate --seeds 42

# Man pages and completions, made from the parsers and config/ishowtts.yaml, as they are installed below /usr/share.
manuals: setup-dev
	.venv/bin/python packaging/manuals .build/manuals

# Held-out sentences through the demo model and a recogniser: the table of its model card, and whether it passes.
demo-model-evaluate: setup-dev
	.venv/bin/python packaging/demo-model/evaluate.py

setup:
	@packaging/environment.sh .venv $(PYTHON) runtime torch

setup-dev: setup
	@packaging/environment.sh .venv $(PYTHON) dev

clean:
	rm -rf .build .venv .venv-*
