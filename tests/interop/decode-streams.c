/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* decode-streams: reads captured SPICE byte streams with our own wire/.
 *
 * Its argument is a folder that capture.py wrote: a `manifest` with a line `FILE TYPE ID client|server mini|full` for
 * each direction of each connection, and those files, which begin after the link stage. It prints a line
 * `SIDE CHANNEL NAME field=value ...` for each message, decodes every body, encodes what it decoded again and compares
 * the bytes: the peers are spice-gtk and a server of somebody else's, so a difference is our misreading.
 *
 * Exit code 0: every message of every stream was understood; 1: not, and lines that begin with `BAD` say where. A server's
 * stream may end inside a message, because the client has left; a client's may not.
 */
#include "wire/wire.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MINI_HEADER = 6,
    FULL_HEADER = 18,
    MSG_NOTIFY = 7,
    PRINT_MAX = 262144, /* bytes of a printed message that are shown: a clip of thousands of rectangles */
};

typedef struct Stream {
    char name[128];
    unsigned type;
    bool client, mini;
    int bad;
} Stream;

static const char *channel_name(unsigned type)
{
    static const char *const names[] = {"?",      "main",   "display",   "inputs",   "cursor", "playback",
                                        "record", "tunnel", "smartcard", "usbredir", "port",   "webdav"};
    return type < sizeof(names) / sizeof(*names) ? names[type] : "?";
}

/* "MSGC_INPUTS_KEY_DOWN" to "KEY_DOWN"; base messages have no channel in their names. */
static const char *short_name(const char *name, unsigned channel)
{
    static const char *const prefixes[] = {"?",          "MAIN_",     "DISPLAY_", "INPUTS_",
                                           "CURSOR_",    "PLAYBACK_", "RECORD_",  "TUNNEL_",
                                           "SMARTCARD_", "USB_",      "PORT_",    "WEBDAV_"};
    const char *rest = strchr(name, '_');
    rest = rest ? rest + 1 : name;
    const char *prefix = channel < sizeof(prefixes) / sizeof(*prefixes) ? prefixes[channel] : "?";
    return strncmp(rest, prefix, strlen(prefix)) == 0 ? rest + strlen(prefix) : rest;
}

static void bad(Stream *s, size_t at, const char *what, const WireFault *fault)
{
    s->bad++;
    printf("BAD %s at byte %zu: %s", s->name, at, what);
    if (fault && fault->message) {
        printf(": %s.%s %s (%llu)", fault->message, fault->field ? fault->field : "",
               fault->why ? fault->why : "", (unsigned long long)fault->value);
    }
    printf("\n");
}

/* The bytes that we would have sent. Existing servers let a NUL follow NOTIFY's text that its length does not count. */
static void compare(Stream *s, size_t at, unsigned type, Span body, const WireOut *out, const uint8_t *bytes)
{
    size_t len = body.len;
    if (!s->client && type == MSG_NOTIFY && len > 0 && body.data[len - 1] == 0 && out->len + 1 == len) {
        len--;
    }
    if (out->failed || out->len != len || memcmp(bytes, body.data, len) != 0) {
        size_t i = 0;
        while (i < len && i < out->len && bytes[i] == body.data[i]) {
            i++;
        }
        char what[120];
        snprintf(what, sizeof(what),
                 "message type %u encoded again differs: %zu bytes instead of %zu, from byte %zu on", type,
                 out->len, len, i);
        bad(s, at, what, NULL);
    }
}

static void message_decode(Stream *s, size_t at, unsigned type, Span body)
{
    const size_t arena_size = WIRE_ARENA_BYTES(body.len);
    void *arena_bytes = malloc(arena_size);
    uint8_t *again = malloc(body.len + 64);
    char *text = malloc(PRINT_MAX);
    if (!arena_bytes || !again || !text) {
        bad(s, at, "out of memory", NULL);
        goto done;
    }
    WireArena arena;
    WireOut out;
    WireFault fault = {0};
    Status status = STATUS_OK;
    const WireMessageInfo *info = NULL;
    wire_arena_init(&arena, arena_bytes, arena_size);
    wire_out_init(&out, again, body.len + 64);
    if (s->client) {
        WireMsgc m;
        status = wire_msgc_decode((uint8_t)s->type, (uint16_t)type, body, &arena, &m, &fault);
        if (status == STATUS_OK) {
            info = wire_msgc_info((uint8_t)s->type, (uint16_t)type);
            wire_msgc_print(&m, text, PRINT_MAX);
            wire_msgc_encode(&out, &m);
        }
    } else {
        WireMsg m;
        status = wire_msg_decode((uint8_t)s->type, (uint16_t)type, body, &arena, &m, &fault);
        if (status == STATUS_OK) {
            info = wire_msg_info((uint8_t)s->type, (uint16_t)type);
            wire_msg_print(&m, text, PRINT_MAX);
            wire_msg_encode(&out, &m);
        }
    }
    if (status != STATUS_OK || !info) {
        char what[80];
        snprintf(what, sizeof(what), "message type %u of %zu bytes: %s", type, body.len, status_name(status));
        bad(s, at, what, &fault);
        goto done;
    }
    const char *fields = strchr(text, ' ');
    printf("%s %s %s%s\n", s->client ? "client" : "server", channel_name(s->type),
           short_name(info->name, s->type), fields ? fields : "");
    compare(s, at, type, body, &out, again);
done:
    free(arena_bytes);
    free(again);
    free(text);
}

static void stream_decode(Stream *s, Span bytes)
{
    const size_t header = s->mini ? MINI_HEADER : FULL_HEADER;
    size_t at = 0;
    while (bytes.len - at >= header) {
        const uint8_t *p = bytes.data + at + (s->mini ? 0 : 8);
        const unsigned type = le16_get(p);
        const size_t size = le32_get(p + 2);
        if (!s->mini && le32_get(p + 6) != 0) {
            bad(s, at, "a list of sub-messages, which this program does not read", NULL);
        }
        if (size > bytes.len - at - header) {
            break;
        }
        message_decode(s, at, type, span_of(bytes.data + at + header, size));
        at += header + size;
    }
    if (at != bytes.len) {
        printf("%s %s ends inside a message\n", s->client ? "BAD" : "note:", s->name);
        s->bad += s->client;
    }
}

static bool file_read(const char *folder, const char *name, uint8_t **ret_data, size_t *ret_len)
{
    char path[1024];
    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
        return false;
    }
    FILE *f = fopen(path, "rb");
    if (!f) {
        return false;
    }
    bool good = false;
    long len = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    uint8_t *data = len >= 0 ? malloc((size_t)len + 1) : NULL;
    if (data && fseek(f, 0, SEEK_SET) == 0 && fread(data, 1, (size_t)len, f) == (size_t)len) {
        data[len] = 0;
        *ret_data = data;
        *ret_len = (size_t)len;
        good = true;
    } else {
        free(data);
    }
    fclose(f);
    return good;
}

int main(int argc, char **argv)
{
    uint8_t *manifest = NULL;
    size_t manifest_len = 0;
    if (argc != 2 || !file_read(argv[1], "manifest", &manifest, &manifest_len)) {
        fprintf(stderr, "usage: decode-streams FOLDER (with a readable manifest)\n");
        return 2;
    }
    int streams = 0, bad_ones = 0;
    char *rest = NULL;
    for (char *line = strtok_r((char *)manifest, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        Stream s = {0};
        char side[8], header[8];
        uint8_t *data = NULL;
        size_t len = 0;
        unsigned id = 0;
        if (sscanf(line, "%127s %u %u %7s %7s", s.name, &s.type, &id, side, header) != 5 ||
            !file_read(argv[1], s.name, &data, &len)) {
            printf("BAD manifest line: %s\n", line);
            bad_ones++;
            continue;
        }
        s.client = strcmp(side, "client") == 0;
        s.mini = strcmp(header, "mini") == 0;
        stream_decode(&s, span_of(data, len));
        free(data);
        streams++;
        bad_ones += s.bad;
    }
    free(manifest);
    printf("%d streams, %d complaints\n", streams, bad_ones);
    return streams > 0 && bad_ones == 0 ? 0 : 1;
}
