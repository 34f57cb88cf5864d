/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/links.h"

#include <errno.h>
#include <glib.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/list.h"
#include "link/key_pool.h"
#include "net/error_text.h"
#include "net/tls.h"
#include "session/log_ration.h"
#include "session/peer.h"

/* Which deadline runs. */
typedef enum Stage {
    STAGE_NONE,
    STAGE_TLS,
    STAGE_MESSAGE,
    STAGE_AUTH,
    STAGE_FLUSH,
} Stage;

/* One connection that is not a channel's yet. */
typedef struct Newcomer {
    ListNode node; /* Links.newcomers */
    Links *links;
    Stream *stream;
    Link *link;
    ChannelEvent *event;
    CoreTimer *deadline;
    Stage stage;
    PeerKey peer;
} Newcomer;

typedef struct Listener {
    ListNode node; /* Links.listeners */
    Links *links;
    int handle;
    bool is_ours;
    TlsContext *tls; /* NULL: plain */
    CoreWatch *watch;
} Listener;

struct Links {
    const Core *core;
    CoreLoop *loop;
    ChannelEventSink *events;
    LinksOwner owner;
    LinksLimits limits;
    KeyPool *keys;
    uint64_t now_ns; /* of this wakeup, for key_take */

    ListNode listeners;
    bool listening; /* what the listeners' watches are set to */
    CoreTimer
        *backoff; /* runs after an accept() that failed for want of something; made with the first listener */
    bool backing_off;

    ListNode newcomers; /* oldest first */
    uint32_t newcomers_len;

    LogRation infos, warnings;
};

/* ---- Logging: strangers decide how often, so it is rationed
 * ------------------------------------------------ */

static void links_log(Links *links, uint64_t now_ns, CoreLogLevel level, const char *who, const char *why)
{
    LogRation *ration = level == CORE_LOG_INFO ? &links->infos : &links->warnings;
    uint32_t suppressed;

    if (!log_ration_take(ration, now_ns, &suppressed)) {
        return;
    }
    if (suppressed > 0) {
        core_log(links->core, level, "%s: %s (%u more suppressed before this)", who, why, suppressed);
    } else {
        core_log(links->core, level, "%s: %s", who, why);
    }
}

/* ---- Counting ---------------------------------------------------------------------------------------------
 */

static uint32_t links_count_peer(const Links *links, const PeerKey *key)
{
    uint32_t count = 0;

    list_each(&links->newcomers, node)
    {
        const Newcomer *newcomer = list_entry(node, Newcomer, node);
        count += peer_key_equal(&newcomer->peer, key);
    }
    return count;
}

static bool links_are_full(const Links *links)
{
    return links->newcomers_len >= links->limits.unfinished_max;
}

/* Listeners are read only while there is room; the excess waits in their backlogs. */
static void links_update_listeners(Links *links)
{
    const bool listening = !links_are_full(links) && !links->backing_off;

    if (listening == links->listening) {
        return;
    }
    links->listening = listening;
    list_each(&links->listeners, node)
    {
        loop_watch_set(links->loop, list_entry(node, Listener, node)->watch, listening ? CORE_READ : 0);
    }
}

/* ---- One newcomer -----------------------------------------------------------------------------------------
 */

/* Its stream and event may have been taken by then. */
static void newcomer_free(Newcomer *newcomer)
{
    Links *links = newcomer->links;

    list_remove(&newcomer->node);
    links->newcomers_len--;
    loop_timer_free(links->loop, newcomer->deadline);
    stream_free(newcomer->stream);
    link_free(newcomer->link);
    channel_event_free(newcomer->event);
    g_free(newcomer);
    links_update_listeners(links);
}

static void newcomer_end(Newcomer *newcomer, uint64_t now_ns, CoreLogLevel level, const char *why)
{
    char who[PEER_TEXT_BYTES];

    links_log(newcomer->links, now_ns, level, peer_describe(newcomer->stream, who, sizeof who), why);
    newcomer_free(newcomer);
}

/* Closing a socket with unread bytes resets the connection, and the peer may never see why it was refused. */
static void newcomer_discard_input(Newcomer *newcomer)
{
    uint8_t buffer[LINK_INPUT_BYTES_MAX];
    int64_t n;

    for (size_t left = LINKS_DISCARD_BYTES_MAX; left > 0; left -= (size_t)n) {
        n = stream_read(newcomer->stream, buffer, MIN(left, sizeof buffer));
        if (n <= 0) {
            break;
        }
    }
}

static void newcomer_set_stage(Newcomer *newcomer, uint64_t now_ns)
{
    const LinksLimits *limits = &newcomer->links->limits;
    const LinkState state = link_state(newcomer->link);
    Stage stage = STAGE_AUTH;
    uint64_t allowed_ns = limits->auth_ns;

    if (state == LINK_FAILED) {
        stage = STAGE_FLUSH;
        allowed_ns = limits->flush_ns;
    } else if (stream_is_handshaking(newcomer->stream)) {
        stage = STAGE_TLS;
        allowed_ns = limits->tls_ns;
    } else if (state == LINK_HEADER || state == LINK_BODY) {
        stage = STAGE_MESSAGE;
        allowed_ns = limits->header_ns;
    }
    if (stage != newcomer->stage) {
        newcomer->stage = stage;
        loop_timer_start(newcomer->links->loop, newcomer->deadline, now_ns + allowed_ns);
    }
}

static void newcomer_on_deadline(void *opaque, uint64_t now_ns)
{
    static const char *const reasons[] = {
        [STAGE_NONE] = "",
        [STAGE_TLS] = "no TLS handshake in time",
        [STAGE_MESSAGE] = "no link message in time",
        [STAGE_AUTH] = "no ticket in time",
        [STAGE_FLUSH] = "", /* link_failure() says more */
    };
    Newcomer *newcomer = opaque;
    const char *failure = link_failure(newcomer->link);

    newcomer_end(newcomer, now_ns, CORE_LOG_WARNING,
                 newcomer->stage == STAGE_FLUSH ? failure : reasons[newcomer->stage]);
}

/* 0 or -E...; what does not fit waits for the next wakeup. */
static int newcomer_flush(Newcomer *newcomer)
{
    Span out;

    while ((out = link_output(newcomer->link)).len > 0) {
        const struct iovec iov = {(void *)out.data, out.len};
        const int64_t n = stream_writev(newcomer->stream, &iov, 1);

        if (n < 0) {
            return n == -EAGAIN ? 0 : (int)n;
        }
        link_sent(newcomer->link, (size_t)n);
    }
    return 0;
}

static void newcomer_on_stream(void *opaque, unsigned ready, uint64_t now_ns);

/* Offers an authenticated link to the session. False: the newcomer is gone, admitted or not. */
static bool newcomer_offer(Newcomer *newcomer, uint64_t now_ns)
{
    Links *links = newcomer->links;
    uint8_t output[LINK_OUTPUT_BYTES_MAX];
    WireOut out;

    loop_timer_stop(links->loop, newcomer->deadline);
    stream_detach(newcomer->stream);
    const Span unsent = link_output(newcomer->link);
    memcpy(output, unsent.data, unsent.len);
    wire_out_init(&out, output + unsent.len, sizeof output - unsent.len);
    wire_link_result_encode(&out, &(WireLinkResult){WIRE_LINK_ERR_OK});
    CHECK(!out.failed);

    const LinkOffer offer = {
        .request = link_request(newcomer->link),
        .skip_auth = link_skips_auth(newcomer->link),
        .stream = newcomer->stream,
        .event = newcomer->event,
        .output = span_of(output, unsent.len + out.len),
    };
    const uint32_t error = links->owner.admit(links->owner.opaque, &offer, now_ns);
    if (error == WIRE_LINK_ERR_OK) {
        newcomer->stream = NULL;
        newcomer->event = NULL;
        newcomer_free(newcomer);
        return false;
    }
    link_refuse(newcomer->link, error);
    if (!stream_attach(newcomer->stream, links->loop, newcomer_on_stream, newcomer)) {
        newcomer_end(newcomer, now_ns, CORE_LOG_WARNING, link_failure(newcomer->link));
        return false;
    }
    return true;
}

/* Moves bytes between stream and link until one of them has to wait. May free the newcomer. */
static void newcomer_run(Newcomer *newcomer, uint64_t now_ns)
{
    uint8_t buffer[LINK_INPUT_BYTES_MAX];

    newcomer->links->now_ns = now_ns;
    for (;;) {
        if (link_state(newcomer->link) == LINK_DECIDE && !newcomer_offer(newcomer, now_ns)) {
            return;
        }
        const bool failed = link_state(newcomer->link) == LINK_FAILED;
        const int written = newcomer_flush(newcomer), unsent = stream_unsent(newcomer->stream);
        if (written != 0 || (unsent != 0 && unsent != -EAGAIN)) {
            newcomer_end(newcomer, now_ns, failed ? CORE_LOG_WARNING : CORE_LOG_INFO,
                         failed ? link_failure(newcomer->link) : stream_error_text(newcomer->stream));
            return;
        }
        const bool waits = link_output(newcomer->link).len > 0 || unsent != 0;
        if (failed && !waits) {
            newcomer_discard_input(newcomer);
            newcomer_end(newcomer, now_ns, CORE_LOG_WARNING, link_failure(newcomer->link));
            return;
        }
        newcomer_set_stage(newcomer, now_ns);
        const size_t wants = link_wants(newcomer->link);
        if (wants == 0) {
            stream_want(newcomer->stream, waits ? CORE_WRITE : 0);
            return;
        }
        const int64_t n = stream_read(newcomer->stream, buffer, MIN(wants, sizeof buffer));
        if (n == -EAGAIN) {
            newcomer_set_stage(newcomer, now_ns); /* that read may have ended the TLS handshake */
            stream_want(newcomer->stream, CORE_READ | (waits ? CORE_WRITE : 0));
            return;
        }
        if (n <= 0) {
            newcomer_end(newcomer, now_ns, n == -EPROTO ? CORE_LOG_WARNING : CORE_LOG_INFO,
                         n == 0 ? "closed by the peer" : stream_error_text(newcomer->stream));
            return;
        }
        link_receive(newcomer->link, span_of(buffer, (size_t)n));
    }
}

static void newcomer_on_stream(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)ready; /* both directions are tried: either may unblock the other */
    newcomer_run(opaque, now_ns);
}

/* Takes a connection in. On failure the handle is as it was: adopting it comes last of what may fail. */
static Status newcomer_new(Links *links, int handle, TlsContext *tls, bool skip_auth, bool adopt,
                           uint64_t now_ns)
{
    const Core *core = links->core;
    Newcomer *newcomer = g_new0(Newcomer, 1);
    const char *why = NULL;
    Status status = STATUS_IO;

    newcomer->links = links;
    newcomer->stream = stream_new(core, handle);
    newcomer->peer = peer_key_of(newcomer->stream);
    stream_allow_websocket(newcomer->stream);
    if (newcomer->peer.len > 0 &&
        links_count_peer(links, &newcomer->peer) >= links->limits.unfinished_per_peer_max) {
        why = "this peer has too many unfinished links";
        status = STATUS_LIMIT;
    } else if (tls != NULL && stream_start_tls(newcomer->stream, tls) != STATUS_OK) {
        why = "cannot start TLS";
    } else if ((newcomer->deadline = loop_timer_new(links->loop, newcomer_on_deadline, newcomer)) == NULL ||
               !stream_attach(newcomer->stream, links->loop, newcomer_on_stream, newcomer)) {
        why = "no timer or no watch to be had";
    } else if (adopt && core->adopt(core, handle) != 0) {
        why = "not a usable socket";
    }
    if (why != NULL) {
        char who[PEER_TEXT_BYTES];

        links_log(links, now_ns, CORE_LOG_WARNING, peer_describe(newcomer->stream, who, sizeof who), why);
        loop_timer_free(links->loop, newcomer->deadline);
        stream_release(newcomer->stream);
        g_free(newcomer);
        return status;
    }
    core->tune(core, handle, CORE_TUNE_NODELAY, 1);
    core->tune(core, handle, CORE_TUNE_KEEPALIVE, LINKS_KEEPALIVE_S);
    newcomer->link = link_new(core, &links->owner.rules, tls != NULL, skip_auth);
    list_append(&links->newcomers, &newcomer->node);
    links->newcomers_len++;
    newcomer_set_stage(newcomer, now_ns);
    stream_want(newcomer->stream, CORE_READ);
    newcomer->event = channel_event_new(links->events, newcomer->stream);
    links_update_listeners(links);
    return STATUS_OK;
}

/* ---- Listeners --------------------------------------------------------------------------------------------
 */

static void links_on_backoff_over(void *opaque, uint64_t now_ns)
{
    Links *links = opaque;

    (void)now_ns;
    links->backing_off = false;
    links_update_listeners(links);
}

/* A connection that died in the backlog is reported by accept() too; it concerns nobody else. */
static bool is_one_connections_fault(int error)
{
    return error == -ECONNABORTED || error == -EPROTO;
}

static void listener_on_ready(void *opaque, unsigned ready, uint64_t now_ns)
{
    Listener *listener = opaque;
    Links *links = listener->links;
    const Core *core = links->core;

    (void)ready;
    for (int i = 0; i < LINKS_ACCEPTS_PER_WAKEUP && !links_are_full(links); i++) {
        const int handle = core->accept(core, listener->handle);

        if (handle >= 0) {
            if (newcomer_new(links, handle, listener->tls, false, false, now_ns) != STATUS_OK) {
                core->close(core, handle);
            }
        } else if (handle == -EAGAIN) {
            break;
        } else if (!is_one_connections_fault(handle)) {
            /* Out of descriptors or memory: the listener stays readable, and asking again at once would spin.
             */
            links_log(links, now_ns, CORE_LOG_WARNING, "cannot accept a connection", error_text(handle));
            links->backing_off = true;
            loop_timer_start(links->loop, links->backoff, now_ns + LINKS_ACCEPT_BACKOFF_NS);
            links_update_listeners(links);
            break;
        }
    }
}

static Status links_add_listener(Links *links, int handle, bool is_ours, TlsContext *tls)
{
    Listener *listener = g_new0(Listener, 1);

    listener->links = links;
    listener->handle = handle;
    listener->is_ours = is_ours;
    if (links->backoff == NULL) {
        links->backoff = loop_timer_new(links->loop, links_on_backoff_over, links);
    }
    if (links->backoff != NULL) {
        listener->watch = loop_watch_new(links->loop, handle, links->listening ? CORE_READ : 0,
                                         listener_on_ready, listener);
    }
    if (listener->watch == NULL) {
        core_log(links->core, CORE_LOG_WARNING, "cannot listen: no timer or no watch to be had");
        g_free(listener);
        return STATUS_IO;
    }
    listener->tls = tls != NULL ? tls_context_ref(tls) : NULL;
    list_append(&links->listeners, &listener->node);
    return STATUS_OK;
}

static void listener_free(Listener *listener)
{
    Links *links = listener->links;

    list_remove(&listener->node);
    loop_watch_free(links->loop, listener->watch);
    tls_context_unref(listener->tls);
    if (listener->is_ours) {
        links->core->close(links->core, listener->handle);
    }
    g_free(listener);
}

/* ---- The whole --------------------------------------------------------------------------------------------
 */

static TicketKey *links_take_key(void *opaque)
{
    Links *links = opaque;

    return key_pool_take(links->keys, links->now_ns);
}

static void links_on_key(void *opaque, bool failed)
{
    Links *links = opaque;
    const uint64_t now_ns = links->core->now_ns(links->core);

    links->now_ns = now_ns;
    list_each_removable(&links->newcomers, node)
    {
        Newcomer *newcomer = list_entry(node, Newcomer, node);

        if (link_state(newcomer->link) != LINK_KEY_WAIT) {
            continue;
        }
        if (failed) {
            link_key_failed(newcomer->link);
        } else {
            link_key_ready(newcomer->link);
        }
        newcomer_run(newcomer, now_ns);
    }
}

Links *links_new(const Core *core, CoreLoop *main_loop, Crypto *crypto, ChannelEventSink *events,
                 const LinksOwner *owner)
{
    Links *links = g_new0(Links, 1);

    links->core = core;
    links->loop = main_loop;
    links->events = events;
    links->owner = *owner;
    links->keys = key_pool_new(core, main_loop, crypto, links_on_key, links);
    links->owner.rules.key_take = links_take_key;
    links->owner.rules.key_opaque = links;
    links->limits = (LinksLimits){
        .unfinished_max = LINKS_UNFINISHED_MAX,
        .unfinished_per_peer_max = LINKS_UNFINISHED_PER_PEER_MAX,
        .tls_ns = LINK_TLS_NS,
        .header_ns = LINK_HEADER_NS,
        .auth_ns = LINK_AUTH_NS,
        .flush_ns = LINK_FLUSH_NS,
    };
    list_init(&links->listeners);
    list_init(&links->newcomers);
    links->listening = true;
    return links;
}

void links_free(Links *links)
{
    if (links == NULL) {
        return;
    }
    while (!list_is_empty(&links->listeners)) {
        listener_free(list_first(&links->listeners, Listener, node));
    }
    while (!list_is_empty(&links->newcomers)) {
        newcomer_free(list_first(&links->newcomers, Newcomer, node));
    }
    loop_timer_free(links->loop, links->backoff);
    key_pool_free(links->keys);
    g_free(links);
}

void links_set_limits(Links *links, const LinksLimits *limits)
{
    links->limits = *limits;
    links_update_listeners(links);
}

Status links_listen(Links *links, const CoreListen *where, TlsContext *tls)
{
    const Core *core = links->core;
    const int handle = core->listen(core, where);

    if (handle < 0) {
        const char *address = where->address != NULL ? where->address : "";
        if (where->family == AF_UNIX) {
            core_log(core, CORE_LOG_WARNING, "cannot listen at the unix socket \"%s\": %s", address,
                     error_text(handle));
        } else {
            core_log(core, CORE_LOG_WARNING, "cannot listen at %s%s%s, port %d: %s",
                     address[0] != '\0' ? "\"" : "", address[0] != '\0' ? address : "any address",
                     address[0] != '\0' ? "\"" : "", where->port, error_text(handle));
        }
        return STATUS_IO;
    }
    const Status status = links_add_listener(links, handle, true, tls);
    if (status != STATUS_OK) {
        core->close(core, handle);
    }
    return status;
}

Status links_listen_handle(Links *links, int handle)
{
    CoreAddress local;
    CoreAddress peer;
    int error = links->core->addresses(links->core, handle, &local, &peer); /* what is no socket has none */

    if (error == 0) {
        error = links->core->adopt(links->core, handle);
    }
    if (error != 0) {
        core_log(links->core, CORE_LOG_WARNING, "cannot listen on descriptor %d: %s", handle,
                 error_text(error));
        return STATUS_IO;
    }
    return links_add_listener(links, handle, false, NULL);
}

Status links_add(Links *links, int handle, TlsContext *tls, bool skip_auth)
{
    const Core *core = links->core;
    const uint64_t now_ns = core->now_ns(core);
    CoreAddress local;
    CoreAddress peer;

    const int error = core->addresses(core, handle, &local, &peer);
    if (error != 0) {
        links_log(links, now_ns, CORE_LOG_WARNING, "cannot adopt a connection", error_text(error));
        return STATUS_IO;
    }
    if (links_are_full(links)) {
        links_log(links, now_ns, CORE_LOG_WARNING, "cannot adopt a connection", "too many unfinished links");
        return STATUS_LIMIT;
    }
    return newcomer_new(links, handle, tls, skip_auth, true, now_ns);
}
