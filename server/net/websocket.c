/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/websocket.h"

#include <errno.h>
#include <glib.h>
#include <stddef.h>

#include "net/upgrade.h"

#define FIRST_BYTES 4u /* enough to tell a request from a link message */
#define CONTROL_BYTES_MAX 125u
#define HEADER_BYTES_MAX 4u /* of ours */
/* The answer to a request; or a pong, a Close and a header. */
#define OUTPUT_BYTES 512u

enum {
    OPCODE_CONTINUATION = 0,
    OPCODE_TEXT = 1,
    OPCODE_BINARY = 2,
    OPCODE_CLOSE = 8,
    OPCODE_PING = 9,
    OPCODE_PONG = 10,
};

enum {
    CLOSE_NORMAL = 1000,
    CLOSE_PROTOCOL = 1002,
    CLOSE_UNSUPPORTED = 1003,
    CLOSE_NOT_UTF8 = 1007,
};

typedef enum State {
    STATE_UNDECIDED,
    STATE_PLAIN,
    STATE_REQUEST,
    STATE_OPEN,
    STATE_CLOSED, /* a Close came, or the carrier ended */
    STATE_DEAD,
} State;

/* What only a real WebSocket needs. */
typedef struct Body {
    uint8_t input[WEBSOCKET_INPUT_BYTES];
    size_t input_pos, input_len;
    uint8_t output[OUTPUT_BYTES];
    size_t output_pos, output_len;
    uint8_t control[CONTROL_BYTES_MAX]; /* the control frame that is coming in */
    uint8_t pong[CONTROL_BYTES_MAX];
    size_t control_len, pong_len;
    bool pong_due, close_due, close_sent;
    uint16_t close_code; /* 0: none */

    bool in_frame, in_message;
    uint8_t opcode;
    uint8_t mask[4];
    unsigned mask_pos;
    uint64_t frame_left; /* of the frame that is coming in */

    size_t sending_left; /* of the frame that we send: data that must follow */
} Body;

struct WebSocket {
    State state;
    uint8_t first[FIRST_BYTES];
    uint8_t first_pos, first_len;
    bool starved; /* the last read wanted more input */
    const char *error;
    Body *body;
};

WebSocket *websocket_new(void)
{
    WebSocket *websocket = g_new0(WebSocket, 1);

    websocket->starved = true;
    websocket->error = "";
    return websocket;
}

void websocket_free(WebSocket *websocket)
{
    if (websocket != NULL) {
        g_free(websocket->body);
        g_free(websocket);
    }
}

bool websocket_is_plain(const WebSocket *websocket)
{
    return websocket->state == STATE_PLAIN && websocket->first_pos == websocket->first_len;
}

bool websocket_is_ended(const WebSocket *websocket)
{
    return websocket->state == STATE_CLOSED || websocket->state == STATE_DEAD;
}

const char *websocket_error(const WebSocket *websocket)
{
    return websocket->error;
}

static int fail(WebSocket *websocket, uint16_t code, const char *why)
{
    Body *body = websocket->body;

    websocket->state = STATE_DEAD;
    websocket->error = why;
    body->close_due = true;
    body->close_code = code;
    return -EPROTO;
}

/* ---- Input ------------------------------------------------------------------------------------------------
 */

uint8_t *websocket_input(WebSocket *websocket, size_t *ret_len)
{
    Body *body = websocket->body;

    if (websocket->state == STATE_UNDECIDED) {
        *ret_len = FIRST_BYTES - websocket->first_len;
        return websocket->first + websocket->first_len;
    }
    if (body == NULL) {
        *ret_len = 0;
        return NULL;
    }
    if (body->input_pos > 0) {
        body->input_len -= body->input_pos;
        memmove(body->input, body->input + body->input_pos, body->input_len);
        body->input_pos = 0;
    }
    *ret_len = sizeof body->input - body->input_len;
    return body->input + body->input_len;
}

static void decide(WebSocket *websocket)
{
    if (memcmp(websocket->first, "GET ", websocket->first_len) != 0) {
        websocket->state = STATE_PLAIN;
    } else if (websocket->first_len == FIRST_BYTES) {
        websocket->state = STATE_REQUEST;
        websocket->body = g_new(Body, 1);
        memset(&websocket->body->input_pos, 0, sizeof(Body) - offsetof(Body, input_pos));
        memcpy(websocket->body->input, websocket->first, FIRST_BYTES);
        websocket->body->input_len = FIRST_BYTES;
    }
}

void websocket_received(WebSocket *websocket, size_t len)
{
    websocket->starved = false;
    if (websocket->state == STATE_UNDECIDED) {
        websocket->first_len += (uint8_t)len;
        decide(websocket);
    } else {
        websocket->body->input_len += len;
    }
}

void websocket_received_end(WebSocket *websocket)
{
    websocket->starved = false;
    if (websocket->state == STATE_UNDECIDED) {
        websocket->state = STATE_PLAIN; /* it is shown what came, and then the end */
    } else if (websocket->state != STATE_DEAD) {
        websocket->state = STATE_CLOSED;
    }
}

bool websocket_is_readable(const WebSocket *websocket)
{
    return !websocket->starved;
}

/* ---- The request ------------------------------------------------------------------------------------------
 */

static int answer_request(WebSocket *websocket)
{
    Body *body = websocket->body;
    size_t used;
    UpgradeRequest request;

    switch (upgrade_parse(span_of(body->input, body->input_len), &used, &request)) {
    case UPGRADE_MORE:
        if (body->input_len < sizeof body->input) {
            return -EAGAIN;
        }
        request.problem = "a WebSocket request is too long";
        break;
    case UPGRADE_GOOD:
        body->input_pos = used;
        body->output_len = upgrade_accept(&request, (char *)body->output, sizeof body->output);
        websocket->state = STATE_OPEN;
        return 0;
    case UPGRADE_BAD:
        break;
    }
    body->output_len = upgrade_refuse((char *)body->output, sizeof body->output);
    body->close_sent = true; /* HTTP knows no Close */
    return fail(websocket, 0, request.problem);
}

/* ---- Frames that come in ----------------------------------------------------------------------------------
 */

/* The header of the next frame. 0, -EAGAIN or -EPROTO. */
static int begin_frame(WebSocket *websocket)
{
    Body *body = websocket->body;
    const uint8_t *at = body->input + body->input_pos;
    const size_t have = body->input_len - body->input_pos;

    if (have < 2) {
        return -EAGAIN;
    }
    const bool is_final = (at[0] & 0x80) != 0, is_masked = (at[1] & 0x80) != 0;
    const uint8_t opcode = at[0] & 0x0f, short_len = at[1] & 0x7f;
    const bool is_control = opcode >= OPCODE_CLOSE;
    const size_t len_bytes = short_len == 126 ? 2 : short_len == 127 ? 8 : 0;

    if ((at[0] & 0x70) != 0) {
        return fail(websocket, CLOSE_PROTOCOL, "a WebSocket frame with reserved bits");
    }
    if (opcode > OPCODE_PONG || (opcode > OPCODE_BINARY && opcode < OPCODE_CLOSE)) {
        return fail(websocket, CLOSE_PROTOCOL, "a WebSocket frame of unknown kind");
    }
    if (is_control && (!is_final || len_bytes > 0)) {
        return fail(websocket, CLOSE_PROTOCOL, "a WebSocket control frame that is long or fragmented");
    }
    if (!is_masked) {
        return fail(websocket, CLOSE_PROTOCOL, "a WebSocket frame without a mask");
    }
    if (!is_control && (opcode == OPCODE_CONTINUATION) != body->in_message) {
        return fail(websocket, CLOSE_PROTOCOL, "WebSocket fragments out of order");
    }
    if (opcode == OPCODE_TEXT) {
        return fail(websocket, CLOSE_UNSUPPORTED, "a WebSocket message of text");
    }
    if (have < 2 + len_bytes + 4) {
        return -EAGAIN;
    }
    uint64_t len = short_len;
    if (len_bytes > 0) {
        len = 0;
        for (size_t i = 0; i < len_bytes; i++) {
            len = len << 8 | at[2 + i];
        }
        if (len < (len_bytes == 2 ? 126u : 65536u) || len >> 63 != 0) {
            return fail(websocket, CLOSE_PROTOCOL, "a WebSocket frame whose length is written wrong");
        }
    }
    memcpy(body->mask, at + 2 + len_bytes, sizeof body->mask);
    body->mask_pos = 0;
    body->input_pos += 2 + len_bytes + 4;
    body->opcode = opcode;
    body->frame_left = len;
    body->in_frame = true;
    body->control_len = 0;
    if (!is_control) {
        body->in_message = !is_final;
    }
    return 0;
}

static void unmask(Body *body, uint8_t *to, size_t len)
{
    const uint8_t *from = body->input + body->input_pos;

    for (size_t i = 0; i < len; i++) {
        to[i] = from[i] ^ body->mask[(body->mask_pos + i) & 3];
    }
    body->mask_pos = (body->mask_pos + (unsigned)len) & 3;
    body->input_pos += len;
    body->frame_left -= len;
}

/* RFC 6455 section 7.4: those that may be sent, and 1012 to 1014, which IANA registered later. */
static bool is_close_code(uint16_t code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

/* For GLib, unlike for Unicode, a zero is no character. */
static bool is_utf8(const char *text, size_t len)
{
    const char *end = text;

    while (!g_utf8_validate(text, (gssize)len, &end)) {
        if (*end != '\0') {
            return false;
        }
        len -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    return true;
}

static int end_control_frame(WebSocket *websocket)
{
    Body *body = websocket->body;

    if (body->opcode == OPCODE_PING) {
        memcpy(body->pong, body->control, body->control_len);
        body->pong_len = body->control_len;
        body->pong_due = true;
    } else if (body->opcode == OPCODE_CLOSE) {
        const uint16_t code =
            body->control_len >= 2 ? (uint16_t)(body->control[0] << 8 | body->control[1]) : CLOSE_NORMAL;
        if (body->control_len == 1 || !is_close_code(code)) {
            return fail(websocket, CLOSE_PROTOCOL, "a WebSocket Close with a false code");
        }
        if (body->control_len > 2 && !is_utf8((const char *)body->control + 2, body->control_len - 2)) {
            return fail(websocket, CLOSE_NOT_UTF8, "a WebSocket Close with a reason that is no text");
        }
        body->close_due = true;
        body->close_code = code;
        body->pong_due = false;
        websocket->state = STATE_CLOSED;
    }
    return 0;
}

static int64_t read_frames(WebSocket *websocket, uint8_t *buffer, size_t len)
{
    Body *body = websocket->body;
    size_t given = 0;

    while (given < len && websocket->state == STATE_OPEN) {
        int result = 0;

        if (!body->in_frame) {
            result = begin_frame(websocket);
        } else {
            const bool is_control = body->opcode >= OPCODE_CLOSE;
            const size_t room = is_control ? (size_t)body->frame_left : len - given;
            size_t n = MIN(body->input_len - body->input_pos, room);
            n = (size_t)MIN(n, body->frame_left);
            if (n == 0 && body->frame_left > 0) {
                result = -EAGAIN;
            } else if (is_control) {
                unmask(body, body->control + body->control_len, n);
                body->control_len += n;
            } else {
                unmask(body, buffer + given, n);
                given += n;
            }
            if (result == 0 && body->frame_left == 0) {
                body->in_frame = false;
                result = is_control ? end_control_frame(websocket) : 0;
            }
        }
        if (result != 0) {
            websocket->starved = result == -EAGAIN;
            /* What came before a fault is told first; the fault is met again, in state DEAD. */
            return given > 0 ? (int64_t)given : result;
        }
    }
    return (int64_t)given;
}

int64_t websocket_read(WebSocket *websocket, void *buffer, size_t len)
{
    switch (websocket->state) {
    case STATE_UNDECIDED:
        websocket->starved = true;
        return -EAGAIN;
    case STATE_PLAIN: {
        const size_t n = MIN(len, (size_t)websocket->first_len - websocket->first_pos);
        if (n == 0) {
            return -EAGAIN;
        }
        memcpy(buffer, websocket->first + websocket->first_pos, n);
        websocket->first_pos += (uint8_t)n;
        return (int64_t)n;
    }
    case STATE_REQUEST: {
        const int result = answer_request(websocket);
        if (result != 0) {
            websocket->starved = result == -EAGAIN;
            return result;
        }
        return read_frames(websocket, buffer, len);
    }
    case STATE_OPEN:
        return read_frames(websocket, buffer, len);
    case STATE_CLOSED:
        return 0;
    case STATE_DEAD:
        break;
    }
    return -EPROTO;
}

/* ---- What goes out ----------------------------------------------------------------------------------------
 */

static void put_control(Body *body, uint8_t opcode, const uint8_t *payload, size_t len)
{
    uint8_t *to = body->output + body->output_len;

    to[0] = 0x80 | opcode;
    to[1] = (uint8_t)len;
    memcpy(to + 2, payload, len);
    body->output_len += 2 + len;
}

Span websocket_output(WebSocket *websocket)
{
    Body *body = websocket->body;

    if (body == NULL) {
        return span_of(NULL, 0);
    }
    if (body->output_pos == body->output_len && body->sending_left == 0 && !body->close_sent) {
        body->output_pos = body->output_len = 0;
        if (body->pong_due) {
            put_control(body, OPCODE_PONG, body->pong, body->pong_len);
            body->pong_due = false;
        }
        if (body->close_due) {
            const uint8_t code[2] = {(uint8_t)(body->close_code >> 8), (uint8_t)body->close_code};
            put_control(body, OPCODE_CLOSE, code, sizeof code);
            body->close_sent = true;
        }
    }
    return span_of(body->output + body->output_pos, body->output_len - body->output_pos);
}

void websocket_sent(WebSocket *websocket, size_t len)
{
    websocket->body->output_pos += len;
}

size_t websocket_frame(WebSocket *websocket, size_t len)
{
    Body *body = websocket->body;

    if (body == NULL || websocket->state == STATE_REQUEST) {
        return 0;
    }
    if (body->sending_left > 0) {
        return body->sending_left;
    }
    (void)websocket_output(websocket); /* what is due goes first */
    if (body->close_sent || body->output_len > OUTPUT_BYTES - HEADER_BYTES_MAX) {
        return 0;
    }
    const size_t n = MIN(len, WEBSOCKET_FRAME_BYTES_MAX);
    uint8_t *to = body->output + body->output_len;
    to[0] = 0x80 | OPCODE_BINARY;
    if (n < 126) {
        to[1] = (uint8_t)n;
        body->output_len += 2;
    } else {
        to[1] = 126;
        to[2] = (uint8_t)(n >> 8);
        to[3] = (uint8_t)n;
        body->output_len += 4;
    }
    body->sending_left = n;
    return n;
}

void websocket_data_sent(WebSocket *websocket, size_t len)
{
    websocket->body->sending_left -= len;
}

void websocket_close(WebSocket *websocket)
{
    if (websocket->state == STATE_OPEN) {
        websocket->state = STATE_CLOSED;
        websocket->body->close_due = true;
        websocket->body->close_code = CLOSE_NORMAL;
    }
}
