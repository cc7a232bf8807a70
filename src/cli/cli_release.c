/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests for keys, and capsa key get (cli_release.h).
 */
#include "cli/cli_release.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli_print.h"
#include "codec/protobuf.h"

/* ---- what is asked for ----------------------------------------------------------------------- */

/* URIs are the words of some verbs and --uri of others. */
static size_t uris_count(const struct capsa_cli *cli)
{
    return cli->words_count + capsa_cli_option_count(cli, "uri");
}

static const char *uris_nth(const struct capsa_cli *cli, size_t index)
{
    return index < cli->words_count ? cli->words[index]
                                    : capsa_cli_option_nth(cli, "uri", index - cli->words_count);
}

static capsa_result push_resource(const struct capsa_cli *cli, struct capsa_json *resources,
                                  size_t index)
{
    size_t lists = capsa_cli_option_count(cli, "columns");
    const char *columns =
        capsa_cli_option_nth(cli, "columns", lists == uris_count(cli) ? index : 0);
    CAPSA_AUTO_FREE(capsa_json) array = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(array);
    if (columns != NULL) {
        CAPSA_TRY(capsa_cli_push_parts(array, "--columns", columns));
    }
    CAPSA_AUTO_FREE(capsa_json) resource = NULL;
    CAPSA_TRY(capsa_cli_object(
        (const struct capsa_cli_pair[]){{"resource_uri", uris_nth(cli, index)}, {NULL, NULL}},
        &resource));
    CAPSA_TRY(capsa_json_set(resource, "columns", capsa_cli_hand(&array)));
    return capsa_json_push(resources, capsa_cli_hand(&resource));
}

static capsa_result request_of_words(const struct capsa_cli *cli, const char *party,
                                     struct capsa_json **ret_request)
{
    size_t lists = capsa_cli_option_count(cli, "columns");
    size_t count = uris_count(cli);
    CAPSA_REQUIRE(count > 0, USAGE, "which keys? use: capsa %s %s %s", cli->noun->name,
                  cli->verb->name, cli->verb->takes);
    CAPSA_REQUIRE(lists <= 1 || lists == count, USAGE,
                  "--columns is given once for all URIs, or once for each: %zu URIs, %zu times",
                  count, lists);
    const char *op = capsa_cli_option(cli, "op");
    CAPSA_REQUIRE(op != NULL, USAGE, "--op NAME is needed: the operation that the keys are for");
    const char *scope = capsa_cli_option(cli, "scope");
    const char *initiator = capsa_cli_option(cli, "initiator");
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_object(
        (const struct capsa_cli_pair[]){
            {"initiator_party_id", initiator == NULL ? party : initiator},
            {"scope", scope == NULL ? "default" : scope},
            {"op_name", op},
            {NULL, NULL}},
        &request));
    CAPSA_AUTO_FREE(capsa_json) resources = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(resources);
    for (size_t i = 0; i < count; i++) {
        CAPSA_TRY(push_resource(cli, resources, i));
    }
    CAPSA_TRY(capsa_json_set(request, "resources", capsa_cli_hand(&resources)));
    *ret_request = request;
    request = NULL;
    return CAPSA_OK;
}

static capsa_result request_of_file(const struct capsa_cli *cli, const char *path,
                                    const char *party, struct capsa_json **ret_request)
{
    static const char *const others[] = {"op", "columns", "scope", "initiator"};
    bool alone = uris_count(cli) == 0;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        alone = alone && capsa_cli_option(cli, others[i]) == NULL;
    }
    CAPSA_REQUIRE(alone, USAGE,
                  "--request says everything; no URI goes with it, nor --op, --columns, --scope or "
                  "--initiator");
    CAPSA_AUTO_FREE(capsa_json) document = NULL;
    CAPSA_TRY(capsa_cli_read_document(path, &document));
    CAPSA_REQUIRE(capsa_json_kind_of(document) == CAPSA_JSON_OBJECT, MALFORMED,
                  "%s: an object is wanted", path);
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_without_nulls(document, &request));
    if (capsa_json_get(request, "initiator_party_id") == NULL) {
        CAPSA_TRY(capsa_json_set(request, "initiator_party_id", capsa_json_new_string(party)));
    }
    *ret_request = request;
    request = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_key_request(const struct capsa_cli *cli, const char *party,
                                   struct capsa_json **ret_request)
{
    const char *file = capsa_cli_option(cli, "request");
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(file == NULL ? request_of_words(cli, party, &request)
                           : request_of_file(cli, file, party, &request));
    const struct capsa_json *resources = capsa_json_get(request, "resources");
    CAPSA_REQUIRE(resources != NULL && capsa_json_count(resources) > 0, MALFORMED,
                  "%s: resources is missing", file);
    *ret_request = capsa_cli_hand(&request);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_cli_ask_keys(capsa_cli_link *link, enum capsa_client_method method,
                                const struct capsa_json *resource_request,
                                ProtobufCMessage **ret_answer)
{
    CAPSA_AUTO(capsa_buf) pem = capsa_buf_of(CAPSA_LIMIT_cert_pem);
    CAPSA_TRY(capsa_party_cert(&link->party, &pem));
    const char *cert;
    CAPSA_TRY(capsa_buf_cstr(&pem, &cert));
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(
        capsa_cli_object((const struct capsa_cli_pair[]){{"cert", cert}, {NULL, NULL}}, &request));
    CAPSA_TRY(capsa_json_set(request, "resource_request", capsa_json_copy(resource_request)));
    return capsa_cli_call(link, method, capsa_cli_hand(&request), ret_answer);
}

/* ---- where the keys go ----------------------------------------------------------------------- */

CAPSA_RESULT capsa_cli_write_key(struct capsa_cli *cli, const char *path, const char *base64)
{
    CAPSA_TRY(capsa_cli_data_key_check(base64));
    CAPSA_AUTO(capsa_buf) line = capsa_buf_of(CAPSA_CLI_KEY_TEXT);
    CAPSA_TRY(capsa_buf_format(&line, "%s\n", base64));
    return capsa_cli_write_secret(cli, path, capsa_buf_bytes(&line));
}

static bool is_plain(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
}

CAPSA_RESULT capsa_cli_key_file_name(const char *uri, capsa_buf *ret_name)
{
    for (const char *at = uri; *at != '\0'; at++) {
        bool plain = is_plain(*at) && !(at == uri && (*at == '.' || *at == '-'));
        CAPSA_TRY(capsa_buf_format(ret_name, plain ? "%c" : "%%%02X", (unsigned char)*at));
    }
    return capsa_buf_str(ret_name, ".key");
}

static bool is_folder(const char *path)
{
    struct stat status;
    size_t len = strlen(path);
    return (len > 0 && path[len - 1] == '/') ||
           (stat(path, &status) == 0 && S_ISDIR(status.st_mode));
}

static capsa_result path_of(const char *out, bool folder, const char *uri, capsa_buf *path)
{
    if (!folder) {
        return capsa_buf_str(path, out);
    }
    CAPSA_TRY(capsa_buf_format(path, "%s%s", out, out[strlen(out) - 1] == '/' ? "" : "/"));
    return capsa_cli_key_file_name(uri, path);
}

static const char *uri_at(const struct capsa_json *resources, size_t index)
{
    const struct capsa_json *resource = capsa_json_at(resources, index);
    return resource == NULL ? NULL : capsa_json_string(capsa_json_get(resource, "resource_uri"));
}

/* A folder that was made for keys that then did not come. */
struct folder {
    const char *path; /* NULL: leave it */
};
typedef struct folder folder;

static void folder_drop(folder *made)
{
    if (made->path != NULL) {
        (void)rmdir(made->path);
    }
}

static capsa_result make_folder(const char *path, folder *ret_made)
{
    bool made = mkdir(path, 0700) == 0;
    ret_made->path = made ? path : NULL;
    CAPSA_REQUIRE(made || errno == EEXIST, IO, "cannot make the folder %s: %s", path,
                  strerror(errno));
    CAPSA_REQUIRE(made || is_folder(path), USAGE,
                  "%s is a file; several keys go to files in a folder", path);
    return CAPSA_OK;
}

/* One path for each resource, none of them taken, each writable: before keys are released in vain.
 * --out is a folder when it looks like one or has to be one. */
static capsa_result plan_files(const struct capsa_cli *cli, const struct capsa_json *resources,
                               folder *ret_made, struct capsa_json **ret_paths)
{
    const char *out = capsa_cli_option(cli, "out");
    CAPSA_REQUIRE(*out != '\0', USAGE, "--out is empty");
    bool wants_folder = capsa_json_count(resources) > 1 || is_folder(out);
    CAPSA_REQUIRE(!wants_folder || !capsa_streq(out, "-"), USAGE,
                  "several keys do not go to standard output; --out wants a folder");
    if (wants_folder) {
        CAPSA_TRY(make_folder(out, ret_made));
    }
    CAPSA_AUTO_FREE(capsa_json) paths = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(paths);
    for (size_t i = 0; i < capsa_json_count(resources); i++) {
        const char *uri = uri_at(resources, i);
        CAPSA_REQUIRE(uri != NULL, MALFORMED, "resources[%zu].resource_uri: text wanted", i);
        CAPSA_AUTO(capsa_buf) name = capsa_buf_of(KIB(8));
        const char *path;
        CAPSA_TRY(path_of(out, wants_folder, uri, &name));
        CAPSA_TRY(capsa_buf_cstr(&name, &path));
        CAPSA_TRY(capsa_cli_check_room(cli, path));
        CAPSA_TRY(capsa_cli_push_text(paths, "--out", path));
    }
    *ret_paths = capsa_cli_hand(&paths);
    return CAPSA_OK;
}

static capsa_result write_keys(struct capsa_cli *cli, const Cm__GetDataKeysResponse *answer,
                               const struct capsa_json *paths)
{
    CAPSA_AUTO_FREE(capsa_json) files = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(files);
    for (size_t i = 0; i < answer->n_data_keys; i++) {
        const Cm__DataKey *key = answer->data_keys[i];
        const char *path = capsa_json_string(capsa_json_at(paths, i));
        CAPSA_TRY(capsa_cli_write_key(cli, path, key->data_key_b64));
        if (!capsa_streq(path, "-")) {
            capsa_cli_say(cli, "got the key of %s: %s\n", key->resource_uri, path);
        }
        CAPSA_TRY(capsa_json_set(files, key->resource_uri, capsa_json_new_string(path)));
    }
    return capsa_cli_set(cli, "key_files", capsa_cli_hand(&files));
}

/* What came must be what was asked for: a key put into another one's file would seal or open the
 * wrong data. */
static capsa_result check_answer(const struct capsa_json *resources,
                                 const Cm__GetDataKeysResponse *answer)
{
    bool same = capsa_json_count(resources) == answer->n_data_keys;
    for (size_t i = 0; same && i < answer->n_data_keys; i++) {
        same = capsa_streq(uri_at(resources, i), answer->data_keys[i]->resource_uri);
    }
    CAPSA_REQUIRE(same, MALFORMED, "the manager answered with other keys than those asked for");
    return CAPSA_OK;
}

capsa_result capsa_cli_run_key_get(struct capsa_cli *cli)
{
    CAPSA_AUTO(capsa_cli_link) link = {.client = NULL};
    CAPSA_TRY(capsa_cli_link_open(cli, true, &link));
    CAPSA_AUTO_FREE(capsa_json) request = NULL;
    CAPSA_TRY(capsa_cli_key_request(cli, link.party.id, &request));
    const struct capsa_json *resources = capsa_json_get(request, "resources");
    CAPSA_AUTO(folder) made = {NULL};
    CAPSA_AUTO_FREE(capsa_json) paths = NULL;
    CAPSA_TRY(plan_files(cli, resources, &made, &paths));
    CAPSA_AUTO_MESSAGE message = NULL;
    CAPSA_TRY(capsa_cli_ask_keys(&link, CAPSA_CLIENT_GET_DATA_KEYS, request, &message));
    const Cm__GetDataKeysResponse *answer = (const Cm__GetDataKeysResponse *)(const void *)message;
    CAPSA_TRY(check_answer(resources, answer));
    made.path = NULL;
    return write_keys(cli, answer, paths);
}
