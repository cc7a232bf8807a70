/* SPDX-License-Identifier: Apache-2.0
 *
 * When a server is asked, and when it is not: freshness, single flight, back-off, stale answers and
 * the cache on disk, against a real server and with a clock that the test moves.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "collateral/collateral_cache.h"
#include "collateral/collateral_web.h"
#include "crypto/crypto.h"
#include "http_server.h"
#include "net/net_fetch.h"

#define NOW   ((capsa_time)1795000000)
#define DAY   ((capsa_time)86400)
#define USERS 8

struct scene {
    struct http_server server;
    struct capsa_clock clock;
    struct capsa_collateral_options options;
    struct capsa_collateral_web *web;
    char folder[64];
};

static void open_web(struct scene *scene)
{
    assert_ok(capsa_collateral_web_new(&scene->options, &scene->web));
}

static void reopen_web(struct scene *scene)
{
    capsa_collateral_web_free(scene->web);
    open_web(scene);
}

static int set_up(void **state)
{
    static struct scene scene;
    memset(&scene, 0, sizeof(scene));
    http_server_start(&scene.server);
    scene.clock = capsa_clock_at(NOW);
    scene.options = (struct capsa_collateral_options){.clock = &scene.clock};
    strcpy(scene.folder, "/tmp/capsa-collateral-XXXXXX");
    assert_non_null(mkdtemp(scene.folder));
    open_web(&scene);
    *state = &scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    http_server_stop(&scene->server);
    capsa_collateral_web_free(scene->web);
    test_remove_tree(scene->folder);
    return 0;
}

/* Bodies are "good SECONDS": when they end; 0: never. Anything else is not what was asked for. */
static capsa_result check(const struct capsa_web_wish *wish, const capsa_web_answer *answer,
                          capsa_time *ret_until)
{
    (void)wish;
    char text[64] = "";
    long long until = 0;
    CAPSA_REQUIRE(answer->body.len < sizeof(text), MALFORMED, "too long");
    memcpy(text, answer->body.data, answer->body.len);
    CAPSA_REQUIRE(sscanf(text, "good %lld", &until) == 1, MALFORMED, "not good");
    *ret_until = until;
    return CAPSA_OK;
}

static capsa_result get_url(struct scene *scene, const char *url, char text[64])
{
    const struct capsa_web_wish wish = {.url = url, .max = 256, .check = check};
    CAPSA_AUTO(capsa_web_answer) answer;
    capsa_web_answer_init(&answer, 0);
    CAPSA_TRY(capsa_web_get(scene->web, &wish, &answer));
    memset(text, 0, 64);
    memcpy(text, answer.body.data, answer.body.len);
    return CAPSA_OK;
}

static capsa_result get_path(struct scene *scene, const char *path, char text[64])
{
    char url[128];
    (void)snprintf(url, sizeof(url), "%s%s", scene->server.url, path);
    return get_url(scene, url, text);
}

static capsa_result get(struct scene *scene)
{
    char text[64];
    return get_path(scene, "/x", text);
}

static void serve_until(struct scene *scene, capsa_time until)
{
    char body[64];
    (void)snprintf(body, sizeof(body), "good %lld", (long long)until);
    http_server_answer(&scene->server, "200 OK", "", body);
}

static int asked(const struct scene *scene)
{
    return atomic_load(&scene->server.requests);
}

static void at(struct scene *scene, capsa_time time)
{
    scene->clock.fixed = time;
}

/* ---- Freshness ------------------------------------------------------------------------------- */

static void an_answer_is_taken_for_half_of_its_life(void **state)
{
    struct scene *scene = *state;
    serve_until(scene, NOW + 10 * DAY);
    assert_ok(get(scene));
    at(scene, NOW + 5 * DAY - 1);
    assert_ok(get(scene));
    assert_int_equal(asked(scene), 1);
    at(scene, NOW + 5 * DAY);
    assert_ok(get(scene));
    assert_int_equal(asked(scene), 2);
}

static void a_floor_is_set_in_seconds(void **state)
{
    struct scene *scene = *state;
    scene->options.min_fresh_seconds = 100;
    serve_until(scene, NOW + 10 * DAY);
    assert_ok(get(scene));
    at(scene, NOW + 99);
    assert_ok(get(scene));
    assert_int_equal(asked(scene), 1);
    at(scene, NOW + 100);
    assert_ok(get(scene));
    assert_int_equal(asked(scene), 2);
}

/* A PCCS may serve what has expired: it is handed on, and not asked for at every release. */
static void what_comes_expired_is_asked_for_once_a_minute(void **state)
{
    struct scene *scene = *state;
    serve_until(scene, NOW - DAY);
    assert_ok(get(scene));
    at(scene, NOW + 59);
    assert_ok(get(scene));
    assert_int_equal(asked(scene), 1);
    at(scene, NOW + 60);
    assert_ok(get(scene));
    assert_int_equal(asked(scene), 2);
}

static void what_never_ends_is_asked_for_once(void **state)
{
    struct scene *scene = *state;
    serve_until(scene, 0);
    scene->options.min_fresh_seconds = 1;
    assert_ok(get(scene));
    at(scene, NOW + 10000 * DAY);
    assert_ok(get(scene));
    assert_int_equal(asked(scene), 1);
    at(scene, NOW - 1); /* of an answer from the future nothing is known */
    assert_ok(get(scene));
    assert_int_equal(asked(scene), 2);
}

/* ---- Single flight --------------------------------------------------------------------------- */

struct user {
    struct scene *scene;
    pthread_t thread;
    enum capsa_code code;
    char text[64];
};

static void *use(void *context)
{
    struct user *user = context;
    user->code = capsa_code_of(get_path(user->scene, "/x", user->text));
    return NULL;
}

/* Whoever asks for keys chooses what must be fetched for him, and a server may be slow: threads
 * that wait for it are threads that answer nobody else. */
static void so_many_wait_for_servers_and_no_more(void **state)
{
    struct scene *scene = *state;
    static struct user users[CAPSA_LIMIT_fetches_at_once];
    char text[64];
    serve_until(scene, 0);
    assert_ok(get_path(scene, "/kept", text));
    http_server_gate(&scene->server, true);
    for (int i = 0; i < CAPSA_LIMIT_fetches_at_once; i++) {
        users[i] = (struct user){.scene = scene};
        assert_int_equal(pthread_create(&users[i].thread, NULL, use, &users[i]), 0);
    }
    while (capsa_collateral_web_numbers(scene->web).waiting < CAPSA_LIMIT_fetches_at_once - 1) {
        (void)sched_yield();
    }
    assert_fails(get_path(scene, "/x", text), BUSY);
    assert_fails(get_path(scene, "/other", text), BUSY);
    assert_ok(get_path(scene, "/kept", text)); /* for which nobody waits */
    http_server_gate(&scene->server, false);
    for (int i = 0; i < CAPSA_LIMIT_fetches_at_once; i++) {
        assert_int_equal(pthread_join(users[i].thread, NULL), 0);
        assert_int_equal(users[i].code, CAPSA_E_OK);
    }
    assert_ok(get_path(scene, "/other", text)); /* that it was refused is not kept */
}

/* All but the one that asks wait for it before the server may answer. */
static void run_users(struct scene *scene, struct user users[USERS])
{
    http_server_gate(&scene->server, true);
    for (int i = 0; i < USERS; i++) {
        users[i] = (struct user){.scene = scene};
        assert_int_equal(pthread_create(&users[i].thread, NULL, use, &users[i]), 0);
    }
    while (capsa_collateral_web_numbers(scene->web).waiting < USERS - 1) {
        (void)sched_yield();
    }
    http_server_gate(&scene->server, false);
    for (int i = 0; i < USERS; i++) {
        assert_int_equal(pthread_join(users[i].thread, NULL), 0);
    }
}

static void eight_users_at_once_cause_one_request(void **state)
{
    struct scene *scene = *state;
    struct user users[USERS];
    serve_until(scene, NOW + DAY);
    run_users(scene, users);
    assert_int_equal(asked(scene), 1);
    for (int i = 0; i < USERS; i++) {
        assert_int_equal(users[i].code, CAPSA_E_OK);
        assert_string_equal(users[i].text, users[0].text);
    }
    assert_int_equal(capsa_collateral_web_numbers(scene->web).requests, 1);
    assert_int_equal(capsa_collateral_web_numbers(scene->web).waiting, 0);
}

static void who_waited_shares_the_failure_too(void **state)
{
    struct scene *scene = *state;
    struct user users[USERS];
    http_server_answer(&scene->server, "404 Not Found", "", "");
    run_users(scene, users);
    assert_int_equal(asked(scene), 1);
    for (int i = 0; i < USERS; i++) {
        assert_int_equal(users[i].code, CAPSA_E_NOT_FOUND);
    }
}

/* ---- Back-off -------------------------------------------------------------------------------- */

static void retry_after_is_honoured_for_the_whole_server(void **state)
{
    struct scene *scene = *state;
    char text[64];
    http_server_answer(&scene->server, "429 Too Many Requests", "Retry-After: 7\r\n", "");
    assert_fails(get(scene), BUSY);
    serve_until(scene, NOW + DAY);
    at(scene, NOW + 6);
    assert_fails(get(scene), BUSY);
    assert_fails(get_path(scene, "/other", text), BUSY);
    capsa_result result = get(scene);
    assert_non_null(strstr(capsa_text_of(result), "429"));
    assert_int_equal(asked(scene), 1);
    at(scene, NOW + 7);
    assert_ok(get(scene));
    assert_int_equal(asked(scene), 2);
}

static void retry_after_may_be_a_date_and_is_bounded(void **state)
{
    struct scene *scene = *state;
    /* 2026-11-18T11:06:50Z, ten seconds from NOW */
    http_server_answer(&scene->server, "503 Service Unavailable",
                       "Retry-After: Wed, 18 Nov 2026 11:06:50 GMT\r\n", "");
    assert_fails(get(scene), BUSY);
    at(scene, NOW + 9);
    assert_fails(get(scene), BUSY);
    assert_int_equal(asked(scene), 1);
    at(scene, NOW + 10);
    http_server_answer(&scene->server, "503 Service Unavailable", "Retry-After: 99999999999\r\n",
                       "");
    assert_fails(get(scene), BUSY);
    assert_int_equal(asked(scene), 2);
    at(scene, NOW + 10 + 3600);
    serve_until(scene, 0);
    assert_ok(get(scene));
}

static void silence_doubles_with_each_failure(void **state)
{
    struct scene *scene = *state;
    http_server_answer(&scene->server, "503 Service Unavailable", "", "");
    capsa_time now = NOW;
    for (int i = 0; i < 10; i++) {
        capsa_time silence = (capsa_time)1 << (i < 6 ? i : 6);
        at(scene, now);
        assert_fails(get(scene), BUSY);
        assert_int_equal(asked(scene), i + 1);
        at(scene, now + silence - 1);
        assert_fails(get(scene), BUSY);
        assert_int_equal(asked(scene), i + 1);
        now += silence;
    }
    at(scene, now);
    serve_until(scene, NOW - 1);
    assert_ok(get(scene));
    at(scene, now + 60);
    http_server_answer(&scene->server, "503 Service Unavailable", "", "");
    assert_fails(get(scene), BUSY);
    at(scene, now + 61); /* it begins anew after a success */
    assert_fails(get(scene), BUSY);
    assert_int_equal(asked(scene), 13);
}

static void a_server_that_has_nothing_is_not_down(void **state)
{
    struct scene *scene = *state;
    char text[64];
    http_server_answer(&scene->server, "404 Not Found", "Retry-After: 100\r\n", "");
    assert_fails(get(scene), NOT_FOUND);
    serve_until(scene, 0);
    assert_ok(get_path(scene, "/y", text));
    assert_fails(get(scene), NOT_FOUND); /* but neither asked the same again and again */
    at(scene, NOW + 59);
    assert_fails(get(scene), NOT_FOUND);
    assert_int_equal(asked(scene), 2);
    at(scene, NOW + 60);
    assert_ok(get(scene));
    assert_int_equal(asked(scene), 3);
}

/* Evidence that nobody verified yet makes URLs; those that lead nowhere push out no answer. */
static void urls_without_an_answer_give_way_first(void **state)
{
    struct scene *scene = *state;
    char path[32], text[64];
    serve_until(scene, 0);
    assert_ok(get(scene));
    http_server_answer(&scene->server, "404 Not Found", "", "");
    for (int i = 0; i < CAPSA_LIMIT_web_answers + 4; i++) {
        (void)snprintf(path, sizeof(path), "/%d", i);
        assert_fails(get_path(scene, path, text), NOT_FOUND);
    }
    int before = asked(scene);
    assert_ok(get(scene));
    assert_int_equal(asked(scene), before);
}

static void one_server_down_does_not_stop_another(void **state)
{
    struct scene *scene = *state;
    struct http_server other;
    char url[128], text[64];
    http_server_start(&other);
    http_server_answer(&other, "200 OK", "", "good 0");
    http_server_answer(&scene->server, "429 Too Many Requests", "", "");
    assert_fails(get(scene), BUSY);
    (void)snprintf(url, sizeof(url), "%s/x", other.url);
    assert_ok(get_url(scene, url, text));
    http_server_stop(&other);
}

/* ---- Stale while error ----------------------------------------------------------------------- */

static void a_stale_answer_is_taken_only_where_that_is_allowed(void **state)
{
    struct scene *scene = *state;
    serve_until(scene, NOW + 10 * DAY);
    assert_ok(get(scene));
    http_server_stop(&scene->server);
    at(scene, NOW + 6 * DAY);
    assert_fails(get(scene), NETWORK);
    scene->options.stale_while_error = true;
    assert_ok(get(scene)); /* while the server is left alone */
    at(scene, NOW + 7 * DAY);
    assert_ok(get(scene)); /* and when it was asked again in vain */
    at(scene, NOW + 10 * DAY);
    assert_ok(get(scene));
    at(scene, NOW + 10 * DAY + 1);
    capsa_result result = get(scene);
    assert_true(capsa_failed(result)); /* what has expired is never taken */
}

static void no_stale_answer_hides_that_there_is_none_any_more(void **state)
{
    struct scene *scene = *state;
    scene->options.stale_while_error = true;
    serve_until(scene, NOW + 10 * DAY);
    assert_ok(get(scene));
    at(scene, NOW + 6 * DAY);
    http_server_answer(&scene->server, "410 Gone", "", "");
    assert_fails(get(scene), NOT_FOUND);
    at(scene, NOW + 7 * DAY);
    http_server_answer(&scene->server, "200 OK", "", "<html>log in</html>");
    assert_ok(get(scene)); /* that is the network's trouble, not an answer */
}

/* ---- On disk --------------------------------------------------------------------------------- */

static void another_process_finds_what_one_fetched(void **state)
{
    struct scene *scene = *state;
    char text[64];
    scene->options.cache_dir = scene->folder;
    reopen_web(scene);
    serve_until(scene, NOW + 10 * DAY);
    assert_ok(get(scene));
    reopen_web(scene);
    assert_ok(get_path(scene, "/x", text));
    assert_int_equal(asked(scene), 1);
    reopen_web(scene);
    at(scene, NOW + 6 * DAY); /* too old by now; but good enough when nobody answers */
    scene->options.stale_while_error = true;
    http_server_stop(&scene->server);
    assert_ok(get(scene));
    scene->options.stale_while_error = false;
    assert_true(capsa_failed(get(scene)));
}

static void what_cannot_be_right_is_not_kept(void **state)
{
    struct scene *scene = *state;
    scene->options.cache_dir = scene->folder;
    reopen_web(scene);
    http_server_answer(&scene->server, "200 OK", "", "bad");
    assert_fails(get(scene), MALFORMED);
    assert_int_equal(test_count_files(scene->folder), 0);
    serve_until(scene, 0);
    at(scene, NOW + 60);
    assert_ok(get(scene));
    assert_int_equal(test_count_files(scene->folder), 1);
}

static void make_answer(capsa_web_answer *answer, const char *body)
{
    capsa_web_answer_init(answer, 64);
    answer->fetched = NOW;
    assert_ok(capsa_buf_str(&answer->body, body));
    assert_ok(capsa_buf_str(&answer->header, "h"));
}

static void a_cached_file_is_whole_or_none(void **state)
{
    (void)state;
    CAPSA_AUTO(capsa_buf) file = capsa_buf_of(KIB(4));
    CAPSA_AUTO(capsa_web_answer) answer;
    make_answer(&answer, "body");
    assert_ok(capsa_collateral_cache_encode("http://h/x", &answer, &file));
    CAPSA_AUTO(capsa_web_answer) back;
    capsa_web_answer_init(&back, 0);
    assert_ok(capsa_collateral_cache_decode("http://h/x", capsa_buf_bytes(&file), 64, &back));
    assert_int_equal(back.fetched, NOW);
    assert_true(capsa_bytes_is(capsa_buf_bytes(&back.body), "body"));
    assert_true(capsa_bytes_is(capsa_buf_bytes(&back.header), "h"));
    CAPSA_AUTO(capsa_web_answer) none;
    capsa_web_answer_init(&none, 0);
    for (size_t len = 0; len < file.len; len++) {
        assert_fails(
            capsa_collateral_cache_decode("http://h/x", capsa_bytes_of(file.data, len), 64, &none),
            MALFORMED);
    }
    for (size_t i = 0; i < file.len; i++) {
        file.data[i] ^= 1;
        assert_fails(capsa_collateral_cache_decode("http://h/x", capsa_buf_bytes(&file), 64, &none),
                     MALFORMED);
        file.data[i] ^= 1;
    }
    assert_fails(capsa_collateral_cache_decode("http://h/y", capsa_buf_bytes(&file), 64, &none),
                 MALFORMED);
    assert_true(capsa_failed(
        capsa_collateral_cache_decode("http://h/x", capsa_buf_bytes(&file), 3, &none)));
}

static void path_of_file(const char *folder, const char *url, char ret_path[256])
{
    uint8_t digest[CAPSA_SHA256];
    int len = snprintf(ret_path, 256, "%s/", folder);
    capsa_sha256(capsa_bytes_str(url), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        len += snprintf(ret_path + len, 256 - (size_t)len, "%02x", digest[i]);
    }
}

/* Whoever can write there can put back what was valid before a revocation, with a date of today. */
static void a_cache_that_others_can_write_is_refused(void **state)
{
    const struct scene *scene = *state;
    static const mode_t open_to[] = {0770, 0707, 01777};
    for (size_t i = 0; i < sizeof(open_to) / sizeof(open_to[0]); i++) {
        assert_int_equal(chmod(scene->folder, open_to[i]), 0);
        assert_fails(capsa_collateral_cache_prepare(scene->folder), DENIED);
    }
    assert_int_equal(chmod(scene->folder, 0755), 0);
    assert_ok(capsa_collateral_cache_prepare(scene->folder));
    if (geteuid() == 0) {
        assert_int_equal(chown(scene->folder, 12345, 12345), 0);
        assert_fails(capsa_collateral_cache_prepare(scene->folder), DENIED);
        assert_int_equal(chown(scene->folder, 0, 0), 0);
    }
}

/* A pipe would keep whoever asks, and all who wait for him, until somebody writes to it. */
static void what_is_no_file_in_the_cache_is_passed_over(void **state)
{
    const struct scene *scene = *state;
    char path[256], elsewhere[128];
    CAPSA_AUTO(capsa_web_answer) answer;
    CAPSA_AUTO(capsa_web_answer) back;
    make_answer(&answer, "body");
    capsa_web_answer_init(&back, 0);
    path_of_file(scene->folder, "http://h/x", path);
    (void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", scene->folder);
    assert_ok(capsa_collateral_cache_keep(scene->folder, "http://h/x", &answer));
    assert_int_equal(rename(path, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_fails(capsa_collateral_cache_load(scene->folder, "http://h/x", 64, &back), NOT_FOUND);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)alarm(60); /* instead of waiting for ever */
    assert_fails(capsa_collateral_cache_load(scene->folder, "http://h/x", 64, &back), NOT_FOUND);
    (void)alarm(0);
}

static void age_file(const char *folder, const char *url, time_t seconds)
{
    char path[256];
    path_of_file(folder, url, path);
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void what_was_written_longest_ago_gives_way(void **state)
{
    struct scene *scene = *state;
    CAPSA_AUTO(capsa_web_answer) answer;
    make_answer(&answer, "body");
    const char *const urls[] = {"http://h/a", "http://h/b", "http://h/c"};
    for (int i = 0; i < 3; i++) {
        assert_ok(capsa_collateral_cache_keep(scene->folder, urls[i], &answer));
        age_file(scene->folder, urls[i], i == 1 ? 1000 : 2000 + i);
    }
    char other[128];
    (void)snprintf(other, sizeof(other), "%s/somebody-elses", scene->folder);
    assert_ok(capsa_file_write(other, CAPSA_BYTES_LITERAL("x"), 0600, false));
    assert_ok(capsa_collateral_cache_trim(scene->folder, 2, MIB(1)));
    CAPSA_AUTO(capsa_web_answer) back;
    capsa_web_answer_init(&back, 0);
    assert_fails(capsa_collateral_cache_load(scene->folder, urls[1], 64, &back), NOT_FOUND);
    assert_ok(capsa_collateral_cache_load(scene->folder, urls[0], 64, &back));
    assert_ok(capsa_collateral_cache_trim(scene->folder, 2, 150)); /* bytes: one file */
    assert_int_equal(test_count_files(scene->folder), 2);
    assert_int_equal(access(other, F_OK), 0);
}

/* More URLs than are remembered: the longest unused are asked for again, and nothing grows. */
static void the_table_is_bounded(void **state)
{
    struct scene *scene = *state;
    char path[32], text[64];
    serve_until(scene, 0);
    for (int i = 0; i < CAPSA_LIMIT_web_answers + 4; i++) {
        (void)snprintf(path, sizeof(path), "/%d", i);
        assert_ok(get_path(scene, path, text));
    }
    int before = asked(scene);
    assert_int_equal(before, CAPSA_LIMIT_web_answers + 4);
    assert_ok(get_path(scene, path, text));
    assert_int_equal(asked(scene), before);
    assert_ok(get_path(scene, "/0", text));
    assert_int_equal(asked(scene), before + 1);
}

/* ---- Headers --------------------------------------------------------------------------------- */

static void retry_after_is_seconds_or_a_date_or_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        int64_t wanted;
    } cases[] = {
        {"retry-after: 5\n", 5},
        {"Date: x\nRETRY-AFTER:\t12 \n", 12},
        {"Retry-After: Wed, 18 Nov 2026 11:06:50 GMT\n", 10},
        {"Retry-After: Wed, 18 Nov 2020 11:06:50 GMT\n", 0},
        {"Retry-After: soon\n", -1},
        {"Retry-After:\n", -1},
        {"X-Retry-After: 5\n", -1},
        {"Retry-After: -5\n", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CAPSA_AUTO(capsa_net_answer)
        answer = {.body = capsa_buf_of(0), .headers = capsa_buf_of(256)};
        assert_ok(capsa_buf_str(&answer.headers, cases[i].headers));
        assert_int_equal(capsa_net_answer_retry_after(&answer, NOW), cases[i].wanted);
    }
}

#define WITH_SCENE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCENE(an_answer_is_taken_for_half_of_its_life),
        WITH_SCENE(a_floor_is_set_in_seconds),
        WITH_SCENE(what_comes_expired_is_asked_for_once_a_minute),
        WITH_SCENE(what_never_ends_is_asked_for_once),
        WITH_SCENE(eight_users_at_once_cause_one_request),
        WITH_SCENE(who_waited_shares_the_failure_too),
        WITH_SCENE(retry_after_is_honoured_for_the_whole_server),
        WITH_SCENE(retry_after_may_be_a_date_and_is_bounded),
        WITH_SCENE(silence_doubles_with_each_failure),
        WITH_SCENE(a_server_that_has_nothing_is_not_down),
        WITH_SCENE(urls_without_an_answer_give_way_first),
        WITH_SCENE(one_server_down_does_not_stop_another),
        WITH_SCENE(a_stale_answer_is_taken_only_where_that_is_allowed),
        WITH_SCENE(no_stale_answer_hides_that_there_is_none_any_more),
        WITH_SCENE(so_many_wait_for_servers_and_no_more),
        WITH_SCENE(another_process_finds_what_one_fetched),
        WITH_SCENE(what_cannot_be_right_is_not_kept),
        cmocka_unit_test(a_cached_file_is_whole_or_none),
        WITH_SCENE(what_was_written_longest_ago_gives_way),
        WITH_SCENE(a_cache_that_others_can_write_is_refused),
        WITH_SCENE(what_is_no_file_in_the_cache_is_passed_over),
        WITH_SCENE(the_table_is_bounded),
        cmocka_unit_test(retry_after_is_seconds_or_a_date_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
