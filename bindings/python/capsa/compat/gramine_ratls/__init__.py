# SPDX-License-Identifier: Apache-2.0
"""The names of the package gramine-ratls 0.0.6, without Gramine's and Intel's libraries.

    from capsa.compat.gramine_ratls.attest import write_ra_tls_key_and_crt
    from capsa.compat.gramine_ratls.verify import AttestationError, Client

What differs, because it was a mistake there: headers are sent; the URL's query stays one; 0 as
isv_prod_id or isv_svn is a value and not "any"; clients share no state, so several may differ.

From the environment, as Capsa's drop-in libraries have it: QCNL_CONF_PATH (where Intel's
sgx_default_qcnl.conf lies), CAPSA_COLLATERAL_BUNDLE (a file or folder, and then nothing is
fetched), CAPSA_INSECURE_SIMULATION (a folder of `capsa sim init`: proves nothing),
CAPSA_INSECURE_SIMULATION_CODE (the file that counts as the program).
"""
