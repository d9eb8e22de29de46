# The question box with its encoder inside: once it is built, it needs no network. docs/deploying.md says how to run it.
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY qa qa
RUN python -m venv /opt/question-box \
    && /opt/question-box/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.11-slim-bookworm
# the number of the user is fixed, so that mounted folders can be given to it: chown 10001 index
RUN useradd --uid 10001 --create-home box \
    && mkdir /corpus /index \
    && chown box /corpus /index
COPY --from=build /opt/question-box /opt/question-box
ENV PATH=/opt/question-box/bin:$PATH \
    QA_HOST=0.0.0.0 \
    QA_CORPUS=/corpus \
    QA_INDEX=/index
USER 10001
WORKDIR /home/box
VOLUME ["/corpus", "/index"]
EXPOSE 7860
# ready once the index is built, which takes a tenth of a second for each passage the first time
HEALTHCHECK --interval=30s --timeout=5s --start-period=30m \
    CMD ["python", "-c", "from urllib.request import urlopen; assert b'\"ready\"' in urlopen('http://127.0.0.1:7860/api/health').read()"]
CMD ["qa", "serve", "--watch"]
