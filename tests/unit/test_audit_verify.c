/* SPDX-License-Identifier: Apache-2.0
 *
 * audit: what is wrong with an exported log. The tables say which kind and which entry is named for
 * which damage; with "renumbered" the one who did it gave the entries numbers without gaps again,
 * with "rehashed" the line holds the hash of the changed leaf.
 */
#include "unit.h"

#include "audit/audit_file.h"
#include "base/file.h"
#include "codec/text.h"

#include "../../fuzz/audit_key.h"
#include "audit_lines.h"

/* Groups end at 1, 5, 7, 12, 13, 14, 17. */
static const size_t groups[] = {1, 4, 2, 5, 1, 1, 3};

static int up(void **state)
{
    struct lines *lines = calloc(1, sizeof(*lines));
    assert_non_null(lines);
    lines_key(&lines->key, lines->raw);
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        lines_group(lines, groups[i]);
    }
    *state = lines;
    return 0;
}

static int down(void **state)
{
    struct lines *lines = *state;
    capsa_private_key_free(lines->key);
    free(lines);
    return 0;
}

/* ---- Damage ---------------------------------------------------------------------------------- */

static struct line *entry(struct lines *lines, uint64_t index)
{
    return &lines->at[lines_find(lines, false, index)];
}

static struct line *checkpoint(struct lines *lines, uint64_t size)
{
    return &lines->at[lines_find(lines, true, size)];
}

#define AT_TIME       9
#define AT_STATE      105
#define AT_COMMITMENT 50

static void nothing(struct lines *lines, uint64_t a, uint64_t b)
{
    (void)lines;
    (void)a;
    (void)b;
}

static void edit(struct lines *lines, uint64_t a, uint64_t b)
{
    entry(lines, a)->leaf[b] ^= 1;
}

static void edit_rehashed(struct lines *lines, uint64_t a, uint64_t b)
{
    edit(lines, a, b);
    lines_rehash(entry(lines, a));
}

static void edit_hash(struct lines *lines, uint64_t a, uint64_t b)
{
    entry(lines, a)->hash[b] ^= 1;
}

/* Another entry altogether, with its own decision id. */
static void replace(struct lines *lines, uint64_t a, uint64_t b)
{
    *entry(lines, a) = lines_entry(a, (unsigned)b);
}

static void renumber_one(struct lines *lines, uint64_t a, uint64_t b)
{
    entry(lines, a)->index = b;
}

static void take_out(struct lines *lines, uint64_t a, uint64_t b)
{
    for (; a <= b; a++) {
        lines_remove(lines, lines_find(lines, false, a));
    }
}

static void take_out_renumbered(struct lines *lines, uint64_t a, uint64_t b)
{
    take_out(lines, a, b);
    lines_renumber(lines);
}

/* An entry that is a group of its own, with its checkpoint. */
static void take_out_group_renumbered(struct lines *lines, uint64_t a, uint64_t b)
{
    lines_remove(lines, lines_find(lines, true, b));
    take_out_renumbered(lines, a, a);
}

static void swap(struct lines *lines, uint64_t a, uint64_t b)
{
    struct line *x = entry(lines, a), *y = entry(lines, b);
    struct line kept = *x;
    *x = *y;
    *y = kept;
}

static void swap_renumbered(struct lines *lines, uint64_t a, uint64_t b)
{
    swap(lines, a, b);
    lines_renumber(lines);
}

/* Entry a behind entry b. */
static void move(struct lines *lines, uint64_t a, uint64_t b)
{
    struct line kept = *entry(lines, a);
    lines_remove(lines, lines_find(lines, false, a));
    lines_insert(lines, lines_find(lines, false, b) + 1, kept);
}

static void move_renumbered(struct lines *lines, uint64_t a, uint64_t b)
{
    move(lines, a, b);
    lines_renumber(lines);
}

static void cut_behind_entry(struct lines *lines, uint64_t a, uint64_t b)
{
    (void)b;
    lines->count = lines_find(lines, false, a) + 1;
}

static void cut_behind_checkpoint(struct lines *lines, uint64_t a, uint64_t b)
{
    (void)b;
    lines->count = lines_find(lines, true, a) + 1;
}

/* The last checkpoint stays. */
static void cut_but_last_checkpoint(struct lines *lines, uint64_t a, uint64_t b)
{
    struct line last = lines->at[lines->count - 1];
    cut_behind_entry(lines, a, b);
    lines_insert(lines, lines->count, last);
}

/* All checkpoints stay. */
static void cut_but_checkpoints(struct lines *lines, uint64_t a, uint64_t b)
{
    take_out(lines, a, b);
}

static void put_twice(struct lines *lines, uint64_t a, uint64_t b)
{
    (void)b;
    lines_insert(lines, lines_find(lines, false, a) + 1, *entry(lines, a));
}

static void put_twice_renumbered(struct lines *lines, uint64_t a, uint64_t b)
{
    put_twice(lines, a, b);
    lines_renumber(lines);
}

static void put_in_renumbered(struct lines *lines, uint64_t a, uint64_t b)
{
    lines_insert(lines, lines_find(lines, false, a), lines_entry(a, (unsigned)b));
    lines_renumber(lines);
}

static void append_unsigned(struct lines *lines, uint64_t a, uint64_t b)
{
    lines_insert(lines, lines->count, lines_entry(a, (unsigned)b));
}

static void forge_signature(struct lines *lines, uint64_t a, uint64_t b)
{
    char *note = checkpoint(lines, a)->note;
    note[strlen(note) - b] ^= 1;
}

/* A checkpoint of `a` entries over the entries as the lines have them, by `key`. */
static struct line signed_anew(const struct lines *lines, uint64_t a,
                               const struct capsa_private_key *key)
{
    struct capsa_tree_edge tree = {.size = 0};
    struct capsa_checkpoint made;
    struct line line;
    for (size_t i = 0; tree.size < a; i++) {
        if (!lines->at[i].is_checkpoint) {
            capsa_tree_edge_append(&tree, lines->at[i].hash);
        }
    }
    lines_sign(key, &tree, &made, &line);
    return line;
}

/* By somebody else's key, over the entries that they edited. */
static void sign_with_another_key(struct lines *lines, uint64_t a, uint64_t b)
{
    struct capsa_private_key *key;
    uint8_t raw[CAPSA_ED25519_PUBLIC];
    lines_key(&key, raw);
    replace(lines, b, 999);
    *checkpoint(lines, a) = signed_anew(lines, a, key);
    capsa_private_key_free(key);
}

/* The checkpoint of a copy of the manager that went another way: entry b is another one there. */
static struct line of_a_copy(const struct lines *lines, uint64_t a, uint64_t b)
{
    struct lines *copy = malloc(sizeof(*copy));
    assert_non_null(copy);
    *copy = *lines;
    replace(copy, b, 999);
    struct line line = signed_anew(copy, a, lines->key);
    free(copy);
    return line;
}

static void checkpoint_of_a_copy(struct lines *lines, uint64_t a, uint64_t b)
{
    *checkpoint(lines, a) = of_a_copy(lines, a, b);
}

static void second_checkpoint_of_a_copy(struct lines *lines, uint64_t a, uint64_t b)
{
    lines_insert(lines, lines_find(lines, true, a) + 1, of_a_copy(lines, a, b));
}

/* The checkpoint of `a` entries to before entry `b`. */
static void move_checkpoint(struct lines *lines, uint64_t a, uint64_t b)
{
    struct line kept = *checkpoint(lines, a);
    lines_remove(lines, lines_find(lines, true, a));
    lines_insert(lines, lines_find(lines, false, b), kept);
}

static void no_checkpoints(struct lines *lines, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    for (size_t i = lines->count; i > 0; i--) {
        if (lines->at[i - 1].is_checkpoint) {
            lines_remove(lines, i - 1);
        }
    }
}

static void no_lines(struct lines *lines, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    lines->count = 0;
}

/* ---- What is named for it -------------------------------------------------------------------- */

struct damage {
    const char *what;
    void (*make)(struct lines *lines, uint64_t a, uint64_t b);
    uint64_t a, b;
    enum capsa_audit_fault fault;
    uint64_t index;
    const char *text; /* in the sentence */
};

static const struct damage damages[] = {
    {"nothing", nothing, 0, 0, CAPSA_AUDIT_SOUND, 17, "17 entries"},

    {"edited", edit, 9, AT_TIME, CAPSA_AUDIT_EDITED, 9, "entry 9"},
    {"the first edited", edit, 0, AT_COMMITMENT, CAPSA_AUDIT_EDITED, 0, "entry 0"},
    {"the last edited", edit, 16, AT_STATE, CAPSA_AUDIT_EDITED, 16, "entry 16"},
    {"edited, rehashed: its decision id tells", edit_rehashed, 9, AT_TIME, CAPSA_AUDIT_EDITED, 9,
     "entry 9"},
    {"its state edited, rehashed, in a group of one", edit_rehashed, 12, AT_STATE,
     CAPSA_AUDIT_EDITED, 12, "entry 12"},
    {"its state edited, rehashed: one of five", edit_rehashed, 9, AT_STATE, CAPSA_AUDIT_EDITED, 7,
     "from 7 to 11"},
    {"the hash alone edited", edit_hash, 9, 3, CAPSA_AUDIT_EDITED, 9, "entry 9"},
    {"another in its place, in a group of one", replace, 13, 999, CAPSA_AUDIT_EDITED, 13,
     "entry 13"},
    {"another in its place: one of five", replace, 10, 999, CAPSA_AUDIT_EDITED, 7, "from 7 to 11"},
    {"its number edited", renumber_one, 9, 99, CAPSA_AUDIT_EDITED, 9, "another number"},
    {"its number that of the next", renumber_one, 9, 10, CAPSA_AUDIT_EDITED, 9, "another number"},
    {"its number that of one before", renumber_one, 9, 2, CAPSA_AUDIT_EDITED, 2, "twice"},

    {"twice", put_twice, 9, 0, CAPSA_AUDIT_EDITED, 9, "twice"},
    {"twice, renumbered", put_twice_renumbered, 9, 0, CAPSA_AUDIT_EDITED, 9, "put in"},
    {"another put in, renumbered", put_in_renumbered, 9, 999, CAPSA_AUDIT_EDITED, 9,
     "entry 9 was put in"},
    {"another put in before all, renumbered", put_in_renumbered, 0, 999, CAPSA_AUDIT_EDITED, 0,
     "entry 0 was put in"},

    {"removed", take_out, 8, 8, CAPSA_AUDIT_REMOVED, 8, "entry 8"},
    {"the first removed", take_out, 0, 0, CAPSA_AUDIT_REMOVED, 0, "entry 0"},
    {"several removed", take_out, 3, 9, CAPSA_AUDIT_REMOVED, 3, "entry 3"},
    {"a group removed, its checkpoint not", take_out, 12, 12, CAPSA_AUDIT_REMOVED, 12, "entry 12"},
    {"the end of a group removed", take_out, 11, 11, CAPSA_AUDIT_REMOVED, 11, "entry 11"},
    {"removed, renumbered: one of five", take_out_renumbered, 8, 8, CAPSA_AUDIT_REMOVED, 7,
     "from 7 to 11, 1 "},
    {"removed, renumbered, a group of one", take_out_renumbered, 12, 12, CAPSA_AUDIT_REMOVED, 12,
     "entry 12"},
    {"a group of one and its checkpoint, renumbered", take_out_group_renumbered, 12, 13,
     CAPSA_AUDIT_REMOVED, 12, "from 12 to 13, 1 "},

    {"swapped, in a group", swap, 8, 9, CAPSA_AUDIT_REORDERED, 8, "entry 8"},
    {"swapped, between groups", swap, 12, 13, CAPSA_AUDIT_REORDERED, 12, "entry 12"},
    {"swapped, far apart", swap, 2, 15, CAPSA_AUDIT_REORDERED, 2, "entry 2"},
    {"swapped, renumbered, in a group", swap_renumbered, 8, 10, CAPSA_AUDIT_REORDERED, 8,
     "entry 8"},
    {"swapped, renumbered, between groups of one", swap_renumbered, 12, 13, CAPSA_AUDIT_REORDERED,
     12, "entry 12"},
    {"swapped, renumbered, between groups", swap_renumbered, 3, 9, CAPSA_AUDIT_REORDERED, 3,
     "entry 3"},
    {"moved down", move, 7, 10, CAPSA_AUDIT_REORDERED, 7, "entry 7"},
    {"moved down, renumbered", move_renumbered, 7, 10, CAPSA_AUDIT_REORDERED, 7, "entry 7"},
    {"moved up, renumbered", move_renumbered, 11, 7, CAPSA_AUDIT_REORDERED, 8, "entry 8"},
    {"moved to another group, renumbered", move_renumbered, 8, 14, CAPSA_AUDIT_REORDERED, 8,
     "entry 8"},
    {"a checkpoint too early", move_checkpoint, 7, 5, CAPSA_AUDIT_REORDERED, 5, "checkpoint"},
    {"a checkpoint one too early", move_checkpoint, 7, 6, CAPSA_AUDIT_REORDERED, 6, "entry 6"},
    {"a checkpoint too late", move_checkpoint, 7, 9, CAPSA_AUDIT_REORDERED, 7, "checkpoint"},
    {"a checkpoint behind another", move_checkpoint, 5, 12, CAPSA_AUDIT_REORDERED, 5,
     "checkpoint of 5"},

    {"cut behind a checkpoint: nothing here tells", cut_behind_checkpoint, 14, 0, CAPSA_AUDIT_SOUND,
     14, "14 entries"},
    {"cut behind an entry", cut_behind_entry, 15, 0, CAPSA_AUDIT_UNSIGNED, 14, "cut"},
    {"cut, with the last checkpoint left", cut_but_last_checkpoint, 14, 0, CAPSA_AUDIT_CUT, 15,
     "17 was signed"},
    {"the last one cut, with its checkpoint left", take_out, 16, 16, CAPSA_AUDIT_CUT, 16,
     "16 entries"},
    {"cut, with all checkpoints left", cut_but_checkpoints, 6, 16, CAPSA_AUDIT_CUT, 6, "6 entries"},

    {"an entry behind the last checkpoint", append_unsigned, 17, 999, CAPSA_AUDIT_UNSIGNED, 17,
     "from 17"},
    {"a signature edited", forge_signature, 12, 10, CAPSA_AUDIT_UNSIGNED, 7, "checkpoint"},
    {"a note that is none", forge_signature, 12, 95, CAPSA_AUDIT_UNSIGNED, 7, "checkpoint"},
    {"signed with another key", sign_with_another_key, 12, 8, CAPSA_AUDIT_UNSIGNED, 7,
     "another key"},
    {"no checkpoints", no_checkpoints, 0, 0, CAPSA_AUDIT_UNSIGNED, 0, "from 0"},
    {"no lines", no_lines, 0, 0, CAPSA_AUDIT_UNSIGNED, 0, "no checkpoint"},

    {"a checkpoint of a copy", checkpoint_of_a_copy, 12, 8, CAPSA_AUDIT_FORKED, 12,
     "of 12 entries"},
    {"a checkpoint of a copy beside our own", second_checkpoint_of_a_copy, 12, 8,
     CAPSA_AUDIT_FORKED, 12, "of 12 entries"},
};

static void assert_verdict(const struct damage *damage, const struct lines *lines,
                           const struct capsa_checkpoint *since, enum capsa_audit_fault fault,
                           uint64_t index)
{
    struct capsa_audit_verdict verdict = lines_verdict(lines, since);
    if (verdict.fault != fault || verdict.index != index ||
        (damage->text != NULL && strstr(verdict.text, damage->text) == NULL)) {
        fail_msg("%s: wanted %s at %u (%s), got %s at %u: %s", damage->what,
                 capsa_audit_fault_name(fault), (unsigned)index, damage->text,
                 capsa_audit_fault_name(verdict.fault), (unsigned)verdict.index, verdict.text);
    }
}

static void each_damage_is_named_and_so_is_the_first_entry(void **state)
{
    struct lines *lines = malloc(sizeof(*lines));
    assert_non_null(lines);
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        const struct damage *damage = &damages[i];
        memcpy(lines, *state, sizeof(*lines));
        damage->make(lines, damage->a, damage->b);
        assert_verdict(damage, lines, NULL, damage->fault, damage->index);
    }
    free(lines);
}

/* ---- An earlier checkpoint ------------------------------------------------------------------- */

struct since_case {
    struct damage damage;
    uint64_t size;   /* of the checkpoint that was kept */
    bool is_a_copys; /* which went another way at entry 2 */
};

static const struct since_case since_cases[] = {
    {{"nothing", nothing, 0, 0, CAPSA_AUDIT_SOUND, 17, NULL}, 12, false},
    {{"nothing, kept within a group", nothing, 0, 0, CAPSA_AUDIT_SOUND, 17, NULL}, 9, false},
    {{"nothing, kept at the end", nothing, 0, 0, CAPSA_AUDIT_SOUND, 17, NULL}, 17, false},
    {{"cut behind a checkpoint", cut_behind_checkpoint, 14, 0, CAPSA_AUDIT_CUT, 14, "17"},
     17,
     false},
    {{"cut behind an entry", cut_behind_entry, 15, 0, CAPSA_AUDIT_CUT, 16, "17"}, 17, false},
    {{"no lines", no_lines, 0, 0, CAPSA_AUDIT_CUT, 0, "17"}, 17, false},
    {{"edited before it", replace, 8, 999, CAPSA_AUDIT_EDITED, 7, NULL}, 12, false},
    {{"removed before it", take_out, 8, 8, CAPSA_AUDIT_REMOVED, 8, NULL}, 12, false},
    {{"edited behind it", replace, 12, 999, CAPSA_AUDIT_EDITED, 12, NULL}, 12, false},
    {{"of a copy", nothing, 0, 0, CAPSA_AUDIT_FORKED, 12, "earlier"}, 12, true},
    {{"of a copy, within a group", nothing, 0, 0, CAPSA_AUDIT_FORKED, 9, "earlier"}, 9, true},
    {{"of a copy, at the end", nothing, 0, 0, CAPSA_AUDIT_FORKED, 17, "earlier"}, 17, true},
    {{"of a copy, no checkpoint behind it", cut_behind_entry, 15, 0, CAPSA_AUDIT_FORKED, 15,
      "earlier"},
     15,
     true},
    {{"of a copy, and edited behind it", edit, 15, AT_TIME, CAPSA_AUDIT_FORKED, 12, "earlier"},
     12,
     true},
    {{"edited, where a copy's is kept", edit, 1, AT_TIME, CAPSA_AUDIT_EDITED, 1, NULL}, 12, true},
};

static struct capsa_checkpoint kept_checkpoint(const struct lines *lines, uint64_t size,
                                               bool is_a_copys)
{
    struct capsa_checkpoint kept;
    struct line line =
        is_a_copys ? of_a_copy(lines, size, 2) : signed_anew(lines, size, lines->key);
    assert_ok(capsa_checkpoint_open(capsa_bytes_str(line.note), LINES_ORIGIN, lines->raw, &kept));
    return kept;
}

static void an_earlier_checkpoint_tells_cuts_and_forks(void **state)
{
    struct lines *lines = malloc(sizeof(*lines));
    assert_non_null(lines);
    for (size_t i = 0; i < sizeof(since_cases) / sizeof(since_cases[0]); i++) {
        const struct since_case *each = &since_cases[i];
        memcpy(lines, *state, sizeof(*lines));
        const struct capsa_checkpoint since = kept_checkpoint(lines, each->size, each->is_a_copys);
        each->damage.make(lines, each->damage.a, each->damage.b);
        assert_verdict(&each->damage, lines, &since, each->damage.fault, each->damage.index);
    }
    free(lines);
}

/* ---- The rest -------------------------------------------------------------------------------- */

static void no_single_edit_of_any_line_is_sound(void **state)
{
    struct lines *lines = malloc(sizeof(*lines));
    assert_non_null(lines);
    for (uint64_t index = 0; index < 17; index++) {
        for (uint64_t byte = 0; byte < CAPSA_AUDIT_LEAF; byte += 5) {
            memcpy(lines, *state, sizeof(*lines));
            edit_rehashed(lines, index, byte);
            struct capsa_audit_verdict verdict = lines_verdict(lines, NULL);
            assert_int_equal(verdict.fault, CAPSA_AUDIT_EDITED);
            assert_true(verdict.index <= index);
        }
    }
    free(lines);
}

static void every_swap_is_reordered_and_the_first_is_named(void **state)
{
    struct lines *lines = malloc(sizeof(*lines));
    assert_non_null(lines);
    for (uint64_t a = 0; a < 17; a++) {
        for (uint64_t b = a + 1; b < 17; b++) {
            memcpy(lines, *state, sizeof(*lines));
            swap(lines, a, b);
            struct damage damage = {.what = "swapped"};
            assert_verdict(&damage, lines, NULL, CAPSA_AUDIT_REORDERED, a);
            lines_renumber(lines);
            damage.what = "swapped, renumbered";
            assert_verdict(&damage, lines, NULL, CAPSA_AUDIT_REORDERED, a);
        }
    }
    free(lines);
}

static void the_last_checkpoint_that_held_is_told(void **state)
{
    struct lines *lines = *state;
    struct capsa_audit_verdict verdict = lines_verdict(lines, NULL);
    assert_true(verdict.last.size == 17);
    assert_true(verdict.entries == 17);
    assert_true(verdict.checkpoints == sizeof(groups) / sizeof(groups[0]));
    edit(lines, 8, AT_TIME);
    verdict = lines_verdict(lines, NULL);
    assert_true(verdict.last.size == 7);
}

/* A group of ten thousand is more than can be tried; it must neither take long nor pass. */
static void a_large_group_that_was_edited_is_found_all_the_same(void **state)
{
    struct lines *lines = *state;
    struct capsa_tree_edge tree = {.size = 0};
    struct capsa_checkpoint made;
    struct line line;
    CAPSA_AUTO_FREE(capsa_audit_verifier) verifier = NULL;
    assert_ok(capsa_audit_verifier_new(LINES_ORIGIN, lines->raw, NULL, &verifier));
    for (unsigned i = 0; i < 10000; i++) {
        struct line each = lines_entry(i, i);
        struct line given = i == 7777 ? lines_entry(i, 99999) : each;
        capsa_tree_edge_append(&tree, each.hash);
        assert_ok(capsa_audit_verifier_entry(verifier, i, given.hash,
                                             capsa_bytes_of(given.leaf, sizeof(given.leaf))));
    }
    lines_sign(lines->key, &tree, &made, &line);
    assert_ok(capsa_audit_verifier_checkpoint(verifier, capsa_bytes_str(line.note)));
    struct capsa_audit_verdict verdict;
    capsa_audit_verifier_end(verifier, &verdict);
    assert_int_equal(verdict.fault, CAPSA_AUDIT_EDITED);
    assert_true(verdict.index == 0);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static void lines_have_one_form(void **state)
{
    struct lines *lines = *state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(2));
    CAPSA_AUTO(capsa_buf) scratch = capsa_buf_of(KIB(64));
    struct capsa_audit_parsed_line parsed;
    lines_write(&lines->at[0], &text);
    for (size_t len = 0; len < text.len - 1; len++) { /* a shorter leaf is for the verifier */
        capsa_result result =
            capsa_audit_line_parse(capsa_bytes_of(text.data, len), &scratch, &parsed);
        assert_true(capsa_failed(result) || parsed.bytes.len < CAPSA_AUDIT_LEAF);
    }
    static const char *const bad[] = {
        "",
        " ",
        "entry",
        "entry 0",
        "entry  0 AAAA AAAA",
        "entry 01 AAAA AAAA",
        "entry -1 AAAA AAAA",
        "entry 1 AAAA AAAA",
        "entry 9999999999999999999 AAAA AAAA",
        "genesis",
        "genesis ",
        "genesis AAAA ",
        "genesis AAA",
        "Genesis AAAA",
        "checkpoint",
        "checkpoint  AAAA",
        "comment AAAA",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        capsa_result result = capsa_audit_line_parse(capsa_bytes_str(bad[i]), &scratch, &parsed);
        if (capsa_code_of(result) != CAPSA_E_MALFORMED) {
            fail_msg("\"%s\": %s", bad[i], capsa_text_of(result));
        }
    }
    assert_fails(
        capsa_audit_line_parse(CAPSA_BYTES_LITERAL("capsa-audit-log 2"), &scratch, &parsed),
        UNSUPPORTED);
}

/* Seeds of the fuzz target, made by a program in another language out of PROTOCOL.md alone. */
static enum capsa_audit_fault verdict_of_seed(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof(path), CAPSA_SOURCE_ROOT "/fuzz/corpus/audit_file/%s", name);
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(MIB(1));
    CAPSA_AUTO(capsa_buf) scratch = capsa_buf_of(KIB(64));
    CAPSA_AUTO_FREE(capsa_audit_verifier) verifier = NULL;
    struct capsa_audit_verdict verdict;
    assert_ok(capsa_file_read(path, &text));
    assert_ok(capsa_audit_verifier_new(FUZZ_ORIGIN, fuzz_audit_key, NULL, &verifier));
    for (capsa_bytes rest = capsa_buf_bytes(&text); rest.len > 0;) {
        struct capsa_audit_parsed_line line;
        size_t len = capsa_bytes_find(rest, '\n');
        assert_ok(capsa_audit_line_parse(capsa_bytes_of(rest.data, len), &scratch, &line));
        if (line.kind == CAPSA_AUDIT_LINE_ENTRY) {
            assert_ok(capsa_audit_verifier_entry(verifier, line.index, line.leaf_hash, line.bytes));
        } else if (line.kind == CAPSA_AUDIT_LINE_CHECKPOINT) {
            assert_ok(capsa_audit_verifier_checkpoint(verifier, line.bytes));
        }
        rest = capsa_bytes_from(rest, len + 1);
    }
    capsa_audit_verifier_end(verifier, &verdict);
    return verdict.fault;
}

static void logs_of_another_implementation_are_judged_alike(void **state)
{
    (void)state;
    assert_int_equal(verdict_of_seed("sound"), CAPSA_AUDIT_SOUND);
    assert_int_equal(verdict_of_seed("one"), CAPSA_AUDIT_SOUND);
    assert_int_equal(verdict_of_seed("swapped"), CAPSA_AUDIT_REORDERED);
    assert_int_equal(verdict_of_seed("removed"), CAPSA_AUDIT_REMOVED);
    assert_int_equal(verdict_of_seed("cut"), CAPSA_AUDIT_UNSIGNED);
    assert_int_equal(verdict_of_seed("short"), CAPSA_AUDIT_CUT);
    assert_int_equal(verdict_of_seed("early"), CAPSA_AUDIT_REORDERED);
}

static void each_kind_of_line_is_read_back(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) text = capsa_buf_of(KIB(2));
    CAPSA_AUTO(capsa_buf) scratch = capsa_buf_of(KIB(64));
    struct capsa_audit_parsed_line parsed;
    assert_ok(capsa_audit_line_first(&text));
    capsa_buf_cut(&text, text.len - 1);
    assert_ok(capsa_audit_line_parse(capsa_buf_bytes(&text), &scratch, &parsed));
    assert_int_equal(parsed.kind, CAPSA_AUDIT_LINE_FIRST);
    capsa_buf_clear(&text);
    assert_ok(capsa_audit_line_genesis(CAPSA_BYTES_LITERAL("any bytes"), &text));
    assert_memory_equal(text.data, "genesis YW55IGJ5dGVz\n", 21);
    capsa_buf_cut(&text, text.len - 1);
    assert_ok(capsa_audit_line_parse(capsa_buf_bytes(&text), &scratch, &parsed));
    assert_int_equal(parsed.kind, CAPSA_AUDIT_LINE_GENESIS);
    assert_true(capsa_bytes_is(parsed.bytes, "any bytes"));
}

/* Its pairs alone would be billions: a search ends with its budget, for each line that follows too.
 */
static void a_long_stretch_is_not_searched_for_long(void **state)
{
    struct lines *lines = *state;
    CAPSA_AUTO_FREE(capsa_audit_verifier) verifier = NULL;
    struct capsa_audit_verdict verdict;
    struct capsa_checkpoint checkpoint;
    struct capsa_tree_edge other = {.size = 0};
    struct line line;
    assert_ok(capsa_audit_verifier_new(LINES_ORIGIN, lines->raw, NULL, &verifier));
    for (unsigned i = 0; i < 65536; i++) {
        line = lines_entry(i, i);
        assert_ok(capsa_audit_verifier_entry(verifier, i, line.hash,
                                             capsa_bytes_of(line.leaf, sizeof(line.leaf))));
        line.hash[0] ^= i == 7;
        capsa_tree_edge_append(&other, line.hash);
    }
    lines_sign(lines->key, &other, &checkpoint, &line);
    assert_ok(capsa_audit_verifier_checkpoint(verifier, capsa_bytes_str(line.note)));
    for (unsigned i = 65536; i < 150000; i++) {
        line = lines_entry(i, i);
        assert_ok(capsa_audit_verifier_entry(verifier, i, line.hash,
                                             capsa_bytes_of(line.leaf, sizeof(line.leaf))));
    }
    capsa_audit_verifier_end(verifier, &verdict);
    assert_int_equal(verdict.fault, CAPSA_AUDIT_EDITED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_damage_is_named_and_so_is_the_first_entry, up, down),
        cmocka_unit_test_setup_teardown(an_earlier_checkpoint_tells_cuts_and_forks, up, down),
        cmocka_unit_test_setup_teardown(no_single_edit_of_any_line_is_sound, up, down),
        cmocka_unit_test_setup_teardown(every_swap_is_reordered_and_the_first_is_named, up, down),
        cmocka_unit_test_setup_teardown(the_last_checkpoint_that_held_is_told, up, down),
        cmocka_unit_test_setup_teardown(a_large_group_that_was_edited_is_found_all_the_same, up,
                                        down),
        cmocka_unit_test_setup_teardown(lines_have_one_form, up, down),
        cmocka_unit_test_setup_teardown(a_long_stretch_is_not_searched_for_long, up, down),
        cmocka_unit_test(logs_of_another_implementation_are_judged_alike),
        cmocka_unit_test_setup_teardown(each_kind_of_line_is_read_back, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
