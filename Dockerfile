# One image for manager and agent. Base images are arguments: name a mirror's, or pin them by digest.
ARG BUILD_IMAGE=node:24-trixie-slim
ARG RUNTIME_IMAGE=debian:trixie-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
# A registry or certificate authority of one's own comes by a secret, and stays out of the image.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    npm ci --no-audit --no-fund
COPY build.ts tsconfig.json ./
COPY src src
COPY docs/reasons.md docs/reasons.md
RUN npm run build && find dist -name '*.map' -delete
# All that is not in the bundle: koffi's loader and its library for this platform.
RUN mkdir -p runtime/node_modules && \
    cp -a package.json package-lock.json dist runtime/ && \
    cp -a node_modules/koffi node_modules/@koromix runtime/node_modules/

FROM ${RUNTIME_IMAGE}
# libvirt's client library for the agent, libcrypt for the manager's yescrypt, ssh for hypervisors that are reached by it,
# and a user whose home ssh knows.
# What tells when it was built goes, so that the same packages make the same image.
RUN apt-get -q update && \
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install libvirt0 libcrypt1 openssh-client && \
    useradd --uid 65532 --user-group --create-home --home-dir /home/qga --shell /usr/sbin/nologin qga && \
    rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /tmp/*
COPY --from=build /usr/local/bin/node /usr/local/bin/node
# Scanners read what is in the bundle from the lock file.
COPY --from=build /src/runtime /app

ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="qga-operator" \
      org.opencontainers.image.description="The QEMU guest agent as a Kubernetes API" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

ENV NODE_ENV=production
# The manager's user. An agent on a node is run as root, to whom libvirt's socket belongs.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node", "/app/dist/qga-operator.js"]
CMD ["--help"]
