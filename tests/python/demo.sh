#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The demo of the private session shows what it says, and leaves no process behind.
set -uo pipefail
bin=$(realpath "$1")
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
here=$(cd "$(dirname "$0")/../.." && pwd)
passed=0 failed=0
ok() { if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); printf 'FAIL %s\n' "$*"; fi; }
has() { grep -qE -- "$1" "$room/out"; }

(cd "$room" && "$here/examples/private-session/run" "$bin") >"$room/out" 2>&1
status=$?
if [ $status != 0 ] && has "the Python registry was not reached"; then
    echo "skipped demo: FastAPI and uvicorn are not here, and the Python registry was not reached"
    printf '0 passed, 0 failed, 1 skipped\n'
    exit 0
fi
ok test $status = 0
ok has 'GET /: {"message":"Hello World"}'
ok has 'POST /log_body: {"message":"Success"}'
ok has 'app: somebody says: what nobody else should read'
ok has 'refused: reference-values: sgx.mr_enclave: expected'
ok has 'refused: anchor: '
ok has '^   0 messages'
ok has 'Done: the right server was talked to'
ok test "$(stat -c %a "$room/capsa-demo/state/key.pem")" = 600
ok test -z "$(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$room/*" 2>/dev/null)" # nobody works there any more
if "$bin/capsa" help ratls serve >/dev/null 2>&1; then ok has '3 were refused'; else ok has '2 were refused'; fi
[ "$failed" = 0 ] || cat "$room/out"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
