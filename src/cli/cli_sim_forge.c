/* SPDX-License-Identifier: Apache-2.0
 *
 * capsa sim forge: the lab's knobs as options, one forgery or the whole corpus into a folder.
 */
#include "attester/attester_sim_forge.h"
#include "base/alloc.h"
#include "cli/cli_print.h"
#include "cli/cli_sim.h"

/* The knobs are the lab's table; the three that follow are the command's own. */
const struct capsa_cli_option capsa_cli_sim_forge_options[] = {
    {"out", "DIR", "the folder to make, for what the knobs say", 0},
    {"corpus", "DIR", "instead: the folder to make, for one folder a case of the whole corpus", 0},
    {"list", NULL, "instead: show the knobs as a table", 0},
#define ONCE                                                 0
#define MANY                                                 CAPSA_CLI_REPEAT
#define CAPSA_SIM_KNOB(name, takes, times, what, how, leads) {name, takes, what, times},
#include "attester/attester_sim_knobs.def"
#undef CAPSA_SIM_KNOB
#undef MANY
#undef ONCE
    {.name = NULL},
};

static bool is_knob(const char *name)
{
    const struct capsa_sim_knob *knob;
    for (size_t i = 0; (knob = capsa_sim_knob_at(i)) != NULL; i++) {
        if (capsa_streq(knob->name, name)) {
            return true;
        }
    }
    return false;
}

/* docs/reference/forge.md is this, with a head. */
static capsa_result list_knobs(struct capsa_cli *cli)
{
    CAPSA_AUTO_FREE(capsa_json) knobs = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(knobs);
    const struct capsa_sim_knob *knob;
    capsa_cli_say(cli, "| knob | what it makes |\n|---|---|\n");
    for (size_t i = 0; (knob = capsa_sim_knob_at(i)) != NULL; i++) {
        const char *takes = knob->takes == NULL ? "" : knob->takes;
        capsa_cli_say(cli, "| `--%s%s%s` | %s |\n", knob->name, *takes == '\0' ? "" : " ", takes,
                      knob->what);
        CAPSA_TRY(capsa_json_set(knobs, knob->name, capsa_json_new_string(knob->what)));
    }
    struct capsa_json *handed = knobs;
    knobs = NULL;
    return capsa_cli_set(cli, "knobs", handed);
}

static capsa_result forge_corpus(struct capsa_cli *cli, const struct capsa_sim *sim,
                                 const char *dir)
{
    size_t count;
    CAPSA_TRY(capsa_sim_corpus_save(sim, capsa_now(&capsa_clock_system), dir, &count));
    capsa_cli_say(cli, "wrote %zu cases to %s, each with its expected.json\n", count, dir);
    CAPSA_TRY(capsa_cli_set(cli, "cases", capsa_json_new_int((int64_t)count)));
    return capsa_cli_set_text(cli, "dir", dir);
}

static capsa_result forge_one(struct capsa_cli *cli, const struct capsa_sim *sim,
                              const struct capsa_sim_turn *turns, size_t count, const char *dir)
{
    CAPSA_AUTO(capsa_sim_forgery) forgery = {.check = ""};
    CAPSA_TRY(capsa_sim_forge(sim, capsa_now(&capsa_clock_system), turns, count, &forgery));
    CAPSA_TRY(capsa_sim_forgery_save(&forgery, dir));
    bool accepted = *forgery.check == '\0';
    capsa_cli_say(cli, "wrote a forgery to %s; a right verifier %s%s and exits with %d\n", dir,
                  accepted ? "accepts it" : "refuses it at ", forgery.check, forgery.exit);
    CAPSA_TRY(capsa_cli_set_text(cli, "failed_check", forgery.check));
    return capsa_cli_set_text(cli, "dir", dir);
}

capsa_result capsa_cli_run_sim_forge(struct capsa_cli *cli)
{
    const char *out = capsa_cli_option(cli, "out");
    const char *corpus = capsa_cli_option(cli, "corpus");
    if (capsa_cli_flag(cli, "list")) {
        return list_knobs(cli);
    }
    CAPSA_REQUIRE(cli->words_count == 1, USAGE,
                  "whose keys shall forge? use: capsa sim forge DIR --out DIR2");
    CAPSA_REQUIRE((out == NULL) != (corpus == NULL), USAGE,
                  "give either --out DIR or --corpus DIR");
    struct capsa_sim_turn *turns =
        capsa_alloc_array(cli->given_count + 1, sizeof(struct capsa_sim_turn));
    CAPSA_REQUIRE_MEMORY(turns);
    size_t count = 0;
    for (size_t i = 0; i < cli->given_count; i++) {
        if (is_knob(cli->given[i].option->name)) {
            turns[count++] =
                (struct capsa_sim_turn){cli->given[i].option->name, cli->given[i].value};
        }
    }
    CAPSA_AUTO_FREE(capsa_sim) sim = NULL;
    capsa_result result = capsa_sim_open(cli->words[0], &sim);
    if (!capsa_failed(result)) {
        result = corpus != NULL ? forge_corpus(cli, sim, corpus)
                                : forge_one(cli, sim, turns, count, out);
    }
    capsa_dealloc(turns);
    return result;
}
