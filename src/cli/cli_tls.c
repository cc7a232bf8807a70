/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa tls: the TLS key that all programs share which may use the same data (GetTlsAsset), as
 * files for a TLS server or client; once, or followed from epoch to epoch.
 */
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_follow.h"
#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "cli/cli_release.h"
#include "codec/protobuf.h"

/* The files, in the order in which they take their names: a certificate without its key would be
 * worse than a key whose certificate is about to come. */
enum { TLS_KEY, TLS_CERT, TLS_TRUST, TLS_FILES };
static const struct {
    const char *option;
    const char *member; /* of -o json */
    unsigned mode;
} tls_files[TLS_FILES] = {
    [TLS_KEY] = {"key-out", "key_file", 0600},
    [TLS_CERT] = {"cert-out", "cert_file", 0644},
    [TLS_TRUST] = {"trust-out", "trust_file", 0644},
};

/* What each file is to hold. */
typedef struct {
    capsa_buf texts[TLS_FILES];
    capsa_time not_after;
} tls_wanted;

static void tls_wanted_drop(tls_wanted *wanted)
{
    for (size_t i = 0; i < TLS_FILES; i++) {
        capsa_buf_drop(&wanted->texts[i]);
    }
}

static tls_wanted tls_wanted_make(void)
{
    tls_wanted wanted = {.not_after = 0};
    for (size_t i = 0; i < TLS_FILES; i++) {
        wanted.texts[i] = capsa_buf_of((size_t)CAPSA_LIMIT_cert_pem * 2);
    }
    return wanted;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* The manager's texts are read and written anew, so that a file holds what it should and no more.
 */
static capsa_result take_pair(const Cm__TlsAsset *asset, tls_wanted *wanted)
{
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_AUTO_FREE(capsa_private_key) key = NULL;
    CAPSA_AUTO_FREE(capsa_public_key) own = NULL;
    CAPSA_TRY_AT(capsa_cert_parse_pem(capsa_bytes_str(asset->cert), &cert),
                 "the group's certificate");
    CAPSA_TRY_AT(capsa_private_key_parse(capsa_bytes_str(asset->private_key), &key),
                 "the group's key");
    CAPSA_TRY(capsa_public_key_of(key, &own));
    CAPSA_REQUIRE(capsa_public_key_same(own, capsa_cert_key(cert)), MALFORMED,
                  "the manager answered with a certificate and a key that do not go together");
    capsa_time not_before;
    capsa_cert_validity(cert, &not_before, &wanted->not_after);
    CAPSA_TRY(capsa_private_key_write(key, &wanted->texts[TLS_KEY]));
    CAPSA_TRY(capsa_cert_write_pem(cert, &wanted->texts[TLS_CERT]));
    return capsa_cert_write_pem(cert, &wanted->texts[TLS_TRUST]);
}

/* Members that have not asked since still show the certificate of the epoch before. */
static capsa_result take_previous(const Cm__TlsAsset *asset, tls_wanted *wanted)
{
    if (*asset->previous_cert == '\0') {
        return CAPSA_OK;
    }
    CAPSA_AUTO_FREE(capsa_cert) cert = NULL;
    CAPSA_TRY_AT(capsa_cert_parse_pem(capsa_bytes_str(asset->previous_cert), &cert),
                 "the group's previous certificate");
    return capsa_cert_write_pem(cert, &wanted->texts[TLS_TRUST]);
}

/* Each time over a new connection: the manager may have begun anew with another certificate. */
static capsa_result ask(struct capsa_cli *cli, tls_wanted *wanted)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_key_request(cli, link.party.id, &request));
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_cli_ask_keys(&link, CAPSA_CLIENT_GET_TLS_ASSET, request, &message));
    const Cm__GetTlsAssetResponse *answer = (const Cm__GetTlsAssetResponse *)(const void *)message;
    CAPSA_REQUIRE(answer->tls_asset != NULL, MALFORMED, "the manager answered without a TLS key");
    CAPSA_TRY(take_pair(answer->tls_asset, wanted));
    return take_previous(answer->tls_asset, wanted);
}

/* ---- the files ------------------------------------------------------------------------------- */

/* Before a key is asked for: each is a place for a file of its own. */
static capsa_result check_places(const struct capsa_cli *cli)
{
    struct capsa_file_place places[TLS_FILES];
    for (size_t i = 0; i < TLS_FILES; i++) {
        const char *path = capsa_cli_option(cli, tls_files[i].option);
        places[i].path[0] = '\0';
        if (path == NULL) {
            continue;
        }
        CAPSA_REQUIRE(!capsa_streq(path, "-"), USAGE, "--%s wants a file, not standard output",
                      tls_files[i].option);
        CAPSA_TRY(capsa_cli_check_room(cli, path));
        CAPSA_TRY(capsa_file_place_find(path, &places[i]));
        CAPSA_REQUIRE(!places[i].direct, USAGE, "--%s: %s is not a regular file",
                      tls_files[i].option, path);
        for (size_t k = 0; k < i; k++) {
            CAPSA_REQUIRE(!capsa_streq(places[i].path, places[k].path), USAGE,
                          "--%s and --%s are the same file", tls_files[k].option,
                          tls_files[i].option);
        }
    }
    return CAPSA_OK;
}

/* What lies there already; what is too large or cannot be read is something else. */
static bool holds(const char *path, const capsa_buf *wanted)
{
    CAPSA_AUTO(capsa_buf) found = capsa_buf_of(wanted->len + 1);
    return !capsa_failed(capsa_file_read(path, &found)) &&
           capsa_equal_ct(capsa_secret_of_buf(&found), capsa_secret_of_buf(wanted));
}

typedef struct {
    capsa_file_out files[TLS_FILES];
} tls_outs;

static void tls_outs_drop(tls_outs *outs)
{
    for (size_t i = 0; i < TLS_FILES; i++) {
        capsa_file_out_drop(&outs->files[i]);
    }
}

/* All are on disk before the first takes its name, so that key and certificate change together but
 * for an instant. */
static capsa_result write_files(const struct capsa_cli *cli, const tls_wanted *wanted, bool replace)
{
    CAPSA_AUTO(tls_outs) outs = {{{.fd = -1}, {.fd = -1}, {.fd = -1}}};
    for (size_t i = 0; i < TLS_FILES; i++) {
        const char *path = capsa_cli_option(cli, tls_files[i].option);
        if (path != NULL) {
            CAPSA_TRY(capsa_file_out_open(path, tls_files[i].mode, replace, &outs.files[i]));
            CAPSA_TRY(capsa_file_out_write(&outs.files[i], capsa_buf_bytes(&wanted->texts[i])));
        }
    }
    for (size_t i = 0; i < TLS_FILES; i++) {
        if (outs.files[i].fd >= 0) {
            CAPSA_TRY(capsa_file_out_commit(&outs.files[i]));
        }
    }
    return CAPSA_OK;
}

static void say_written(struct capsa_cli *cli, const tls_wanted *wanted)
{
    char until[CAPSA_TIME_TEXT];
    capsa_time_text(wanted->not_after, until);
    capsa_cli_say(cli,
                  "wrote the group's TLS key to %s and its certificate, good until %s, to %s\n",
                  capsa_cli_option(cli, "key-out"), until, capsa_cli_option(cli, "cert-out"));
}

/* Bring the files up to date. Changed is only what was there: nobody uses what is new. */
static capsa_result refresh(struct capsa_cli *cli, bool replace, tls_wanted *wanted,
                            bool *ret_changed)
{
    CAPSA_TRY(ask(cli, wanted));
    bool same = true, was_there = false;
    for (size_t i = 0; i < TLS_FILES; i++) {
        const char *path = capsa_cli_option(cli, tls_files[i].option);
        struct capsa_file_place place = {.exists = false};
        if (path != NULL) {
            CAPSA_TRY(capsa_file_place_find(path, &place));
            same = same && place.exists && (place.mode & ~tls_files[i].mode) == 0 &&
                   holds(path, &wanted->texts[i]);
            was_there = was_there || place.exists;
        }
    }
    if (!same) {
        CAPSA_TRY(write_files(cli, wanted, replace));
        say_written(cli, wanted);
    }
    *ret_changed = was_there && !same;
    return CAPSA_OK;
}

/* ---- following ------------------------------------------------------------------------------- */

struct following {
    struct capsa_cli *cli;
    bool due;             /* the command of --on-change is to be run, or again */
    enum capsa_code told; /* the last failure that was told */
};

static void run_command(struct following *following)
{
    const char *command = capsa_cli_option(following->cli, "on-change");
    if (!following->due || command == NULL) {
        return;
    }
    capsa_result result = capsa_cli_command(following->cli, command);
    following->due = capsa_failed(result);
    if (following->due && capsa_cli_stopped(following->cli) == 0) {
        capsa_cli_warn(following->cli, "%s; it is run again at the next look",
                       capsa_text_of(result));
    }
}

/* A manager that is away, or denies, takes nothing away: the files stay, and it is asked again. */
static void look_again(void *context)
{
    struct following *following = context;
    CAPSA_AUTO(tls_wanted) wanted = tls_wanted_make();
    bool changed = false;
    capsa_result result = refresh(following->cli, true, &wanted, &changed);
    enum capsa_code code = capsa_code_of(result);
    if (capsa_failed(result) && code != following->told) {
        capsa_cli_warn(following->cli, "%s; the files stay as they are, and it is asked again",
                       capsa_text_of(result));
    }
    following->told = code;
    following->due = following->due || changed;
    run_command(following);
}

/* ---- the verb -------------------------------------------------------------------------------- */

static capsa_result answer(struct capsa_cli *cli, const tls_wanted *wanted)
{
    char until[CAPSA_TIME_TEXT];
    capsa_time_text(wanted->not_after, until);
    for (size_t i = 0; i < TLS_FILES; i++) {
        const char *path = capsa_cli_option(cli, tls_files[i].option);
        if (path != NULL) {
            CAPSA_TRY(capsa_cli_set_text(cli, tls_files[i].member, path));
        }
    }
    return capsa_cli_set_text(cli, "not_after", until);
}

static capsa_result run_get(struct capsa_cli *cli)
{
    int64_t seconds;
    CAPSA_TRY(capsa_cli_number(cli, "follow", 1, 604800, 0, &seconds));
    CAPSA_REQUIRE(seconds > 0 || capsa_cli_option(cli, "on-change") == NULL, USAGE,
                  "--on-change goes with --follow SECONDS");
    CAPSA_REQUIRE(seconds == 0 || !cli->json, USAGE, "--follow has no end to print -o json at");
    CAPSA_TRY(check_places(cli));
    struct following following = {.cli = cli, .told = CAPSA_E_OK};
    {
        CAPSA_AUTO(tls_wanted) wanted = tls_wanted_make();
        CAPSA_TRY(refresh(cli, capsa_cli_flag(cli, "force"), &wanted, &following.due));
        CAPSA_TRY(answer(cli, &wanted));
    }
    if (seconds > 0) {
        capsa_cli_watch(cli, true);
        run_command(&following);
        capsa_cli_follow(cli, seconds, look_again, &following);
        capsa_cli_watch(cli, false);
    }
    return CAPSA_OK;
}

static const struct capsa_cli_option get_options[] = {
    {"uri", "URI", "a resource that the group uses", CAPSA_CLI_REPEAT},
    {"op", "NAME", "the operation that it uses them for", 0},
    {"cert-out", "FILE", "where to write the certificate, which is the trust anchor too",
     CAPSA_CLI_NEEDED},
    {"key-out", "FILE", "where to write its private key", CAPSA_CLI_NEEDED},
    {"trust-out", "FILE", "also: the certificate, and the one before while members may show it", 0},
    {"columns", "A,B", "columns wanted: once for all URIs, or once for each in their order",
     CAPSA_CLI_REPEAT},
    {"scope", "SCOPE", "of the policies; default", 0},
    {"initiator", "ID", "who started the job; the party itself", 0},
    {"request", "FILE", "instead of URIs and the above: a whole ResourceRequest, YAML or JSON", 0},
    {"follow", "SECONDS", "go on asking, and rewrite the files when there is another key", 0},
    {"on-change", "COMMAND", "with --follow: run it by the shell when files were rewritten", 0},
    {"force", NULL, "replace existing files", 0},
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"get", "--uri URI... --op NAME [--columns A,B...]",
     "Get the TLS key and certificate that all share who may use the same data for the same "
     "operation. Each member shows the certificate and trusts no other; its name is "
     "group.capsa.internal.",
     0, 0, CAPSA_CLI_SERVER | CAPSA_CLI_SIGNS | CAPSA_CLI_ATTESTS, get_options, run_get},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_tls = {
    "tls", NULL, "the TLS key of those that use the same data: get", verbs, NULL};
