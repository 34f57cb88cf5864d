/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limits.h: what strangers and guests may use of the host before anybody knows them, each with its unit and its reason: the
 * bounds that somebody who runs a server might want to change. Those of links can be set, links_set_limits().
 *
 * A bound that belongs to how one module works (a cache's size, a queue's, a turn's length) stands in that module, with its
 * reason. Sizes that the protocol itself fixes are in the wire description.
 */
#pragma once

#include <stdint.h>

/* ---- Links: connections that are not yet a channel's (session/links.h) ---- */
#define LINKS_UNFINISHED_MAX                                                                                 \
    512u /* links; a client opens about 12 at once, 40 clients may arrive together  \
                                   */
#define LINKS_UNFINISHED_PER_PEER_MAX                                                                        \
    256u                            /* links; half of all: a proxy brings everybody from one address  \
                                            */
#define LINKS_ACCEPTS_PER_WAKEUP 16 /* connections; then the main loop's other work has its turn */
#define LINKS_ACCEPT_BACKOFF_NS                                                                              \
    UINT64_C(100000000)       /* ns; descriptors come back when connections end, not sooner */
#define LINKS_KEEPALIVE_S 600 /* s; the time that the existing server sets */
#define LINKS_DISCARD_BYTES_MAX                                                                              \
    16384u                  /* bytes read and dropped so that a refusal is not overtaken by a reset */
#define LINKS_LOG_BURST 32u /* lines; one client that goes wrong with all its channels */
#define LINKS_LOG_REFILL_NS                                                                                  \
    UINT64_C(1000000000)                  /* ns per further line; strangers must not fill the host's disk */
#define LINK_TLS_NS UINT64_C(10000000000) /* ns; a TLS handshake takes 2 round trips */
#define LINK_HEADER_NS UINT64_C(10000000000) /* ns; the client sends its link message at once */
#define LINK_AUTH_NS                                                                                         \
    UINT64_C(30000000000) /* ns; programs ask nobody here, but slow machines encrypt slowly */
#define LINK_FLUSH_NS UINT64_C(5000000000) /* ns; the last bytes of a refusal */

/* ---- Ticket keys (link/key_pool.h) ---- */
#define TICKET_KEY_LINKS_MAX 256u               /* links per key; making one costs 7 ms of CPU */
#define TICKET_KEY_AGE_NS UINT64_C(60000000000) /* ns from first use; a stolen key is worth little */

/* ---- TLS files ---- */
#define TLS_FILE_BYTES_MAX (1024u * 1024u) /* bytes; a CA bundle is 250 KB */

/* ---- The guest's drawables (qxl/drawable.h) ---- */
#define QXL_DRAWABLE_BYTES_MAX (16u * 1024u * 1024u) /* bytes of ours per drawable, pixels aside */
#define QXL_DATA_CHUNKS_MAX 131072u        /* chunks per chain; 512 MiB of pixels in pages of 4 KiB */
#define QXL_CLIP_RECTS_MAX 65536u          /* rectangles; a region of every other pixel of a 512 x 256 box */
#define QXL_PATH_BYTES_MAX (1024u * 1024u) /* bytes; 131000 points */
#define QXL_STRING_BYTES_MAX (4u * 1024u * 1024u) /* bytes; 400 glyphs of 100 x 100 pixels with 8 bits */

/* ---- Surfaces whose memory was taken away (display/surfaces.h) ---- */
#define SURFACES_OWN_BYTES_MAX                                                                               \
    ((size_t)512 * 1024 * 1024) /* bytes of ours per device; a device's whole video memory is mostly less */
