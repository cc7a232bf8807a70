# SPDX-License-Identifier: Apache-2.0
"""Names and habits of other packages, on Capsa."""
