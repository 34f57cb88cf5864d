/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A WebSocket's engine, fed with whatever comes. The first byte says how the rest is cut: the data and the end are the
 * same as in one piece, and what it wants sent is whole frames.
 */
#include "fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "net/websocket.h"

#define DATA_BYTES 65536u

typedef struct End {
    uint8_t data[DATA_BYTES];
    size_t len;
    int64_t result;
    const char *error;
} End;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Sends what is due; a frame of ours now and then. */
static void send_all(WebSocket *websocket, uint32_t random)
{
    size_t data = 0;
    if (random % 8 == 1) {
        data = websocket_frame(websocket, 1 + random % 20000);
        CHECK(data <= WEBSOCKET_FRAME_BYTES_MAX);
    }
    Span out;
    while ((out = websocket_output(websocket)).len > 0) {
        CHECK(out.len <= 512);
        websocket_sent(websocket, 1 + random % out.len);
    }
    if (data > 0) {
        websocket_data_sent(websocket, data);
    }
}

static void run(End *end, const uint8_t *bytes, size_t len, uint32_t random)
{
    WebSocket *websocket = websocket_new();
    bool ended = false;
    end->len = 0;
    for (;;) {
        random = random * 1103515245u + (random == 0 ? 0 : 12345u);
        const size_t room = DATA_BYTES - end->len;
        CHECK(room > 0); /* data is never longer than what came */
        end->result = websocket_read(websocket, end->data + end->len,
                                     random == 0 ? room : least(room, 1 + (random >> 8) % 64));
        if (end->result > 0) {
            CHECK((size_t)end->result <= room);
            end->len += (size_t)end->result;
            continue;
        }
        send_all(websocket, random >> 16);
        if (end->result != -EAGAIN || websocket_is_plain(websocket)) {
            break;
        }
        size_t space;
        uint8_t *to = websocket_input(websocket, &space);
        CHECK(space > 0 && !ended);
        const size_t n = least(space, random == 0 ? len : least(len, 1 + (random >> 20) % 7));
        if (n == 0) {
            websocket_received_end(websocket);
            ended = true;
        } else {
            memcpy(to, bytes, n);
            websocket_received(websocket, n);
            bytes += n;
            len -= n;
        }
    }
    if (websocket_is_plain(websocket)) {
        /* The rest is the carrier's. */
        CHECK(end->len + len <= DATA_BYTES);
        memcpy(end->data + end->len, bytes, len);
        end->len += len;
        end->result = 0;
    }
    end->error = websocket_error(websocket);
    websocket_close(websocket);
    send_all(websocket, 0);
    websocket_free(websocket);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static End whole, cut;
    if (size < 1 || size > DATA_BYTES / 2) {
        return -1;
    }
    run(&whole, data + 1, size - 1, 0);
    run(&cut, data + 1, size - 1, 1u + data[0]);
    CHECK(whole.result == cut.result && whole.error == cut.error);
    CHECK(whole.len == cut.len && memcmp(whole.data, cut.data, whole.len) == 0);
    return 0;
}
