/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* internal.h: what the files of the fake client share.
 *
 *   client.c      the user: connections, violations, main's model
 *   link.c        the handshake        ticket.c   its cryptography
 *   websocket.c   frames around it all
 *   connection.c  framing, ack windows, base messages; the only caller of *_message() below
 *   main_channel.c, inputs.c, cursor.c, display.c, images.c   one channel's rules each
 */
#pragma once

#include "fake_client.h"

#include "base/list.h"
#include "codec/zlib_glz.h"
#include "render.h"

#define BODY_BYTES_MAX (64u << 20) /* more in one message is taken for nonsense */
#define REPLY_BYTES_MAX 4096u      /* of a link reply */
#define CURSOR_CACHE_MAX 256u      /* entries; the protocol's number */
#define PALETTE_CACHE_MAX 128u     /* entries; the same */
#define MOTIONS_UNACKED_MAX 8u     /* two bunches */
#define ANSWER_NS_DEFAULT UINT64_C(10000000000)

/* A growing run of bytes. */
typedef struct Bytes {
    uint8_t *data;
    size_t len, cap;
} Bytes;

void bytes_add(Bytes *bytes, Span span);
void bytes_drop(Bytes *bytes, size_t len); /* from the front */
void bytes_reserve(Bytes *bytes, size_t cap);
void bytes_free(Bytes *bytes);

extern const CodecMemory heap_memory;

/* Ids in ascending order, each with a value. */
typedef struct IdEntry {
    uint64_t id, value;
} IdEntry;

typedef struct IdSet {
    IdEntry *items;
    size_t len, cap;
} IdSet;

IdEntry *id_set_find(const IdSet *set, uint64_t id); /* NULL: not there */
void id_set_put(IdSet *set, uint64_t id, uint64_t value);
bool id_set_remove(IdSet *set, uint64_t id);
void id_set_drop(IdSet *set, size_t count); /* from the front */
void id_set_clear(IdSet *set);
void id_set_free(IdSet *set);

/* What the display channels of this client share; there is one cache and one dictionary per client here. */
typedef struct Pixmaps {
    IdSet entries;   /* value: pixels */
    uint64_t pixels; /* their sum */
    IdSet awaited;   /* FROM_CACHE ids that another channel may still deliver */
    IdSet glz;       /* image id -> pixels */
    size_t glz_gone; /* so many of them, at the front, have left the window */
    uint64_t glz_pixels;
    ZlibDecoder *zlib; /* what is in front of ZLIB_GLZ images; NULL until there is one */
    bool glz_any;
    uint64_t glz_last;
} Pixmaps;

/* WAIT_FOR_CHANNELS: to be true when all is quiet. */
typedef struct Wait {
    uint8_t channel, channel_id;
    uint64_t serial;
} Wait;

struct FakeClient {
    FakeClientConfig config;
    FakeBehaviour behaviour; /* of new connections */
    ListNode connections;
    FakeMainModel main;
    bool attach_sent;
    bool agent_started;
    uint64_t agent_credit; /* AGENT_DATA messages that the server may still send */
    Pixmaps pixmaps;
    RenderCache *render_cache; /* NULL: nothing is rendered */
    Wait *waits;
    size_t waits_len, waits_cap;
    struct ossl_lib_ctx_st *crypto; /* our own, or NULL */
    FakeViolation violations[FAKE_VIOLATIONS_MAX];
    size_t violations_len;
};

typedef struct CursorShape {
    WireCursorHeader header;
    uint64_t hash;
} CursorShape;

typedef struct CursorState {
    FakeCursorModel model;
    IdSet cache; /* unique -> index of its shape */
    CursorShape shapes[CURSOR_CACHE_MAX];
    bool used[CURSOR_CACHE_MAX];
} CursorState;

typedef struct DisplayState {
    FakeDisplayModel model;
    IdSet palettes;
    Renderer *renderer; /* NULL: nothing is rendered */
    bool is_lost;       /* something could not be rendered: pictures mean nothing any more */
} DisplayState;

typedef struct Web Web;

struct FakeConnection {
    FakeClient *client;
    ListNode node;
    uint8_t channel, channel_id;
    FakeBehaviour behaviour;
    FakeState state;
    bool close_wanted;
    uint32_t link_error;
    uint64_t deadline_ns; /* for the server's answer; UINT64_MAX: none is due */
    uint64_t now_ns;      /* of the call that runs */

    Web *web;            /* NULL: the bytes travel as they are */
    Bytes input, output; /* without frames */
    Bytes scratch, arena_bytes;
    uint32_t reply_size;
    uint32_t caps; /* announced to the server, one word */
    uint32_t server_caps[4];
    bool mini;

    uint64_t serial_in, serial_out;
    uint64_t messages;
    bool disconnecting; /* the server said so */

    bool has_set_ack;
    uint32_t ack_generation, ack_window;
    uint64_t ack_unacked; /* messages since SET_ACK that no ACK of ours covers */
    uint32_t ack_count;   /* towards the next ACK */

    struct {
        FakeInputsModel model;
        bool motion_held, position_held;
        WireMsgcInputsMouseMotion motion;
        WireMsgcInputsMousePosition position;
    } inputs;
    CursorState *cursor;   /* cursor channels only */
    DisplayState *display; /* display channels only */
};

/* A WebSocket; `random` says how our bytes are cut and masked. */
Web *web_new(uint32_t random);
void web_free(Web *web); /* NULL is allowed */
/* Puts all of `data` into frames, once the server has answered. */
void web_send(Web *web, Bytes *data);
Bytes *web_output(Web *web);
/* Adds what was in the server's frames to the connection's input. */
void web_receive(FakeConnection *c, Span bytes);

/* Serials of other channels that are to be reached once all is quiet. */
void waits_add(FakeConnection *c, const WireChannelWaitArray *list);
bool has_other_displays(const FakeConnection *c);
void violate(FakeConnection *c, FakeRule rule, const char *format, ...) __attribute__((format(printf, 3, 4)));
void connection_fail(FakeConnection *c); /* after a violation that leaves nothing to read */
void connection_state(FakeConnection *c, FakeState state);
bool connection_announced(const FakeConnection *c, int cap);
struct ossl_lib_ctx_st *client_crypto(FakeClient *client);

/* link.c */
void link_start(FakeConnection *c);
/* Consumes what it can of the input; true: call again. */
bool fake_link_receive(FakeConnection *c);

/* ticket.c: encrypts the password; false, and why, if the key is not what it must be. */
bool ticket_make(struct ossl_lib_ctx_st *crypto, Span public_key, const char *password,
                 uint8_t ret_ticket[WIRE_LINK_TICKET_BYTES], const char **ret_why);

/* connection.c */
bool connection_receive(FakeConnection *c);

/* The channels: what a message does, with all that is to be checked about it. */
void main_message(FakeConnection *c, const WireMsg *m);
void inputs_message(FakeConnection *c, const WireMsg *m);
void inputs_sent(FakeConnection *c, const WireMsgc *m);
void cursor_message(FakeConnection *c, const WireMsg *m);
void display_message(FakeConnection *c, const WireMsg *m);
void display_opened(FakeConnection *c);
/* An image that a message of display carries; NULL is none. `area` (may be NULL) is what of it is drawn. */
void image_check(FakeConnection *c, const WireImage *image, const WireRect *area);
void palette_drop(FakeConnection *c, uint64_t id);
/* These bytes come out of the guest's memory as they are. */
void poison_check(FakeConnection *c, Span bytes, const char *what);
