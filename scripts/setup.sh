# Shared by scripts/run and scripts/test: the environment in .venv, made or completed.
# Sourced, not run; expects bash with `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'speechsearch: %s\n' "$*" >&2; }

# packages PACKAGE... : Debian packages that are missing are installed, or their command is said.
packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing ${missing[*]}"
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    say "missing system packages; install them with:"
    say "    sudo apt-get update && sudo apt-get install -y ${missing[*]}"
    return 1
  fi
}

python() {
  local candidate
  for candidate in python3 python3.11 python3.12 python3.13; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$candidate"
      return 0
    fi
  done
  say "Python 3.11 or newer is needed: sudo apt-get install -y python3 python3-venv"
  return 1
}

# environment EXTRAS : .venv holds the package in editable form with the extras, at pinned versions.
environment() {
  local extras=$1 interpreter wanted
  [ -x "$root/.venv/bin/python" ] || {
    interpreter=$(python)
    "$interpreter" -c 'import ensurepip' 2>/dev/null || packages python3-venv
    say "making .venv"
    "$interpreter" -m venv "$root/.venv"
  }
  wanted=$(cat "$root/pyproject.toml" "$root/constraints.txt" | sha256sum | cut -d' ' -f1)
  local mark="$root/.venv/.installed-${extras:-base}"
  [ "$(cat "$mark" 2>/dev/null)" = "$wanted" ] && return 0
  say "installing Python packages (${extras:-base})"
  "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint "$root/constraints.txt" --editable "$root${extras:+[$extras]}"
  printf '%s' "$wanted" >"$mark"
}
