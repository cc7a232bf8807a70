# SPDX-License-Identifier: Apache-2.0
"""The table of certificates that must be refused, each with the check that refuses it, and of some
that look wrong and must be taken. A row is made by a function of the maker (ratls_certs.Maker) that
gives extensions, or a whole certificate; the key is the maker's `own` unless the row says which."""
import hashlib
import os

from ratls_certs import (BASIC, COMMENT, DAY, DICE, ENDORSEMENTS, GRAMINE, GRAMINE_MEANT, GRPC, INTEL_SDK, QUOTE_TAG, array, bstr,
                         certificate, claims_of, extension, head, key_claim, oid, pairs, text)

EVIDENCE, TCB, DENIED = 3, 4, 2  # exit statuses of `capsa verify` and its like
CASES = []


class Case:
    def __init__(self, make, check, status, whole, native):
        self.name, self.make = make.__name__, make
        self.check, self.status, self.whole, self.native = check, status, whole, native

    def der(self, maker):
        made = self.make(maker, maker.key())
        return made if self.whole else certificate(maker.key(), made)


def case(check, status=EVIDENCE, whole=False, native=False):
    """`check` None: accepted. `whole`: the function makes the certificate, not its extensions alone.
    `native`: only those who are strict refuse it."""

    def add(make):
        CASES.append(Case(make, check, status if check else 0, whole, native))
        return make

    return add


def claims_and_quote(maker, claims):
    """Evidence whose quote does bind these claims, whatever they are."""
    return extension(DICE, QUOTE_TAG + array(bstr(maker.bound(claims)), bstr(claims)))


def dice_of(content):
    return [BASIC, extension(DICE, content)]


# ---- To be taken ----------------------------------------------------------------------------------


@case(None)
def as_capsa_makes_it(maker, key):
    return [BASIC, maker.dice(key)]


@case(None)
def gramines_two(maker, key):
    return [BASIC, maker.legacy(key), maker.dice(key)]


@case(None)
def gramines_old_one(maker, key):
    return [maker.legacy(key)]


@case(None)
def gramines_old_one_under_the_number_that_was_meant(maker, key):
    return [maker.legacy(key, GRAMINE_MEANT)]


@case(None)
def a_17_kib_certificate_padded_by_what_is_nobodys_business(maker, key):
    return [maker.dice(key), extension(COMMENT, os.urandom(13000))]


@case(None)
def evidence_of_17_kib(maker, key):
    """Most of it behind the quote, where quotes have always been allowed to be padded; the certificate signs it."""
    claims = claims_of(key.spki)
    return dice_of(QUOTE_TAG + array(bstr(maker.bound(claims) + os.urandom(13000)), bstr(claims)))


@case(None)
def three_claims(maker, key):
    claims = pairs((text("key_0"), bstr(b"value_0\0")), (text("pubkey-hash"), key_claim(key.spki)), (text("key_1"), bstr(b"")))
    return [claims_and_quote(maker, claims)]


@case(None)
def lengths_wider_than_needed(maker, key):
    claims = claims_of(key.spki)
    quote = maker.bound(claims)
    wide = bytes([0x5A]) + len(quote).to_bytes(4, "big") + quote
    return dice_of(b"\xda\0\0\xea\x60" + head(4, 2) + wide + b"\x59" + len(claims).to_bytes(2, "big") + claims)


# ---- No evidence, or not in its place -------------------------------------------------------------


@case("certificate")
def no_extension_at_all(maker, key):
    return []


@case("certificate")
def no_evidence(maker, key):
    return [BASIC, extension(COMMENT, b"an ordinary certificate")]


@case("certificate")
def A19_evidence_inside_another_extension(maker, key):
    """Who searches for the bytes of the number finds them."""
    return [BASIC, extension(COMMENT, maker.dice(key)), extension(oid("1.3.6.1.4.1.99999.1"), maker.legacy(key))]


@case("certificate")
def the_number_of_pck_certificates_without_a_quote(maker, key):
    return [BASIC, extension(INTEL_SDK, bytes.fromhex("3003020101"))]


@case("certificate")
def endorsements_alone(maker, key):
    return [BASIC, extension(ENDORSEMENTS, head(6, 60000) + head(4, 0))]


@case("certificate")
def an_octet_string_within_the_octet_string(maker, key):
    evidence = maker.evidence(key)
    return [BASIC, extension(DICE, b"\x04\x82" + len(evidence).to_bytes(2, "big") + evidence)]


# ---- Too much evidence ----------------------------------------------------------------------------


@case("certificate")
def evidence_twice(maker, key):
    return [BASIC, maker.dice(key), maker.dice(key)]


@case("certificate")
def two_different_legacy_quotes(maker, key):
    return [BASIC, maker.legacy(key), maker.legacy(key, GRAMINE_MEANT)]


@case("certificate")
def the_same_other_extension_twice(maker, key):
    return [extension(COMMENT, b"one"), extension(COMMENT, b"two"), maker.dice(key)]


@case("certificate")
def a_second_piece_of_evidence_for_another_key(maker, key):
    return [BASIC, maker.dice(maker.key("other")), maker.dice(key)]


@case("certificate")
def an_unknown_critical_extension(maker, key):
    return [BASIC, extension(oid("1.3.6.1.4.1.99999.1"), b"\5\0", critical=True), maker.dice(key)]


@case("certificate")
def evidence_of_200_kib(maker, key):
    return dice_of(QUOTE_TAG + array(bstr(os.urandom(200 << 10)), bstr(claims_of(key.spki))))


@case("certificate")
def forty_extensions(maker, key):
    return [extension(oid("1.3.6.1.4.1.99999.%d" % i), b"\5\0") for i in range(40)] + [maker.dice(key)]


# ---- Cut ------------------------------------------------------------------------------------------


@case("certificate")
def cbor_cut_within_the_quote(maker, key):
    return dice_of(maker.evidence(key)[:2000])


@case("certificate")
def cbor_cut_by_its_last_byte(maker, key):
    return dice_of(maker.evidence(key)[:-1])


@case("certificate")
def a_byte_behind_the_cbor(maker, key):
    return dice_of(maker.evidence(key) + b"\0")


@case("certificate")
def no_byte_of_evidence(maker, key):
    return dice_of(b"")


@case("certificate")
def a_quote_cut_in_the_middle(maker, key):
    claims = claims_of(key.spki)
    return dice_of(QUOTE_TAG + array(bstr(maker.bound(claims)[:700]), bstr(claims)))


@case("certificate")
def no_downgrade_to_a_good_legacy_quote(maker, key):
    return [BASIC, maker.legacy(key), extension(DICE, maker.evidence(key)[:-1])]


# ---- Claims ---------------------------------------------------------------------------------------


@case("certificate")
def no_key_among_the_claims(maker, key):
    return [claims_and_quote(maker, pairs((text("nonce"), bstr(b"x"))))]


@case("certificate")
def two_keys_among_the_claims(maker, key):
    one = (text("pubkey-hash"), key_claim(key.spki))
    return [claims_and_quote(maker, pairs((text("pubkey-hash"), key_claim(maker.key("other").spki)), one))]


@case("certificate")
def a_claim_whose_name_only_begins_like_the_key(maker, key):
    return [claims_and_quote(maker, pairs((text("pubkey"), key_claim(key.spki))))]


@case("certificate")
def hash_number_0(maker, key):
    return [claims_and_quote(maker, pairs((text("pubkey-hash"), key_claim(key.spki, 0))))]


@case("certificate")
def hash_number_9(maker, key):
    return [claims_and_quote(maker, pairs((text("pubkey-hash"), key_claim(key.spki, 9))))]


@case("certificate")
def a_digest_of_the_wrong_length(maker, key):
    digest = hashlib.sha256(key.spki).digest()[:20]
    return [claims_and_quote(maker, pairs((text("pubkey-hash"), key_claim(key.spki, 1, digest))))]


@case("certificate")
def an_array_of_one(maker, key):
    return dice_of(QUOTE_TAG + array(bstr(maker.bound(claims_of(key.spki)))))


@case("certificate")
def an_array_of_three(maker, key):
    claims = claims_of(key.spki)
    return dice_of(QUOTE_TAG + array(bstr(maker.bound(claims)), bstr(claims), bstr(b"")))


@case("certificate")
def an_array_without_a_length(maker, key):
    claims = claims_of(key.spki)
    return dice_of(QUOTE_TAG + b"\x9f" + bstr(maker.bound(claims)) + bstr(claims) + b"\xff")


@case("certificate")
def a_local_report(maker, key):
    claims = claims_of(key.spki)
    return dice_of(head(6, 60001) + array(bstr(maker.bound(claims)), bstr(claims)))


@case("certificate")
def a_tag_of_another_platform(maker, key):
    claims = claims_of(key.spki)
    return dice_of(head(6, 0x1A7504) + array(bstr(maker.bound(claims)), bstr(claims)))


# ---- Bombs ----------------------------------------------------------------------------------------


@case("certificate")
def A24_an_array_of_2_to_the_64(maker, key):
    return dice_of(QUOTE_TAG + b"\x9b" + b"\xff" * 8)


@case("certificate")
def A24_a_string_of_2_to_the_63(maker, key):
    return dice_of(QUOTE_TAG + b"\x82\x5b\x7f" + b"\xff" * 7)


@case("certificate")
def A24_nine_thousand_arrays_in_each_other(maker, key):
    return dice_of(QUOTE_TAG + b"\x81" * 9000)


@case("certificate")
def A24_nine_thousand_tags(maker, key):
    return dice_of(b"\xc1" * 9000)


@case("certificate")
def A24_a_map_of_many_claims(maker, key):
    some = [(text("claim %d" % i), bstr(b"")) for i in range(300)]
    return [claims_and_quote(maker, pairs(*some, (text("pubkey-hash"), key_claim(key.spki))))]


@case("certificate")
def A24_claims_that_count_to_2_to_the_32(maker, key):
    return [claims_and_quote(maker, b"\xba\xff\xff\xff\xff" + text("pubkey-hash") + key_claim(key.spki))]


# ---- Bound to something else ----------------------------------------------------------------------


@case("certificate-key")
def evidence_of_another_key(maker, key):
    return [BASIC, maker.dice(maker.key("other"))]


@case("certificate-key")
def legacy_evidence_of_another_key(maker, key):
    return [BASIC, maker.legacy(maker.key("other"))]


@case("certificate-key")
def the_right_key_in_claims_that_the_quote_does_not_bind(maker, key):
    return [maker.dice(key, quote=maker.bound(claims_of(maker.key("other").spki)))]


@case("certificate-key")
def report_data_with_a_tail(maker, key):
    binding = hashlib.sha256(claims_of(key.spki)).digest()
    return [maker.dice(key, quote=maker.quote(binding + b"\0" * 31 + b"\1"))]


@case("certificate-key")
def the_wrong_hash(maker, key):
    """Of the key alone, as legacy forms have it."""
    return [maker.dice(key, quote=maker.bound(key.spki))]


@case("certificate-key")
def sgxs_report_data_by_the_rule_for_tdx(maker, key):
    binding = hashlib.sha384(claims_of(key.spki)).digest() + bytes(16)
    return [maker.dice(key, quote=maker.quote(binding))]


@case("certificate-key")
def a_hash_of_pem_where_one_of_der_belongs(maker, key):
    from ratls_certs import openssl
    return [extension(GRAMINE, maker.bound(openssl("pkey", "-in", key.path, "-pubout") + b"\0"))]


@case("certificate")
def grpcs_32_bytes_that_bind_nothing(maker, key):
    return [extension(GRPC, hashlib.sha256(key.spki).digest())]


# ---- X.509 ----------------------------------------------------------------------------------------


@case("certificate-time", TCB, whole=True)
def expired(maker, key):
    return certificate(key, [maker.dice(key)], -2 * DAY, -60)


@case("certificate-time", TCB, whole=True)
def not_yet_valid(maker, key):
    return certificate(key, [maker.dice(key)], 3600, DAY)


@case("certificate-signature", whole=True)
def signed_by_somebody_else(maker, key):
    return certificate(key, [maker.dice(key)], signer=maker.key("other"))


@case("certificate-signature", whole=True)
def a_signature_with_a_bit_changed(maker, key):
    der = bytearray(certificate(key, [maker.dice(key)]))
    der[-3] ^= 1
    return bytes(der)


@case("certificate", whole=True)
def version_1_with_extensions(maker, key):
    return certificate(key, [maker.dice(key)], version=1)


@case("certificate-signature", whole=True)
def signed_with_sha1(maker, key):
    return certificate(key, [maker.dice(key)], digest="sha1")


@case("certificate-lifetime", DENIED, whole=True, native=True)
def P24_a_life_of_thirty_years(maker, key):
    return certificate(key, [maker.dice(key)], -20 * 365 * DAY, 10 * 365 * DAY)


# ---- Good certificates of what is not trusted -----------------------------------------------------


@case("debug")
def a_debug_enclave(maker, key):
    return [maker.dice(key, quote=maker.bound(claims_of(key.spki), "--debug"))]


@case("reference-values", DENIED)
def another_program(maker, key):
    return [maker.dice(key, quote=maker.bound(claims_of(key.spki), "--mr-enclave", "17" * 32))]
