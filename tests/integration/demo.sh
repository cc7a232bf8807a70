#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The demo does what the README says: 569 rows, every refusal for the reason it shows, within 30 seconds.
set -uo pipefail
bin=$1
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
here=$(cd "$(dirname "$0")/../.." && pwd)
passed=0 failed=0
ok() { if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); printf 'FAIL %s\n' "$*"; fi; }
has() { grep -qF -- "$1" "$room/out"; }

began=$SECONDS
(cd "$room" && "$here/examples/demo/run" "$bin") >"$room/out" 2>&1
ok test $? = 0
ok test $((SECONDS - began)) -le 30
ok has "job: has 569 rows of 32 columns"
ok has "not granted to party"
ok has 'operation "train" is not granted'
ok has 'column "patient_name" is not granted'
ok has "no columns are named"
ok has "1 vote is"
ok has "569 rows joined, 8 requests refused"
ok has "failed at     columns of rule 1"
ok has "sound: "
ok has "platform  sim-sgx"
ok test "$(grep -c "job: has 569 rows" "$room/out")" = 2
ok has "failed at     global constraint 1 of rule 1"
ok has "false; r.env.tee.sgx.mr_enclave is"
ok test "$(grep -cE 'Z (denial|key-export|policy-delete) ' "$room/out")" = 5
ok test -f "$room/capsa-demo/config/capsa/known_managers"
ok has "benign      357 patients"
ok test "$(stat -c %a "$room/capsa-demo/joined.datakey")" = 600
ok cmp -s <(head -n 1 "$room/capsa-demo/joined.csv" | cut -d, -f1-16) <(head -n 1 "$here/examples/data/alice.csv")
ok test "$(grep -c 'diagnosis' "$room/capsa-demo/alice.capsule")" = 0
ok test -z "$(pgrep -f "data_dir.*$room" || true)"
[ "$failed" = 0 ] || cat "$room/out"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
