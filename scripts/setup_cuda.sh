#!/usr/bin/env bash
# Gets what building the CUDA module takes, where it is missing: NVIDIA's own Python packages (nvcc, runtime, cuBLASLt, cuDNN, NCCL) in a
# folder of their own, by pip; the system stays as it is. Quick when all is there. setup.sh --cuda calls this.
# usage: setup_cuda.sh
# The folder: FLR_CUDA_ROOT, else fastlr_dist/cuda in XDG_CACHE_HOME or ~/.cache. About 2.5 GB. CMake finds it there.
set -euo pipefail
if [ "${1:-}" = --help ]; then sed -n '2,/^set /s/^# //p' "$0" && exit; fi
root=${FLR_CUDA_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/fastlr_dist/cuda}
packages=('nvidia-cuda-nvcc==13.*' 'nvidia-cuda-crt==13.*' 'nvidia-cuda-runtime==13.*' 'nvidia-cuda-cccl==13.*' 'nvidia-nvvm==13.*'
  'nvidia-cublas==13.*' 'nvidia-cudnn-cu13==9.*' 'nvidia-nccl-cu13==2.*')

say() { echo "setup_cuda.sh: $*" >&2; }
die() {
  say "$@"
  exit 69
}

# complete NVCC: whether it compiles a file that needs all the libraries' headers
complete() {
  local try code=0
  try=$(mktemp -d)
  printf '#include <%s>\n' cuda_runtime.h cublasLt.h cudnn.h nccl.h >"$try/a.cu"
  "$1" -E ${CUDNN_PATH:+-I"$CUDNN_PATH/include"} ${NCCL_HOME:+-I"$NCCL_HOME/include"} "$try/a.cu" >/dev/null 2>&1 || code=$?
  rm -rf "$try"
  return "$code"
}

# A toolkit with all that the module needs, already on the machine: says which.
on_machine() {
  local nvcc
  for nvcc in "${CUDACXX:-}" "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
    if [ -n "$nvcc" ] && command -v "$nvcc" >/dev/null && complete "$nvcc"; then
      say "$nvcc has all that is needed"
      return 0
    fi
  done
  return 1
}

# link_libraries FOLDER: libx.so beside each libx.so.N, which is what a linker looks for
link_libraries() {
  local file
  for file in "$1"/lib*.so.*; do
    [ -e "${file%%.so.*}.so" ] || ln -s "${file##*/}" "${file%%.so.*}.so"
  done
}

fetch() {
  local nvidia
  [ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || [ "$(uname -m)" = aarch64 ] || die "there are no packages for $(uname -m)"
  command -v python3 >/dev/null || die "python3 is missing: it installs NVIDIA's packages"
  say "installing CUDA into $root"
  rm -rf "$root/venv" "$root/toolkit"
  mkdir -p "$root"
  python3 -m venv "$root/venv" || die "python3 cannot make a virtual environment: install python3-venv"
  "$root/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --only-binary :all: "${packages[@]}" ||
    die "pip could not install ${packages[*]}: is there a network?"
  nvidia=$(echo "$root"/venv/lib/python3*/site-packages/nvidia)
  for folder in "$nvidia/cu13" "$nvidia/cudnn" "$nvidia/nccl"; do link_libraries "$folder/lib"; done
  [ -e "$nvidia/cu13/lib64" ] || ln -s lib "$nvidia/cu13/lib64"
  ln -s "$nvidia/cu13" "$root/toolkit"
  "$root/toolkit/bin/nvcc" --version >/dev/null || die "$root/toolkit/bin/nvcc does not run"
  echo "${packages[*]}" >"$root/complete"
}

if [ "$(cat "$root/complete" 2>/dev/null || true)" = "${packages[*]}" ] && [ -x "$root/toolkit/bin/nvcc" ]; then exit 0; fi
on_machine || fetch
