/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/link.h"

#include <glib.h>
#include <openssl/crypto.h>
#include <spice.h>

#include "base/check.h"

#define LINK_MAGIC_BYTES 4u
/* The three shapes of input that have a fixed size fit here; the body has memory of its own, for as long as
 * it takes. */
#define LINK_FIXED_BYTES TICKET_CIPHER_BYTES

struct Link {
    const Core *core;
    const LinkRules *rules;
    bool is_tls;
    bool skip_auth;
    LinkState state;
    const char *failure;

    size_t want; /* of the state's bytes, how many make it whole */
    size_t have;
    uint8_t fixed[LINK_FIXED_BYTES];
    uint8_t *body; /* core's memory; only in BODY */

    LinkRequest request;
    LinkCaps channel_caps; /* ours */
    TicketKey *key;

    uint8_t output[LINK_OUTPUT_BYTES_MAX];
    size_t output_pos;
    size_t output_len;
};

static void link_set_state(Link *link, LinkState state, size_t want)
{
    link->state = state;
    link->want = want;
    link->have = 0;
}

Link *link_new(const Core *core, const LinkRules *rules, bool is_tls, bool skip_auth)
{
    Link *link = g_new0(Link, 1);

    link->core = core;
    link->rules = rules;
    link->is_tls = is_tls;
    link->skip_auth = skip_auth;
    link->failure = "";
    link_set_state(link, LINK_HEADER, WIRE_LINK_HEADER_BYTES);
    return link;
}

static void link_drop_body(Link *link)
{
    if (link->body != NULL) {
        link->core->free(link->core, link->body);
        link->body = NULL;
    }
}

void link_free(Link *link)
{
    if (link == NULL) {
        return;
    }
    link_drop_body(link);
    ticket_key_unref(link->key);
    g_free(link);
}

/* ---- Output -----------------------------------------------------------------------------------------------
 */

/* At most a reply with its capabilities, a refusal, and a result are ever written: they fit together. */
_Static_assert(2 * (WIRE_LINK_HEADER_BYTES + WIRE_LINK_REPLY_BYTES) + 4 * (1 + LINK_CAPS_WORDS_MAX) +
                       WIRE_LINK_RESULT_BYTES <=
                   LINK_OUTPUT_BYTES_MAX,
               "a link's output must hold all it can say");

static WireOut link_out(Link *link)
{
    WireOut out;

    wire_out_init(&out, link->output + link->output_len, sizeof link->output - link->output_len);
    return out;
}

static void link_out_done(Link *link, const WireOut *out)
{
    CHECK(!out->failed);
    link->output_len += out->len;
}

static void link_write_header(Link *link, size_t size)
{
    const WireLinkHeader header = {WIRE_MAGIC, WIRE_VERSION_MAJOR, WIRE_VERSION_MINOR, (uint32_t)size};
    WireOut out = link_out(link);

    wire_link_header_encode(&out, &header);
    link_out_done(link, &out);
}

static void link_write_result(Link *link, uint32_t error)
{
    const WireLinkResult result = {error};
    WireOut out = link_out(link);

    wire_link_result_encode(&out, &result);
    link_out_done(link, &out);
}

static void link_write_reply(Link *link)
{
    static const uint32_t common = 1u << WIRE_CAP_COMMON_PROTOCOL_AUTH_SELECTION |
                                   1u << WIRE_CAP_COMMON_AUTH_SPICE | 1u << WIRE_CAP_COMMON_MINI_HEADER;
    const LinkCaps *channel = &link->channel_caps;
    const WireLinkReply reply = {
        .error = WIRE_LINK_ERR_OK,
        .pub_key = span_of(ticket_key_public(link->key), TICKET_PUBLIC_BYTES),
        .common_caps = {&common, 1},
        .channel_caps = {channel->words, channel->len},
    };

    link_write_header(link, WIRE_LINK_REPLY_BYTES + 4 * (size_t)(1 + channel->len));
    WireOut out = link_out(link);
    wire_link_reply_encode(&out, &reply);
    link_out_done(link, &out);
}

/* ---- Ends -------------------------------------------------------------------------------------------------
 */

static void link_fail(Link *link, const char *why)
{
    link_drop_body(link);
    link->failure = why;
    link_set_state(link, LINK_FAILED, 0);
}

/* A refusal before the ticket is a reply of which all but the error is zero. */
static void link_fail_with_reply(Link *link, uint32_t error, const char *why)
{
    link_write_header(link, WIRE_LINK_REPLY_BYTES);
    link_write_result(link, error);
    const size_t zeros = WIRE_LINK_REPLY_BYTES - WIRE_LINK_RESULT_BYTES;
    memset(link->output + link->output_len, 0, zeros);
    link->output_len += zeros;
    link_fail(link, why);
}

static void link_fail_with_result(Link *link, uint32_t error, const char *why)
{
    link_write_result(link, error);
    link_fail(link, why);
}

/* ---- The stages -------------------------------------------------------------------------------------------
 */

static bool link_magic_is_right(const Link *link)
{
    return le32_get(link->fixed) == WIRE_MAGIC;
}

static void link_on_header(Link *link)
{
    WireLinkHeader header;

    if (NEVER(wire_link_header_decode(span_of(link->fixed, WIRE_LINK_HEADER_BYTES), NULL, &header, NULL) !=
              STATUS_OK)) {
        link_fail(link, "unreadable header");
    } else if (header.major_version == 0) {
        link_fail(link, "protocol version 0");
    } else if (header.major_version != WIRE_VERSION_MAJOR) {
        link_fail_with_reply(link, WIRE_LINK_ERR_VERSION_MISMATCH, "another major version of the protocol");
    } else if (header.size < WIRE_LINK_MESS_BYTES || header.size > WIRE_LINK_BODY_MAX) {
        link_fail_with_reply(link, WIRE_LINK_ERR_INVALID_DATA, "link message of an impossible size");
    } else {
        link->body = link->core->alloc(link->core, header.size);
        if (link->body == NULL) {
            link_fail(link, "no memory for the link message");
        } else {
            link_set_state(link, LINK_BODY, header.size);
        }
    }
}

static void link_keep_caps(LinkCaps *ret_caps, const WireU32Array *words)
{
    ret_caps->len = MIN(words->n, LINK_CAPS_WORDS_MAX);
    if (ret_caps->len > 0) {
        memcpy(ret_caps->words, words->items, ret_caps->len * sizeof ret_caps->words[0]);
    }
}

/* Announces the key and asks for the proof; or waits for a key. */
static void link_reply(Link *link)
{
    link->key = link->rules->key_take(link->rules->key_opaque);
    if (link->key == NULL) {
        link_set_state(link, LINK_KEY_WAIT, 0);
        return;
    }
    link_write_reply(link);
    if (link_caps_has(&link->request.common_caps, WIRE_CAP_COMMON_PROTOCOL_AUTH_SELECTION)) {
        link_set_state(link, LINK_MECHANISM, WIRE_LINK_AUTH_MECHANISM_BYTES);
    } else {
        link_set_state(link, LINK_TICKET, TICKET_CIPHER_BYTES);
    }
}

static bool link_find_channel(Link *link)
{
    const LinkRules *rules = link->rules;
    LinkRequest *request = &link->request;

    if (request->channel_type == WIRE_CHANNEL_MAIN) {
        request->channel_id = 0; /* there is one main channel, whatever number the client gives it */
    }
    return rules->channel_find(rules->opaque, request->channel_type, request->channel_id,
                               &link->channel_caps);
}

static void link_on_body(Link *link)
{
    /* Two arrays of words, which are not longer than the body they come from, each aligned. */
    _Alignas(uint32_t) uint8_t memory[WIRE_LINK_BODY_MAX + 64];
    WireArena arena;
    WireLinkMess message;

    wire_arena_init(&arena, memory, sizeof memory);
    if (wire_link_mess_decode(span_of(link->body, link->want), &arena, &message, NULL) != STATUS_OK) {
        link_fail_with_reply(link, WIRE_LINK_ERR_INVALID_DATA, "capabilities outside the link message");
        return;
    }
    LinkRequest *request = &link->request;
    request->connection_id = message.connection_id;
    request->channel_type = message.channel_type;
    request->channel_id = message.channel_id;
    link_keep_caps(&request->common_caps, &message.common_caps);
    link_keep_caps(&request->channel_caps, &message.channel_caps);
    link_drop_body(link);

    const int allowed = link->rules->channel_security(link->rules->opaque, request->channel_type);
    if (!link->is_tls && (allowed & SPICE_CHANNEL_SECURITY_NONE) == 0) {
        link_fail_with_reply(link, WIRE_LINK_ERR_NEED_SECURED, "this channel needs TLS");
    } else if (link->is_tls && (allowed & SPICE_CHANNEL_SECURITY_SSL) == 0) {
        link_fail_with_reply(link, WIRE_LINK_ERR_NEED_UNSECURED, "this channel must not use TLS");
    } else if (!link_find_channel(link)) {
        link_fail(link, "no such channel");
    } else {
        link_reply(link);
    }
}

static void link_on_mechanism(Link *link)
{
    WireLinkAuthMechanism selected;
    const Span bytes = span_of(link->fixed, WIRE_LINK_AUTH_MECHANISM_BYTES);

    if (wire_link_auth_mechanism_decode(bytes, NULL, &selected, NULL) != STATUS_OK ||
        selected.auth_mechanism != WIRE_CAP_COMMON_AUTH_SPICE) {
        link_fail_with_reply(link, WIRE_LINK_ERR_INVALID_DATA,
                             "a way of authentication that we did not offer");
        return;
    }
    link_set_state(link, LINK_TICKET, TICKET_CIPHER_BYTES);
}

/* Whatever is wrong with a ticket, the answer is the same and takes as long. */
static bool link_ticket_opens(Link *link)
{
    uint8_t *cipher = link->fixed;
    uint8_t plain[TICKET_CIPHER_BYTES] = {0};
    size_t len = 0;

    bool decrypts = ticket_key_decrypt(link->key, cipher, plain, sizeof plain, &len);
    if (!decrypts && cipher[TICKET_CIPHER_BYTES - 1] == 0) {
        /* One ticket in 256 begins with a zero, which spice-html5 leaves away; it fills up at the end. */
        memmove(cipher + 1, cipher, TICKET_CIPHER_BYTES - 1);
        cipher[0] = 0;
        decrypts = ticket_key_decrypt(link->key, cipher, plain, sizeof plain, &len);
    }
    const Span password = span_of(plain, strnlen((const char *)plain, len));
    const bool opens = link->rules->ticket_opens(link->rules->opaque, password);
    OPENSSL_cleanse(plain, sizeof plain);
    return decrypts && opens && ticket_key_spend(link->key, cipher);
}

static void link_on_ticket(Link *link)
{
    const bool needed = !link->skip_auth && link->rules->needs_ticket(link->rules->opaque, link);

    if (needed && !link_ticket_opens(link)) {
        link_fail_with_result(link, WIRE_LINK_ERR_PERMISSION_DENIED, "wrong or expired ticket");
        return;
    }
    link_set_state(link, LINK_DECIDE, 0);
}

/* ---- Input ------------------------------------------------------------------------------------------------
 */

size_t link_wants(const Link *link)
{
    return link->want - link->have;
}

static void link_on_whole(Link *link)
{
    switch (link->state) {
    case LINK_HEADER:
        link_on_header(link);
        break;
    case LINK_BODY:
        link_on_body(link);
        break;
    case LINK_MECHANISM:
        link_on_mechanism(link);
        break;
    case LINK_TICKET:
        link_on_ticket(link);
        break;
    case LINK_KEY_WAIT:
    case LINK_DECIDE:
    case LINK_DONE:
    case LINK_FAILED:
        break; /* these want nothing */
    }
}

void link_receive(Link *link, Span bytes)
{
    while (bytes.len > 0 && link_wants(link) > 0) {
        const size_t n = MIN(bytes.len, link_wants(link));
        uint8_t *into = link->state == LINK_BODY ? link->body : link->fixed;

        memcpy(into + link->have, bytes.data, n);
        link->have += n;
        bytes = span_of(bytes.data + n, bytes.len - n);
        if (link->state == LINK_HEADER && link->have >= LINK_MAGIC_BYTES && !link_magic_is_right(link)) {
            link_fail_with_reply(link, WIRE_LINK_ERR_INVALID_MAGIC, "not the SPICE protocol");
        } else if (link->have == link->want) {
            link_on_whole(link);
        }
    }
}

Span link_output(const Link *link)
{
    return span_of(link->output + link->output_pos, link->output_len - link->output_pos);
}

void link_sent(Link *link, size_t bytes)
{
    CHECK(bytes <= link->output_len - link->output_pos);
    link->output_pos += bytes;
}

/* ---- What the owner knows and decides
 * ---------------------------------------------------------------------- */

LinkState link_state(const Link *link)
{
    return link->state;
}

const LinkRequest *link_request(const Link *link)
{
    return &link->request;
}

bool link_skips_auth(const Link *link)
{
    return link->skip_auth;
}

const char *link_failure(const Link *link)
{
    return link->failure;
}

void link_key_ready(Link *link)
{
    if (link->state == LINK_KEY_WAIT) {
        link_reply(link);
    }
}

void link_key_failed(Link *link)
{
    if (link->state == LINK_KEY_WAIT) {
        link_fail_with_reply(link, WIRE_LINK_ERR_ERROR, "there is no ticket key");
    }
}

void link_accept(Link *link)
{
    CHECK(link->state == LINK_DECIDE);
    link_write_result(link, WIRE_LINK_ERR_OK);
    link_set_state(link, LINK_DONE, 0);
}

void link_refuse(Link *link, uint32_t link_error)
{
    CHECK(link->state == LINK_DECIDE);
    const char *name = wire_link_err_name(link_error);
    link_fail_with_result(link, link_error, name != NULL ? name : "refused");
}
