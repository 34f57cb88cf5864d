/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* visitors.h: the clients of a universe, who come, act and die, stepped by the scheduler. What they do, and when, is
 * decided by sim_choose_at() and sim_fault() alone.
 *
 * Ownership  visitors_init() until visitors_free(), which comes before sim_free(). What is pointed to is borrowed.
 * Thread     outside simulated threads.
 */
#pragma once

#include "fake-client/fake_client.h"
#include "sim/explore/subject.h"

#define VISITOR_CONNECTIONS_MAX 8u

typedef struct Visitors Visitors;
struct ossl_lib_ctx_st;
typedef struct Visitor Visitor;

/* One connection of a client. */
typedef struct Wire {
    Visitor *visitor;
    SimClient *step;
    SimClientOps ops;
    char name[SIM_NAME_BYTES];
    FakeConnection *connection;
    int handle; /* -1: none */
    uint8_t channel, id;
    uint64_t act_ns; /* when it does something of its own */
    uint64_t bytes;  /* received */
} Wire;

struct Visitor {
    Visitors *all;
    uint32_t number;
    FakeClient *client;
    Wire wires[VISITOR_CONNECTIONS_MAX];
    uint32_t wires_len;
    bool spread;   /* the other channels were connected */
    bool unacked;  /* it never acknowledges: what waits for that does not come */
    bool silent;   /* it never says INIT to a display, which waits for that a while */
    bool careless; /* it sent nonsense, or does not read: so it may wait for answers in vain */
};

typedef struct VisitorsConfig {
    Sim *sim;
    SimOutcome *outcome; /* its worth: channels that were opened */
    int port;
    uint32_t max;                   /* how many may come */
    const char *password;           /* NULL: none */
    struct ossl_lib_ctx_st *crypto; /* for it, as deterministic as the server's own; NULL: none */
    uint32_t pause_ms;              /* between two acts of a connection, at most */
    uint32_t leaves; /* one in n acts ends the connection, whatever faults there are; 0: none */
    uint32_t web;    /* one in n comes by WebSocket; 0: none */
    uint32_t look;   /* the first so many render what they are shown */
} VisitorsConfig;

struct Visitors {
    VisitorsConfig config;
    Visitor *list;
    uint32_t len;
    bool resting; /* they only answer */
};

void visitors_init(Visitors *visitors, const VisitorsConfig *config);
void visitors_free(Visitors *visitors);

/* One more comes. */
void visitors_arrive(Visitors *visitors);
/* What all have received. */
uint64_t visitors_bytes(const Visitors *visitors);
/* Connections of theirs that are open now. */
uint32_t visitors_open(const Visitors *visitors);
/* Connected, and nothing of its own doing keeps the server from getting done with it. */
bool wire_is_quiet(const Wire *wire);
/* It may be asked what it shows: it is connected, reads, acknowledges, and was told to show it. */
bool wire_shows(const Wire *wire);
