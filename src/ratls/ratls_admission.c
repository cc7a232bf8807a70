/* SPDX-License-Identifier: Apache-2.0
 *
 * Attested TLS on loops: the exchange goes on as bytes come, its work is done by threads, and a
 * wake brings each result back to the loop. The loop owns an admission; while a thread works at it
 * both have it, and the last one frees it: a connection may go at any moment.
 */
#include <stdatomic.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/net.h"
#include "ratls/ratls_channel.h"
#include "ratls/ratls_workers.h"

/* What a peer may send while this side works: its evidence if it is asked for any, and its word on
 * ours. */
#define KEPT_ASKED  ((size_t)CAPSA_LIMIT_ual_bytes + KIB(1))
#define KEPT_ELSE   KIB(1)
#define THREADS_MIN 2
#define THREADS_MAX 32

/* ---- The settings -------------------------------------------------------------------------------
 */

/* Behind the settings that net has. */
struct attested {
    struct capsa_net_tls_maker maker; /* the blocking part; its context is a share */
    struct capsa_ratls_context *ratls;
    struct capsa_ratls_workers *workers;
    atomic_size_t pending; /* bytes of peers that are neither admitted nor refused */
};

static unsigned thread_count(void)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (processors < THREADS_MIN) {
        return THREADS_MIN;
    }
    return processors > THREADS_MAX ? THREADS_MAX : (unsigned)processors;
}

/* ---- One connection -----------------------------------------------------------------------------
 */

struct admission {
    struct capsa_ratls_work work; /* first */
    struct attested *attested;
    struct capsa_net_conn *conn;         /* of the loop */
    struct capsa_ratls_session *session; /* the worker's while `is_working` */
    struct capsa_net_wake *wake;         /* of the loop; woken under the lock */
    capsa_buf kept;                      /* came while a thread worked */
    size_t came;                         /* its part of what is pending */
    bool is_working;                     /* as the loop knows it */
    pthread_mutex_t lock;                /* guards what follows */
    bool is_done;                        /* the thread has finished */
    bool is_abandoned;                   /* the loop is gone: whoever works frees it */
    struct capsa_error failure;          /* of the work */
};

static void admission_free(struct admission *admission)
{
    capsa_ratls_session_free(admission->session);
    capsa_net_wake_free(admission->wake);
    capsa_buf_drop(&admission->kept);
    (void)pthread_mutex_destroy(&admission->lock);
    capsa_dealloc(admission);
}

/* On a worker. */
static void run_work(struct capsa_ratls_work *work)
{
    struct admission *admission = (struct admission *)work;
    struct capsa_error failure;
    capsa_error_keep(capsa_ratls_session_work(admission->session), &failure);
    (void)pthread_mutex_lock(&admission->lock);
    admission->failure = failure;
    admission->is_done = true;
    const bool is_abandoned = admission->is_abandoned;
    if (!is_abandoned) {
        capsa_net_wake_up(admission->wake);
    }
    (void)pthread_mutex_unlock(&admission->lock);
    if (is_abandoned) {
        admission_free(admission);
    }
}

static capsa_result begin_work(struct admission *admission)
{
    admission->is_done = false;
    admission->work.run = run_work;
    admission->is_working = true;
    capsa_result submitted =
        capsa_ratls_workers_submit(admission->attested->workers,
                                   capsa_net_conn_peer(admission->conn)->address, &admission->work);
    admission->is_working = !capsa_failed(submitted);
    return submitted;
}

static capsa_result send_output(struct admission *admission)
{
    CAPSA_AUTO(capsa_buf) bytes = capsa_buf_of(MIB(1));
    CAPSA_TRY(capsa_ratls_session_output(admission->session, &bytes));
    if (bytes.len == 0) {
        return CAPSA_OK;
    }
    CAPSA_TRY(capsa_net_conn_send(admission->conn, capsa_buf_bytes(&bytes)));
    return capsa_net_conn_flush(admission->conn);
}

/* Until there is work, or bytes are wanted, or it is done. */
static capsa_result go_on(struct admission *admission)
{
    CAPSA_TRY(send_output(admission));
    const enum capsa_ratls_next next = capsa_ratls_session_next(admission->session);
    return next == CAPSA_RATLS_WORK ? begin_work(admission) : CAPSA_OK;
}

static bool is_done(const struct admission *admission)
{
    return !admission->is_working &&
           capsa_ratls_session_next(admission->session) == CAPSA_RATLS_DONE;
}

/* What failed tells the peer first, where there is something to tell; while a thread works the
 * session is the thread's, and what it would say is not known yet. */
static void conclude(struct admission *admission, capsa_result result)
{
    struct capsa_net_conn *conn = admission->conn;
    if (capsa_failed(result)) {
        struct capsa_error failure;
        capsa_error_keep(result, &failure);
        if (!admission->is_working) {
            capsa_ignore(send_output(admission), "the connection ends, with words or without");
        }
        capsa_net_conn_refuse(conn, failure.text);
    } else if (is_done(admission)) {
        capsa_net_conn_admit(conn);
    }
}

static capsa_result feed(struct admission *admission, capsa_bytes bytes, size_t *ret_taken)
{
    CAPSA_TRY(capsa_ratls_session_feed(admission->session, bytes, ret_taken));
    return go_on(admission);
}

static capsa_buf nothing_kept(const struct attested *attested)
{
    return capsa_buf_of(attested->ratls->appraiser.judge == NULL ? KEPT_ELSE : KEPT_ASKED);
}

/* Bytes that came before this side had accepted are all of the exchange. */
static capsa_result feed_kept(struct admission *admission)
{
    CAPSA_AUTO(capsa_buf) kept = admission->kept;
    admission->kept = nothing_kept(admission->attested);
    if (kept.len == 0) {
        return CAPSA_OK;
    }
    size_t taken = 0;
    CAPSA_TRY(feed(admission, capsa_buf_bytes(&kept), &taken));
    CAPSA_REQUIRE(taken == kept.len, MALFORMED,
                  "the peer sent bytes of the application before it was accepted");
    return CAPSA_OK;
}

static capsa_result take_result(struct admission *admission)
{
    if (admission->failure.code != CAPSA_E_OK) {
        return capsa_error_again(&admission->failure);
    }
    CAPSA_TRY(go_on(admission));
    return admission->is_working ? CAPSA_OK : feed_kept(admission);
}

/* On the loop, after a worker. */
static void on_wake(void *context)
{
    struct admission *admission = context;
    (void)pthread_mutex_lock(&admission->lock);
    const bool has_result = admission->is_done;
    (void)pthread_mutex_unlock(&admission->lock);
    if (has_result && admission->is_working) {
        admission->is_working = false;
        conclude(admission, take_result(admission));
    }
}

/* ---- What net calls -----------------------------------------------------------------------------
 */

static capsa_result admission_new(struct attested *attested, struct capsa_net_conn *conn,
                                  struct ssl_st *ssl, struct admission **ret_admission)
{
    struct admission *admission = CAPSA_NEW(struct admission);
    CAPSA_REQUIRE_MEMORY(admission);
    if (pthread_mutex_init(&admission->lock, NULL) != 0) {
        capsa_dealloc(admission);
        CAPSA_FAIL(NOMEM, "out of memory");
    }
    admission->attested = attested;
    admission->conn = conn;
    admission->kept = nothing_kept(attested);
    capsa_result made = capsa_ratls_session_new(attested->ratls, ssl, &admission->session);
    if (!capsa_failed(made)) {
        made = capsa_net_wake_new(capsa_net_conn_loop(conn), on_wake, admission, &admission->wake);
    }
    if (capsa_failed(made)) {
        admission_free(admission);
        return capsa_error_made(made);
    }
    *ret_admission = admission;
    return CAPSA_OK;
}

static CAPSA_RESULT begin(void *context, struct capsa_net_conn *conn, struct ssl_st *ssl,
                          void **ret_state)
{
    struct admission *admission = NULL;
    CAPSA_TRY(admission_new(context, conn, ssl, &admission));
    *ret_state = admission;
    conclude(admission, go_on(admission));
    return CAPSA_OK;
}

/* Many who begin their evidence and do not end it must not fill the memory; who sends no more than
 * its share is heard all the same. */
static capsa_result count_bytes(struct admission *admission, size_t len)
{
    admission->came += len;
    const size_t pending = atomic_fetch_add(&admission->attested->pending, len) + len;
    CAPSA_REQUIRE(pending <= admission->attested->ratls->pending_max ||
                      admission->came <= CAPSA_LIMIT_connection_share,
                  BUSY, "too much evidence of too many peers is under way");
    return CAPSA_OK;
}

static capsa_result take_some(struct admission *admission, capsa_bytes bytes, size_t *ret_taken)
{
    CAPSA_TRY(count_bytes(admission, bytes.len));
    return admission->is_working ? capsa_buf_append(&admission->kept, bytes)
                                 : feed(admission, bytes, ret_taken);
}

/* Unbound channels have no exchange: what comes is the application's. */
static size_t take_bytes(void *state, capsa_bytes bytes)
{
    struct admission *admission = state;
    if (!admission->attested->ratls->bound) {
        return 0;
    }
    size_t taken = bytes.len;
    conclude(admission, take_some(admission, bytes, &taken));
    return taken;
}

static void end(void *state)
{
    struct admission *admission = state;
    (void)atomic_fetch_sub(&admission->attested->pending, admission->came);
    if (admission->is_working &&
        !capsa_ratls_workers_withdraw(admission->attested->workers, &admission->work)) {
        (void)pthread_mutex_lock(&admission->lock);
        const bool works_on = !admission->is_done;
        admission->is_abandoned = works_on;
        if (works_on) {
            capsa_net_wake_free(admission->wake);
            admission->wake = NULL;
        }
        (void)pthread_mutex_unlock(&admission->lock);
        if (works_on) {
            return;
        }
    }
    admission_free(admission);
}

/* ---- Making -------------------------------------------------------------------------------------
 */

static void attested_free(void *context)
{
    struct attested *attested = context;
    capsa_ratls_workers_free(attested->workers);
    attested->maker.free(attested->maker.context);
    capsa_dealloc(attested);
}

static CAPSA_RESULT make_session(void *context, struct ssl_st **ret_session)
{
    const struct attested *attested = context;
    return attested->maker.session(attested->maker.context, ret_session);
}

static CAPSA_RESULT admit_stream(void *context, struct capsa_net_stream *stream, struct ssl_st *ssl)
{
    const struct attested *attested = context;
    return attested->maker.admission.admit(attested->maker.admission.context, stream, ssl);
}

static capsa_result make_attested(struct capsa_ratls_context *context,
                                  struct attested **ret_attested)
{
    struct attested *attested = CAPSA_NEW(struct attested);
    CAPSA_REQUIRE_MEMORY(attested);
    attested->ratls = context;
    /* A client's peer is the one that he dials, over and over. */
    const size_t share = context->is_server ? CAPSA_LIMIT_ratls_work_share : CAPSA_LIMIT_ratls_work;
    capsa_result made =
        capsa_ratls_workers_new(thread_count(), CAPSA_LIMIT_ratls_work, share, &attested->workers);
    if (!capsa_failed(made)) {
        made = capsa_ratls_maker(context, &attested->maker);
    }
    if (capsa_failed(made)) {
        capsa_ratls_workers_free(attested->workers);
        capsa_dealloc(attested);
        return capsa_error_made(made);
    }
    *ret_attested = attested;
    return CAPSA_OK;
}

CAPSA_RESULT capsa_ratls_tls_new(struct capsa_ratls_context *context,
                                 struct capsa_net_tls **ret_tls)
{
    struct attested *attested = NULL;
    CAPSA_TRY(make_attested(context, &attested));
    struct capsa_net_tls_maker maker = attested->maker;
    maker.context = attested;
    maker.session = make_session;
    maker.free = attested_free;
    maker.admission.context = attested;
    maker.admission.begin = begin;
    maker.admission.bytes = take_bytes;
    maker.admission.end = end;
    maker.admission.admit = admit_stream;
    capsa_result made = capsa_net_tls_of_maker(&maker, ret_tls);
    if (capsa_failed(made)) {
        attested_free(attested);
    }
    return made;
}
