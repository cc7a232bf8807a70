/* SPDX-License-Identifier: Apache-2.0
 *
 * Small questions about rules, and names as messages show them.
 */
#include "policy/policy_match.h"

#include <stdio.h>
#include <string.h>

/* White space of Unicode, as the original trims it, is more than the constraint language's own; a
 * constraint of only such characters does not compile, and so is refused when it is added. */
bool capsa_is_blank(const char *text)
{
    return text[strspn(text, " \t\n\v\f\r")] == '\0';
}

bool capsa_list_has(char *const *list, size_t count, const char *wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (capsa_streq(capsa_rule_text(list[i]), wanted)) {
            return true;
        }
    }
    return false;
}

struct capsa_shown capsa_show(const char *name)
{
    struct capsa_shown shown;
    size_t len = strlen(name);
    bool cut = len > CAPSA_SHOWN;
    if (cut) {
        for (len = CAPSA_SHOWN; len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80;) {
            len--;
        }
    }
    (void)snprintf(shown.text, sizeof(shown.text), "\"%.*s%s\"", (int)len, name, cut ? "..." : "");
    return shown;
}

struct capsa_rule_shown capsa_show_rule(const Cm__Rule *rule, size_t number)
{
    struct capsa_rule_shown shown;
    const char *id = capsa_rule_text(rule->rule_id);
    (void)snprintf(shown.text, sizeof(shown.text), "rule %zu%s%s", number, *id == '\0' ? "" : " ",
                   *id == '\0' ? "" : capsa_show(id).text);
    return shown;
}

static size_t character_size(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

void capsa_one_line(char *text, size_t size)
{
    size_t len = strnlen(text, size - 1);
    text[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        text[i] = (char)(byte < 0x20 || byte == 0x7f ? ' ' : byte);
    }
    size_t last = len;
    while (last > 0 && ((unsigned char)text[last - 1] & 0xc0) == 0x80) {
        last--;
    }
    if (last > 0 && last - 1 + character_size((unsigned char)text[last - 1]) > len) {
        text[last - 1] = '\0';
    }
}

static unsigned pins_of_text(const char *text)
{
    CAPSA_AUTO_FREE(capsa_constraint) constraint = NULL;
    capsa_result result = capsa_constraint_compile(capsa_rule_text(text), &constraint);
    return capsa_failed(result) ? 0 : capsa_constraint_pins(constraint);
}

unsigned capsa_rule_pins(const Cm__Rule *rule, const char *op_name)
{
    unsigned pins = 0;
    for (size_t i = 0; i < rule->n_global_constraints; i++) {
        pins |= pins_of_text(rule->global_constraints[i]);
    }
    for (size_t i = 0; i < rule->n_op_constraints; i++) {
        const Cm__Rule__OpConstraint *entry = rule->op_constraints[i];
        bool covers = capsa_entry_covers(entry, op_name);
        for (size_t j = 0; covers && j < entry->n_constraints; j++) {
            pins |= pins_of_text(entry->constraints[j]);
        }
    }
    return pins;
}

bool capsa_rule_pins_code(const Cm__Rule *rule, const char *op_name)
{
    return capsa_pins_are_code(capsa_rule_pins(rule, op_name));
}
