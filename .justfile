# `just` lists the recipes; each is a command that works without it too.

_list:
    @just --list

# Start the server, and start it again after every change
run *arguments:
    watchexec --restart --stop-signal SIGTERM --watch src --watch migrations --watch config --watch Cargo.toml -- cargo run -- {{ arguments }}

# The tests: all, or those whose name holds the words; on SQLite, needing no server
test *filter:
    cargo test --locked {{ filter }}

# The tests on PostgreSQL and Redis
db url="postgres://postgres@127.0.0.1:5432/test" redis="redis://127.0.0.1:6379":
    TEST_DATABASE_URL={{ url }} TEST_REDIS_URL={{ redis }} cargo nextest run --locked

# Format, lints, licences and bans
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings
    cargo deny check licenses bans sources

# The documentation of the code, and the OpenAPI document
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
    cargo run --locked --quiet -- openapi > openapi.json

# Line coverage with the lines that no test reaches; `just cover --html` for pages
cover *arguments:
    .ci/coverage {{ arguments }}

# Everything that a change must pass
gate:
    .ci/run
