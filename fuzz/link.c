/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handshake, fed with whatever comes. It must take every input, say what the protocol lets it say, give its memory
 * back, and come to the same end however the bytes are split.
 */
#include "fuzz/fuzz.h"
#include "fuzz/link_server.h"

#include <stdlib.h>

#include "base/check.h"

typedef struct End {
    LinkState state;
    uint8_t output[LINK_OUTPUT_BYTES_MAX];
    size_t output_len;
    const char *failure;
} End;

/* `split` 0: as much as the link wants; otherwise pieces of a length that it makes. */
static End run(LinkServer *server, Span bytes, uint8_t split)
{
    uint32_t random = split;
    End end = {.output_len = 0};
    size_t wants;

    server->keys_asked = 0;
    Link *link = link_new(&server->core, &server->rules, (server->flags & LINK_FUZZ_TLS) != 0,
                          (server->flags & LINK_FUZZ_SKIP_AUTH) != 0);
    for (;;) {
        const Span out = link_output(link);
        random = random * 1103515245 + 12345;
        const size_t sent = split == 0 || out.len == 0 ? out.len : 1 + (random >> 16) % out.len;
        CHECK(end.output_len + sent <= sizeof end.output);
        memcpy(end.output + end.output_len, out.data, sent);
        end.output_len += sent;
        link_sent(link, sent);

        if (link_state(link) == LINK_KEY_WAIT) {
            if ((server->flags & LINK_FUZZ_KEY_FAILS) != 0) {
                link_key_failed(link);
            } else {
                link_key_ready(link);
            }
            continue;
        }
        if (link_state(link) == LINK_DECIDE) {
            if ((server->flags & LINK_FUZZ_REFUSE) != 0) {
                link_refuse(link, WIRE_LINK_ERR_BAD_CONNECTION_ID);
            } else {
                link_accept(link);
            }
            continue;
        }
        wants = link_wants(link);
        if (link_output(link).len > 0) {
            continue;
        }
        if (wants == 0 || bytes.len == 0) {
            break;
        }
        size_t n = wants < bytes.len ? wants : bytes.len;
        if (split != 0) {
            random = random * 1103515245 + 12345;
            n = 1 + (random >> 16) % n;
        }
        uint8_t *exact = malloc(n); /* so that a byte too much is seen */
        memcpy(exact, bytes.data, n);
        link_receive(link, span_of(exact, n));
        free(exact);
        bytes = span_of(bytes.data + n, bytes.len - n);
    }
    end.state = link_state(link);
    end.failure = link_failure(link);
    CHECK((end.state == LINK_FAILED) == (end.failure[0] != '\0'));
    CHECK(end.state == LINK_DONE || end.state == LINK_FAILED || bytes.len == 0);
    link_free(link);
    CHECK(server->memories == 0);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static LinkServer *server; /* a target lives for the whole process */

    if (size < LINK_FUZZ_OPTIONS) {
        return 0;
    }
    if (server == NULL) {
        server = link_server_new();
    }
    server->flags = data[0];
    server->security = data[1];
    const Span bytes = span_of(data + LINK_FUZZ_OPTIONS, size - LINK_FUZZ_OPTIONS);
    const End whole = run(server, bytes, 0);
    const End split = run(server, bytes, (uint8_t)(data[2] | 1));
    CHECK(whole.state == split.state);
    CHECK(whole.failure == split.failure);
    CHECK(whole.output_len == split.output_len);
    CHECK(memcmp(whole.output, split.output, whole.output_len) == 0);
    return 0;
}
