# What people type. CI does the same: .ci/run.
.POSIX:

# More words for `dust demo`:  make demo ARGS="5"   make demo ARGS="3 -c '@* hostname'"
ARGS =
# Words for the benchmarks:  make bench BENCH="cold warm"   make bench BENCH=help
BENCH =

# All but EC2: it compiles in a fifth of the time.
NO_AWS = --no-default-features --features local
DEMO = --locked --profile demo $(NO_AWS)

help:
	@echo 'make demo    build dust and try it on three nodes on this machine'
	@echo 'make test    run all tests'
	@echo 'make lint    formatting and clippy'
	@echo 'make bench   measure dust beside clush, pdsh, polysh and others'

demo:
	@sh scripts/setup.sh demo
	cargo build $(DEMO)
	@cargo run --quiet $(DEMO) -- demo $(ARGS)

test:
	@sh scripts/setup.sh test
	cargo nextest run --locked --profile ci
	cargo nextest run --locked --profile ci $(NO_AWS) -E 'test(without_aws)'
	cargo test --locked --doc

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets $(NO_AWS) -- -D warnings

bench:
	@sh scripts/setup.sh demo
	cargo bench --locked $(NO_AWS) --bench peers -- $(BENCH)

.PHONY: help demo test lint bench
