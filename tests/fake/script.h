/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* script.h: a server made of a test's lines, for the fake client's engine.
 *
 * script_open() plays the handshake; script_say() sends a message as a right server would frame it, so that a
 * test spoils only what it is about. The test then asks for the one violation it expects.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_client.h"

#define SCRIPT_SESSION 0x1234u
#define SCRIPT_CONNECTIONS_MAX 8
#define SCRIPT_SECOND UINT64_C(1000000000)

typedef struct Script {
    FakeClient *client;
    FakeConnection *main;
    struct {
        FakeConnection *connection;
        uint64_t serial;
    } serials[SCRIPT_CONNECTIONS_MAX];
    uint64_t now_ns;
    size_t seen;         /* violations that were expected; the engine keeps them for good */
    uint8_t copy[4096];  /* the last script_next(): its body */
    uint8_t arena[8192]; /* and its arrays */
} Script;

/* Cheap tickets, mini headers, capabilities as by default. */
FakeClientConfig script_config(void);
void script_begin(Script *s, const FakeClientConfig *config);
/* Also checks that nothing was violated beyond what script_expect() has seen. */
void script_end(Script *s);

/* A connection in state OPEN whose handshake was right; SET_ACK (window 20) and so on are the test's. */
FakeConnection *script_open(Script *s, uint8_t channel, uint8_t channel_id);
/* Main with INIT, asked for and given the list of channels. */
void script_session(Script *s);
/* The link reply of a right server; returns its bytes. */
size_t script_reply(uint8_t *buffer, size_t cap, uint32_t error, uint32_t common_caps);

void script_say(Script *s, FakeConnection *c, const WireMsg *m);
/* As it is, in a right header with the next serial. */
void script_body(Script *s, FakeConnection *c, uint16_t type, Span body);
void script_full(Script *s, FakeConnection *c, uint64_t serial, uint16_t type, Span body, uint32_t sub_list);
void script_bytes(Script *s, FakeConnection *c, const void *bytes, size_t len);

/* The next message of the client; false: none. The header style is the connection's. */
bool script_next(Script *s, FakeConnection *c, WireMsgc *ret);
/* Skips to the next message of this type; fails the test if there is none. */
WireMsgc script_await(Script *s, FakeConnection *c, uint16_t type);
void script_drop_output(FakeConnection *c);

/* There is exactly one violation so far, of this rule, and its text contains `text`. Clears it. */
void script_expect(Script *s, FakeRule rule, const char *text);
