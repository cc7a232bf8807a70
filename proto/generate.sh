#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# generate.sh PROTOC_C FROM TO FILE: C for the proto file FROM/FILE, below TO. The generated macros
# cast a const away in the code of whoever uses them, which -Wcast-qual refuses; by way of a number
# it is let through.
set -eu
"$1" -I "$2" --c_out "$3" "$4"
sed -i 's/(char \*)protobuf_c_empty_string/(char *)(uintptr_t)protobuf_c_empty_string/g' \
    "$3/${4%.proto}.pb-c.h"
