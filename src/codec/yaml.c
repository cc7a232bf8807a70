/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML into JSON values, from the events of libyaml; its document tree, which forgets duplicate
 * keys and resolves aliases, is not used. Nodes and depth are counted as events come, so that a
 * small bomb is refused before it grows.
 */
#include "codec/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/secret.h"
#include "codec/text.h"
#include "codec/yaml_scalar.h"

enum {
    TAG_DIRECTIVES_MAX = 16,
};

struct yaml_source {
    yaml_parser_t parser;
    size_t nodes;
    size_t depth;
};

typedef struct event_holder {
    yaml_event_t event;
    bool held;
} event_holder;

static void event_holder_drop(event_holder *holder)
{
    if (!holder->held) {
        return;
    }
    if (holder->event.type == YAML_SCALAR_EVENT) {
        capsa_wipe(holder->event.data.scalar.value, holder->event.data.scalar.length);
    }
    yaml_event_delete(&holder->event);
    holder->held = false;
}

/* CAPSA_FAIL with line and column before the text. */
#define YAML_FAIL(code, mark, format, ...)                                                         \
    CAPSA_FAIL(code, "YAML line %zu column %zu: " format, (mark).line + 1, (mark).column + 1,      \
               ##__VA_ARGS__)

static capsa_result parse_node(struct yaml_source *source, const yaml_event_t *event,
                               struct capsa_json **ret_value);

/* libyaml's own sentences are about grammar and quote nothing. */
static capsa_result event_failed(const yaml_parser_t *parser)
{
    CAPSA_REQUIRE(parser->error != YAML_MEMORY_ERROR, NOMEM, "out of memory");
    YAML_FAIL(MALFORMED, parser->problem_mark, "%s",
              parser->problem == NULL ? "not YAML" : parser->problem);
}

static capsa_result next_event(struct yaml_source *source, event_holder *holder)
{
    event_holder_drop(holder);
    if (yaml_parser_parse(&source->parser, &holder->event) == 0) {
        return event_failed(&source->parser);
    }
    holder->held = true;
    if (++source->nodes > CAPSA_LIMIT_yaml_nodes) {
        YAML_FAIL(TOO_LARGE, holder->event.start_mark, "more than %d nodes",
                  CAPSA_LIMIT_yaml_nodes);
    }
    return CAPSA_OK;
}

static capsa_result refuse_features(const yaml_event_t *event, const yaml_char_t *anchor,
                                    const yaml_char_t *tag)
{
    if (anchor != NULL) {
        YAML_FAIL(MALFORMED, event->start_mark, "anchors are not supported");
    }
    if (tag != NULL) {
        YAML_FAIL(MALFORMED, event->start_mark, "tags are not supported");
    }
    return CAPSA_OK;
}

/* ---- Scalars -------------------------------------------------------------------------------- */

static capsa_result check_scalar(const yaml_event_t *event)
{
    CAPSA_TRY(refuse_features(event, event->data.scalar.anchor, event->data.scalar.tag));
    capsa_bytes text = capsa_bytes_of(event->data.scalar.value, event->data.scalar.length);
    CAPSA_TRY_AT(capsa_utf8_check(text), "YAML line %zu column %zu", event->start_mark.line + 1,
                 event->start_mark.column + 1);
    return CAPSA_OK;
}

static enum capsa_yaml_plain meaning_of(const yaml_event_t *event)
{
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return plain ? capsa_yaml_plain_of((const char *)event->data.scalar.value) : CAPSA_YAML_STRING;
}

static capsa_result parse_scalar(const yaml_event_t *event, struct capsa_json **ret_value)
{
    CAPSA_TRY(check_scalar(event));
    const char *text = (const char *)event->data.scalar.value;
    struct capsa_json *value = NULL;
    switch (meaning_of(event)) {
    case CAPSA_YAML_NULL:
        value = capsa_json_new_null();
        break;
    case CAPSA_YAML_TRUE:
        value = capsa_json_new_bool(true);
        break;
    case CAPSA_YAML_FALSE:
        value = capsa_json_new_bool(false);
        break;
    case CAPSA_YAML_INT:
        value = capsa_json_new_int(strtoll(text, NULL, 10));
        break;
    case CAPSA_YAML_STRING:
        value = capsa_json_new_string(text);
        break;
    }
    CAPSA_REQUIRE_MEMORY(value);
    *ret_value = value;
    return CAPSA_OK;
}

/* ---- Collections ---------------------------------------------------------------------------- */

static capsa_result parse_elements(struct yaml_source *source, struct capsa_json *array)
{
    for (;;) {
        CAPSA_AUTO(event_holder) holder = {.held = false};
        CAPSA_TRY(next_event(source, &holder));
        if (holder.event.type == YAML_SEQUENCE_END_EVENT) {
            return CAPSA_OK;
        }
        struct capsa_json *element = NULL;
        CAPSA_TRY(parse_node(source, &holder.event, &element));
        CAPSA_TRY(capsa_json_push(array, element));
    }
}

static capsa_result check_key(const yaml_event_t *event, const struct capsa_json *object)
{
    if (event->type == YAML_ALIAS_EVENT) {
        YAML_FAIL(MALFORMED, event->start_mark, "aliases are not supported");
    }
    if (event->type != YAML_SCALAR_EVENT) {
        YAML_FAIL(MALFORMED, event->start_mark, "a key must be a string");
    }
    CAPSA_TRY(check_scalar(event));
    const char *key = (const char *)event->data.scalar.value;
    if (meaning_of(event) != CAPSA_YAML_STRING) {
        YAML_FAIL(MALFORMED, event->start_mark, "a key must be a string: put \"%.64s\" in quotes",
                  key);
    }
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && capsa_streq(key, "<<")) {
        YAML_FAIL(MALFORMED, event->start_mark, "merge keys are not supported");
    }
    if (capsa_json_get(object, key) != NULL) {
        YAML_FAIL(MALFORMED, event->start_mark, "the key \"%.64s\" stands here twice", key);
    }
    return CAPSA_OK;
}

static capsa_result parse_members(struct yaml_source *source, struct capsa_json *object)
{
    for (;;) {
        CAPSA_AUTO(event_holder) key = {.held = false};
        CAPSA_TRY(next_event(source, &key));
        if (key.event.type == YAML_MAPPING_END_EVENT) {
            return CAPSA_OK;
        }
        CAPSA_TRY(check_key(&key.event, object));
        CAPSA_AUTO(event_holder) holder = {.held = false};
        CAPSA_TRY(next_event(source, &holder));
        struct capsa_json *value = NULL;
        CAPSA_TRY(parse_node(source, &holder.event, &value));
        CAPSA_TRY(capsa_json_set(object, (const char *)key.event.data.scalar.value, value));
    }
}

static capsa_result enter(struct yaml_source *source, const yaml_event_t *event)
{
    if (source->depth == CAPSA_LIMIT_yaml_depth) {
        YAML_FAIL(TOO_LARGE, event->start_mark, "nested deeper than %d levels",
                  CAPSA_LIMIT_yaml_depth);
    }
    source->depth++;
    return CAPSA_OK;
}

static capsa_result parse_sequence(struct yaml_source *source, const yaml_event_t *event,
                                   struct capsa_json **ret_value)
{
    CAPSA_TRY(
        refuse_features(event, event->data.sequence_start.anchor, event->data.sequence_start.tag));
    CAPSA_TRY(enter(source, event));
    CAPSA_AUTO_FREE(capsa_json) array = capsa_json_new_array();
    CAPSA_REQUIRE_MEMORY(array);
    CAPSA_TRY(parse_elements(source, array));
    source->depth--;
    *ret_value = array;
    array = NULL;
    return CAPSA_OK;
}

static capsa_result parse_mapping(struct yaml_source *source, const yaml_event_t *event,
                                  struct capsa_json **ret_value)
{
    CAPSA_TRY(
        refuse_features(event, event->data.mapping_start.anchor, event->data.mapping_start.tag));
    CAPSA_TRY(enter(source, event));
    CAPSA_AUTO_FREE(capsa_json) object = capsa_json_new_object();
    CAPSA_REQUIRE_MEMORY(object);
    CAPSA_TRY(parse_members(source, object));
    source->depth--;
    *ret_value = object;
    object = NULL;
    return CAPSA_OK;
}

static capsa_result parse_node(struct yaml_source *source, const yaml_event_t *event,
                               struct capsa_json **ret_value)
{
    switch ((int)event->type) {
    case YAML_SCALAR_EVENT:
        return parse_scalar(event, ret_value);
    case YAML_SEQUENCE_START_EVENT:
        return parse_sequence(source, event, ret_value);
    case YAML_MAPPING_START_EVENT:
        return parse_mapping(source, event, ret_value);
    case YAML_ALIAS_EVENT:
        YAML_FAIL(MALFORMED, event->start_mark, "aliases are not supported");
    default:
        YAML_FAIL(MALFORMED, event->start_mark, "a value wanted");
    }
}

/* libyaml compares each %TAG directive with all before it: a text full of them takes minutes. Tags
 * are refused anyhow, so it does not matter that some of what is counted may stand in a string. */
static capsa_result check_directives(capsa_bytes text)
{
    static const char directive[] = "%TAG";
    size_t count = 0;
    for (size_t at = 0; at + sizeof(directive) <= text.len; at++) {
        count += memcmp(text.data + at, directive, sizeof(directive) - 1) == 0;
    }
    CAPSA_REQUIRE(count <= TAG_DIRECTIVES_MAX, MALFORMED, "YAML: tags are not supported");
    return CAPSA_OK;
}

/* ---- The document --------------------------------------------------------------------------- */

static capsa_result parse_document(struct yaml_source *source, struct capsa_json **ret_value)
{
    CAPSA_AUTO(event_holder) holder = {.held = false};
    CAPSA_TRY(next_event(source, &holder)); /* the start of the stream */
    CAPSA_TRY(next_event(source, &holder));
    CAPSA_AUTO_FREE(capsa_json) value = NULL;
    if (holder.event.type == YAML_DOCUMENT_START_EVENT) {
        CAPSA_TRY(next_event(source, &holder));
        CAPSA_TRY(parse_node(source, &holder.event, &value));
        CAPSA_TRY(next_event(source, &holder)); /* the end of the document */
        CAPSA_TRY(next_event(source, &holder));
    } else {
        value = capsa_json_new_null();
        CAPSA_REQUIRE_MEMORY(value);
    }
    if (holder.event.type != YAML_STREAM_END_EVENT) {
        YAML_FAIL(MALFORMED, holder.event.start_mark, "a second document; only one is read");
    }
    *ret_value = value;
    value = NULL;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_yaml_parse(capsa_bytes text, struct capsa_json **ret_value)
{
    CAPSA_REQUIRE(text.len <= CAPSA_LIMIT_yaml_bytes, TOO_LARGE, "YAML text over %d bytes",
                  CAPSA_LIMIT_yaml_bytes);
    CAPSA_TRY_AT(capsa_utf8_check(text), "YAML");
    CAPSA_TRY(check_directives(text));
    struct yaml_source source = {.nodes = 0};
    CAPSA_REQUIRE(yaml_parser_initialize(&source.parser) != 0, NOMEM, "out of memory");
    static const uint8_t nothing[1];
    yaml_parser_set_input_string(&source.parser, text.len == 0 ? nothing : text.data, text.len);
    yaml_parser_set_encoding(&source.parser, YAML_UTF8_ENCODING);
    capsa_result result = parse_document(&source, ret_value);
    yaml_parser_delete(&source.parser);
    return result;
}
