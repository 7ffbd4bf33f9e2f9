#!/usr/bin/env bash
# run.sh FATHOM WORK TESTS...: the client tests against a server of the embedded model (or of $FATHOM_TEST_MODEL).
# TESTS are *.test.mjs beside a package.json with their packages, which npm puts into WORK. Ends with 77, and says
# why, where they cannot run: no npm, a Node that is too old, no network.
set -euo pipefail
readonly fathom=$1 work=$2
shift 2
readonly here=$(cd "$(dirname "$0")" && pwd) folder=$(cd "$(dirname "$1")" && pwd)

skip() { printf '\nSKIPPED: %s\n' "$*" >&2; exit 77; }

command -v npm >/dev/null || skip "there is no npm; the tests with real clients were not run"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  skip "Node $(node --version) is too old for the clients, which need 20.19; they were not run"

mkdir -p "$work"
cp "$folder"/package.json "$folder"/package-lock.json "$folder"/.npmrc "$here"/server.mjs "$@" "$work"
cd "$work"
if ! cmp -s package-lock.json installed.json; then
  # npm ci refuses a lock without the packages of other systems, which some of these have; the versions are pinned anyway.
  npm ci --no-audit --no-fund >npm.log 2>&1 || npm install --no-audit --no-fund >>npm.log 2>&1 ||
    { tail -n 5 npm.log >&2; skip "npm could not install the clients"; }
  cp package-lock.json installed.json
fi

export FATHOM_KEY=key-of-the-test
echo "$FATHOM_KEY" >keys.txt
: >server.log  # the loop below may look before the server has started
rm -rf cache
"$fathom" serve ${FATHOM_TEST_MODEL:-} --port 0 --keys keys.txt --requests-per-key 4 --access-log access.log --cache-dir cache \
  >server.log 2>&1 &
readonly server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true' EXIT
for ((i = 0; i < 600; ++i)); do
  FATHOM_URL=$(sed -nE 's/^fathom .* serves at (.*)$/\1/p' server.log)
  [ -z "$FATHOM_URL" ] || break
  kill -0 "$server" 2>/dev/null || { cat server.log >&2; exit 1; }
  sleep 0.1
done
[ -n "$FATHOM_URL" ] || { cat server.log >&2; exit 1; }
export FATHOM_URL FATHOM_MODEL
FATHOM_MODEL=$(sed -nE 's/^  model (.*), context .*$/\1/p' server.log | head -n 1)

tests=()
for test in "$@"; do tests+=("$(basename "$test")"); done
node --test --test-concurrency=1 "${tests[@]}"
