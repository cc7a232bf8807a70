/* SPDX-License-Identifier: Apache-2.0
 *
 * What -o json prints as objects within objects, for people: a line a value, names on the left.
 */
#include "cli/cli_members.h"

#include <stdio.h>

#include "cli/cli_print.h"

#define NAME_WIDTH 34
#define INDENT     2

static void say_value(struct capsa_cli *cli, size_t depth, const char *name,
                      const struct capsa_json *value);

void capsa_cli_say_members(struct capsa_cli *cli, size_t depth, const struct capsa_json *object)
{
    struct capsa_json_walk walk = {NULL, false};
    const char *name;
    const struct capsa_json *value;
    while (capsa_json_next(object, &walk, &name, &value)) {
        say_value(cli, depth, name, value);
    }
}

/* At most NAME_WIDTH blanks. */
static const char *blanks(size_t count)
{
    static const char all[NAME_WIDTH + 1] = "                                  ";
    return all + NAME_WIDTH - (count < NAME_WIDTH ? count : NAME_WIDTH);
}

static void say_indent(struct capsa_cli *cli, size_t depth)
{
    capsa_cli_say(cli, "%s", blanks(depth * INDENT));
}

/* The name, and blanks up to the second column. */
static void say_name(struct capsa_cli *cli, size_t depth, const char *name)
{
    size_t used = depth * INDENT + strlen(name);
    say_indent(cli, depth);
    capsa_cli_say(cli, "%s%s", name, blanks(used < NAME_WIDTH ? NAME_WIDTH - used : 1));
}

/* A chain of certificates has lines of its own, below its name. */
static void say_text(struct capsa_cli *cli, size_t depth, const char *name, const char *text)
{
    if (strchr(text, '\n') == NULL) {
        say_name(cli, depth, name);
        capsa_cli_say(cli, "%s\n", text);
        return;
    }
    say_indent(cli, depth);
    capsa_cli_say(cli, "%s\n", name);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char line[256];
        (void)snprintf(line, sizeof(line), "%.*s", (int)(len < 255 ? len : 255), text);
        say_indent(cli, depth + 1);
        capsa_cli_say(cli, "%s\n", line);
        text += len < 255 ? len : 255;
        text += *text == '\n';
    }
}

static void say_list(struct capsa_cli *cli, size_t depth, const char *name,
                     const struct capsa_json *list)
{
    for (size_t i = 0; i < capsa_json_count(list); i++) {
        say_value(cli, depth, name, capsa_json_at(list, i));
    }
}

static void say_value(struct capsa_cli *cli, size_t depth, const char *name,
                      const struct capsa_json *value)
{
    switch (capsa_json_kind_of(value)) {
    case CAPSA_JSON_OBJECT:
        say_indent(cli, depth);
        capsa_cli_say(cli, "%s\n", name);
        capsa_cli_say_members(cli, depth + 1, value);
        break;
    case CAPSA_JSON_ARRAY:
        say_list(cli, depth, name, value);
        break;
    case CAPSA_JSON_STRING:
        say_text(cli, depth, name, capsa_json_string(value));
        break;
    case CAPSA_JSON_INT:
        say_name(cli, depth, name);
        capsa_cli_say(cli, "%lld\n", (long long)capsa_json_int(value));
        break;
    case CAPSA_JSON_REAL:
    case CAPSA_JSON_BOOL:
    case CAPSA_JSON_NULL:
        say_name(cli, depth, name);
        capsa_cli_say(cli, "%s\n", capsa_json_bool(value) ? "yes" : "no");
        break;
    }
}
