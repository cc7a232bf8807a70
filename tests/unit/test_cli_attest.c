/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa attest where it can be wrong without a machine to attest: whose bytes are bound, and what
 * goes together. What it makes is in tests/integration/attest.py.
 */
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "cli/cli_nouns.h"

static const struct capsa_cli_places places;

static int run(const char *const *words)
{
    int argc = 0;
    while (words[argc] != NULL) {
        argc++;
    }
    return capsa_cli_main(argc, (char *const *)(uintptr_t)words, &places, NULL);
}

static char machine[] = "/tmp/capsa-attest-XXXXXX"; /* whose device is a folder: asking is IO, 5 */

static int machine_make(void **state)
{
    (void)state;
    char path[64];
    assert_non_null(mkdtemp(machine));
    (void)snprintf(path, sizeof(path), "%s/dev", machine);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/dev/csv-guest", machine);
    assert_int_equal(mkdir(path, 0700), 0);
    return 0;
}

static int machine_drop(void **state)
{
    (void)state;
    test_remove_tree(machine);
    return 0;
}

#define RUN(...) run((const char *const[]){"capsa", "attest", __VA_ARGS__, NULL})
#define CSV(...) RUN("--platform", "csv", "--sys-root", machine, __VA_ARGS__)

/* Of verbs that make evidence: whatever takes report data as it is has the word in its name. */
static void A25_no_command_binds_bytes_of_its_caller_unless_it_says_insecure(void **state)
{
    (void)state;
    static const char *const makers[] = {"attest", "ratls", "sim"};
    unsigned raw = 0;
    for (size_t m = 0; m < sizeof(makers) / sizeof(makers[0]); m++) {
        const struct capsa_cli_noun *noun = capsa_cli_noun_find(makers[m]);
        for (size_t v = 0; noun != NULL && noun->verbs[v].name != NULL; v++) {
            const struct capsa_cli_option *option = noun->verbs[v].options;
            bool forges = strcmp(noun->verbs[v].name, "forge") == 0; /* nothing true comes of it */
            for (; !forges && option != NULL && option->name != NULL; option++) {
                bool is_raw = strstr(option->name, "report-data") != NULL;
                raw += is_raw;
                if (is_raw && strncmp(option->name, "insecure-", 9) != 0) {
                    fail_msg("capsa %s %s --%s", makers[m], noun->verbs[v].name, option->name);
                }
            }
        }
    }
    assert_true(raw > 0);
}

/* With evidence for a session of his choice, its caller could stand for this program there. */
static void A25_no_command_makes_evidence_of_sessions(void **state)
{
    (void)state;
    assert_int_equal(CSV("--purpose", "ratls-session", "--bind", "server"), 1);
    assert_int_equal(CSV("--purpose", "ratls-sessions", "--bind", "server"), 5);
}

/* Each is refused before anything is asked of the machine. */
static void what_does_not_go_together_is_wrong_use(void **state)
{
    (void)state;
    static const char raw[] = "1111111111111111111111111111111111111111111111111111111111111111"
                              "1111111111111111111111111111111111111111111111111111111111111111";
    assert_int_equal(RUN("--sys-root", machine), 1);
    assert_int_equal(RUN("--platform", "sxg", "--purpose", "p"), 1);
    assert_int_equal(CSV("--to", "ual"), 1);
    assert_int_equal(CSV("--purpose", ""), 1);
    assert_int_equal(CSV("--bind", "f"), 1);
    assert_int_equal(CSV("--purpose", "p", "--bind-hex", "0"), 1);
    assert_int_equal(CSV("--purpose", "p", "--to", "qvl"), 1);
    assert_int_equal(CSV("--purpose", "p", "--type", "Uas"), 1);
    assert_int_equal(CSV("--insecure-raw-report-data", raw + 2), 1);
    assert_int_equal(CSV("--purpose", "p", "--insecure-raw-report-data", raw), 1);
    assert_int_equal(CSV("--bind-file", "/dev/null", "--insecure-raw-report-data", raw), 1);
    assert_int_equal(CSV("--purpose", "p", "--to", "raw", "--type", "passport"), 1);
    assert_int_equal(CSV("--purpose", "p", "--collateral", "/tmp", "--type", "background-check"),
                     1);
    assert_int_equal(CSV("--purpose", "p"), 5); /* nothing wrong with it but the machine */
    assert_int_equal(CSV("--insecure-raw-report-data", raw), 5);
    assert_int_equal(RUN("--list", "--sys-root", "/nonexistent"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A25_no_command_binds_bytes_of_its_caller_unless_it_says_insecure),
        cmocka_unit_test(A25_no_command_makes_evidence_of_sessions),
        cmocka_unit_test(what_does_not_go_together_is_wrong_use),
    };
    return cmocka_run_group_tests_name("capsa attest", tests, machine_make, machine_drop);
}
