/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* actor.h: the clients of a scenario: fake clients, whose connections the scheduler steps.
 *
 * An actor may come back: each time it connects main it begins a session. What a session saw is judged when it has
 * ended and another begins, or in the end.
 *
 * Ownership  actors_init() ... actors_finish(); borrows the Sim, the Scenario and the crypto.
 * Thread     everything in the scheduler's: a client's step, or outside; never in a simulated thread.
 */
#pragma once

#include "fake-client/fake_client.h"
#include "sim/scenario/ast.h"
#include "sim/sim.h"

#define SESSION_WIRES_MAX 32u
#define ACTOR_FAULTS_MAX 8u

typedef struct Actor Actor;
typedef struct Actors Actors;
typedef struct Session Session;

typedef struct PlacedFault {
    FormId kind; /* FAULT_F1 ... */
    Who target;
    uint64_t value; /* bytes, or ns */
    bool armed;     /* false: this place is free */
} PlacedFault;

/* One connection. */
typedef struct Wire {
    Session *session;
    ChannelRef channel;
    const char *alias;
    FakeConnection *connection; /* NULL: main has not told the session yet */
    SimClient *step;
    SimClientOps ops;
    char name[2 * SCENARIO_WORD_BYTES_MAX + 2]; /* alice.display */
    int handle;                                 /* -1: none */
    bool ended;
    bool refused, failed;   /* how it ended, where the protocol says so */
    bool deaf;              /* does not read, */
    uint64_t deaf_until_ns; /* until then */
    bool silent;            /* neither reads nor writes */
    uint16_t inside;        /* it will be deaf inside a message of this type; 0: none, 0xffff: any */
    PlacedFault fault;
    uint64_t fault_left; /* bytes to read before it happens */
} Wire;

struct Session {
    Actor *actor;
    Session *before;
    FakeClient *client;
    Wire wires[SESSION_WIRES_MAX];
    uint32_t wires_len;
    bool wants_everything;
    bool careless; /* it sent nonsense or did not read, so it may have waited for answers in vain */
};

struct Actor {
    Actors *all;
    const ScenarioClient *written;
    Session *session;                     /* the newest; NULL: it never came */
    PlacedFault faults[ACTOR_FAULTS_MAX]; /* for connections that are not there yet */
};

struct Actors {
    Sim *sim;
    const Scenario *scenario;
    struct ossl_lib_ctx_st *crypto; /* NULL: no tickets */
    Actor actors[SCENARIO_CLIENTS_MAX];
    uint32_t opened;               /* connections that got through the link */
    char failure[400];             /* "": nobody has seen a violation */
    void (*changed)(void *opaque); /* after each step of a connection */
    /* Does this display connection show what was drawn? */
    bool (*shows_all)(void *opaque, uint8_t display, FakeConnection *connection);
    void *opaque;
};

void actors_init(Actors *actors, Sim *sim, const Scenario *scenario, struct ossl_lib_ctx_st *crypto);
void actors_finish(Actors *actors);

/* Of a client, a connection, or everybody. */
void actors_act(Actors *actors, const Who *who, const Phrase *phrase);
void actors_fault(Actors *actors, const Phrase *phrase);
bool actors_value(Actors *actors, const Who *who, const Phrase *phrase);
/* True: nobody has complained yet. Looks at living sessions, too. */
bool actors_check(Actors *actors);
/* Who is where, in a line. */
void actors_describe(const Actors *actors, char *ret, size_t size);
