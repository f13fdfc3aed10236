# Shared by the scripts beside it: create or reuse .venv at the root and install what is pinned in constraints.txt.
# Sourced, not run. Leaves ROOT, VENV and PYTHON set and the working directory at the root.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"
PYTHON="$VENV/bin/python"
cd "$ROOT"

_find_python() {
  local candidate
  for candidate in "${OTEL_CLINICAL_PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      printf '%s' "$candidate"
      return
    fi
  done
  echo "otel-clinical needs Python 3.11 or newer with venv. On Debian: apt-get install python3 python3-venv" >&2
  exit 2
}

# The stamp is a hash of everything that decides what is installed, so a change of pins re-installs by itself.
ensure_venv() {
  local stamp want
  stamp="$VENV/.otel-clinical-stamp"
  want="$(cat pyproject.toml constraints.txt tests/instrumentations.txt | sha256sum | cut -d' ' -f1)"
  if [ -x "$PYTHON" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    return
  fi
  echo "Preparing .venv (first run, or the pins changed) ..." >&2
  [ -x "$PYTHON" ] || "$(_find_python)" -m venv "$VENV"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]' --group dev
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps -r tests/instrumentations.txt
  printf '%s' "$want" > "$stamp"
}

ensure_venv
