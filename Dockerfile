# Mail spool in the volume /var/lib/relay, configuration at /etc/relay/relay.yaml, secrets as files in /run/secrets.
# The root file system may be read-only: docker run --read-only --tmpfs /tmp --cap-drop ALL …, as in compose.yaml.

FROM python:3.12-slim-bookworm AS build
WORKDIR /src
RUN ["python", "-m", "venv", "--without-pip", "/opt/relay"]
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY relay relay
RUN ["pip", "--python", "/opt/relay/bin/python", "install", "--no-cache-dir", "--no-compile", "--constraint", "constraints.txt", "."]
# Not needed to run: tests and translations that packages carry. What remains is compiled now, since later nobody may write,
# and without a look at the times of files, which not every registry keeps.
RUN find /opt/relay/lib \( -path '*/site-packages/*/tests' -o -path '*/apprise/i18n/*' -o -name '*.py[ixd]' -o -name '*.pxd' \) -prune -exec rm -r {} + \
 && rm -f /opt/relay/bin/[aA]ctivate* \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/relay/lib

FROM python:3.12-slim-bookworm
RUN groupadd --gid 10001 relay \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/relay --shell /usr/sbin/nologin relay \
 && install -d -m 0755 /etc/relay \
 && install -d -m 0700 -o 10001 -g 10001 /var/lib/relay
COPY --from=build /opt/relay /opt/relay
ENV PATH=/opt/relay/bin:$PATH \
    PYTHONUNBUFFERED=1
# The image's Python comes without compiled modules: what the relay imports is compiled by importing it once, as root.
RUN ["python", "-c", "import relay.app, relay.cli.verbs, relay.cli.serve, relay.web.server, relay.control.apprise_door, msal"]
USER 10001:10001
VOLUME /var/lib/relay
# 25, 587 and 465 outside (deploy/relay.yaml); dashboard, API, probes and metrics.
EXPOSE 2525 2587 2465 8925
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s CMD ["relay", "healthcheck"]
ENTRYPOINT ["relay"]
CMD ["serve"]
