/* SPDX-License-Identifier: Apache-2.0
 *
 * A peer's bytes into a server's session over memory: HTTP/2, gRPC's headers and messages, health.
 * The first byte of the input says how the rest is fed: bit 0, the greeting is sent before it; bit
 * 1, byte by byte; bit 2, answers wait until everything was fed; bit 3, the session is drained
 * halfway. Whatever comes, nothing may be held or unanswered at the end.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "rpc/rpc_health.h"
#include "rpc/rpc_session.h"

#define SECOND      INT64_C(1000000)
#define PENDING_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { GREET = 1, BY_BYTE = 2, ANSWER_LATE = 4, DRAIN = 8 };

struct desk {
    struct capsa_rpc_session *session;
    struct capsa_rpc_work *pending[PENDING_MAX];
    size_t count;
    int64_t now_us;
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static CAPSA_RESULT handler(void *context, const struct capsa_rpc_call *call,
                            capsa_buf *ret_message)
{
    (void)context;
    return capsa_buf_append(ret_message, call->request);
}

static CAPSA_RESULT submit(void *context, struct capsa_rpc_work *work)
{
    struct desk *desk = context;
    CAPSA_REQUIRE(desk->count < PENDING_MAX, BUSY, "full");
    desk->pending[desk->count++] = work;
    return CAPSA_OK;
}

static bool withdraw(void *context, struct capsa_rpc_work *work)
{
    struct desk *desk = context;
    for (size_t i = 0; i < desk->count; i++) {
        if (desk->pending[i] == work && i % 2 == 0) { /* the others are running already */
            desk->pending[i] = desk->pending[--desk->count];
            return true;
        }
    }
    return false;
}

static void answer_all(struct desk *desk)
{
    while (desk->count > 0) {
        struct capsa_rpc_work *work = desk->pending[--desk->count];
        capsa_rpc_work_keep(work, handler(NULL, &work->call, &work->answer));
        (void)capsa_rpc_session_answer(work, desk->now_us);
    }
}

static void take_all(struct desk *desk)
{
    capsa_bytes bytes = {NULL, 1};
    while (bytes.len > 0 &&
           !capsa_failed(capsa_rpc_session_take(desk->session, desk->now_us, &bytes))) {
    }
}

static bool feed(struct desk *desk, capsa_bytes bytes)
{
    desk->now_us += 1000;
    const bool fine = !capsa_failed(capsa_rpc_session_feed(desk->session, bytes, desk->now_us)) &&
                      !capsa_failed(capsa_rpc_session_tick(desk->session, desk->now_us));
    take_all(desk);
    return fine;
}

static void converse(struct desk *desk, uint8_t how, capsa_bytes bytes)
{
    const size_t step = (how & BY_BYTE) != 0 ? 1 : 512;
    bool fine = true;
    if ((how & GREET) != 0) {
        fine = feed(desk, CAPSA_BYTES_LITERAL("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                              "\0\0\0\4\0\0\0\0\0"));
    }
    for (size_t at = 0; fine && at < bytes.len; at += step) {
        const size_t left = bytes.len - at;
        fine = feed(desk, capsa_bytes_of(bytes.data + at, left < step ? left : step));
        if ((how & ANSWER_LATE) == 0) {
            answer_all(desk);
            take_all(desk);
        }
        if ((how & DRAIN) != 0 && at >= bytes.len / 2) {
            fine = fine && !capsa_failed(capsa_rpc_session_drain(desk->session, desk->now_us));
        }
    }
    desk->now_us += 30 * SECOND;
    (void)!capsa_failed(capsa_rpc_session_tick(desk->session, desk->now_us));
    answer_all(desk);
    take_all(desk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct capsa_rpc_method methods[2 + CAPSA_RPC_HEALTH_METHODS] = {
        {"/t.T/Do", 0, handler, NULL, NULL},
        {"/t.T/Small", 8, handler, NULL, NULL},
    };
    struct capsa_rpc_health *health = NULL;
    struct desk desk = {.now_us = SECOND};
    must(!capsa_failed(capsa_rpc_health_new(NULL, 0, &health)));
    capsa_rpc_health_methods(health, &methods[2]);
    struct capsa_rpc_service service = {
        .methods = methods,
        .method_count = sizeof(methods) / sizeof(methods[0]),
        .submit = submit,
        .withdraw = withdraw,
        .context = &desk,
    };
    must(!capsa_failed(
        capsa_rpc_session_new(&service, "peer:1", false, desk.now_us, &desk.session)));
    converse(&desk, data[0], capsa_bytes_of(data + 1, size - 1));
    capsa_rpc_session_free(desk.session);
    while (desk.count > 0) {
        must(capsa_rpc_session_answer(desk.pending[--desk.count], desk.now_us) == NULL);
    }
    must(service.calls == 0 && service.body_bytes == 0);
    capsa_rpc_health_free(health);
    return 0;
}
