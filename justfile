# Every step of CI is one of these recipes.

# Format, lints, tests
check: fmt lint test

fmt:
    cargo fmt --check

lint:
    cargo clippy --all-targets --locked -- -D warnings

# Every test; no internet needed
test:
    cargo test --locked

# The main job on the embedded sandbox
demo:
    cargo run --release --locked -- demo

# The simulation of the engine over SEEDS seeds
simulate SEEDS="200000":
    TWINMAP_SEEDS={{SEEDS}} cargo test --release --locked --features ablation --test simulation -- --nocapture

# The clients of others against the sandbox
clients:
    tests/clients/run

bench:
    cargo bench --locked

# Instructions of the release build under valgrind, against those on record
instructions:
    cargo build --release --locked
    python3 benches/instructions.py
