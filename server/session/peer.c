/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

PeerKey peer_key_of(const Stream *stream)
{
    PeerKey key = {.len = 0};
    CoreAddress local;
    CoreAddress peer;

    stream_addresses(stream, &local, &peer);
    if (peer.len >= sizeof(struct sockaddr_in) && peer.storage.ss_family == AF_INET) {
        key.len = 4;
        memcpy(key.bytes, &((const struct sockaddr_in *)&peer.storage)->sin_addr, key.len);
    } else if (peer.len >= sizeof(struct sockaddr_in6) && peer.storage.ss_family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)&peer.storage)->sin6_addr;
        const bool is_v4 = IN6_IS_ADDR_V4MAPPED(in6);
        key.len = is_v4 ? 4 : 8;
        memcpy(key.bytes, in6->s6_addr + (is_v4 ? 12 : 0), key.len);
    }
    return key;
}

bool peer_key_equal(const PeerKey *a, const PeerKey *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

const char *peer_describe(const Stream *stream, char *buffer, size_t cap)
{
    char text[INET6_ADDRSTRLEN] = "?";
    CoreAddress local;
    CoreAddress peer;

    stream_addresses(stream, &local, &peer);
    if (stream_is_unix(stream)) {
        snprintf(buffer, cap, "link from a unix socket");
    } else if (peer.len >= sizeof(struct sockaddr_in) && peer.storage.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&peer.storage;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        snprintf(buffer, cap, "link from %s:%u", text, ntohs(in->sin_port));
    } else if (peer.len >= sizeof(struct sockaddr_in6) && peer.storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&peer.storage;
        inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
        snprintf(buffer, cap, "link from [%s]:%u", text, ntohs(in6->sin6_port));
    } else {
        snprintf(buffer, cap, "link from an unknown peer");
    }
    return buffer;
}
