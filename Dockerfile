# For a CPU:
#   docker build -t sam2track .
# For CUDA (PyTorch from PyPI brings the CUDA libraries; the host needs its driver and the NVIDIA Container Toolkit):
#   docker build -t sam2track:cuda --build-arg TORCH_INDEX= .
# To use it:
#   docker run --rm -v "$PWD:/data" sam2track track video=clip.mp4 click=[320,240]
#   docker run --rm --gpus all -v "$PWD:/data" sam2track:cuda track video=clip.mp4 click=[320,240] device=cuda
#   docker run --rm -p 8017:8017 -v "$PWD:/data" sam2track serve project=mine host=0.0.0.0 open=false

ARG PYTHON=3.12
FROM python:${PYTHON}-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=serve,benchmark

ENV PYTHONUNBUFFERED=1
WORKDIR /src
COPY pyproject.toml constraints.txt README.md CHANGELOG.md LICENSE THIRD_PARTY.md ./
COPY configs configs
COPY sam2track sam2track
# An empty PIP_EXTRA_INDEX_URL stands for PyPI alone.
RUN PIP_EXTRA_INDEX_URL="${TORCH_INDEX}" pip install --no-cache-dir -c constraints.txt torch \
    && pip install --no-cache-dir -c constraints.txt ".[${EXTRAS}]" \
    && useradd --uid 1000 --create-home user

USER 1000
WORKDIR /data
EXPOSE 8017
# SIGTERM, which `docker stop` sends, ends a run and keeps its results.
ENTRYPOINT ["sam2track"]
CMD ["--help"]
