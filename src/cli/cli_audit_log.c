/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole logs (cli_audit.h): from where they come, entry by entry, into a verifier and, for export,
 * into a file. A source is a function that feeds a check.
 */
#include <errno.h>

#include "audit/audit_file.h"
#include "audit/audit_log.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_audit.h"
#include "cli/cli_config.h"
#include "cli/cli_link.h"
#include "cli/cli_print.h"
#include "cli/cli_progress.h"
#include "cli/cli_store.h"
#include "client/client_audit.h"
#include "codec/protobuf.h"
#include "store/store_sealed.h"

#define NOTE_MAX       KIB(4)
#define LINE_MAX_BYTES (2 * (size_t)CAPSA_LIMIT_manager_info)

/* ---- one check ------------------------------------------------------------------------------- */

/* A log on its way through the verifier. */
typedef struct {
    struct capsa_cli *cli;
    struct capsa_audit_verifier *verifier; /* NULL until it is known whose log it is */
    char id[CAPSA_MANAGER_ID];
    uint8_t audit_key[CAPSA_ED25519_PUBLIC];
    struct capsa_checkpoint since; /* size 0: none */
    bool fetched;                  /* it is the manager's own */
    uint64_t entries;
    capsa_time from, to; /* of the first entry, and of the last */
    struct capsa_audit_verdict verdict;
} log_check;

static void log_check_drop(log_check *check)
{
    capsa_audit_verifier_free(check->verifier);
    check->verifier = NULL;
}

/* --since: a file, or the checkpoint that was kept of this manager, which a manager's own log is
 * compared with in any case. */
static capsa_result read_since(const log_check *check, capsa_buf *note)
{
    const char *since = capsa_cli_option(check->cli, "since");
    bool known = since != NULL && capsa_streq(since, "known");
    if (since != NULL && !known) {
        return capsa_file_read(since, note);
    }
    struct capsa_client_memory memory;
    if ((known || check->fetched) && capsa_cli_memory(check->cli, &memory)) {
        CAPSA_TRY(capsa_memory_checkpoint(&memory, check->id, note));
    }
    CAPSA_REQUIRE(!known || note->len > 0, NOT_FOUND,
                  "--since known: no checkpoint of manager %s was kept", check->id);
    return CAPSA_OK;
}

/* Whose log it is: from now on entries can be checked. */
static capsa_result begin(log_check *check, const char *id, const Native__Genesis *genesis)
{
    memcpy(check->id, id, sizeof(check->id));
    memcpy(check->audit_key, genesis->audit_key.data, sizeof(check->audit_key));
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(NOTE_MAX);
    CAPSA_TRY(read_since(check, &note));
    CAPSA_TRY_AT(note.len == 0 ? CAPSA_OK
                               : capsa_checkpoint_open(capsa_buf_bytes(&note), check->id,
                                                       check->audit_key, &check->since),
                 "--since");
    return capsa_audit_verifier_new(check->id, check->audit_key,
                                    check->since.size > 0 ? &check->since : NULL, &check->verifier);
}

/* One entry as it stands. A leaf that is none is the verifier's to name. */
static capsa_result take_entry(log_check *check, uint64_t index,
                               const uint8_t hash[CAPSA_TREE_HASH], capsa_bytes leaf)
{
    struct capsa_audit_leaf parsed;
    if (!capsa_failed(capsa_audit_leaf_parse(leaf, &parsed))) {
        check->from = check->entries == 0 ? parsed.time : check->from;
        check->to = parsed.time;
    }
    check->entries++;
    return capsa_audit_verifier_entry(check->verifier, index, hash, leaf);
}

/* ---- the manager's own ----------------------------------------------------------------------- */

struct fetch {
    log_check *check;
    capsa_file_out *out; /* NULL: only checked */
    bool to_stdout;
};

static capsa_result put(const struct fetch *fetch, const capsa_buf *line)
{
    if (fetch->to_stdout) {
        capsa_cli_print(fetch->check->cli, capsa_buf_bytes(line));
        return CAPSA_OK;
    }
    return fetch->out == NULL ? CAPSA_OK : capsa_file_out_write(fetch->out, capsa_buf_bytes(line));
}

static capsa_result take_leaf(void *context, uint64_t index, capsa_bytes leaf)
{
    const struct fetch *fetch = context;
    uint8_t hash[CAPSA_TREE_HASH];
    capsa_tree_leaf_hash(leaf, hash);
    CAPSA_TRY(take_entry(fetch->check, index, hash, leaf));
    CAPSA_AUTO(capsa_buf) line = capsa_buf_of(LINE_MAX_BYTES);
    CAPSA_TRY(capsa_audit_line_entry(index, leaf, &line));
    return put(fetch, &line);
}

static capsa_result take_leaves(struct capsa_client *client, struct fetch *fetch, uint64_t size)
{
    struct capsa_cli_progress progress = {
        .out = fetch->check->cli->err, .name = "fetching the log", .unit = "entries"};
    capsa_result result = CAPSA_OK;
    uint64_t next = 0;
    while (!capsa_failed(result) && next < size) {
        result = capsa_client_audit_leaves(client, next, size, take_leaf, fetch, &next);
        (void)capsa_cli_progress_step(&progress, next, size);
    }
    capsa_cli_progress_end(&progress);
    return result;
}

static capsa_result put_head(const struct fetch *fetch, const capsa_manager *manager)
{
    CAPSA_AUTO(capsa_buf) line = capsa_buf_of(LINE_MAX_BYTES);
    CAPSA_TRY(capsa_audit_line_first(&line));
    CAPSA_TRY(capsa_audit_line_genesis(
        capsa_bytes_of(manager->info->genesis.data, manager->info->genesis.len), &line));
    return put(fetch, &line);
}

static capsa_result take_note(const struct fetch *fetch, capsa_bytes note)
{
    CAPSA_TRY(capsa_audit_verifier_checkpoint(fetch->check->verifier, note));
    CAPSA_AUTO(capsa_buf) line = capsa_buf_of(LINE_MAX_BYTES);
    CAPSA_TRY(capsa_audit_line_checkpoint(note, &line));
    return put(fetch, &line);
}

/* All entries up to the latest checkpoint. If all is well, it is kept as with any answer. */
static capsa_result fetch_log(struct fetch *fetch)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(fetch->check->cli, false, &link));
    const struct capsa_cert *cert;
    CAPSA_TRY(capsa_cli_manager(&link, &cert));
    CAPSA_AUTO(capsa_buf) note = capsa_buf_of(NOTE_MAX);
    const capsa_manager *manager;
    CAPSA_TRY(capsa_client_identity(link.client, &manager));
    CAPSA_REQUIRE(manager != NULL, UNSUPPORTED,
                  "the manager does not speak the native protocol, and has no log to show");
    fetch->check->fetched = true;
    CAPSA_TRY(begin(fetch->check, manager->id, manager->genesis));
    struct capsa_checkpoint checkpoint;
    CAPSA_TRY(capsa_client_checkpoint_signed(link.client, &note, &checkpoint));
    CAPSA_TRY(put_head(fetch, manager));
    CAPSA_TRY(take_leaves(link.client, fetch, checkpoint.size));
    CAPSA_TRY(take_note(fetch, capsa_buf_bytes(&note)));
    capsa_audit_verifier_end(fetch->check->verifier, &fetch->check->verdict);
    return fetch->check->verdict.fault == CAPSA_AUDIT_SOUND
               ? capsa_client_checkpoint(link.client, NULL, &checkpoint)
               : CAPSA_OK;
}

/* ---- a file ---------------------------------------------------------------------------------- */

/* Line by line, so that a log of any length is read in the memory of one line. */
typedef struct {
    FILE *file;
    capsa_buf line; /* without its newline */
    size_t number;
} line_reader;

static void line_reader_drop(line_reader *reader)
{
    if (reader->file != NULL) {
        (void)fclose(reader->file);
    }
    reader->file = NULL;
    capsa_buf_drop(&reader->line);
}

static capsa_result read_line(line_reader *reader, bool *ret_is)
{
    capsa_buf_clear(&reader->line);
    reader->number++;
    int byte = getc(reader->file);
    *ret_is = byte != EOF;
    while (byte != EOF && byte != '\n') {
        CAPSA_TRY(capsa_buf_u8(&reader->line, (uint8_t)byte));
        byte = getc(reader->file);
    }
    CAPSA_REQUIRE(ferror(reader->file) == 0, IO, "cannot be read: %s", strerror(errno));
    return CAPSA_OK;
}

/* --manager-id (or the config file) says whose log it has to be. */
static capsa_result check_id(struct capsa_cli *cli, const char *id)
{
    const char *wanted = capsa_cli_option(cli, "manager-id");
    if (wanted == NULL) {
        CAPSA_TRY(capsa_cli_config_load(cli, NULL));
        CAPSA_TRY(capsa_cli_config_text(cli, "manager_id", &wanted));
    }
    CAPSA_REQUIRE(wanted == NULL || capsa_streq(wanted, id), UNAUTHENTIC,
                  "this is the log of manager %s, not of %s", id, wanted == NULL ? "" : wanted);
    return CAPSA_OK;
}

static capsa_result take_genesis(log_check *check, capsa_bytes genesis)
{
    CAPSA_REQUIRE(check->verifier == NULL, MALFORMED, "a second genesis");
    Native__Genesis *parsed = NULL;
    char id[CAPSA_MANAGER_ID];
    capsa_genesis_id(genesis, id);
    CAPSA_TRY(check_id(check->cli, id));
    CAPSA_TRY(capsa_genesis_parse(genesis, &parsed));
    capsa_result result = begin(check, id, parsed);
    capsa_message_free(&parsed->base);
    return result;
}

static capsa_result take_parsed(log_check *check, size_t number,
                                const struct capsa_audit_parsed_line *line)
{
    CAPSA_REQUIRE((line->kind == CAPSA_AUDIT_LINE_FIRST) == (number == 1), MALFORMED,
                  "a log begins with the line \"capsa-audit-log 1\", and has no other like it");
    if (line->kind == CAPSA_AUDIT_LINE_FIRST) {
        return CAPSA_OK;
    }
    if (line->kind == CAPSA_AUDIT_LINE_GENESIS) {
        return take_genesis(check, line->bytes);
    }
    CAPSA_REQUIRE(check->verifier != NULL, MALFORMED, "a genesis comes before entries");
    if (line->kind == CAPSA_AUDIT_LINE_CHECKPOINT) {
        return capsa_audit_verifier_checkpoint(check->verifier, line->bytes);
    }
    return take_entry(check, line->index, line->leaf_hash, line->bytes);
}

static bool begins_with(const capsa_buf *line, const char *word)
{
    return line->len >= strlen(word) && memcmp(line->data, word, strlen(word)) == 0;
}

/* An entry or a checkpoint that cannot even be read is not what was signed: the verifier is shown
 * one that holds in no case. */
static capsa_result take_broken(log_check *check, const capsa_buf *line, capsa_result failed)
{
    static const uint8_t no_hash[CAPSA_TREE_HASH];
    if (check->verifier != NULL && begins_with(line, "entry ")) {
        return take_entry(check, check->entries, no_hash, (capsa_bytes){NULL, 0});
    }
    if (check->verifier != NULL && begins_with(line, "checkpoint ")) {
        return capsa_audit_verifier_checkpoint(check->verifier, (capsa_bytes){NULL, 0});
    }
    return failed;
}

static capsa_result take_line(log_check *check, const line_reader *reader)
{
    CAPSA_AUTO(capsa_buf) scratch = capsa_buf_of(LINE_MAX_BYTES);
    struct capsa_audit_parsed_line parsed;
    capsa_result result = capsa_audit_line_parse(capsa_buf_bytes(&reader->line), &scratch, &parsed);
    return capsa_failed(result) ? take_broken(check, &reader->line, result)
                                : take_parsed(check, reader->number, &parsed);
}

static capsa_result read_log(log_check *check, const char *path)
{
    CAPSA_AUTO(line_reader)
    reader = {.file = fopen(path, "re"), .line = capsa_buf_of(LINE_MAX_BYTES)};
    CAPSA_REQUIRE(reader.file != NULL, IO, "cannot open %s: %s", path, strerror(errno));
    bool more = true;
    while (more) {
        CAPSA_TRY_AT(read_line(&reader, &more), "%s: line %zu", path, reader.number);
        CAPSA_TRY_AT(more ? take_line(check, &reader) : CAPSA_OK, "%s: line %zu", path,
                     reader.number);
    }
    CAPSA_REQUIRE(check->verifier != NULL, MALFORMED, "%s: no genesis, so it is nobody's log",
                  path);
    capsa_audit_verifier_end(check->verifier, &check->verdict);
    return CAPSA_OK;
}

/* ---- a store --------------------------------------------------------------------------------- */

static capsa_result take_row(void *context, uint64_t index, capsa_bytes leaf)
{
    uint8_t hash[CAPSA_TREE_HASH] = {0};
    if (leaf.len == CAPSA_AUDIT_LEAF) {
        capsa_tree_leaf_hash(leaf, hash);
    }
    return take_entry(context, index, hash, leaf);
}

static capsa_result take_checkpoint(void *context, capsa_bytes note)
{
    const log_check *check = context;
    return capsa_audit_verifier_checkpoint(check->verifier, note);
}

/* Of a store that no capsad has open, or a copy of one: what capsad would refuse to open, too. */
static capsa_result walk_store(log_check *check)
{
    CAPSA_AUTO(capsa_buf) location = capsa_buf_of(KIB(8));
    CAPSA_AUTO(capsa_buf) root_key = capsa_buf_of(KIB(8));
    struct capsa_store_options options = {.provider = "file"};
    CAPSA_TRY(capsa_cli_existing_store(check->cli, &location, &options.location));
    CAPSA_TRY(capsa_cli_root_key(check->cli, &root_key, &options.provider_where));
    CAPSA_AUTO_FREE(capsa_store) store = NULL;
    CAPSA_TRY(capsa_store_open_sealed(&options, &store));
    CAPSA_TRY_AT(take_genesis(check, capsa_store_genesis(store)), "%s", options.location);
    const struct capsa_audit_walk walk = {take_row, take_checkpoint, check};
    CAPSA_TRY_AT(capsa_audit_walk_store(store, &walk), "%s", options.location);
    capsa_audit_verifier_end(check->verifier, &check->verdict);
    return CAPSA_OK;
}

/* ---- what came out --------------------------------------------------------------------------- */

static capsa_result answer(struct capsa_cli *cli, const log_check *check)
{
    const struct capsa_audit_verdict *verdict = &check->verdict;
    bool sound = verdict->fault == CAPSA_AUDIT_SOUND;
    CAPSA_TRY(capsa_cli_set_text(cli, "manager_id", check->id));
    CAPSA_TRY(capsa_cli_set_text(cli, "fault", capsa_audit_fault_name(verdict->fault)));
    if (!sound) {
        CAPSA_TRY(capsa_cli_set(cli, "index", capsa_json_new_int((int64_t)verdict->index)));
        CAPSA_TRY(capsa_cli_set_text(cli, "text", verdict->text));
    }
    CAPSA_TRY(capsa_cli_set(cli, "entries", capsa_json_new_int((int64_t)verdict->entries)));
    CAPSA_TRY(capsa_cli_set(cli, "checkpoints", capsa_json_new_int((int64_t)verdict->checkpoints)));
    CAPSA_TRY(capsa_cli_set(cli, "size", capsa_json_new_int((int64_t)verdict->last.size)));
    return capsa_cli_set(cli, "since", capsa_json_new_int((int64_t)check->since.size));
}

static void say_verdict(struct capsa_cli *cli, const log_check *check)
{
    const struct capsa_audit_verdict *verdict = &check->verdict;
    if (verdict->fault == CAPSA_AUDIT_SOUND) {
        char from[CAPSA_TIME_TEXT];
        char to[CAPSA_TIME_TEXT];
        capsa_time_text(check->from, from);
        capsa_time_text(check->to, to);
        capsa_cli_say(cli,
                      "sound: %llu entries from %s to %s, %llu checkpoint%s, the last one of %llu "
                      "entries, of manager %s\n",
                      (unsigned long long)verdict->entries, from, to,
                      (unsigned long long)verdict->checkpoints,
                      verdict->checkpoints == 1 ? "" : "s", (unsigned long long)verdict->last.size,
                      check->id);
    } else {
        capsa_cli_say(cli, "%s\n", verdict->text);
    }
    if (check->since.size > 0) {
        capsa_cli_say(cli, "compared with an earlier checkpoint, of %llu entries\n",
                      (unsigned long long)check->since.size);
    }
}

capsa_result capsa_cli_run_audit_verify(struct capsa_cli *cli)
{
    CAPSA_AUTO(log_check) check = {.cli = cli};
    struct fetch fetch = {.check = &check};
    bool of_store =
        capsa_cli_option(cli, "data-dir") != NULL || capsa_cli_option(cli, "store") != NULL;
    CAPSA_REQUIRE(!of_store || cli->words_count == 0, USAGE,
                  "a log in a file and --data-dir (or --store) do not go together");
    CAPSA_TRY(of_store               ? walk_store(&check)
              : cli->words_count > 0 ? read_log(&check, cli->words[0])
                                     : fetch_log(&fetch));
    say_verdict(cli, &check);
    cli->exit = (int)check.verdict.fault;
    return answer(cli, &check);
}

/* ---- export ---------------------------------------------------------------------------------- */

/* What the manager sent is kept only if it is what it signed. */
static capsa_result check_sound(const log_check *check)
{
    CAPSA_REQUIRE(check->verdict.fault == CAPSA_AUDIT_SOUND, TAMPERED,
                  "the manager's log is %s at entry %llu: %s",
                  capsa_audit_fault_name(check->verdict.fault),
                  (unsigned long long)check->verdict.index, check->verdict.text);
    return CAPSA_OK;
}

static capsa_result say_exported(struct capsa_cli *cli, const log_check *check, const char *path)
{
    if (!capsa_streq(path, "-")) {
        capsa_cli_say(cli, "wrote %llu entries of manager %s to %s\n",
                      (unsigned long long)check->entries, check->id, path);
    }
    CAPSA_TRY(capsa_cli_set_text(cli, "manager_id", check->id));
    return capsa_cli_set(cli, "entries", capsa_json_new_int((int64_t)check->entries));
}

capsa_result capsa_cli_run_audit_export(struct capsa_cli *cli)
{
    const char *path = capsa_cli_option(cli, "out");
    CAPSA_TRY(capsa_cli_check_out(cli, path));
    CAPSA_AUTO(log_check) check = {.cli = cli};
    CAPSA_AUTO(capsa_file_out) out = {.fd = -1};
    struct fetch fetch = {.check = &check, .to_stdout = capsa_streq(path, "-")};
    if (!fetch.to_stdout) {
        CAPSA_TRY(capsa_file_out_open(path, 0644, capsa_cli_flag(cli, "force"), &out));
        fetch.out = &out;
    }
    CAPSA_TRY(fetch_log(&fetch));
    CAPSA_TRY(check_sound(&check));
    CAPSA_TRY(fetch.to_stdout ? CAPSA_OK : capsa_file_out_commit(&out));
    return say_exported(cli, &check, path);
}
