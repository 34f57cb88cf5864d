/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* display_client.h: what one client of the display channel has been told, what waits for it, and what it is owed.
 *
 * Each surface has two generations here: `told`, by what was handed to the stream, and `known`, by what waits in the pipe
 * besides. Drawables are queued for surfaces that will be known by then.
 *
 * What a client is not sent as a drawable it gets as pixels: the damage of a surface. Damage is sent when the pipe is
 * empty, so the canvas, as it is then, holds nothing that is still to be sent. That works because of what happens when a
 * drawable comes: one that touches damage, or takes pixels from it, becomes damage itself. An opaque one that covers
 * damage takes its place.
 *
 * So does a drawing whose message, if nothing were coded, would be more than the client's link carries in a short time; damage is
 * sent in bands of that size. What it says counts, and not its box: a fill stays a fill. Each client has its own link.
 * Copies side by side are sent as one (merge.h), if all of them may lose something or none.
 *
 * What was sent lossily is remembered (lossy.h), and sent once more without loss when nothing else is to be sent.
 *
 * Large bands that take long to code are coded by threads (encode/coding_pool.h) from a copy of their pixels, a few ahead, and
 * sent when they are ready, if the pipe is empty then. Until then they are treated as damage is: a drawable that touches one, or
 * reads it, becomes damage, and so is sent later; an opaque one that covers it takes its place.
 *
 * The first drawing on a primary is all that it showed when the client was told of it: some clients take a picture of the screen
 * when they hear of the first change. Where that is too much for one message, or is coded by threads, its bands go to a surface
 * that only this client has, the stage, which the guest has no id for. When all of it is there the primary is created, takes its
 * pixels from the stage in one copy, and the stage goes. What is drawn until then becomes damage of the primary.
 *
 * Over budget, all that waits becomes damage: the squash. What was told is then compared with what there is, and the
 * difference queued anew; so what waits is bounded, whatever the guest does while the client does not read.
 *
 * What a client was told to draw, and the canvas found to be too much work, or no picture at all, becomes damage; so does what
 * others made of that.
 *
 * Ownership  part of the RedChannelClient.
 * Thread     the channel's home.
 * Errors     a client that there is no memory for is closed.
 * Source     DESIGN section 7: Commit, Budgets, Order.
 */
#pragma once

#include "display/drawable.h"
#include "display/encode/coding_pool.h"
#include "display/encode/draw_encoder.h"
#include "session/channel_client.h"

#define DISPLAY_DRAWABLES_MAX 1000u             /* drawables in a pipe */
#define DISPLAY_DRAWABLES_BYTES_MAX (32u << 20) /* bytes of memory that these keep */
#define DISPLAY_CHANGES_MAX                                                                                  \
    900u /* other items: with a squash's own (2 for each surface) and the drawables they fit a pipe */
#define DISPLAY_DAMAGE_RECTS_MAX 32            /* rectangles of a surface; more become the one around them */
#define DISPLAY_BAND_BYTES (1u << 20)          /* bytes of pixels in a message of damage */
#define DISPLAY_THREAD_BAND_BYTES (512u << 10) /* the same, where threads code it: a millisecond of QUIC */
#define DISPLAY_THREADS_BYTES_MIN                                                                            \
    (2 * DISPLAY_BAND_BYTES) /* bytes of pixels of a picture that is worth more than one thread */
#define DISPLAY_DAMAGE_WAITS_NS                                                                              \
    UINT64_C(1000000000) /* then it is pixels for all, until the client has them */
#define DISPLAY_IMAGE_BYTES_MAX                                                                              \
    (64u << 20) /* bytes of pixels sent at once with a new surface: a screen of 4096 x 2160 and more */

typedef struct DisplayChannel DisplayChannel;

/* lossy.h */
typedef struct DisplayLossy {
    bool on; /* drawables from this number on may lose */
    uint64_t from;
    uint64_t newest;   /* number of the latest drawable that was queued */
    bool any;          /* some surface may have lossy pixels */
    uint64_t quiet_ns; /* when they may be sent again */
    uint64_t late_ns;  /* when some are, although something is drawn; 0: not while nothing is lossy */
    uint32_t band_id;  /* the surface of the latest band, */
    int32_t band_y;    /* and where in it the next one begins */
    CoreTimer *timer;
} DisplayLossy;

typedef struct ClientSurface {
    uint64_t told, known;            /* generations; 0: none */
    pixman_region32_t damage, lossy; /* of `known`, when the pipe is empty */
} ClientSurface;

/* An area of a surface that a thread codes, or has coded. It is neither damage nor told. */
typedef struct ClientBand {
    uint32_t surface_id;
    uint64_t generation;
    pixman_box32_t box;
    SharedCoding *coding; /* referenced */
} ClientBand;

#define DISPLAY_BANDS_MAX (CODING_THREADS_MAX * CODING_AHEAD_EACH) /* bands of a client */

/* A state that has a counter, of which the client was told some value. */
typedef struct ClientState {
    uint64_t told, known;
} ClientState;

typedef struct DisplayClient {
    RedChannelClient base;
    DisplayChannel *display;
    bool said_init;
    CoreTimer *init_timer;
    DrawEncoder *encoder; /* from INIT on */
    uint64_t glz_pixels;  /* of the client's GLZ window, as INIT said, whose ever it is */
    Drawable *encoding;
    ClientSurface *surfaces;
    uint32_t surfaces_len;
    ClientBand bands[DISPLAY_BANDS_MAX]; /* in the order in which they were begun */
    uint32_t bands_len;
    bool damaged;      /* some surface may be, or bands are under way */
    bool is_behind;    /* what is drawn becomes damage, until there is none */
    uint64_t waits_ns; /* since when damage has been waiting for the pipe; 0: it has not */
    uint32_t band_id;  /* the surface of the latest band, */
    int32_t band_y;    /* and where in it the next one begins */
    bool first_due;    /* what the primary showed when it became known goes to the stage; MARK waits for it */
    pixman_region32_t first; /* of that, what was not sent and is not under way; all of it is damage */
    bool staged;             /* it was told of the stage, and not of the primary */
    bool unsettled;          /* what follows from the table is not queued yet */
    uint32_t drawables;      /* in the pipe */
    uint64_t bytes;          /* of those */
    uint32_t changes;        /* other items in the pipe, but for those of the last squash */
    ClientState palettes, images, monitors, marked;
    DisplayLossy lossy;
} DisplayClient;

static inline DisplayClient *display_client_of(RedChannelClient *rcc)
{
    return list_entry(rcc, DisplayClient, base);
}

void display_client_init(DisplayClient *client, DisplayChannel *display, uint32_t surfaces);
void display_client_finish(DisplayClient *client);
/* It said INIT: from now on it is told things. */
Status display_client_begin(DisplayClient *client, const WireMsgcDisplayInit *init);

/* For RedChannelOps. */
void display_client_take_dictionary(RedChannelClient *rcc);
/* It ends: where the next owner of the client's GLZ dictionary goes on, if it is this one. */
void display_client_return_dictionary(DisplayClient *client);

/* Surfaces, monitors or caches have changed: queues what it is to be told. */
void display_client_settle(DisplayClient *client);
void display_client_draw(DisplayClient *client, Drawable *drawable);
/* The canvas does not show what the drawable says. `drawables` has it, and those that came later. Returns what
 * that took: steps (canvas.h). */
uint32_t display_client_failed(DisplayClient *client, const Drawable *drawable, const ListNode *drawables);
/* Drops all that waits. */
void display_client_squash(DisplayClient *client);
/* An item that is no drawable leaves the pipe. */
static inline void display_client_changed(DisplayClient *client)
{
    client->changes -= client->changes > 0;
}

/* The first part of the box, whole lines if 16 of them are not too many, whose pixels are no more than so many bytes (at least 4). */
pixman_box32_t display_band(const pixman_box32_t *box, uint32_t bytes);
/* Of the items that drawables are. */
extern const PipeItemType display_drawable_type;
/* For RedChannelOps. */
bool display_client_commit_idle(RedChannelClient *rcc, uint64_t now_ns);
