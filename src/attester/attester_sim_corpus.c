/* SPDX-License-Identifier: Apache-2.0
 *
 * The corpus: one case for each way in which verifiers have been fooled (regressions A1 to A29, as
 * far as they concern evidence), its knobs, and beside them what is right and looks wrong, so that
 * a verifier which refuses everything does not pass. The id's first part is the regression's.
 */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "attester/attester_sim_lab.h"

#define TDX                                                                                        \
    {                                                                                              \
        "platform", "tdx"                                                                          \
    }
#define TD15                                                                                       \
    {"platform", "tdx"},                                                                           \
    {                                                                                              \
        "td15", ""                                                                                 \
    }
#define ON(knob)                                                                                   \
    {                                                                                              \
        knob, ""                                                                                   \
    }
#define SET(knob, to)                                                                              \
    {                                                                                              \
        knob, to                                                                                   \
    }
#define STATUS(name)   SET("tcb-status", name)
#define HEX4(two)      two two two two
#define HEX16(two)     HEX4(two) HEX4(two) HEX4(two) HEX4(two)
#define HEX32(two)     HEX16(two) HEX16(two)
#define HEX48(two)     HEX32(two) HEX16(two)
#define HEX64(two)     HEX32(two) HEX32(two)
#define CODE           HEX32("a1")
#define CODE_OTHER     HEX16("a1") HEX4("a1") HEX4("a1") HEX4("a1") "a1a1a1a2"
#define SIGNER         HEX32("b2")
#define TD_CODE        HEX48("c3")
#define TD_CODE_OTHER  HEX32("c3") HEX4("c3") HEX4("c3") HEX4("c3") "c3c3c3c4"
#define CHIP           HEX16("d4")
#define POLICY_SGX(of) "{\"reference_values\":[{\"sgx\":{" of "}}]}"
#define POLICY_CODE    POLICY_SGX("\"mr_enclave\":\"" CODE "\"")
#define POLICY_TD                                                                                  \
    "{\"reference_values\":[{\"tdx\":{\"mr_td\":\"" TD_CODE "\",\"ignored\":"                      \
    "[\"rtmr0\",\"rtmr1\",\"rtmr2\",\"rtmr3\"]}}]}"
#define POLICY_SVN POLICY_SGX("\"mr_signer\":\"" SIGNER "\",\"isv_prod_id\":1,\"min_isv_svn\":5")
#define SIGNED_CODE(n)                                                                             \
    {                                                                                              \
        {"mr-signer", SIGNER},                                                                     \
        {                                                                                          \
            "isv-svn", n                                                                           \
        }                                                                                          \
    }
#define POLICY_STATUSES "{\"accepted_tcb_statuses\":[\"UpToDate\",\"OutOfDate\"]}"

static const struct capsa_sim_case cases[] = {
    {"A0_sgx_v3", .turns = {{NULL, NULL}}, .tcb_status = "UpToDate"},
    {"A0_sgx_v4", .turns = {SET("quote-version", "4")}, .tcb_status = "UpToDate"},
    {"A0_sgx_v5", .turns = {SET("quote-version", "5")}, .tcb_status = "UpToDate"},
    {"A0_tdx_v4", .turns = {TDX}, .tcb_status = "UpToDate"},
    {"A0_tdx_v5_td10", .turns = {TDX, SET("quote-version", "5")}, .tcb_status = "UpToDate"},
    {"A0_tdx_v5_td15", .turns = {TD15}, .tcb_status = "UpToDate"},
    {"A0_tdx_module_v0", .turns = {TDX, SET("module-version", "0")}, .tcb_status = "UpToDate"},
    {"A0_tdx_module_v3", .turns = {TDX, SET("module-version", "3")}, .tcb_status = "UpToDate"},
    {"A0_reversed_chain", .turns = {ON("reversed-chain")}},
    {"A0_unknown_member", .turns = {ON("unknown-member")}},
    {"A0_unsorted", .turns = {ON("unsorted")}, .tcb_status = "UpToDate"},
    {"A0_trailing_zeros", .turns = {TDX, SET("trailing", "17")}},
    {"A0_qe_auth_empty", .turns = {SET("qe-auth-length", "0")}},
    {"A0_qe_auth_long", .turns = {TDX, SET("qe-auth-length", "1000")}},
    {"A0_qe_flags_masked", .turns = {SET("qe-flags", "21")}, .check = ""},
    {"A0_qe_svn_above", .turns = {SET("qe-svn", "9")}},

    {"A1_self_made_qe", .turns = {ON("self-made-qe")}},
    {"A1_self_made_qe_tdx", .turns = {TDX, ON("self-made-qe")}},
    {"A1_qe_mrsigner", .turns = {SET("qe-mrsigner", HEX32("00"))}},
    {"A1_qe_prod_id", .turns = {SET("qe-prod-id", "2")}},
    {"A1_qe_prod_id_tdx", .turns = {TDX, SET("qe-prod-id", "1")}},
    {"A1_qe_svn_out_of_date", .turns = {SET("qe-svn", "7")}, .tcb_status = "OutOfDate"},
    {"A1_qe_svn_revoked", .turns = {SET("qe-svn", "5")}, .tcb_status = "Revoked"},
    {"A1_qe_svn_unknown", .turns = {SET("qe-svn", "3")}},
    {"A1_qe_debug", .turns = {ON("qe-debug")}},
    {"A1_qe_flags", .turns = {SET("qe-flags", "49")}},
    {"A1_qe_misc_select", .turns = {SET("qe-misc-select", "1")}},
    {"A1_qe_report_by_stranger", .turns = {SET("sign", "qe-report=stranger")}},
    {"A1_qe_report_by_ca", .turns = {SET("sign", "qe-report=platform-ca")}},
    {"A1_qe_report_damaged", .turns = {TDX, SET("damage", "qe-report")}},
    {"A1_qe_unbound", .turns = {ON("qe-unbound")}},
    {"A1_qe_unbound_tdx", .turns = {TDX, ON("qe-unbound")}},
    {"A1_quote_by_stranger", .turns = {SET("sign", "quote=stranger")}},
    {"A1_quote_by_pck", .turns = {TDX, SET("sign", "quote=pck")}},
    {"A1_quote_damaged", .turns = {TD15, SET("damage", "quote")}},
    {"A1_quote_one_one", .turns = {ON("one-one-signature")}},
    {"A1_attestation_key_zero", .turns = {ON("zero-key")}},
    {"A1_identity_by_stranger", .turns = {SET("sign", "qe-identity=stranger")}},
    {"A1_identity_by_pck", .turns = {SET("sign", "qe-identity=pck")}},
    {"A1_identity_damaged", .turns = {TDX, SET("damage", "qe-identity")}},
    {"A1_identity_of_tdx", .turns = {SET("identity-id", "TD_QE")}},
    {"A1_identity_of_sgx", .turns = {TDX, SET("identity-id", "QE")}},
    {"A1_identity_of_qve", .turns = {SET("identity-id", "QVE")}},
    {"A1_identity_version", .turns = {SET("identity-version", "3")}},
    {"A1_identity_no_levels", .turns = {ON("identity-no-levels")}},

    {"A2_pck_revoked", .turns = {SET("revoke", "pck")}},
    {"A2_pck_revoked_tdx", .turns = {TDX, SET("revoke", "pck")}},
    {"A2_platform_ca_revoked", .turns = {SET("revoke", "platform-ca")}},
    {"A2_tcb_signer_revoked", .turns = {SET("revoke", "tcb-signer")}},
    {"A2_pck_crl_unsigned", .turns = {SET("unsigned-crl", "pck-crl")}},
    {"A2_root_crl_unsigned", .turns = {SET("unsigned-crl", "root-crl")}},
    {"A2_pck_crl_by_stranger", .turns = {SET("sign", "pck-crl=stranger")}},
    {"A2_root_crl_by_stranger", .turns = {SET("sign", "root-crl=stranger")}},
    {"A2_pck_crl_expired", .turns = {SET("expire", "pck-crl")}},
    {"A2_root_crl_expired", .turns = {SET("expire", "root-crl")}},
    {"A2_pck_crl_not_yet", .turns = {SET("not-yet", "pck-crl")}},
    {"A2_root_crl_not_yet", .turns = {SET("not-yet", "root-crl")}},
    {"A2_pck_crl_trailing", .turns = {SET("crl-trailing", "pck-crl")}},
    {"A2_root_crl_trailing", .turns = {SET("crl-trailing", "root-crl")}},
    {"A2_pck_crl_wrong_issuer", .turns = {SET("crl-issuer", "pck-crl")}},
    {"A2_root_crl_wrong_issuer", .turns = {SET("crl-issuer", "root-crl")}},
    {"A2_pck_crl_missing", .turns = {SET("crl-missing", "pck-crl")}},
    {"A2_root_crl_missing", .turns = {SET("crl-missing", "root-crl")}},

    {"A3_unknown_status", .turns = {ON("unknown-status")}},
    {"A3_unknown_qe_status", .turns = {SET("qe-tcb-status", "Splendid")}},
    {"A3_unknown_module_status", .turns = {TDX, SET("module-tcb-status", "Splendid")}},
    {"A3_revoked", .turns = {STATUS("Revoked")}, .tcb_status = "Revoked"},
    {"A3_qe_revoked", .turns = {SET("qe-tcb-status", "Revoked")}, .tcb_status = "Revoked"},
    {"A3_module_revoked", .turns = {TDX, SET("module-tcb-status", "Revoked")},
     .tcb_status = "Revoked"},
    {"A3_unsorted_hides_revoked",
     .turns = {ON("unsorted"), STATUS("Revoked"), SET("low-status", "UpToDate")},
     .tcb_status = "Revoked"},
    {"A3_unsorted_hides_out_of_date",
     .turns = {TDX, ON("unsorted"), STATUS("OutOfDate"), SET("low-status", "UpToDate")},
     .tcb_status = "OutOfDate"},
    {"A3_15_components", .turns = {SET("components", "15")}},
    {"A3_15_components_tdx", .turns = {TDX, SET("components", "15")}},
    {"A3_0_components", .turns = {SET("components", "0")}},
    {"A3_duplicate_level", .turns = {ON("duplicate-level"), STATUS("OutOfDate")},
     .check = "tcb-info"},
    {"A3_no_levels", .turns = {ON("no-levels")}},
    {"A3_out_of_reach", .turns = {ON("out-of-reach")}},
    {"A3_tcb_type", .turns = {SET("tcb-type", "1")}},
    {"A3_tcb_info_version", .turns = {SET("tcb-info-version", "4")}},

    {"A4_debug_enclave", .turns = {ON("debug")}},
    {"A4_debug_td", .turns = {TDX, ON("debug")}},
    {"A4_debug_td15", .turns = {TD15, ON("debug")}},
    {"A4_sept_ve_disable_off", .turns = {TDX, SET("td-attributes", "0000000000000000")},
     .check = "guest-policy",
     .policy = "{\"tdx\":{\"required_attributes\":[\"sept_ve_disable\"]}}"},
    {"A4_sept_ve_disable_off_by_default", .turns = {TDX, SET("td-attributes", "0000000000000000")}},
    {"A4_td_attributes_reserved", .turns = {TDX, SET("td-attributes", "0200001000000000")}},
    {"A4_td_attributes_reserved_high", .turns = {TDX, SET("td-attributes", "8000001000000000")}},
    {"A4_perfmon", .turns = {TDX, SET("td-attributes", "0000001000000080")},
     .check = "guest-policy", .policy = "{\"tdx\":{\"denied_attributes\":[\"perfmon\"]}}"},
    {"A4_service_td", .turns = {TD15, SET("mr-service-td", HEX48("5e"))}, .check = "guest-policy",
     .policy = "{\"tdx\":{\"require_no_service_td\":true}}"},
    {"A4_service_td_by_default", .turns = {TD15, SET("mr-service-td", HEX48("5e"))}},
    {"A4_mr_signer_seam", .turns = {TDX, SET("mr-signer-seam", HEX48("01"))}},
    {"A4_seam_attributes", .turns = {TDX, SET("seam-attributes", "0100000000000000")}},
    {"A4_module_unknown", .turns = {TDX, SET("module-version", "2")}},
    {"A4_module_missing", .turns = {TDX, ON("no-module")}},
    {"A4_module_svn_unknown", .turns = {TDX, SET("module-svn", "2")}},

    {"A5_qe_vendor", .turns = {SET("qe-vendor", HEX16("93"))}},
    {"A5_qe_vendor_tdx", .turns = {TDX, SET("qe-vendor", HEX16("00"))}},
    {"A5_tcb_info_trailing", .turns = {SET("tcb-info-trailing", "{}")}},
    {"A5_identity_trailing", .turns = {SET("identity-trailing", "x")}},
    {"A5_repeated_member", .turns = {ON("repeated-member")}},
    {"A5_fmspc", .turns = {SET("fmspc", "00906ed50000")}},
    {"A5_pce_id", .turns = {SET("pce-id", "0100")}},
    {"A5_tcb_info_of_sgx", .turns = {TDX, SET("tcb-info-id", "SGX")}},

    {"A6_up_to_date", .turns = {STATUS("UpToDate")}, .tcb_status = "UpToDate"},
    {"A6_sw_hardening_needed", .turns = {STATUS("SWHardeningNeeded")},
     .tcb_status = "SWHardeningNeeded"},
    {"A6_configuration_needed", .turns = {STATUS("ConfigurationNeeded")},
     .tcb_status = "ConfigurationNeeded"},
    {"A6_configuration_and_sw_hardening_needed",
     .turns = {STATUS("ConfigurationAndSWHardeningNeeded")},
     .tcb_status = "ConfigurationAndSWHardeningNeeded"},
    {"A6_out_of_date", .turns = {STATUS("OutOfDate")}, .tcb_status = "OutOfDate"},
    {"A6_out_of_date_tdx", .turns = {TDX, STATUS("OutOfDate")}, .tcb_status = "OutOfDate"},
    {"A6_out_of_date_accepted", .turns = {STATUS("OutOfDate")}, .check = "",
     .policy = POLICY_STATUSES, .tcb_status = "OutOfDate"},
    {"A6_out_of_date_configuration_needed", .turns = {STATUS("OutOfDateConfigurationNeeded")},
     .tcb_status = "OutOfDateConfigurationNeeded"},
    {"A6_td_relaunch_advised", .turns = {TD15, ON("relaunch")}, .tcb_status = "TDRelaunchAdvised"},
    {"A6_td_relaunch_advised_configuration_needed",
     .turns = {TD15, ON("relaunch"), STATUS("ConfigurationNeeded")},
     .tcb_status = "TDRelaunchAdvisedConfigurationNeeded"},
    {"A6_configuration_needed_and_qe_out_of_date",
     .turns = {STATUS("ConfigurationNeeded"), SET("qe-tcb-status", "OutOfDate")},
     .tcb_status = "OutOfDateConfigurationNeeded"},
    {"A6_module_out_of_date", .turns = {TDX, SET("module-svn", "4")}, .tcb_status = "OutOfDate"},
    {"A6_tcb_info_expired", .turns = {SET("expire", "tcb-info")}},
    {"A6_identity_expired", .turns = {SET("expire", "qe-identity")}},
    {"A6_expired_and_out_of_date", .turns = {SET("expire", "tcb-info"), STATUS("OutOfDate")}},
    {"A6_tcb_info_not_yet", .turns = {SET("not-yet", "tcb-info")}},
    {"A6_identity_not_yet", .turns = {SET("not-yet", "qe-identity")}},
    {"A6_pck_expired", .turns = {SET("expire", "pck")}},
    {"A6_pck_not_yet", .turns = {SET("not-yet", "pck")}},
    {"A6_platform_ca_expired", .turns = {SET("expire", "platform-ca")}},
    {"A6_tcb_signer_expired", .turns = {SET("expire", "tcb-signer")}},
    {"A6_root_expired", .turns = {SET("expire", "root")}},

    {"A7_two_years_old", .turns = {SET("issued-days-ago", "730")}, .check = "stale",
     .policy = "{\"max_collateral_age_seconds\":2592000}"},
    {"A7_two_years_old_by_default", .turns = {SET("issued-days-ago", "730")}},
    {"A7_old_evaluation", .turns = {SET("evaluation-number", "16")}, .check = "stale",
     .policy = "{\"min_tcb_evaluation_data_number\":17}"},
    {"A7_recent_evaluation", .turns = {SET("evaluation-number", "17")},
     .policy = "{\"min_tcb_evaluation_data_number\":17}"},
    {"A7_tcb_info_by_stranger", .turns = {SET("sign", "tcb-info=stranger")}},
    {"A7_tcb_info_by_pck", .turns = {SET("sign", "tcb-info=pck")}},
    {"A7_tcb_info_damaged", .turns = {TDX, SET("damage", "tcb-info")}},

    {"A8_code", .turns = {SET("mr-enclave", CODE)}, .policy = POLICY_CODE},
    {"A8_code_differs_in_last_byte", .turns = {SET("mr-enclave", CODE_OTHER)},
     .check = "reference-values", .policy = POLICY_CODE},
    {"A8_code_zero", .turns = {SET("mr-enclave", HEX32("00"))}, .check = "reference-values",
     .policy = POLICY_CODE},
    {"A8_td", .turns = {TDX, SET("mr-td", TD_CODE)}, .policy = POLICY_TD},
    {"A8_td_differs_in_last_byte", .turns = {TDX, SET("mr-td", TD_CODE_OTHER)},
     .check = "reference-values", .policy = POLICY_TD},
    {"A8_code_of_other_platform", .turns = {TDX, SET("mr-td", TD_CODE)},
     .check = "reference-values", .policy = POLICY_CODE},

    {"A9_svn_below", .turns = SIGNED_CODE("4"), .check = "reference-values", .policy = POLICY_SVN},
    {"A9_svn_same", .turns = SIGNED_CODE("5"), .policy = POLICY_SVN},
    {"A9_svn_above", .turns = SIGNED_CODE("6"), .policy = POLICY_SVN},

    {"A14_report_data",
     .turns = {SET("report-data", HEX64("77")), SET("expect-report-data", HEX64("77"))}},
    {"A14_report_data_other",
     .turns = {SET("report-data", HEX64("77")), SET("expect-report-data", HEX64("78"))}},
    {"A14_report_data_upper_half", .turns = {SET("report-data", HEX32("77") HEX32("00")),
                                             SET("expect-report-data", HEX64("77"))}},

    {"A15_simulated_root", .turns = {ON("vendor-anchors")}},
    {"A15_simulated_root_tdx", .turns = {TDX, ON("vendor-anchors")}},

    {"A17_nothing", .turns = {ON("no-evidence")}},
    {"A17_header_alone", .turns = {SET("truncate", "48")}},

    {"A19_extension_hidden", .turns = {ON("hidden-extension")}},
    {"A19_extension_missing", .turns = {ON("no-sgx-extension")}},
    {"A19_no_fmspc", .turns = {ON("no-fmspc")}},
    {"A19_no_tcb", .turns = {ON("no-tcb")}},

    {"A21_pck_by_stranger", .turns = {SET("sign", "pck=stranger")}},
    {"A21_pck_by_root", .turns = {SET("sign", "pck=root")}},
    {"A21_platform_ca_by_stranger", .turns = {SET("sign", "platform-ca=stranger")}},
    {"A21_tcb_signer_by_stranger", .turns = {SET("sign", "tcb-signer=stranger")}},
    {"A21_tcb_signer_by_platform_ca", .turns = {SET("sign", "tcb-signer=platform-ca")}},
    {"A21_pck_damaged", .turns = {SET("damage", "pck")}},
    {"A21_pck_is_ca", .turns = {SET("ca", "pck")}},
    {"A21_tcb_signer_is_ca", .turns = {SET("ca", "tcb-signer")}},
    {"A21_platform_ca_is_none", .turns = {SET("no-ca", "platform-ca")}},
    {"A21_pck_common_name", .turns = {SET("common-name", "pck=Intel SGX TCB Signing")}},
    {"A21_platform_ca_common_name", .turns = {SET("common-name", "platform-ca=Somebody's CA")}},
    {"A21_tcb_signer_common_name",
     .turns = {SET("common-name", "tcb-signer=Intel SGX PCK Certificate")}},
    {"A21_leaf_only", .turns = {ON("leaf-only")}},

    {"A28_truncated_in_body", .turns = {TDX, SET("truncate", "500")}},
    {"A28_truncated_in_chain", .turns = {SET("truncate", "3000")}},
    {"A28_version_2", .turns = {SET("version", "2")}},
    {"A28_version_6", .turns = {SET("version", "6")}},
    {"A28_v3_called_v4", .turns = {SET("version", "4")}},
    {"A28_v4_called_v5", .turns = {TDX, SET("version", "5")}},
    {"A28_v5_called_v4", .turns = {TD15, SET("version", "4")}},
    {"A28_sgx_called_tdx", .turns = {SET("quote-version", "4"), SET("tee-type", "129")}},
    {"A28_tdx_called_sgx", .turns = {TDX, SET("tee-type", "0")}},
    {"A28_tee_type_unknown", .turns = {TDX, SET("tee-type", "2")}},
    {"A28_key_type_p384", .turns = {SET("key-type", "3")}},
    {"A28_outer_type", .turns = {TDX, SET("outer-type", "5")}},
    {"A28_cert_type_6", .turns = {SET("cert-type", "6")}},
    {"A28_cert_type_3", .turns = {SET("cert-type", "3")}},
    {"A28_td10_called_td15", .turns = {TDX, SET("quote-version", "5"), SET("body-type", "3")}},
    {"A28_td15_called_td10", .turns = {TD15, SET("body-type", "2")}},
    {"A28_body_longer", .turns = {TD15, SET("body-length", "1")}},
    {"A28_body_endless", .turns = {TD15, SET("body-length", "-649")}},
    {"A28_auth_longer", .turns = {SET("auth-length", "1")}},
    {"A28_auth_shorter", .turns = {TDX, SET("auth-length", "-1")}},
    {"A28_outer_longer", .turns = {TDX, SET("outer-length", "1")}},
    {"A28_outer_shorter", .turns = {TDX, SET("outer-length", "-1")}},
    {"A28_cert_longer", .turns = {SET("cert-length", "1")}},
    {"A28_cert_endless", .turns = {SET("cert-length", "2147483647")}},

    {"A29_chip_denied", .turns = {SET("ppid", CHIP)}, .check = "chip-denied",
     .policy = "{\"denied_chips\":[\"" CHIP "\"]}"},
    {"A29_other_chip_denied", .turns = {{NULL, NULL}},
     .policy = "{\"denied_chips\":[\"" CHIP "\"]}"},
    {"A29_advisory_denied", .turns = {STATUS("SWHardeningNeeded")}, .check = "advisory",
     .policy = "{\"denied_advisories\":[\"CAPSA-SIM-00001\"]}"},
    {"A29_other_advisory_denied", .turns = {STATUS("SWHardeningNeeded")},
     .policy = "{\"denied_advisories\":[\"CAPSA-SIM-00002\"]}"},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

const struct capsa_sim_case *capsa_sim_case_at(size_t index)
{
    return index < CASES ? &cases[index] : NULL;
}

static capsa_result save_case(const struct capsa_sim *sim, capsa_time now, const char *dir,
                              const struct capsa_sim_case *one)
{
    CAPSA_AUTO(capsa_sim_forgery) forgery;
    CAPSA_TRY(capsa_sim_case_make(sim, now, one, &forgery));
    CAPSA_AUTO(capsa_buf) path = capsa_buf_of(PATH_MAX);
    CAPSA_TRY(capsa_buf_format(&path, "%s/%s", dir, one->id));
    const char *folder;
    CAPSA_TRY(capsa_buf_cstr(&path, &folder));
    return capsa_sim_forgery_save(&forgery, folder);
}

CAPSA_RESULT capsa_sim_corpus_save(const struct capsa_sim *sim, capsa_time now, const char *dir,
                                   size_t *ret_count)
{
    CAPSA_REQUIRE(mkdir(dir, 0755) == 0, IO, "cannot make %s: %s", dir, strerror(errno));
    for (size_t i = 0; i < CASES; i++) {
        CAPSA_TRY(save_case(sim, now, dir, &cases[i]));
    }
    *ret_count = CASES;
    return CAPSA_OK;
}
