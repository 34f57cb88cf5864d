/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* websocket.c: a connection by WebSocket, as browsers make it: an HTTP request, then masked frames. Ours are cut anywhere,
 * fragmented, empty, with pings between them, as a number of the configuration says; what the server sends is looked at.
 *
 * Source  RFC 6455. The key is its example, so that the one right answer is known without a hash function. */
#define _GNU_SOURCE /* memmem() */
#include "internal.h"

#include <stdlib.h>

#include "base/check.h"

#define ANSWER_BYTES_MAX 4096u
#define FRAME_BYTES_MAX 16384u /* of the server's: a pong must not wait for longer */
#define HEADER_BYTES_MAX 14u   /* of ours, mask included */
#define CONTROL_BYTES_MAX 125u

#define REQUEST                                                                                              \
    "GET / HTTP/1.1\r\nHost: fake\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                          \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                           \
    "Sec-WebSocket-Protocol: binary\r\n\r\n"
#define ANSWER_BEGINS "HTTP/1.1 101 "
#define ANSWER_ACCEPTS "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define ANSWER_PROTOCOL "\r\nSec-WebSocket-Protocol: binary\r\n"

enum { CONTINUATION = 0, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
enum { FINAL = 0x80, MASKED = 0x80 };

struct Web {
    Bytes in, out;
    uint32_t random;
    bool open;             /* the request was answered */
    bool in_message;       /* of ours: more fragments are to come */
    bool ended;            /* the server said Close */
    uint32_t pings, pongs; /* a ping says its number, from 1; the number of the last that was answered */
    size_t frame_left;     /* of the server's frame that is coming in */
};

Web *web_new(uint32_t random)
{
    Web *web = calloc(1, sizeof *web);

    CHECK(web != NULL);
    web->random = random * UINT32_C(0x9e3779b1) | 1; /* numbers that are near each other begin far apart */
    bytes_add(&web->out, span_of(REQUEST, sizeof REQUEST - 1));
    return web;
}

void web_free(Web *web)
{
    if (web != NULL) {
        bytes_free(&web->in);
        bytes_free(&web->out);
        free(web);
    }
}

/* 0 to n - 1: Marsaglia's xorshift. */
static uint32_t draw(Web *web, uint32_t n)
{
    web->random ^= web->random << 13;
    web->random ^= web->random >> 17;
    web->random ^= web->random << 5;
    return web->random % n;
}

/* ---- What we send ---- */

static void frame_add(Web *web, uint8_t first, Span data)
{
    uint8_t header[HEADER_BYTES_MAX] = {first};
    uint8_t mask[4] = {0};
    size_t len = 2;

    if (data.len <= CONTROL_BYTES_MAX) {
        header[1] = (uint8_t)(MASKED | data.len);
    } else if (data.len <= UINT16_MAX) {
        header[1] = MASKED | 126;
        header[len++] = (uint8_t)(data.len >> 8);
        header[len++] = (uint8_t)data.len;
    } else {
        header[1] = MASKED | 127;
        for (int shift = 56; shift >= 0; shift -= 8) {
            header[len++] = (uint8_t)((uint64_t)data.len >> shift);
        }
    }
    for (size_t i = 0; i < sizeof mask; i++) {
        mask[i] = (uint8_t)draw(web, 256);
        header[len++] = mask[i];
    }
    bytes_add(&web->out, span_of(header, len));
    bytes_add(&web->out, data);
    for (size_t i = 0; i < data.len; i++) {
        web->out.data[web->out.len - data.len + i] ^= mask[i % sizeof mask];
    }
}

static size_t piece(Web *web, size_t len)
{
    static const uint32_t sizes[] = {1, 2, 5, 17, 125, 126, 127};
    const uint32_t kind = draw(web, 16);

    if (kind == 0) {
        return 0;
    }
    const size_t size = kind <= sizeof sizes / sizeof sizes[0] ? sizes[kind - 1] : len;
    return size < len ? size : len;
}

void web_send(Web *web, Bytes *data)
{
    while (web->open && !web->ended && data->len > 0) {
        if (draw(web, 4) == 0) {
            uint8_t number[4];
            le32_put(number, ++web->pings);
            frame_add(web, FINAL | PING, span_of(number, sizeof number));
        }
        const size_t len = piece(web, data->len);
        const bool is_last = draw(web, 3) != 0;
        frame_add(web, (uint8_t)((is_last ? FINAL : 0) | (web->in_message ? CONTINUATION : BINARY)),
                  span_of(data->data, len));
        web->in_message = !is_last;
        bytes_drop(data, len);
    }
}

Bytes *web_output(Web *web)
{
    return &web->out;
}

/* ---- What the server sends ---- */

static bool says(Span text, const char *what)
{
    return memmem(text.data, text.len, what, strlen(what)) != NULL;
}

static bool answer(FakeConnection *c)
{
    Web *web = c->web;
    const uint8_t *end = web->in.len == 0 ? NULL : memmem(web->in.data, web->in.len, "\r\n\r\n", 4);

    if (end == NULL) {
        if (web->in.len > ANSWER_BYTES_MAX) {
            violate(c, FAKE_RULE_WEBSOCKET, "an answer of more than %u bytes", ANSWER_BYTES_MAX);
            connection_fail(c);
        }
        return false;
    }
    const Span text = span_of(web->in.data, (size_t)(end - web->in.data) + 2);
    if (text.len < sizeof ANSWER_BEGINS || memcmp(text.data, ANSWER_BEGINS, sizeof ANSWER_BEGINS - 1) != 0 ||
        !says(text, ANSWER_ACCEPTS) || !says(text, ANSWER_PROTOCOL)) {
        violate(c, FAKE_RULE_WEBSOCKET, "the request is not accepted: %.*s",
                (int)(text.len < 60 ? text.len : 60), (const char *)text.data);
        connection_fail(c);
        return false;
    }
    bytes_drop(&web->in, text.len + 2);
    web->open = true;
    return true;
}

static void control(FakeConnection *c, uint8_t opcode, Span data)
{
    Web *web = c->web;

    if (opcode == CLOSE) {
        web->ended = true;
        return;
    }
    const uint32_t number = data.len == 4 ? le32_get(data.data) : 0;
    if (opcode != PONG || number <= web->pongs || number > web->pings) {
        violate(c, FAKE_RULE_WEBSOCKET, "control frame %u with %zu bytes, number %u of %u pings, %u answered",
                opcode, data.len, number, web->pings, web->pongs);
        return;
    }
    web->pongs = number;
}

/* A frame's header; of a control frame all. 0: it is not whole yet. Otherwise the bytes that it takes. */
static size_t frame_begins(FakeConnection *c, Span in)
{
    Web *web = c->web;

    if (in.len < 2) {
        return 0;
    }
    const uint8_t opcode = in.data[0] & 0x7f, short_len = in.data[1];
    if ((in.data[0] & FINAL) == 0 || (opcode != BINARY && opcode < CLOSE) || opcode > PONG ||
        short_len > 126 || (opcode >= CLOSE && short_len > CONTROL_BYTES_MAX) || web->ended) {
        violate(c, FAKE_RULE_WEBSOCKET, "a frame that begins 0x%02x 0x%02x%s", in.data[0], short_len,
                web->ended ? ", after Close" : "");
        connection_fail(c);
        return 0;
    }
    if (opcode >= CLOSE) {
        if (in.len < 2u + short_len) {
            return 0;
        }
        control(c, opcode, span_of(in.data + 2, short_len));
        return 2u + short_len;
    }
    const size_t header = short_len == 126 ? 4 : 2;
    if (in.len < header) {
        return 0;
    }
    web->frame_left = short_len == 126 ? (size_t)in.data[2] << 8 | in.data[3] : short_len;
    if (web->frame_left > FRAME_BYTES_MAX || web->frame_left == 0 ||
        (short_len == 126 && web->frame_left <= CONTROL_BYTES_MAX)) {
        violate(c, FAKE_RULE_WEBSOCKET, "a frame of %zu bytes", web->frame_left);
        connection_fail(c);
        return 0;
    }
    return header;
}

void web_receive(FakeConnection *c, Span bytes)
{
    Web *web = c->web;
    size_t at = 0, taken;

    bytes_add(&web->in, bytes);
    if (!web->open && !answer(c)) {
        return;
    }
    do {
        taken = web->in.len - at < web->frame_left ? web->in.len - at : web->frame_left;
        if (taken > 0) {
            bytes_add(&c->input, span_of(web->in.data + at, taken));
            web->frame_left -= taken;
        } else if (c->state < FAKE_STATE_REFUSED) {
            taken = frame_begins(c, span_of(web->in.data + at, web->in.len - at));
        }
        at += taken;
    } while (taken > 0);
    bytes_drop(&web->in, at);
}
