/* SPDX-License-Identifier: Apache-2.0
 *
 * Within net only: the libevent base behind a loop, and microseconds as libevent wants them.
 */
#pragma once

#include <event2/event.h>
#include <stdint.h>
#include <sys/time.h>

#include "net/net.h"

struct capsa_net_conns; /* net_conn.h */

struct event_base *capsa_net_loop_base(struct capsa_net_loop *loop);
/* Dialled connections stand here; what nobody finished goes with the loop. */
struct capsa_net_conns *capsa_net_loop_dialled(struct capsa_net_loop *loop);

static inline struct timeval capsa_net_timeval(int64_t us)
{
    const int64_t positive = us < 0 ? 0 : us;
    return (struct timeval){positive / 1000000, positive % 1000000};
}
