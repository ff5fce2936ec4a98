FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY requirements/runtime.lock requirements/runtime.lock
COPY src src
RUN python -m venv /opt/waport \
 && /opt/waport/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/runtime.lock \
 && /opt/waport/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
RUN useradd --create-home --uid 10001 waport && install -d -o waport -g waport -m 700 /data
COPY --from=build /opt/waport /opt/waport
USER waport
WORKDIR /data
ENV PATH=/opt/waport/bin:$PATH SESSIONS_PATH=/data HOST=0.0.0.0 PORT=3000
EXPOSE 3000
VOLUME /data
HEALTHCHECK --interval=30s --timeout=3s CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '3000') + os.environ.get('BASE_PATH', '').rstrip('/') + '/livez', timeout=2)"]
CMD ["waport", "serve"]
