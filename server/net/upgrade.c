/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/upgrade.h"

#include <glib.h>
#include <stdio.h>

#define KEY_CHARACTERS 24u /* 16 bytes as base64 */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static bool span_is(Span span, const char *text)
{
    return span.len == strlen(text) && g_ascii_strncasecmp((const char *)span.data, text, span.len) == 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static Span trimmed(Span span)
{
    while (span.len > 0 && is_blank(span.data[0])) {
        span = span_of(span.data + 1, span.len - 1);
    }
    while (span.len > 0 && is_blank(span.data[span.len - 1])) {
        span.len--;
    }
    return span;
}

/* What lies before `separator`, or all; *bytes goes on behind it. */
static Span next_part(Span *bytes, const char *separator)
{
    const size_t skip = strlen(separator);

    for (size_t i = 0; i + skip <= bytes->len; i++) {
        if (memcmp(bytes->data + i, separator, skip) == 0) {
            const Span part = span_of(bytes->data, i);
            *bytes = span_of(bytes->data + i + skip, bytes->len - i - skip);
            return part;
        }
    }
    const Span all = *bytes;
    *bytes = span_of(bytes->data + bytes->len, 0);
    return all;
}

static bool list_has(Span list, const char *token)
{
    while (list.len > 0) {
        if (span_is(trimmed(next_part(&list, ",")), token)) {
            return true;
        }
    }
    return false;
}

static bool is_key(Span value)
{
    if (value.len != KEY_CHARACTERS || value.data[22] != '=' || value.data[23] != '=') {
        return false;
    }
    for (size_t i = 0; i < 22; i++) {
        if (!g_ascii_isalnum(value.data[i]) && value.data[i] != '+' && value.data[i] != '/') {
            return false;
        }
    }
    return true;
}

UpgradeVerdict upgrade_parse(Span bytes, size_t *ret_used, UpgradeRequest *ret)
{
    bool upgrades = false, connects = false, has_version = false, names_protocols = false;
    Span rest = bytes;

    *ret = (UpgradeRequest){.problem = ""};
    Span head = next_part(&rest, "\r\n\r\n");
    if (head.len == bytes.len) {
        return UPGRADE_MORE;
    }
    *ret_used = head.len + 4;

    Span line = next_part(&head, "\r\n");
    const Span method = next_part(&line, " ");
    (void)next_part(&line, " ");
    if (!span_is(method, "GET") || !span_is(line, "HTTP/1.1")) {
        ret->problem = "a WebSocket request that is no GET of HTTP/1.1";
        return UPGRADE_BAD;
    }
    while (head.len > 0) {
        Span value = next_part(&head, "\r\n");
        const Span name = next_part(&value, ":");
        value = trimmed(value);
        if (span_is(name, "Sec-WebSocket-Key")) {
            if (ret->key.len > 0 || !is_key(value)) {
                ret->problem = "a WebSocket request with a false key, or with two";
                return UPGRADE_BAD;
            }
            ret->key = value;
        } else if (span_is(name, "Sec-WebSocket-Version")) {
            has_version = has_version || list_has(value, "13");
        } else if (span_is(name, "Sec-WebSocket-Protocol")) {
            names_protocols = true;
            ret->wants_binary = ret->wants_binary || list_has(value, "binary");
        } else if (span_is(name, "Upgrade")) {
            upgrades = upgrades || list_has(value, "websocket");
        } else if (span_is(name, "Connection")) {
            connects = connects || list_has(value, "upgrade");
        }
    }
    if (!upgrades || !connects) {
        ret->problem = "an HTTP request that is for no WebSocket";
    } else if (!has_version) {
        ret->problem = "a WebSocket request of another version than 13";
    } else if (ret->key.len == 0) {
        ret->problem = "a WebSocket request without a key";
    } else if (names_protocols && !ret->wants_binary) {
        ret->problem = "a WebSocket request without the subprotocol \"binary\"";
    } else {
        return UPGRADE_GOOD;
    }
    return UPGRADE_BAD;
}

size_t upgrade_accept(const UpgradeRequest *request, char *buffer, size_t cap)
{
    uint8_t digest[20];
    gsize digest_len = sizeof digest;
    GChecksum *sha1 = g_checksum_new(G_CHECKSUM_SHA1);

    g_checksum_update(sha1, request->key.data, (gssize)request->key.len);
    g_checksum_update(sha1, (const guchar *)ACCEPT_GUID, (gssize)strlen(ACCEPT_GUID));
    g_checksum_get_digest(sha1, digest, &digest_len);
    g_checksum_free(sha1);
    char *accept = g_base64_encode(digest, digest_len);
    const int len = snprintf(buffer, cap,
                             "HTTP/1.1 101 Switching Protocols\r\n"
                             "Upgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: %s\r\n"
                             "%s\r\n",
                             accept, request->wants_binary ? "Sec-WebSocket-Protocol: binary\r\n" : "");
    g_free(accept);
    return (size_t)len;
}

size_t upgrade_refuse(char *buffer, size_t cap)
{
    return (size_t)snprintf(buffer, cap,
                            "HTTP/1.1 400 Bad Request\r\n"
                            "Connection: close\r\n"
                            "Sec-WebSocket-Version: 13\r\n"
                            "Content-Length: 0\r\n\r\n");
}
