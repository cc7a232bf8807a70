/* SPDX-License-Identifier: Apache-2.0
 *
 * The version of the programs, from meson.build.
 */
#pragma once

#ifndef CAPSA_VERSION
#error "CAPSA_VERSION comes from meson.build"
#endif
