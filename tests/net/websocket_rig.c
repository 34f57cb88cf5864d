/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/net/websocket_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void rig_on_ready(void *opaque, unsigned ready, uint64_t now_ns)
{
    Rig *rig = opaque;

    (void)now_ns;
    if ((ready & CORE_READ) != 0) {
        const int64_t n = stream_read(rig->stream, rig->received + rig->received_len, 1000);
        if (n > 0) {
            rig->received_len += (size_t)n;
            if (rig->echoes) {
                rig->to_send =
                    rig->to_send_len > 0 ? rig->to_send : rig->received + rig->received_len - (size_t)n;
                rig->to_send_len += (size_t)n;
            }
        } else if (n != -EAGAIN) {
            rig->end = n;
            stream_want(rig->stream, 0);
            return;
        }
    }
    if ((ready & CORE_WRITE) != 0 && rig->to_send_len > 0) {
        const size_t half = rig->to_send_len / 2;
        const struct iovec iov[] = {{(void *)rig->to_send, half},
                                    {(void *)(rig->to_send + half), rig->to_send_len - half}};
        const int64_t n = stream_writev(rig->stream, iov, 2);
        if (n > 0) {
            rig->to_send += n;
            rig->to_send_len -= (size_t)n;
        } else if (rig->echoes && n == -EPIPE) {
            rig->to_send_len = 0; /* a Close went out meanwhile */
        } else {
            assert_int_equal(n, -EAGAIN);
        }
    }
    stream_want(rig->stream, CORE_READ | (rig->to_send_len > 0 ? CORE_WRITE : 0));
}

Rig *rig_new(void)
{
    Rig *rig = calloc(1, sizeof *rig);
    int handle;

    rig->test = test_core_new(1);
    rig->loop = test_core_loop(rig->test);
    rig->end = 1;
    test_socket_pair(rig->test, &handle, &rig->peer);
    rig->stream = stream_new(&rig->test->core, handle);
    stream_allow_websocket(rig->stream);
    assert_true(stream_attach(rig->stream, rig->loop, rig_on_ready, rig));
    stream_want(rig->stream, CORE_READ);
    return rig;
}

void rig_run(Rig *rig)
{
    ssize_t n;

    do {
        test_core_run(rig->test);
        n = recv(rig->peer, rig->answered + rig->answered_len, RIG_BYTES - rig->answered_len, MSG_DONTWAIT);
        rig->answered_len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    rig->is_closed = n == 0 || errno == ECONNRESET; /* the latter: with input that nobody read */
}

void rig_finish(Rig *rig)
{
    stream_free(rig->stream);
    if (rig->peer >= 0) {
        close(rig->peer);
    }
    test_core_loop_free(rig->loop);
    test_core_finish(rig->test);
    free(rig);
}

void rig_send(Rig *rig, const void *bytes, size_t len)
{
    assert_int_equal(send(rig->peer, bytes, len, 0), len);
}

void rig_drip(Rig *rig, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        rig_send(rig, (const uint8_t *)bytes + i, 1);
        rig_run(rig);
    }
}

Rig *rig_open(void)
{
    Rig *rig = rig_new();

    rig_send(rig, REQUEST, strlen(REQUEST));
    rig_run(rig);
    assert_non_null(strstr((char *)rig->answered, "HTTP/1.1 101 "));
    rig->answered_len = 0;
    return rig;
}

size_t rig_frame(uint8_t *to, uint8_t first, const void *data, size_t len)
{
    static const uint8_t mask[4] = {0x11, 0xa2, 0x73, 0xf4};
    size_t at = 2;

    to[0] = first;
    if (len < 126) {
        to[1] = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        to[1] = 0x80 | 126;
        to[2] = (uint8_t)(len >> 8);
        to[3] = (uint8_t)len;
        at = 4;
    } else {
        to[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++) {
            to[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
        }
        at = 10;
    }
    memcpy(to + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < len; i++) {
        to[at + i] = ((const uint8_t *)data)[i] ^ mask[i % 4];
    }
    return at + len;
}
