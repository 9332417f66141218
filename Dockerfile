# handlers/cloud_run.rs as a container: for Cloud Run, or anywhere else that runs containers.
#
#   docker build --tag chat . && docker run --rm --publish 8080:8080 --env-file .env chat
#   gcloud run deploy chat --source .

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo build --locked --release --package warmspan-handlers --bin cloud_run

# No shell and no package manager; the certificate authorities are compiled in.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/release/cloud_run /cloud_run
# The user "nonroot" of the image.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/cloud_run"]
