/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake_client.h: a strict SPICE client, as an engine without I/O.
 *
 * A FakeClient is one remote user: the main channel's connection and, once that told the session id,
 * connections to other channels. Each FakeConnection takes the server's bytes and the time, and gives bytes
 * and its next deadline; the caller moves them: a program over sockets, the simulator, a unit test. It
 * answers what a client must answer (link, ticket, ACK, PONG, display INIT, ...), keeps a model of what the
 * server told, and writes down everything in which the server broke the protocol.
 *
 * Ownership    a FakeClient owns its connections until fake_connection_free() or fake_client_free().
 * Thread       one at a time; no state outside the FakeClient.
 * Time         ns of any monotonic clock; 0 is no special time.
 * Errors       what the server did wrong is a violation, never a crash; after one that leaves the stream
 *              unreadable, the connection is FAILED.
 * Source       reference/wire-protocol.md sections 1-3 and 7. The layout of messages comes from wire/, which
 *              the server shares: only other servers and clients can prove that one.
 */
#pragma once

#include <stdbool.h>

#include "wire/wire.h"

typedef struct FakeClient FakeClient;
typedef struct FakeConnection FakeConnection;
struct ossl_lib_ctx_st;

/* ---- Violations ---- */

/* 1 to 14 are the rows of reference/wire-protocol.md section 7. */
typedef enum FakeRule {
    FAKE_RULE_LINK_REPLY = 1,
    FAKE_RULE_PUBLIC_KEY = 2,
    FAKE_RULE_LINK_RESULT = 3, /* one u32, nothing before it */
    FAKE_RULE_SERIALS = 4,
    FAKE_RULE_MAIN_ORDER = 5, /* INIT first, CHANNELS_LIST only when asked for */
    FAKE_RULE_ACK_WINDOW = 6, /* SET_ACK first; at most 2 windows and 2 messages ahead */
    FAKE_RULE_POINTERS = 7,   /* pointers lie where the protocol's writer puts them */
    FAKE_RULE_CAPABILITIES = 8,
    FAKE_RULE_DRAWING = 9, /* surfaces that exist, areas inside them */
    FAKE_RULE_PIXMAP_CACHE = 10,
    FAKE_RULE_CURSOR_PALETTE_CACHE = 11,
    FAKE_RULE_GLZ = 12,
    FAKE_RULE_MOTION_ACK = 13,
    FAKE_RULE_AGENT = 14,
    /* What that list takes for granted. */
    FAKE_RULE_DECODE = 16,    /* a message of the channel, that decodes, as long as its fields say */
    FAKE_RULE_VALUES = 17,    /* enumerations and flags that the protocol names; sizes that fit the type */
    FAKE_RULE_IN_TIME = 18,   /* the link is answered, CHANNELS_LIST follows ATTACH_CHANNELS */
    FAKE_RULE_ORDER = 19,     /* first things first, nothing after the end, streams that exist */
    FAKE_RULE_PICTURE = 20,   /* what is drawn can be drawn: images decode, caches have them */
    FAKE_RULE_MEMORY = 21,    /* nothing is shown of memory that the guest had back (`poison`) */
    FAKE_RULE_WEBSOCKET = 22, /* RFC 6455: accepted, unmasked binary frames, pongs for pings */
} FakeRule;

typedef struct FakeViolation {
    FakeRule rule;
    uint8_t channel, channel_id;
    uint64_t serial; /* of the message; 0: the link */
    char text[160];
} FakeViolation;

#define FAKE_VIOLATIONS_MAX 64u /* kept; more are only counted */

/* ---- A client, and how it behaves ---- */

/* Wrong link messages; what the server must answer stands behind. */
typedef enum FakeLinkLie {
    FAKE_LINK_HONEST,
    FAKE_LINK_MAGIC,       /* error 2 */
    FAKE_LINK_MAJOR,       /* error 4 */
    FAKE_LINK_SIZE_SMALL,  /* error 3 */
    FAKE_LINK_SIZE_HUGE,   /* error 3 */
    FAKE_LINK_CAPS_OFFSET, /* error 3 */
    FAKE_LINK_CAPS_COUNT,  /* error 3 */
    FAKE_LINK_CHANNEL,     /* closed without an answer */
    FAKE_LINK_SESSION,     /* error 8, after the ticket */
    FAKE_LINK_MECHANISM,   /* error 3, after the reply */
    FAKE_LINK_TICKET,      /* 128 bytes that are no ticket: error 7, unless no ticket is asked for */
    FAKE_LINK_SILENT,      /* nothing is sent */
    FAKE_LINK_HALF,        /* half of the link message, then nothing */
    FAKE_LINK_LIES,
} FakeLinkLie;

typedef enum FakeState {
    FAKE_STATE_REPLY_HEADER, /* link message sent */
    FAKE_STATE_REPLY,
    FAKE_STATE_RESULT, /* ticket sent */
    FAKE_STATE_OPEN,
    FAKE_STATE_REFUSED, /* the server said no: fake_connection_link_error() */
    FAKE_STATE_FAILED,  /* a violation made the stream unreadable */
    FAKE_STATE_LEFT,    /* by our own behaviour */
    FAKE_STATE_CLOSED,  /* the transport ended */
} FakeState;

typedef struct FakeBehaviour {
    FakeLinkLie link_lie;
    bool cheap_ticket; /* 128 zero bytes instead of RSA; good where the server asks for no ticket */
    bool never_ack;    /* neither ACK_SYNC nor ACK */
    bool never_pong;
    bool skip_display_init;
    bool motion_flood;           /* do not wait for MOUSE_MOTION_ACK */
    bool no_attach;              /* never ask for the channels */
    FakeState leave_at;          /* leave on reaching this state; FAKE_STATE_REPLY_HEADER (0): never */
    uint64_t leave_after;        /* messages received in OPEN; 0: never */
    uint64_t stop_reading_after; /* messages received in OPEN; 0: never */
} FakeBehaviour;

typedef struct FakeClientConfig {
    const char *password; /* NULL: the empty one */
    bool full_header;
    /* Tolerate what the existing server is known for: sub-messages with too large a size; large PINGs; a second cursor
     * INIT when a primary surface comes after the client, and none between RESET and the guest's next
     * cursor. */
    bool stock_server;
    uint32_t websocket; /* by WebSocket; the number says how frames are cut and masked. 0: no frames */
    bool client_mouse;  /* ask for it when it is supported */
    uint32_t main_caps, display_caps, inputs_caps, playback_caps, record_caps,
        vmc_caps; /* announced, one word each */
    uint8_t pixmap_cache_id, glz_dictionary_id;
    int64_t pixmap_cache_pixels;
    int32_t glz_window_pixels;
    uint8_t compression; /* what displays prefer, SPICE_IMAGE_COMPRESSION_*; 0: they do not say */
    bool no_pictures;    /* do not render what is drawn, which costs time and memory */
    uint8_t poison; /* what the guest's memory is full of when it is nobody's; 0: nothing is known of it */
    uint64_t answer_ns; /* how long an answer may take; 0: 10 s */
    FakeBehaviour behaviour;
    /* For the ticket. NULL: one of its own is made when it is first needed. */
    struct ossl_lib_ctx_st *crypto;
    /* Each message of the server, after it was checked; sub-messages too. May be NULL. */
    void (*on_message)(void *opaque, FakeConnection *connection, uint64_t serial, const WireMsg *message,
                       Span body);
    /* Each message of its own, when it is put into the output. May be NULL. */
    void (*on_sent)(void *opaque, FakeConnection *connection, uint64_t serial, const WireMsgc *message);
    void *opaque;
} FakeClientConfig;

/* What a complete client of today announces and wants: every capability but those that need a GPU. */
FakeClientConfig fake_client_config_default(void);

FakeClient *fake_client_new(const FakeClientConfig *config); /* NULL: no memory */
void fake_client_free(FakeClient *client);                   /* NULL is allowed */

/* Behaviour of connections made from now on. */
void fake_client_behave(FakeClient *client, const FakeBehaviour *behaviour);

/* Number of violations; the first FAKE_VIOLATIONS_MAX of them in *ret_first (may be NULL). */
size_t fake_client_violations(const FakeClient *client, const FakeViolation **ret_first);
const char *fake_rule_text(FakeRule rule);

/* When nothing is under way any more: checks what holds only then (motion acks, cache entries and serials
 * that were waited for). */
void fake_client_check_quiet(FakeClient *client);

/* ---- What main told ---- */

typedef struct FakeMainModel {
    uint32_t session_id; /* 0: no INIT yet */
    uint32_t supported_mouse_modes, current_mouse_mode;
    uint32_t display_channels_hint;
    bool agent_connected;
    uint32_t agent_tokens;
    uint32_t multi_media_time;
    bool has_list; /* CHANNELS_LIST came */
    WireChannelId channels[64];
    size_t channels_len;
    char name[64]; /* "": none */
    bool has_uuid;
    uint8_t uuid[16];
    uint32_t notifies;
} FakeMainModel;

const FakeMainModel *fake_client_main(const FakeClient *client);
bool fake_client_offers(const FakeClient *client, uint8_t channel, uint8_t channel_id);

/* ---- Connections ---- */

/* The first one must be main 0; others use its session id. Two to the same channel are two connections. NULL:
 * no memory. */
FakeConnection *fake_client_connect(FakeClient *client, uint8_t channel, uint8_t channel_id, uint64_t now_ns);
void fake_connection_free(FakeConnection *connection);

void fake_connection_receive(FakeConnection *connection, Span bytes, uint64_t now_ns);
/* What waits to be sent; valid until the next call. */
Span fake_connection_output(FakeConnection *connection);
void fake_connection_sent(FakeConnection *connection, size_t bytes);
/* False: the caller leaves the server's bytes where they are. */
bool fake_connection_wants_read(const FakeConnection *connection);
/* The transport is to be closed now. */
bool fake_connection_wants_close(const FakeConnection *connection);
/* The transport ended, whoever did it. */
void fake_connection_closed(FakeConnection *connection, uint64_t now_ns);
/* UINT64_MAX: none. */
uint64_t fake_connection_deadline_ns(const FakeConnection *connection);
void fake_connection_expire(FakeConnection *connection, uint64_t now_ns);

FakeState fake_connection_state(const FakeConnection *connection);
const char *fake_state_name(FakeState state);
uint32_t fake_connection_link_error(const FakeConnection *connection); /* of the reply or the result */
uint8_t fake_connection_channel(const FakeConnection *connection);
uint8_t fake_connection_channel_id(const FakeConnection *connection);
bool fake_connection_is_mini(const FakeConnection *connection);
/* Did the server announce this capability of the channel? */
bool fake_connection_server_has(const FakeConnection *connection, unsigned cap);
uint64_t fake_connection_messages(const FakeConnection *connection); /* received */
/* The type of the message of which the type was received, and not all of the rest; 0: none. */
uint16_t fake_connection_inside(const FakeConnection *connection);

/* Sends a message, whatever it is, in state OPEN. Motion and position are counted. */
void fake_connection_send(FakeConnection *connection, const WireMsgc *message);
/* Bytes as they are, in any state. */
void fake_connection_send_raw(FakeConnection *connection, Span bytes);

/* ---- Inputs ---- */

typedef struct FakeInputsModel {
    bool has_init;
    uint16_t modifiers;
    uint64_t motions; /* MOTION and POSITION messages sent */
    uint64_t acks;    /* MOUSE_MOTION_ACK received */
} FakeInputsModel;

const FakeInputsModel *fake_connection_inputs(const FakeConnection *connection);
/* One KEY_DOWN or KEY_UP with up to 4 scan code bytes, first byte lowest. */
void fake_inputs_key(FakeConnection *connection, bool down, uint32_t code);
void fake_inputs_scancode(FakeConnection *connection, Span bytes);
void fake_inputs_modifiers(FakeConnection *connection, uint16_t modifiers);
/* While 8 are not acknowledged, motions are added up and positions replaced, as real clients do. */
void fake_inputs_motion(FakeConnection *connection, int32_t dx, int32_t dy, uint16_t buttons);
void fake_inputs_position(FakeConnection *connection, uint32_t x, uint32_t y, uint16_t buttons,
                          uint8_t display);
void fake_inputs_button(FakeConnection *connection, bool press, uint8_t button, uint16_t buttons);

/* ---- Cursor ---- */

typedef struct FakeCursorModel {
    bool has_init;
    bool visible;
    bool has_shape;
    WirePoint16 position;
    uint16_t trail_length, trail_frequency;
    WireCursorHeader shape;
    uint64_t shape_hash; /* FNV-1a of its pixels */
    size_t cached;       /* entries */
} FakeCursorModel;

const FakeCursorModel *fake_connection_cursor(const FakeConnection *connection);
uint64_t fake_hash(Span bytes);

/* ---- Display ---- */

#define FAKE_SURFACES_MAX 1025u /* those of guests, and one that a server makes for a first picture */
#define FAKE_HEADS_MAX 64u

typedef struct FakeSurface {
    bool exists;
    uint32_t width, height, format, flags;
} FakeSurface;

typedef struct FakeDisplayModel {
    FakeSurface surfaces[FAKE_SURFACES_MAX];
    bool marked; /* since surface 0 was created */
    uint16_t heads_len, heads_max;
    WireHead heads[FAKE_HEADS_MAX];
    uint64_t draws;
    uint64_t streams; /* bit per living stream */
} FakeDisplayModel;

const FakeDisplayModel *fake_connection_display(const FakeConnection *connection);

/* A surface as this client shows it: pixels in the surface's own format (WIRE_SURFACE_FMT_*), one to a number, top line
 * first, valid until the connection gets more. False: there is no such surface, or `no_pictures`. */
typedef struct FakePicture {
    uint32_t width, height, format;
    const uint32_t *pixels;
} FakePicture;

bool fake_connection_picture(const FakeConnection *connection, uint32_t surface_id, FakePicture *ret);
/* What the server is asked to send images as from now on, SPICE_IMAGE_COMPRESSION_*. */
void fake_display_prefer(FakeConnection *connection, uint8_t compression);
/* 0xRRGGBB of a pixel of a picture. */
uint32_t fake_picture_color(const FakePicture *picture, uint32_t x, uint32_t y);
