/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa ratls cert, show and verify: TLS keys with certificates that carry evidence, for servers
 * that read both from files; and what is in such a certificate. `cert --keep` renews: whatever goes
 * wrong then is told and tried again for as long as the old certificate is good.
 */
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_keep.h"
#include "cli/cli_members.h"
#include "cli/cli_print.h"
#include "cli/cli_ratls.h"
#include "cli/cli_verdict.h"
#include "codec/text.h"

/* ---- cert: making ---------------------------------------------------------------------------- */

#define LARGE 16384 /* bytes in one handshake message, over which some TLS libraries give up */

struct maker {
    struct capsa_cli *cli;
    capsa_cli_prover prover;
    const char *cert_path, *key_path;
    const char *on_renew; /* NULL: none */
    struct capsa_ratls_credential *current;
    capsa_cli_keep keep;
};
typedef struct maker maker;

static void maker_drop(maker *making)
{
    capsa_ratls_credential_free(making->current);
    capsa_cli_prover_drop(&making->prover);
}

static capsa_result check_outs(const maker *making)
{
    const char *const paths[] = {making->cert_path, making->key_path};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        CAPSA_REQUIRE(!capsa_streq(paths[i], "-"), USAGE,
                      "a certificate and its key go to two files, not to standard output");
        CAPSA_TRY(capsa_cli_check_out(making->cli, paths[i]));
    }
    return CAPSA_OK;
}

static capsa_result read_maker(struct capsa_cli *cli, maker *making)
{
    bool keeps = capsa_cli_flag(cli, "keep");
    making->cli = cli;
    making->cert_path = capsa_cli_option(cli, "out-cert");
    making->key_path = capsa_cli_option(cli, "out-key");
    making->on_renew = capsa_cli_option(cli, "on-renew");
    CAPSA_REQUIRE(keeps || making->on_renew == NULL, USAGE, "--on-renew goes with --keep");
    CAPSA_REQUIRE(!keeps || !cli->json, USAGE,
                  "--keep says what it does line by line: leave out -o json");
    CAPSA_TRY(capsa_cli_prover_need(cli, &making->prover));
    return check_outs(making);
}

/* The new one counts only once it lies in its files. */
static capsa_result make(maker *making)
{
    CAPSA_AUTO_FREE(capsa_ratls_credential) made = NULL;
    CAPSA_TRY(capsa_ratls_make(&making->prover.made, &making->prover.profile,
                               capsa_now(&capsa_clock_system), &made));
    CAPSA_TRY(capsa_ratls_credential_write(made, making->cert_path, making->key_path));
    capsa_ratls_credential_free(making->current);
    making->current = made;
    made = NULL;
    return CAPSA_OK;
}

static void say_made(const maker *making)
{
    char until[CAPSA_TIME_TEXT], renew[CAPSA_TIME_TEXT];
    size_t size = capsa_ratls_credential_der(making->current).len;
    capsa_time_text(capsa_ratls_credential_not_after(making->current), until);
    capsa_time_text(capsa_ratls_credential_renew_at(making->current), renew);
    capsa_cli_say(making->cli,
                  "wrote a certificate with evidence of %s to %s, its key to %s\nvalid until %s; "
                  "to be renewed from %s on\n",
                  making->prover.attester->what, making->cert_path, making->key_path, until, renew);
    if (size > LARGE) {
        capsa_cli_warn(making->cli,
                       "the certificate has %zu bytes: mbedTLS to 3.6 and other old libraries take "
                       "no handshake message over %d",
                       size, LARGE);
    }
}

static capsa_result answer_made(const maker *making)
{
    struct capsa_cli *cli = making->cli;
    CAPSA_AUTO(capsa_buf) hex = capsa_buf_of(KIB(1));
    uint8_t spki[CAPSA_SHA256];
    char until[CAPSA_TIME_TEXT], renew[CAPSA_TIME_TEXT];
    const char *text;
    capsa_ratls_credential_spki(making->current, spki);
    CAPSA_TRY(capsa_hex_write(capsa_bytes_of(spki, sizeof(spki)), &hex));
    CAPSA_TRY(capsa_buf_cstr(&hex, &text));
    capsa_time_text(capsa_ratls_credential_not_after(making->current), until);
    capsa_time_text(capsa_ratls_credential_renew_at(making->current), renew);
    CAPSA_TRY(capsa_cli_set_text(cli, "platform", making->prover.attester->name));
    CAPSA_TRY(capsa_cli_set_text(cli, "cert_file", making->cert_path));
    CAPSA_TRY(capsa_cli_set_text(cli, "key_file", making->key_path));
    CAPSA_TRY(capsa_cli_set_text(cli, "spki_sha256", text));
    CAPSA_TRY(capsa_cli_set_text(cli, "not_after", until));
    return capsa_cli_set_text(cli, "renew_at", renew);
}

/* ---- cert: keeping --------------------------------------------------------------------------- */

/* It looks at the clock this often, because clocks are set and machines sleep. */
#define LOOK_SECONDS      60
#define TRY_AGAIN_SECONDS 5
#define TRY_AGAIN_LONGEST 300

static capsa_result run_command(maker *making)
{
    CAPSA_AUTO(capsa_buf) cert = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_buf) key = capsa_buf_of(KIB(8));
    const char *variables[3] = {NULL, NULL, NULL};
    CAPSA_TRY(capsa_buf_format(&cert, "CAPSA_CERT_FILE=%s", making->cert_path));
    CAPSA_TRY(capsa_buf_format(&key, "CAPSA_KEY_FILE=%s", making->key_path));
    CAPSA_TRY(capsa_buf_cstr(&cert, &variables[0]));
    CAPSA_TRY(capsa_buf_cstr(&key, &variables[1]));
    return capsa_cli_keep_command(&making->keep, making->cli, making->on_renew, variables);
}

static void announce(maker *making)
{
    if (making->on_renew == NULL) {
        return;
    }
    capsa_result ran = run_command(making);
    if (capsa_failed(ran)) {
        capsa_cli_warn(making->cli, "--on-renew: %s; it is run again at the next renewal",
                       capsa_text_of(ran));
    }
}

/* When to try again is in *due. An error: the old certificate is good no more. */
static capsa_result renew(maker *making, int64_t *pause, capsa_time *due)
{
    capsa_result made = make(making);
    if (!capsa_failed(made)) {
        *pause = TRY_AGAIN_SECONDS;
        *due = capsa_ratls_credential_renew_at(making->current);
        capsa_cli_say(making->cli, "renewed: ");
        say_made(making);
        announce(making);
        return CAPSA_OK;
    }
    capsa_time now = capsa_now(&capsa_clock_system);
    capsa_time end = capsa_ratls_credential_not_after(making->current);
    CAPSA_REQUIRE(now < end, EXPIRED, "the certificate has expired and could not be renewed: %s",
                  capsa_text_of(made));
    int64_t left = end - now;
    capsa_cli_warn(making->cli,
                   "could not renew: %s; the old certificate is good for %lld seconds, trying "
                   "again in %lld",
                   capsa_text_of(made), (long long)left,
                   (long long)(*pause < left ? *pause : left));
    *due = now + (*pause < left ? *pause : left);
    *pause = *pause * 2 < TRY_AGAIN_LONGEST ? *pause * 2 : TRY_AGAIN_LONGEST;
    return CAPSA_OK;
}

static capsa_result keep_renewing(maker *making)
{
    int64_t pause = TRY_AGAIN_SECONDS;
    capsa_time due = capsa_ratls_credential_renew_at(making->current);
    capsa_cli_say(making->cli, "capsa: ready: %s\n", making->cert_path);
    for (;;) {
        (void)fflush(making->cli->out);
        int64_t left = due - capsa_now(&capsa_clock_system);
        left = left < 0 ? 0 : left;
        enum capsa_cli_woken woken =
            capsa_cli_keep_wait(&making->keep, left < LOOK_SECONDS ? left : LOOK_SECONDS);
        if (woken == CAPSA_CLI_WOKEN_STOP) {
            return CAPSA_OK;
        }
        if (woken == CAPSA_CLI_WOKEN_NOW || capsa_now(&capsa_clock_system) >= due) {
            CAPSA_TRY(renew(making, &pause, &due));
        }
    }
}

capsa_result capsa_cli_ratls_cert(struct capsa_cli *cli)
{
    CAPSA_AUTO(maker) making = {.cli = cli};
    CAPSA_TRY(read_maker(cli, &making));
    if (!capsa_cli_flag(cli, "keep")) {
        CAPSA_TRY(make(&making));
        say_made(&making);
        return answer_made(&making);
    }
    capsa_cli_keep_begin(&making.keep);
    capsa_result kept = make(&making);
    if (!capsa_failed(kept)) {
        say_made(&making);
        kept = keep_renewing(&making);
    }
    capsa_cli_keep_drop(&making.keep);
    return kept;
}

const struct capsa_cli_option capsa_cli_ratls_cert_options[] = {
    {"out-cert", "FILE", "where the certificate goes (PEM)", CAPSA_CLI_NEEDED},
    {"out-key", "FILE", "where its private key goes (PEM, PKCS#8; mode 0600)", CAPSA_CLI_NEEDED},
    {"force", NULL, "replace existing files", 0},
    {"nonce", "HEX", "put this into the claims, for whoever asked with it", 0},
    {"keep", NULL,
     "stay, and write new ones when two thirds of the life are over, or on SIGHUP; SIGTERM ends it",
     0},
    {"on-renew", "COMMAND",
     "with --keep: run it by the shell after every renewal, with CAPSA_CERT_FILE and "
     "CAPSA_KEY_FILE set (nginx -s reload)",
     0},
    {.name = NULL},
};

/* ---- show ------------------------------------------------------------------------------------ */

#define FILE_MAX ((size_t)2 * CAPSA_LIMIT_ratls_certificate) /* in PEM */

capsa_result capsa_cli_ratls_show(struct capsa_cli *cli)
{
    const char *path = cli->words[0];
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(FILE_MAX);
    CAPSA_AUTO_FREE(capsa_ratls_certificate) certificate = NULL;
    CAPSA_TRY(capsa_file_read(path, &file));
    CAPSA_TRY_AT(capsa_ratls_read(capsa_buf_bytes(&file), &certificate), "%s", path);
    capsa_json_free(cli->answer);
    cli->answer = NULL;
    CAPSA_TRY(capsa_ratls_show(certificate, &cli->answer));
    capsa_cli_say(cli, "What it says of itself; nothing of it is verified (capsa ratls verify):\n");
    capsa_cli_say_members(cli, 0, cli->answer);
    return CAPSA_OK;
}

/* ---- verify ---------------------------------------------------------------------------------- */

static capsa_result read_rules(const struct capsa_cli *cli, capsa_buf *nonce,
                               struct capsa_ratls_rules *ret_rules)
{
    const char *hex = capsa_cli_option(cli, "nonce");
    *ret_rules = (struct capsa_ratls_rules){
        .native = capsa_cli_flag(cli, "native"),
        .insecure_old_x509 = capsa_cli_flag(cli, "insecure-old-x509"),
        .has_nonce = hex != NULL,
    };
    if (hex != NULL) {
        CAPSA_TRY_AT(capsa_hex_parse(capsa_bytes_str(hex), nonce), "--nonce");
        CAPSA_REQUIRE(nonce->len > 0, USAGE, "--nonce: an empty one proves nothing");
        ret_rules->nonce = capsa_buf_bytes(nonce);
    }
    return CAPSA_OK;
}

static capsa_result answer(struct capsa_cli *cli, const struct capsa_ratls_report *report,
                           capsa_time now)
{
    struct capsa_json *json = NULL;
    CAPSA_TRY(capsa_ratls_report_json(report, &json));
    CAPSA_TRY(capsa_cli_set_verdict(cli, json, now));
    return capsa_cli_say_report(cli, report);
}

/* What cannot be read is wrong use; what is too large for a certificate is none. */
static capsa_result judge(const struct capsa_cli *cli, const struct capsa_ratls_rules *rules,
                          const capsa_cli_judge *judging, capsa_time now,
                          struct capsa_ratls_report *report)
{
    const char *path = capsa_cli_option(cli, "cert");
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(FILE_MAX);
    CAPSA_TRY(capsa_cli_check_readable("cert", path));
    capsa_result read = capsa_file_read(path, &file);
    CAPSA_REQUIRE(capsa_code_of(read) != CAPSA_E_IO, USAGE, "--cert %s", capsa_text_of(read));
    CAPSA_JUDGE_TRY(&report->verdict, CERTIFICATE, read);
    return capsa_ratls_judge(capsa_buf_bytes(&file), rules, &judging->judge, &judging->collateral,
                             now, report);
}

capsa_result capsa_cli_ratls_verify(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_judge) judging = {.appraiser = NULL};
    CAPSA_AUTO(capsa_buf) nonce = capsa_buf_of(CAPSA_LIMIT_ratls_nonce);
    struct capsa_ratls_report report = {.form = CAPSA_RATLS_NONE};
    struct capsa_ratls_rules rules;
    capsa_time now;
    CAPSA_TRY(capsa_cli_verdict_time(cli, &now));
    if (now <= 0) {
        capsa_cli_refuse_time(cli, now, &report.verdict);
        return answer(cli, &report, now);
    }
    CAPSA_TRY(read_rules(cli, &nonce, &rules));
    CAPSA_TRY(capsa_cli_judge_read(cli, false, &judging));
    CAPSA_TRY(capsa_cli_judged(cli, &report.verdict, judge(cli, &rules, &judging, now, &report)));
    return answer(cli, &report, now);
}

const struct capsa_cli_option capsa_cli_ratls_verify_options[] = {
    {"cert", "FILE", "the certificate, in PEM or DER", CAPSA_CLI_NEEDED},
    {"native", NULL, "refuse what lives longer than a year, instead of warning", 0},
    {"nonce", "HEX", "refuse what does not carry this nonce among its claims", 0},
    {"insecure-old-x509", NULL, "take X.509 version 1 and SHA-1, as grpc-ra-tls has them", 0},
    {"time", "UNIX", "judge as of this time, in seconds since 1970; now", 0},
    {.name = NULL},
};
