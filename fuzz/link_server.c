/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz/link_server.h"

#include <stdlib.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/check.h"
#include "link/ticket.h"
#include "net/crypto.h"

#define NOW_NS 1u

static LinkServer *server_of(const Core *core)
{
    return (LinkServer *)core;
}

static void op_entropy(const Core *core, void *buffer, size_t len)
{
    LinkServer *server = server_of(core);
    uint8_t *p = buffer;

    for (size_t i = 0; i < len; i++) {
        server->entropy_state = server->entropy_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        p[i] = (uint8_t)(server->entropy_state >> 56);
    }
}

static void *op_alloc(const Core *core, size_t size)
{
    LinkServer *server = server_of(core);

    if ((server->flags & LINK_FUZZ_NO_MEMORY) != 0) {
        return NULL;
    }
    server->memories++;
    return malloc(size);
}

static void op_free(const Core *core, void *memory)
{
    server_of(core)->memories--;
    free(memory);
}

static void op_log(const Core *core, CoreLogLevel level, const char *line)
{
    (void)core;
    (void)level;
    (void)line;
}

static bool op_ticket_key(const Core *core, Span *ret_der)
{
    *ret_der = span_of(server_of(core)->key_der, server_of(core)->key_der_len);
    return true;
}

static bool channel_find(void *opaque, uint8_t type, uint8_t id, LinkCaps *ret_caps)
{
    (void)opaque;
    *ret_caps = (LinkCaps){.len = 0};
    if (type == WIRE_CHANNEL_MAIN) {
        CHECK(id == 0);
        link_caps_set(ret_caps, 3);
        return true;
    }
    if (type == WIRE_CHANNEL_DISPLAY && id == 0) {
        link_caps_set(ret_caps, 32 * LINK_CAPS_WORDS_MAX - 1);
        return true;
    }
    return false;
}

static int channel_security(void *opaque, uint8_t type)
{
    (void)type;
    return ((LinkServer *)opaque)->security & 3;
}

static bool needs_ticket(void *opaque, const Link *link)
{
    CHECK(!link_skips_auth(link));
    return (((LinkServer *)opaque)->flags & LINK_FUZZ_TICKETING) != 0;
}

static bool opens(void *opaque, Span password)
{
    Ticket ticket;

    (void)opaque;
    ticket_init(&ticket);
    CHECK(ticket_set(&ticket, "fuzz", 0, NOW_NS) == STATUS_OK);
    return ticket_opens(&ticket, password, NOW_NS);
}

static TicketKey *key_take(void *opaque)
{
    LinkServer *server = opaque;

    if ((server->flags & LINK_FUZZ_KEY_LATE) != 0 && server->keys_asked++ == 0) {
        return NULL;
    }
    return key_pool_take(server->keys, NOW_NS);
}

static void on_key(void *opaque, bool failed)
{
    (void)opaque;
    (void)failed;
}

LinkServer *link_server_new(void)
{
    LinkServer *server = calloc(1, sizeof *server);

    server->core.entropy = op_entropy;
    server->core.alloc = op_alloc;
    server->core.free = op_free;
    server->core.log = op_log;
    server->core.ticket_key = op_ticket_key;
    server->crypto = crypto_new(&server->core);
    EVP_PKEY *key = EVP_PKEY_Q_keygen(crypto_context(server->crypto), NULL, "RSA", (size_t)1024);
    CHECK(key != NULL);
    unsigned char *p = server->key_der;
    CHECK(i2d_PrivateKey(key, NULL) <= (int)sizeof server->key_der);
    server->key_der_len = (size_t)i2d_PrivateKey(key, &p);
    EVP_PKEY_free(key);
    server->keys = key_pool_new(&server->core, NULL, server->crypto, on_key, NULL);
    server->rules = (LinkRules){
        .channel_find = channel_find,
        .channel_security = channel_security,
        .needs_ticket = needs_ticket,
        .ticket_opens = opens,
        .opaque = server,
        .key_take = key_take,
        .key_opaque = server,
    };
    return server;
}

void link_server_free(LinkServer *server)
{
    key_pool_free(server->keys);
    crypto_free(server->crypto);
    free(server);
}

const uint8_t *link_server_public_key(LinkServer *server)
{
    TicketKey *key = key_pool_take(server->keys, NOW_NS);
    const uint8_t *der = ticket_key_public(key);

    ticket_key_unref(key); /* the pool keeps it */
    return der;
}
