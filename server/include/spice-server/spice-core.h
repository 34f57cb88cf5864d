/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-core.h: what every interface begins with, and the services that a host lends to the server.
 *
 * An interface is a constant table of callbacks that starts with a SpiceBaseInterface; an instance is one
 * object behind it and starts with a SpiceBaseInstance. `type` selects the kind, the version says which
 * members the host knows of: a major version other than the one defined here is refused, and so is a minor
 * version above it (but not of the core interface, where hosts have always been free to be newer); of a lower
 * minor version the members that came later are not touched.
 */
#ifndef SPICE_CORE_H_
#define SPICE_CORE_H_

#if !defined(SPICE_H_INSIDE) && !defined(SPICE_SERVER_INTERNAL)
#error "Include <spice.h> instead of this file."
#endif

#include <stdint.h>
#include <sys/socket.h>

#include <spice/qxl_dev.h>
#include <spice/vd_agent.h>
#include <spice/macros.h>

/* The library itself fills and defines what hosts should no longer use. */
#ifdef SPICE_SERVER_INTERNAL
#undef SPICE_GNUC_DEPRECATED
#define SPICE_GNUC_DEPRECATED
#endif

typedef struct SpiceBaseInterface SpiceBaseInterface;
typedef struct SpiceBaseInstance SpiceBaseInstance;

struct SpiceBaseInterface {
    const char *type;        /* one of the SPICE_INTERFACE_<KIND> strings */
    const char *description; /* for logs only */
    uint32_t major_version;
    uint32_t minor_version;
};

struct SpiceBaseInstance {
    const SpiceBaseInterface *sif;
};

/* ---- the core interface ---- */

#define SPICE_INTERFACE_CORE "core"
#define SPICE_INTERFACE_CORE_MAJOR 1
#define SPICE_INTERFACE_CORE_MINOR 3
typedef struct SpiceCoreInterface SpiceCoreInterface;

/* Bits of a watch's mask and of the `event` its function is given. */
#define SPICE_WATCH_EVENT_READ (1 << 0)
#define SPICE_WATCH_EVENT_WRITE (1 << 1)

/* The life of one connection, in this order. INITIALIZED is left out when the client never got past the link
 * phase; DISCONNECTED always comes. */
#define SPICE_CHANNEL_EVENT_CONNECTED 1
#define SPICE_CHANNEL_EVENT_INITIALIZED 2
#define SPICE_CHANNEL_EVENT_DISCONNECTED 3

/* Bits of SpiceChannelEventInfo.flags. */
#define SPICE_CHANNEL_EVENT_FLAG_TLS (1 << 0)      /* encrypted; not yet known at CONNECTED */
#define SPICE_CHANNEL_EVENT_FLAG_ADDR_EXT (1 << 1) /* the *_ext members are filled */

typedef struct SpiceWatch SpiceWatch;
typedef void (*SpiceWatchFunc)(int fd, int event, void *opaque);

typedef struct SpiceTimer SpiceTimer;
typedef void (*SpiceTimerFunc)(void *opaque);

/* One connection, as told to the host. The library owns it; the same object is passed for all events of one
 * connection and is gone when the call with DISCONNECTED returns. */
typedef struct SpiceChannelEventInfo {
    int connection_id; /* of the client, equal in all its channels; 0 until INITIALIZED */
    int type;          /* SPICE_CHANNEL_*; 0 until INITIALIZED */
    int id;            /* of the channel within its type */
    int flags;
    struct sockaddr laddr SPICE_GNUC_DEPRECATED; /* first 16 bytes of laddr_ext */
    struct sockaddr paddr SPICE_GNUC_DEPRECATED;
    socklen_t llen SPICE_GNUC_DEPRECATED;
    socklen_t plen SPICE_GNUC_DEPRECATED;
    struct sockaddr_storage laddr_ext; /* our end */
    struct sockaddr_storage paddr_ext; /* the client's end; unnamed for unix sockets */
    socklen_t llen_ext, plen_ext;
} SpiceChannelEventInfo;

/* The host's event loop. All members are called in M, and their functions must be called back in M. Every
 * member but channel_event must be set. What timer_add() and watch_add() return belongs to the host and is
 * given back with timer_remove() or watch_remove(), which may happen inside the object's own function; after
 * that call the function must not run again. */
struct SpiceCoreInterface {
    SpiceBaseInterface base;

    SpiceTimer *(*timer_add)(SpiceTimerFunc func, void *opaque); /* one shot, not running yet */
    void (*timer_start)(SpiceTimer *timer, uint32_t ms);         /* from now, anew if it runs; may be 0 */
    void (*timer_cancel)(SpiceTimer *timer);                     /* may not be running */
    void (*timer_remove)(SpiceTimer *timer);

    /* Level triggered: the function runs as long as the condition holds. At most one watch per descriptor. */
    SpiceWatch *(*watch_add)(int fd, int event_mask, SpiceWatchFunc func, void *opaque);
    void (*watch_update_mask)(SpiceWatch *watch, int event_mask); /* 0 pauses the watch */
    void (*watch_remove)(SpiceWatch *watch);

    /* `event` is SPICE_CHANNEL_EVENT_*. May be NULL. The host may call back into the library from here. */
    void (*channel_event)(int event, SpiceChannelEventInfo *info);
};

#endif
