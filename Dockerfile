# Mail spool in the volume /var/lib/relay, configuration at /etc/relay/relay.yaml, secrets as files in /run/secrets.
# The root file system may be read-only: docker run --read-only --tmpfs /tmp --cap-drop ALL …, as in compose.yaml.

FROM python:3.12-slim-bookworm AS build
WORKDIR /src
RUN ["python", "-m", "venv", "--without-pip", "/opt/relay"]
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY relay relay
RUN ["pip", "--python", "/opt/relay/bin/python", "install", "--no-cache-dir", "--constraint", "constraints.txt", "."]

FROM python:3.12-slim-bookworm
RUN groupadd --gid 10001 relay \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/relay --shell /usr/sbin/nologin relay \
 && install -d -m 0755 /etc/relay \
 && install -d -m 0700 -o 10001 -g 10001 /var/lib/relay
COPY --from=build /opt/relay /opt/relay
ENV PATH=/opt/relay/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /var/lib/relay
EXPOSE 2525
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s CMD ["relay", "healthcheck"]
ENTRYPOINT ["relay"]
CMD ["serve"]
