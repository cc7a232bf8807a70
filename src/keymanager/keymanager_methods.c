/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that the key manager can be asked, on one screen. Whether a request must be signed
 * stands here, never in what the caller says of itself (EncryptedRequest.has_signature).
 */
#include "keymanager/keymanager_call.h"

/* A data owner's request, a program's, and how each is signed; _ANSWERS: has an answer's body. */
#define SIGNED         CAPSA_KM_SIGNED
#define SIGNED_ANSWERS (CAPSA_KM_SIGNED | CAPSA_KM_ANSWERS)
#define SIGNED_BODY    CAPSA_KM_SIGNED_BODY

const struct capsa_km_method capsa_km_methods[] = {
    /* clang-format off */
    /* method                needs           shape of the request                         handler */
    {"GetRaCert",           0,              &cm__get_ra_cert_request__descriptor,            NULL},
    {"RegisterCert",        SIGNED_BODY,    &cm__register_cert_request__descriptor,          capsa_km_register_cert},
    {"CreateDataKeys",      SIGNED,         &cm__create_data_keys_request__descriptor,       capsa_km_create_data_keys},
    {"DeleteDataKey",       SIGNED,         &cm__delete_data_key_request__descriptor,        capsa_km_delete_data_key},
    {"CreateDataPolicy",    SIGNED,         &cm__create_data_policy_request__descriptor,     capsa_km_create_data_policy},
    {"ListDataPolicy",      SIGNED_ANSWERS, &cm__list_data_policy_request__descriptor,       capsa_km_list_data_policy},
    {"DeleteDataPolicy",    SIGNED,         &cm__delete_data_policy_request__descriptor,     capsa_km_delete_data_policy},
    {"AddDataRule",         SIGNED,         &cm__add_data_rule_request__descriptor,          capsa_km_add_data_rule},
    {"DeleteDataRule",      SIGNED,         &cm__delete_data_rule_request__descriptor,       capsa_km_delete_data_rule},
    {"GetDataKeys",         SIGNED_ANSWERS, &cm__get_data_keys_request__descriptor,          capsa_km_get_data_keys},
    {"GetTlsAsset",         SIGNED_ANSWERS, &cm__get_tls_asset_request__descriptor,          capsa_km_get_tls_asset},
    {"CreateResultDataKey", SIGNED,         &cm__create_result_data_key_request__descriptor, capsa_km_create_result_data_key},
    {"GetExportDataKey",    SIGNED_ANSWERS, &cm__get_export_data_key_request__descriptor,    capsa_km_get_export_data_key},
    /* clang-format on */
};

const size_t capsa_km_method_count = sizeof(capsa_km_methods) / sizeof(capsa_km_methods[0]);
