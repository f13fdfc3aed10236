# Shared by the scripts beside it that build a Go program of tests/rollback/targets once into the user's cache and print
# the path of the binary. Sourced, not run. The cache key is a hash of everything that decides what is built.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# program NAME WHAT GO HOW_LONG PACKAGE [--path] builds PACKAGE if needed; with --path only prints where it is, or exits 1.
program() {
  local name="$1" what="$2" needs="$3" how_long="$4" package="$5" source key cache binary module version
  source="$ROOT/tests/rollback/targets/$name"
  key="$(cat "$source"/* "${BASH_SOURCE[0]}" | sha256sum | cut -c1-16)"
  cache="${XDG_CACHE_HOME:-$HOME/.cache}/otel-clinical/$name/$key"
  binary="$cache/$name"
  if [ -x "$binary" ]; then
    echo "$binary"
    return
  fi
  if [ "${6:-}" = "--path" ]; then
    echo "no $what is built; build it with: scripts/$name" >&2
    exit 1
  fi
  if ! command -v go >/dev/null 2>&1; then
    echo "scripts/$name needs Go $needs or newer on PATH to build a $what (https://go.dev/doc/install)." >&2
    exit 2
  fi

  mkdir -p "$cache"
  # Two builds at once would only slow each other down: the second waits and finds the first one's result.
  exec 9>"$cache/.lock"
  flock 9
  if [ -x "$binary" ]; then
    echo "$binary"
    return
  fi
  rm -rf "$cache/work"
  mkdir -p "$cache/work"
  cp "$source"/* "$cache/work/"
  echo "Building a $what into the cache ($how_long, once) ..." >&2
  # The release of Kubernetes is what its /version answers. Only what is imported is resolved: "go mod tidy" would ask
  # for modules that only tests of dependencies need.
  module=k8s.io/kubernetes
  version="$(sed -n "s|^\t$module ||p" "$source/go.mod")"
  (cd "$cache/work" && nice -n 10 go build -mod=mod -o "$cache/$name.tmp" \
    -ldflags="-s -w${version:+ -X k8s.io/component-base/version.gitVersion=$version}" "$package") >&2
  mv "$cache/$name.tmp" "$binary"
  rm -rf "$cache/work"
  echo "$binary"
}
