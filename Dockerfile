# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS chef
WORKDIR /src
RUN cargo install --locked cargo-chef@0.1.78

FROM chef AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

# The dependencies are a layer of their own: it is built again only when Cargo.lock changes.
FROM chef AS build
COPY --from=plan /src/recipe.json recipe.json
RUN cargo chef cook --locked --release --recipe-path recipe.json
COPY . .
RUN cargo build --locked --release --bin concierge \
    && install -D target/release/concierge /out/concierge \
    && install -d /out/data

# The binary needs glibc, libgcc and the certificates of the public authorities; nothing is installed.
FROM debian:bookworm-slim
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="concierge" \
      org.opencontainers.image.description="The backend of an AI application in one binary" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/concierge /usr/local/bin/concierge
COPY --from=build /src/config /app/config
COPY --from=build --chown=1001:1001 /out/data /data
ENV APP_ENV=production \
    API_HOST=0.0.0.0 \
    API_PORT=8000 \
    DATA_DIR=/data
VOLUME /data
EXPOSE 8000
USER 1001:1001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
    CMD ["/usr/local/bin/concierge", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/concierge"]
CMD ["serve"]
