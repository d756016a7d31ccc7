# What people type. CI does the same: .ci/run.
.POSIX:

# More words for `dust demo`:  make demo ARGS="5"   make demo ARGS="3 -c '@* hostname'"
ARGS =
# Where `make install` puts dust, its man pages, completions and examples; packagers set DESTDIR, too.
PREFIX = /usr/local
DESTDIR =
# A dust that is built already, to be installed as it is:  make install BINARY=target/debug/dust
BINARY =
# Words for the benchmarks:  make bench BENCH="cold warm"   make bench BENCH=help
BENCH =

# All but EC2: it compiles in a fifth of the time.
NO_AWS = --no-default-features --features local
DEMO = --locked --profile demo $(NO_AWS)

help:
	@echo 'make demo       build dust and try it on three nodes on this machine'
	@echo 'make build      build dust as it is to be installed'
	@echo 'make install    install it in PREFIX (/usr/local)'
	@echo 'make uninstall  take it away again'
	@echo 'make deb        build a Debian package'
	@echo 'make test       run all tests'
	@echo 'make lint       formatting and clippy'
	@echo 'make picture    draw the picture in the README anew'
	@echo 'make bench      measure dust beside clush, pdsh, polysh and others'

demo:
	@sh scripts/setup.sh demo
	cargo build $(DEMO)
	@cargo run --quiet $(DEMO) -- demo $(ARGS)

build:
	@sh scripts/setup.sh demo
	cargo build --locked --release

# With sudo there often is no cargo: then what `make build` made is installed.
install:
	@if [ -z '$(BINARY)' ] && command -v cargo >/dev/null 2>&1; then \
		cargo build --locked --release; \
	fi
	@binary='$(BINARY)'; binary=$${binary:-$${CARGO_TARGET_DIR:-target}/release/dust}; \
	if [ ! -x "$$binary" ]; then \
		echo "there is no $$binary: make build makes it" >&2; exit 1; \
	fi; \
	sh scripts/install.sh install "$$binary" '$(PREFIX)' '$(DESTDIR)'

uninstall:
	@sh scripts/install.sh uninstall '$(PREFIX)' '$(DESTDIR)'

deb:
	@sh scripts/setup.sh deb
	cargo deb --locked

test:
	@sh scripts/setup.sh test
	cargo nextest run --locked --profile ci
	cargo nextest run --locked --profile ci $(NO_AWS) -E 'test(without_aws)'
	cargo test --locked --doc

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets $(NO_AWS) -- -D warnings

picture:
	DUST_REGENERATE=1 cargo test --locked $(NO_AWS) --test it the_picture

bench:
	@sh scripts/setup.sh demo
	cargo bench --locked $(NO_AWS) --bench peers -- $(BENCH)

.PHONY: help demo build install uninstall deb test lint picture bench
