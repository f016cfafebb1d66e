# The service as one static program in an image that has nothing else, no shell either:
#
#   docker build -t chenu .
#   docker run --rm chenu help
#
# It needs a PostgreSQL; compose.yaml runs both. (PostgreSQL's programs are not in the image, so a service without a
# database URL says so.)

FROM --platform=$BUILDPLATFORM golang:1.26.5@sha256:3aff6657219a4d9c14e27fb1d8976c49c29fddb70ba835014f477e1c70636647 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags='-s -w' -o /chenu ./cmd/chenu

# Certificates for TLS to the database, time zones, an unprivileged user; see github.com/GoogleContainerTools/distroless.
FROM gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab
COPY --from=build /chenu /chenu
ENV CHENU_LISTEN_ADDR=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s CMD ["/chenu", "health"]
ENTRYPOINT ["/chenu"]
CMD ["serve"]
