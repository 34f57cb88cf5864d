/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* transcript.h: what everybody saw, in parts: one for each connection of each client, with every message of the server
 * in the words of wire_msg_print(), and some for the host.
 *
 * Left out is
 *   - PING: when it is sent is a matter of time, and so is its content. Serials are those that the others would have
 *     without it;
 *   - multi_media_time and time_stamp, which are times;
 *   - session_id, which is drawn by chance.
 *
 * Ownership  a Transcript owns its parts' texts: transcript_free().
 * Thread     one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "fake-client/fake_client.h"

#define PARTS_MAX 64u

typedef struct Part {
    char name[64];
    char *text; /* lines; NULL: none yet */
    size_t len, capacity;
    size_t lines;
    uint64_t pings; /* left out so far */
} Part;

typedef struct Transcript {
    Part parts[PARTS_MAX]; /* in the order in which they were opened */
    size_t parts_len;
    char failure[600]; /* of what was played; "": none */
} Transcript;

/* NULL: there are PARTS_MAX. The part stays where it is. */
Part *part_new(Transcript *transcript, const char *name);
void part_add(Part *part, const char *line);
void part_addf(Part *part, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As FakeClientConfig.on_message tells it. */
void part_add_message(Part *part, const FakeConnection *connection, uint64_t serial, const WireMsg *message,
                      Span body);

/* Only the first failure is kept. */
void transcript_fail(Transcript *transcript, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* False: they differ; where is in `ret`. */
bool transcript_equal(const Transcript *a, const Transcript *b, char *ret, size_t cap);
void transcript_print(const Transcript *transcript);
void transcript_free(Transcript *transcript);
