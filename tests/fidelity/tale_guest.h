/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tale_guest.h: the remote users of a tale: what they do, and what is true of them. Nothing here waits.
 *
 * Each session of a client is a FakeClient, each connection a part of the transcript.
 *
 * Ownership  guests_init() ... guests_finish(); borrows the Stage, the Scenario and the Transcript.
 * Thread     as for a Stage.
 */
#pragma once

#include "sim/scenario/ast.h"
#include "tests/fidelity/stage.h"
#include "tests/fidelity/transcript.h"

#define GUEST_LINES_MAX 32u

typedef struct GuestSession GuestSession;

/* A connection. */
typedef struct GuestLine {
    Line line; /* first, so that it leads back here; its connection is NULL if it never came to one */
    GuestSession *session;
    Part *part;
    ChannelRef channel;
    const char *alias;
    FakeState end; /* how it ended */
    bool ended;
} GuestLine;

struct GuestSession {
    struct Guests *all;
    uint32_t client;
    FakeClient *fake;
    GuestLine lines[GUEST_LINES_MAX];
    uint32_t lines_len;
    GuestSession *before; /* of any client */
};

typedef struct Guests {
    Stage *stage;
    const Scenario *scenario;
    Transcript *transcript;
    bool tickets;
    GuestSession *newest;
    unsigned sessions[SCENARIO_CLIENTS_MAX]; /* of each, so far */
} Guests;

void guests_init(Guests *guests, Stage *stage, const Scenario *scenario, Transcript *transcript);
/* Hangs up, and judges. */
void guests_finish(Guests *guests);

/* The client's newest; NULL: it never came. */
GuestSession *guests_session(Guests *guests, uint32_t client);
GuestSession *guest_session_begin(Guests *guests, uint32_t client);
/* NULL: there is no room for it. */
GuestLine *guest_connect(GuestSession *session, ChannelRef channel, const char *alias);
/* It is in, or will never be. */
bool guest_line_has_come(const GuestLine *line);

/* Whatever is no CLIENT_CONNECTS. */
void guest_act(Guests *guests, uint32_t client, const Who *who, const Phrase *phrase);
bool guests_value(Guests *guests, const Who *who, const Phrase *phrase);
bool guests_have_left(const Guests *guests);
/* False: somebody saw a violation. */
bool guests_check(const Guests *guests);
