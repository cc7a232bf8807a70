/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that the key manager can be asked, on one screen. Whether a request must be signed
 * stands here, never in what the caller says of itself (EncryptedRequest.has_signature). Each
 * method is offered by both services, but for those marked NATIVE.
 */
#include "keymanager/keymanager_call.h"

#include "audit/audit_leaf.h"

/* How a request is signed, _ANSWERS: has an answer's body, NATIVE: not in the original service. */
#define PLAIN          0
#define SIGNED         CAPSA_KM_SIGNED
#define SIGNED_ANSWERS (CAPSA_KM_SIGNED | CAPSA_KM_ANSWERS)
#define SIGNED_BODY    CAPSA_KM_SIGNED_BODY
#define NATIVE         CAPSA_KM_NATIVE
#define AUDIT(type)    CAPSA_AUDIT_##type

const struct capsa_km_method capsa_km_methods[] = {
    /* clang-format off */
    /* method                needs                    shape of the request                             entry in the log       handler */
    {"GetRaCert",           PLAIN,                   &cm__get_ra_cert_request__descriptor,            0,                     NULL, capsa_km_get_ra_cert},
    {"RegisterCert",        SIGNED_BODY,             &cm__register_cert_request__descriptor,          AUDIT(CERT_REGISTER),  capsa_km_register_cert, NULL},
    {"CreateDataKeys",      SIGNED,                  &cm__create_data_keys_request__descriptor,       AUDIT(KEY_CREATE),     capsa_km_create_data_keys, NULL},
    {"DeleteDataKey",       SIGNED,                  &cm__delete_data_key_request__descriptor,        AUDIT(KEY_DELETE),     capsa_km_delete_data_key, NULL},
    {"CreateDataPolicy",    SIGNED,                  &cm__create_data_policy_request__descriptor,     AUDIT(POLICY_PUT),     capsa_km_create_data_policy, NULL},
    {"ListDataPolicy",      SIGNED_ANSWERS,          &cm__list_data_policy_request__descriptor,       0,                     capsa_km_list_data_policy, NULL},
    {"DeleteDataPolicy",    SIGNED,                  &cm__delete_data_policy_request__descriptor,     AUDIT(POLICY_DELETE),  capsa_km_delete_data_policy, NULL},
    {"AddDataRule",         SIGNED,                  &cm__add_data_rule_request__descriptor,          AUDIT(RULE_ADD),       capsa_km_add_data_rule, NULL},
    {"DeleteDataRule",      SIGNED,                  &cm__delete_data_rule_request__descriptor,       AUDIT(RULE_DELETE),    capsa_km_delete_data_rule, NULL},
    {"GetDataKeys",         SIGNED_ANSWERS,          &cm__get_data_keys_request__descriptor,          AUDIT(KEY_RELEASE),    capsa_km_get_data_keys, NULL},
    {"GetTlsAsset",         SIGNED_ANSWERS,          &cm__get_tls_asset_request__descriptor,          AUDIT(GROUP_RELEASE),  capsa_km_get_tls_asset, NULL},
    {"CreateResultDataKey", SIGNED,                  &cm__create_result_data_key_request__descriptor, AUDIT(RESULT_CREATE),  capsa_km_create_result_data_key, NULL},
    {"GetExportDataKey",    SIGNED_ANSWERS,          &cm__get_export_data_key_request__descriptor,    AUDIT(KEY_EXPORT),     capsa_km_get_export_data_key, NULL},
    {"ListAudit",           SIGNED_ANSWERS | NATIVE, &native__list_audit_request__descriptor,         0,                     capsa_km_list_audit, NULL},
    {"GetVoteTerms",        SIGNED_ANSWERS | NATIVE, &native__vote_terms_request__descriptor,         0,                     capsa_km_get_vote_terms, NULL},
    {"GetConsistency",      PLAIN | NATIVE,          &native__consistency_request__descriptor,        0,                     NULL, capsa_km_get_consistency},
    {"GetAuditLog",         PLAIN | NATIVE,          &native__audit_log_request__descriptor,          0,                     NULL, capsa_km_get_audit_log},
    /* clang-format on */
};

const size_t capsa_km_method_count = sizeof(capsa_km_methods) / sizeof(capsa_km_methods[0]);
