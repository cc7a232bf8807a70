/* SPDX-License-Identifier: Apache-2.0
 *
 * From what a call noted to entries of the audit log: one for each owner concerned, all with one
 * decision id. A refusal is an entry too, unless one like it was written a moment ago
 * (keymanager_denials.h).
 */
#include "keymanager/keymanager_work.h"

#include "base/limits.h"
#include "keymanager/keymanager_denials.h"

#define DETAILS_MAX MIB(2)

/* Who asked, and by which method: in every entry. */
static capsa_result name_caller(const capsa_km_work *work, struct capsa_json *details)
{
    CAPSA_TRY(capsa_json_set(details, "method", capsa_json_new_string(work->entry->method->name)));
    CAPSA_TRY(capsa_json_set(details, "signer", capsa_json_new_string(work->signer.party)));
    return capsa_json_set(details, "spki", capsa_json_new_string(work->signer.spki));
}

static capsa_result entry_add(capsa_km_work *work, struct capsa_batch *batch,
                              enum capsa_audit_type type, const struct capsa_km_note *note,
                              bool is_first)
{
    CAPSA_AUTO(capsa_buf) details = capsa_buf_of(DETAILS_MAX);
    CAPSA_TRY_AT(capsa_json_write(note->details, CAPSA_JSON_COMPACT, &details),
                 "the entry in the audit log");
    const struct capsa_audit_entry entry = {
        .type = type,
        .time = work->now,
        .owner = *note->owner == '\0' ? NULL : note->owner,
        .details = capsa_buf_bytes(&details),
        .spent = is_first ? work->spent_id : NULL,
        .decision_id = is_first ? NULL : work->receipt.decision_id,
    };
    return capsa_audit_add(batch, &entry, is_first ? &work->receipt : NULL);
}

static capsa_result entries_add(capsa_km_work *work, struct capsa_batch *batch,
                                enum capsa_audit_type type)
{
    for (size_t i = 0; i < work->notes.count; i++) {
        CAPSA_TRY(name_caller(work, work->notes.items[i].details));
        CAPSA_TRY(entry_add(work, batch, type, &work->notes.items[i], i == 0));
    }
    capsa_audit_id_text(work->receipt.decision_id, work->decision);
    return CAPSA_OK;
}

CAPSA_RESULT capsa_km_entries_add(capsa_km_work *work, struct capsa_batch *batch)
{
    if (work->notes.count == 0) {
        struct capsa_km_note *note;
        CAPSA_TRY(capsa_km_notes_of(&work->notes, work->signer.party, &note));
    }
    return entries_add(work, batch, (enum capsa_audit_type)work->entry->method->audit);
}

/* ---- refusals -------------------------------------------------------------------------------- */

bool capsa_km_is_denial(capsa_result result)
{
    switch (capsa_code_of(result)) {
    case CAPSA_E_DENIED:
    case CAPSA_E_UNAUTHENTIC:
    case CAPSA_E_EXPIRED:
    case CAPSA_E_NOT_FOUND:
    case CAPSA_E_EVIDENCE:
    case CAPSA_E_TCB:
        return true;
    default:
        return false;
    }
}

/* The one note of a refusal, made when the handler made none. */
static capsa_result denial_note(capsa_km_work *work, const struct capsa_error *why,
                                struct capsa_km_note **ret_note)
{
    CAPSA_TRY(capsa_km_notes_of(
        &work->notes, work->notes.count == 0 ? NULL : work->notes.items[0].owner, ret_note));
    CAPSA_TRY(name_caller(work, (*ret_note)->details));
    return capsa_json_set((*ret_note)->details, "reason", capsa_json_new_string(why->text));
}

static capsa_result commit_denial(capsa_km_work *work, struct capsa_km_note *note,
                                  uint64_t repeated)
{
    if (repeated > 0) {
        CAPSA_TRY(capsa_json_set(note->details, "repeated", capsa_json_new_int((int64_t)repeated)));
    }
    CAPSA_AUTO_FREE(capsa_batch) batch = NULL;
    CAPSA_TRY(capsa_batch_new(&batch));
    CAPSA_TRY(entry_add(work, batch, CAPSA_AUDIT_DENIAL, note, true));
    CAPSA_TRY(capsa_writer_commit(work->entry->manager->writer, batch));
    work->is_recorded = true;
    return CAPSA_OK;
}

static capsa_result settle_denial(capsa_km_work *work, struct capsa_km_note *note)
{
    struct capsa_km_denials *denials = work->entry->manager->denials;
    CAPSA_AUTO(capsa_buf) explanation = capsa_buf_of(DETAILS_MAX);
    CAPSA_TRY(capsa_json_write(note->details, CAPSA_JSON_COMPACT, &explanation));
    const struct capsa_km_denial denial = {.signer = capsa_bytes_str(work->signer.spki),
                                           .resource = capsa_bytes_str(work->about),
                                           .explanation = capsa_buf_bytes(&explanation)};
    struct capsa_km_denial_answer answer;
    capsa_km_denials_ask(denials, work->now, &denial, &answer);
    CAPSA_REQUIRE(answer.verdict != CAPSA_KM_DENIAL_TOO_MANY, BUSY,
                  "too many requests are being refused at the moment; ask again in a minute");
    if (answer.verdict == CAPSA_KM_DENIAL_RECORD) {
        CAPSA_TRY(commit_denial(work, note, answer.repeated));
        memcpy(answer.decision_id, work->receipt.decision_id, CAPSA_AUDIT_ID);
        capsa_km_denials_note(denials, work->now, &denial, answer.decision_id);
    }
    capsa_audit_id_text(answer.decision_id, work->decision);
    return CAPSA_OK;
}

capsa_result capsa_km_denial_record(capsa_km_work *work, capsa_result refused)
{
    struct capsa_error why;
    capsa_error_keep(refused, &why);
    CAPSA_TRY(capsa_ledger_now(work->entry->manager->options.ledger, &work->now));
    capsa_audit_receipt_drop(&work->receipt);
    struct capsa_km_note *note;
    CAPSA_TRY(denial_note(work, &why, &note));
    CAPSA_TRY(settle_denial(work, note));
    return capsa_error_again(&why);
}
