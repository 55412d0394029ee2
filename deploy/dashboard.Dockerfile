# The dashboard, from this checkout. It listens on all addresses of its container: publish its port on loopback only.
FROM python:3.13-slim
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir -c .ci/constraints.txt '.[clickhouse]' && rm -rf /src/*
WORKDIR /tmp
USER 10001:10001
EXPOSE 8501
CMD ["sh", "-c", "exec python -m streamlit run \"$(python -c 'import plane_guard_dashboard as p; print(p.__path__[0])')/app.py\" --server.address=0.0.0.0 --server.port=8501 --server.headless=true --server.fileWatcherType=none --browser.gatherUsageStats=false --server.enableCORS=true --server.enableXsrfProtection=true --client.showErrorDetails=none"]
