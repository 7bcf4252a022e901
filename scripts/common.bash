# Sourced by the scripts beside it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n==> %s\n' "$*"; }
die() {
  printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# The comment block at the head of the calling script is its help.
show_help() {
  awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "scripts/$(basename "$0")"
}

# One compiler at a time for each core and each 1.5 GB of free memory.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo 2>/dev/null || true)
  memory=${memory:-$cores}
  ((memory >= 1)) || memory=1
  echo $((cores < memory ? cores : memory))
}

# Runs a command as root: directly, or by sudo.
as_root() {
  if (($(id -u) == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root to run: $*
You are not root and there is no sudo. Run that command as root, then start again."
  fi
}

# Prints the path of an nvcc of CUDA 13 or later, where CMake would find it too; fails without one.
find_nvcc() {
  local nvcc
  for nvcc in "${CUDACXX:-}" build/cuda-toolkit/bin/nvcc "$(command -v nvcc || true)" \
    /usr/local/cuda/bin/nvcc; do
    [[ -n $nvcc && -x $nvcc ]] || continue
    [[ $("$nvcc" --version) =~ release\ ([0-9]+) ]] && ((BASH_REMATCH[1] >= 13)) || continue
    echo "$nvcc"
    return
  done
  return 1
}
