/* SPDX-License-Identifier: Apache-2.0
 *
 * The sources behind one door: the table, and options that outlive whoever gave them.
 */
#include "base/alloc.h"
#include "collateral/collateral_web.h"

static const struct capsa_collateral_source *const sources[] = {
    &capsa_collateral_bundle, /* first: when there is one, nothing else is asked */
    &capsa_collateral_pccs,
    &capsa_collateral_kds,
    &capsa_collateral_hygon,
};

struct capsa_collateral_store {
    struct capsa_collateral_options options;
    struct capsa_collateral_web *web;
};

/* ---- Options --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t offset;
    bool is_url;
} texts[] = {
    {"pccs_url", offsetof(struct capsa_collateral_options, pccs_url), true},
    {"root_crl_url", offsetof(struct capsa_collateral_options, root_crl_url), true},
    {"kds_url", offsetof(struct capsa_collateral_options, kds_url), true},
    {"hygon_url", offsetof(struct capsa_collateral_options, hygon_url), true},
    {"ca_file", offsetof(struct capsa_collateral_options, ca_file), false},
    {"bundle", offsetof(struct capsa_collateral_options, bundle), false},
    {"cache_dir", offsetof(struct capsa_collateral_options, cache_dir), false},
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static const char **text_at(struct capsa_collateral_options *options, size_t offset)
{
    return (const char **)((char *)options + offset);
}

static capsa_result check_url(const char *name, const char *url)
{
    bool is_http = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    CAPSA_REQUIRE(is_http && strstr(url, "://")[3] != '\0', USAGE,
                  "%s: a URL with http:// or https:// wanted, not \"%.100s\"", name, url);
    CAPSA_REQUIRE(strpbrk(url, "?# ") == NULL, USAGE,
                  "%s: a base without ? and # wanted, not \"%.100s\"", name, url);
    return CAPSA_OK;
}

static void drop_texts(struct capsa_collateral_options *options)
{
    for (size_t i = 0; i < TEXTS; i++) {
        const char **text = text_at(options, texts[i].offset);
        char *owned;
        memcpy(&owned, text, sizeof(owned));
        capsa_dealloc(owned);
        *text = NULL;
    }
}

static capsa_result copy_texts(struct capsa_collateral_options *options)
{
    struct capsa_collateral_options from = *options;
    for (size_t i = 0; i < TEXTS; i++) {
        *text_at(options, texts[i].offset) = NULL;
    }
    for (size_t i = 0; i < TEXTS; i++) {
        const char *text = *text_at(&from, texts[i].offset);
        if (text == NULL) {
            continue;
        }
        CAPSA_TRY(texts[i].is_url ? check_url(texts[i].name, text) : CAPSA_OK);
        const char **copy = text_at(options, texts[i].offset);
        *copy = capsa_strdup(text);
        CAPSA_REQUIRE_MEMORY(*copy);
    }
    return CAPSA_OK;
}

/* ---- The store ------------------------------------------------------------------------------- */

void capsa_collateral_store_free(struct capsa_collateral_store *store)
{
    if (store == NULL) {
        return;
    }
    capsa_collateral_web_free(store->web);
    drop_texts(&store->options);
    capsa_dealloc(store);
}

CAPSA_RESULT capsa_collateral_store_new(const struct capsa_collateral_options *options,
                                        struct capsa_collateral_store **ret_store)
{
    CAPSA_AUTO_FREE(capsa_collateral_store) store = CAPSA_NEW(struct capsa_collateral_store);
    CAPSA_REQUIRE_MEMORY(store);
    store->options = *options;
    CAPSA_TRY(copy_texts(&store->options));
    if (store->options.clock == NULL) {
        store->options.clock = &capsa_clock_system;
    }
    CAPSA_TRY(capsa_collateral_web_new(&store->options, &store->web));
    *ret_store = store;
    store = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_collateral_get(struct capsa_collateral_store *store,
                                  enum capsa_platform platform, capsa_bytes evidence,
                                  capsa_collateral *ret_collateral)
{
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (!sources[i]->serves(&store->options, platform)) {
            continue;
        }
        CAPSA_AUTO(capsa_collateral) collateral;
        capsa_collateral_init(&collateral);
        CAPSA_TRY_AT(
            sources[i]->fetch(&store->options, store->web, platform, evidence, &collateral), "%s",
            sources[i]->name);
        *ret_collateral = collateral;
        capsa_collateral_init(&collateral);
        return CAPSA_OK;
    }
    CAPSA_FAIL(UNSUPPORTED, "no source has collateral for evidence of %s",
               capsa_platform_what(platform));
}

struct capsa_collateral_numbers capsa_collateral_store_numbers(struct capsa_collateral_store *store)
{
    return capsa_collateral_web_numbers(store->web);
}
