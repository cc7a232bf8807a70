/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa file: seal a file under a data key, open it, say what a sealed file says of itself.
 */
#include "cli/cli_file.h"

#include <inttypes.h>

#include "cli/cli_nouns.h"
#include "cli/cli_print.h"
#include "cli/cli_progress.h"
#include "cli/cli_read.h"
#include "client/client_text.h"

/* ---- with a bar ------------------------------------------------------------------------------ */

typedef capsa_result (*work_fn)(const char *source, const char *destination, capsa_secret_bytes key,
                                const struct capsa_file_options *options);

static capsa_result with_bar(struct capsa_cli *cli, work_fn work, const char *verb,
                             const char *source, const char *destination, capsa_secret_bytes key,
                             struct capsa_file_options options)
{
    const char *slash = strrchr(source, '/');
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(64));
    CAPSA_TRY(capsa_buf_format(&text, "%s ", verb));
    CAPSA_TRY(capsa_text_show(slash == NULL ? source : slash + 1, &text));
    const char *name;
    CAPSA_TRY(capsa_buf_cstr(&text, &name));
    const struct capsa_cli_signals *signals = cli->signals;
    struct capsa_cli_progress progress = {
        .out = cli->err, .name = name, .caught = signals == NULL ? NULL : signals->caught};
    options.progress = capsa_cli_progress_step;
    options.context = &progress;
    if (signals != NULL) {
        signals->watch(true);
    }
    capsa_result result = work(source, destination, key, &options);
    if (signals != NULL) {
        signals->watch(false);
    }
    capsa_cli_progress_end(&progress);
    return result;
}

CAPSA_RESULT capsa_cli_seal(struct capsa_cli *cli, const char *source, const char *destination,
                            capsa_secret_bytes key, struct capsa_file_options options)
{
    return with_bar(cli, capsa_file_seal, "sealing", source, destination, key, options);
}

CAPSA_RESULT capsa_cli_open(struct capsa_cli *cli, const char *source, const char *destination,
                            capsa_secret_bytes key, struct capsa_file_options options)
{
    return with_bar(cli, capsa_file_open, "opening", source, destination, key, options);
}

/* ---- verbs ----------------------------------------------------------------------------------- */

static capsa_result read_options(const struct capsa_cli *cli, struct capsa_file_options *ret)
{
    const char *format = capsa_cli_option(cli, "format");
    if (format != NULL) {
        CAPSA_TRY(capsa_file_format_parse(format, &ret->format));
    }
    int64_t threads;
    CAPSA_TRY(capsa_cli_number(cli, "threads", 1, CAPSA_LIMIT_file_threads, 0, &threads));
    ret->threads = (unsigned)threads;
    ret->resource = capsa_cli_option(cli, "resource");
    ret->replace = capsa_cli_flag(cli, "force");
    return CAPSA_OK;
}

static capsa_result run_work(struct capsa_cli *cli, bool seal)
{
    const char *source = cli->words[0];
    const char *destination = cli->words[1];
    const char *key_path = capsa_cli_option(cli, "data-key");
    CAPSA_REQUIRE(!capsa_streq(source, "-") || !capsa_streq(key_path, "-"), USAGE,
                  "standard input cannot be both the key and the data");
    CAPSA_TRY(capsa_cli_check_out(cli, destination));
    struct capsa_file_options options = {.format = CAPSA_FILE_ANY};
    CAPSA_TRY(read_options(cli, &options));
    if (seal && options.resource != NULL) {
        CAPSA_TRY(capsa_text_check("--resource", options.resource));
    }
    CAPSA_AUTO_FREE(capsa_secret) key = NULL;
    CAPSA_TRY(capsa_cli_read_data_key(key_path, &key));
    capsa_secret_bytes borrowed = capsa_secret_borrow(key);
    CAPSA_TRY(seal ? capsa_cli_seal(cli, source, destination, borrowed, options)
                   : capsa_cli_open(cli, source, destination, borrowed, options));
    if (!capsa_streq(destination, "-")) {
        capsa_cli_say(cli, "%s %s as %s\n", seal ? "sealed" : "opened", source, destination);
    }
    return capsa_cli_set_text(cli, "file", destination);
}

static capsa_result run_seal(struct capsa_cli *cli)
{
    return run_work(cli, true);
}

static capsa_result run_open(struct capsa_cli *cli)
{
    return run_work(cli, false);
}

static capsa_result run_show(struct capsa_cli *cli)
{
    struct capsa_file_info info;
    CAPSA_TRY(capsa_file_show(cli->words[0], &info));
    const char *format = capsa_file_format_name(info.format);
    capsa_cli_say(cli,
                  "format    %s\nsealed    %" PRIu64 " bytes\nopens to  %" PRIu64
                  " bytes, in %" PRIu64 " pieces of %" PRIu32 "\n",
                  format, info.sealed_size, info.plain_size, info.pieces, info.piece_size);
    if (info.key_bytes != 0) {
        capsa_cli_say(cli, "key       %u bits\n", info.key_bytes * 8);
    }
    if (info.resource[0] != '\0') {
        capsa_cli_say(cli, "resource  %s\n", info.resource);
        CAPSA_TRY(capsa_cli_set_text(cli, "resource", info.resource));
    }
    capsa_cli_say(cli, "(as the file says; only opening it verifies)\n");
    CAPSA_TRY(capsa_cli_set_text(cli, "format", format));
    CAPSA_TRY(capsa_cli_set(cli, "sealed_size", capsa_json_new_int((int64_t)info.sealed_size)));
    CAPSA_TRY(capsa_cli_set(cli, "plain_size", capsa_json_new_int((int64_t)info.plain_size)));
    return capsa_cli_set(cli, "pieces", capsa_json_new_int((int64_t)info.pieces));
}

/* ---- table ----------------------------------------------------------------------------------- */

static const struct capsa_cli_option seal_options[] = {
    {"data-key", "FILE", "the data key (capsa key new makes one)", CAPSA_CLI_NEEDED},
    {"format", "capsa|sdc1", "ours, or the original's; capsa", 0},
    {"resource", "URI", "write into the header which key it takes; anybody can read that", 0},
    {"threads", "N", "how many to work with; one for each processor", 0},
    {"force", NULL, "replace an existing file", 0},
    {.name = NULL},
};

static const struct capsa_cli_option open_options[] = {
    {"data-key", "FILE", "the data key", CAPSA_CLI_NEEDED},
    {"format", "capsa|sdc1", "accept this one alone", 0},
    {"resource", "URI", "accept a file of this resource alone", 0},
    {"threads", "N", "how many to work with; one for each processor", 0},
    {"force", NULL, "replace an existing file", 0},
    {.name = NULL},
};

static const struct capsa_cli_verb verbs[] = {
    {"seal", "SRC DST", "Encrypt a file. DST is as it was, or complete.", 2, 2, 0, seal_options,
     run_seal},
    {"open", "SRC DST", "Decrypt a file of either format, and notice if it was altered.", 2, 2, 0,
     open_options, run_open},
    {"show", "FILE", "Print what a sealed file says of itself; needs no key.", 1, 1, 0, NULL,
     run_show},
    {.name = NULL},
};

const struct capsa_cli_noun capsa_cli_noun_file = {
    "file", NULL, "seal and open files with data keys", verbs, NULL};
