// SPDX-License-Identifier: Apache-2.0
//
// @phala/dcap-qvl over standard input and output: a line of JSON {quote, collateral, root, time} with paths (root may
// be null) is answered by a line {verdict, status, advisories} or {verdict, error}.
"use strict";
const fs = require("fs");
const readline = require("readline");
const { createRequire } = require("module");
const { QuoteVerifier } = createRequire(process.argv[2] + "/")("@phala/dcap-qvl");

function pemToDer(text) {
  return Buffer.from(text.replace(/-----[A-Z ]+-----/g, "").replace(/\s/g, ""), "base64");
}

function verify(asked) {
  const root = asked.root === null ? null : pemToDer(fs.readFileSync(asked.root, "latin1"));
  const verifier = root === null ? QuoteVerifier.newProd() : QuoteVerifier.newWithRootCa(root);
  const collateral = JSON.parse(fs.readFileSync(asked.collateral, "utf8"));
  const report = verifier.verify(fs.readFileSync(asked.quote), collateral, asked.time);
  return { verdict: "accept", status: String(report.status), advisories: report.advisory_ids };
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  let answer;
  try {
    answer = verify(JSON.parse(line));
  } catch (error) {
    answer = { verdict: "reject", error: [error.message, error.cause && error.cause.message].filter(Boolean).join(": ") };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
