/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fidelity/transcript.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define LINE_BYTES 4096
#define LINE_REST_BYTES 64 /* for what stands around the message */

Part *part_new(Transcript *transcript, const char *name)
{
    if (transcript->parts_len == PARTS_MAX) {
        return NULL;
    }
    Part *part = &transcript->parts[transcript->parts_len++];
    snprintf(part->name, sizeof part->name, "%s", name);
    return part;
}

void part_add(Part *part, const char *line)
{
    const size_t len = strlen(line);
    if (part->len + len + 2 > part->capacity) {
        part->capacity = (part->capacity + len + 2) * 2;
        part->text = realloc(part->text, part->capacity);
        CHECK(part->text != NULL);
    }
    memcpy(part->text + part->len, line, len);
    memcpy(part->text + part->len + len, "\n", 2);
    part->len += len + 1;
    part->lines++;
}

void part_addf(Part *part, const char *format, ...)
{
    char line[300];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    part_add(part, line);
}

/* The value behind "name=" becomes a star. */
static void blank(char *line, const char *name)
{
    char *at = strstr(line, name);
    if (at != NULL) {
        at += strlen(name);
        const size_t len = strspn(at, "0123456789");
        at[0] = '*';
        memmove(at + 1, at + len, strlen(at + len) + 1);
    }
}

void part_add_message(Part *part, const FakeConnection *connection, uint64_t serial, const WireMsg *message,
                      Span body)
{
    const uint8_t channel = fake_connection_channel(connection);
    char line[LINE_BYTES];

    if (message->type == WIRE_MSG_PING) {
        part->pings++;
        return;
    }
    size_t len = (size_t)snprintf(line, sizeof line, "%llu ", (unsigned long long)(serial - part->pings));
    wire_msg_print(message, line + len, sizeof line - LINE_REST_BYTES);
    blank(line, " session_id=");
    blank(line, " multi_media_time=");
    blank(line, " time_stamp=");
    if (channel == WIRE_CHANNEL_CURSOR || channel == WIRE_CHANNEL_DISPLAY) {
        len = strlen(line);
        snprintf(line + len, sizeof line - len, " hash=%016llx", (unsigned long long)fake_hash(body));
    }
    part_add(part, line);
}

void transcript_fail(Transcript *transcript, const char *format, ...)
{
    va_list args;
    if (transcript->failure[0] == '\0') {
        va_start(args, format);
        vsnprintf(transcript->failure, sizeof transcript->failure, format, args);
        va_end(args);
    }
}

/* ---- Comparing ---- */

static size_t line_len(const char *text)
{
    return strcspn(text, "\n");
}

static bool part_equal(const Part *a, const Part *b, char *ret, size_t cap)
{
    const char *x = a->text != NULL ? a->text : "";
    const char *y = b->text != NULL ? b->text : "";
    if (strcmp(a->name, b->name) != 0) {
        snprintf(ret, cap, "'%s' stands where the other has '%s'", a->name, b->name);
        return false;
    }
    for (int number = 1; *x != '\0' || *y != '\0'; number++) {
        const size_t x_len = line_len(x), y_len = line_len(y);
        if (x_len != y_len || memcmp(x, y, x_len) != 0) {
            snprintf(ret, cap, "%s, line %d:\n  %.*s\n  %.*s", a->name, number, (int)x_len, x, (int)y_len, y);
            return false;
        }
        x += x_len + (x[x_len] == '\n');
        y += y_len + (y[y_len] == '\n');
    }
    return true;
}

bool transcript_equal(const Transcript *a, const Transcript *b, char *ret, size_t cap)
{
    const size_t both = a->parts_len < b->parts_len ? a->parts_len : b->parts_len;
    for (size_t i = 0; i < both; i++) {
        if (!part_equal(&a->parts[i], &b->parts[i], ret, cap)) {
            return false;
        }
    }
    if (a->parts_len != b->parts_len) {
        snprintf(ret, cap, "%zu parts, and %zu", a->parts_len, b->parts_len);
        return false;
    }
    return true;
}

void transcript_print(const Transcript *transcript)
{
    for (size_t i = 0; i < transcript->parts_len; i++) {
        const Part *part = &transcript->parts[i];
        printf("== %s\n%s", part->name, part->text != NULL ? part->text : "");
    }
}

void transcript_free(Transcript *transcript)
{
    for (size_t i = 0; i < transcript->parts_len; i++) {
        free(transcript->parts[i].text);
    }
    *transcript = (Transcript){0};
}
