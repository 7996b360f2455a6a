# Builds the image of Platen: Node, Debian's headless shell, fonts for most scripts, and a user who is not root.

ARG NODE_TAG=24.21.0-bookworm-slim

FROM node:${NODE_TAG} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Optional packages are Node itself for machines with an older one, and @sparticuz/chromium is a browser for machines without one. The
# image has both already. No dependency needs its install script. The packages for frontends are not part of the service.
RUN npm ci --omit=dev --omit=optional --workspaces=false --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/@sparticuz node_modules/.package-lock.json

FROM node:${NODE_TAG}
# The browser's version is left to Debian: its security archive keeps only the newest one, so that a pinned one soon fails to install.
# Recommended packages are left out on purpose: one of them is the setuid sandbox helper, which no-new-privileges would break. The
# sandbox uses user namespaces instead.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
      chromium-headless-shell fonts-noto-cjk fonts-noto-color-emoji fonts-noto-core tini \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 platen \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin platen \
 && install --directory --owner=10001 --group=10001 --mode=0700 /data

ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    DATA_DIR=/data \
    BROWSER_PATH=/usr/bin/chromium-headless-shell

WORKDIR /app
# Everything belongs to root: the service cannot change its own program.
COPY package.json package-lock.json LICENSE ./
COPY --from=dependencies /app/node_modules node_modules
COPY bin bin
COPY scripts/backup.ts scripts/backup-parts.ts scripts/restore.ts scripts/
COPY src src
COPY templates templates

ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Platen" \
      org.opencontainers.image.description="PDF service of an education platform" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# A number, so that an orchestrator can see that it is not root without reading the image's /etc/passwd.
USER 10001:10001
VOLUME /data
EXPOSE 8080
# /health answers without waiting for the browser or the storage: a container is not killed because S3 is down.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`, { signal: AbortSignal.timeout(4000) }).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

# A killed browser leaves orphans: tini reaps them. Node runs without npm in between, so that it gets SIGTERM itself.
ENTRYPOINT ["tini", "--"]
CMD ["node", "--disable-warning=ExperimentalWarning", "src/main.ts"]
