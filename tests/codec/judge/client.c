/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client that blocks: two channels, whole messages, no more of the protocol than that takes. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <spice/enums.h>
#include <spice/protocol.h>

#include "tests/codec/judge/judge.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* in the macro that spells it */
static const uint32_t magic = SPICE_MAGIC;
#pragma GCC diagnostic pop

#define CAP(n) (1u << (n))

typedef struct Channel {
    int fd;
    uint32_t ack_window, ack_count;
    uint16_t type;
    uint32_t size;
    uint8_t *body;
} Channel;

struct JudgeClient {
    Channel main, display;
};

static void bytes_read(int fd, void *buffer, size_t size)
{
    for (uint8_t *at = buffer; size > 0;) {
        const ssize_t count = recv(fd, at, size, 0);
        if (count <= 0) {
            judge_fail("the server closed the connection");
        }
        at += count;
        size -= (size_t)count;
    }
}

static void bytes_write(int fd, const void *buffer, size_t size)
{
    if (send(fd, buffer, size, MSG_NOSIGNAL) != (ssize_t)size) {
        judge_fail("the server does not read");
    }
}

static void message_send(Channel *channel, uint16_t type, const void *body, uint32_t size)
{
    const SpiceMiniDataHeader header = {.type = type, .size = size};
    bytes_write(channel->fd, &header, sizeof(header));
    if (size > 0) {
        bytes_write(channel->fd, body, size);
    }
}

static void message_read(Channel *channel)
{
    SpiceMiniDataHeader header;
    bytes_read(channel->fd, &header, sizeof(header));
    channel->type = header.type;
    channel->size = header.size;
    free(channel->body);
    channel->body = malloc(header.size + 1u);
    if (channel->body == NULL) {
        judge_fail("no memory");
    }
    bytes_read(channel->fd, channel->body, header.size);
    if (header.type == SPICE_MSG_SET_ACK && header.size >= 8) {
        channel->ack_window = le32_get(channel->body + 4);
        channel->ack_count = 0;
        message_send(channel, SPICE_MSGC_ACK_SYNC, channel->body, 4);
    } else if (channel->ack_window > 0 && ++channel->ack_count == channel->ack_window) {
        channel->ack_count = 0;
        message_send(channel, SPICE_MSGC_ACK, NULL, 0);
    }
    if (header.type == SPICE_MSG_PING && header.size >= 12) {
        message_send(channel, SPICE_MSGC_PONG, channel->body, 12);
    }
}

static void channel_open(Channel *channel, uint16_t port, uint8_t type, uint32_t session, uint32_t caps)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    struct __attribute__((packed)) {
        SpiceLinkHeader header;
        SpiceLinkMess message;
        uint32_t common_caps, channel_caps;
    } link = {
        .header = {.magic = magic,
                   .major_version = SPICE_VERSION_MAJOR,
                   .minor_version = SPICE_VERSION_MINOR,
                   .size = sizeof(link) - sizeof(link.header)},
        .message = {.connection_id = session,
                    .channel_type = type,
                    .num_common_caps = 1,
                    .num_channel_caps = 1,
                    .caps_offset = sizeof(link.message)},
        .common_caps = CAP(SPICE_COMMON_CAP_MINI_HEADER),
        .channel_caps = caps,
    };
    channel->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (channel->fd < 0 || connect(channel->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        judge_fail("cannot connect");
    }
    bytes_write(channel->fd, &link, sizeof(link));

    SpiceLinkHeader header;
    bytes_read(channel->fd, &header, sizeof(header));
    if (header.magic != magic || header.size < sizeof(SpiceLinkReply) || header.size > 4096) {
        judge_fail("not a SPICE server");
    }
    uint8_t reply[4096];
    bytes_read(channel->fd, reply, header.size);
    const uint8_t *der = ((const SpiceLinkReply *)(const void *)reply)->pub_key;
    SpiceLinkEncryptedTicket ticket;
    size_t size = sizeof(ticket.encrypted_data);
    EVP_PKEY *key = d2i_PUBKEY(NULL, &der, SPICE_TICKET_PUBKEY_BYTES);
    EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    if (!context || EVP_PKEY_encrypt_init(context) <= 0 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) <= 0 ||
        EVP_PKEY_encrypt(context, ticket.encrypted_data, &size, (const uint8_t *)"", 1) <= 0) {
        judge_fail("no ticket can be made");
    }
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    bytes_write(channel->fd, &ticket, sizeof(ticket));
    uint32_t result;
    bytes_read(channel->fd, &result, sizeof(result));
    if (result != SPICE_LINK_ERR_OK) {
        judge_fail("the server refuses the link");
    }
}

JudgeClient *judge_client_open(uint16_t port)
{
    JudgeClient *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        judge_fail("no memory");
    }
    channel_open(&client->main, port, SPICE_CHANNEL_MAIN, 0, 0);
    do {
        message_read(&client->main);
    } while (client->main.type != SPICE_MSG_MAIN_INIT);
    const uint32_t session = le32_get(client->main.body);
    message_send(&client->main, SPICE_MSGC_MAIN_ATTACH_CHANNELS, NULL, 0);
    do {
        message_read(&client->main);
    } while (client->main.type != SPICE_MSG_MAIN_CHANNELS_LIST);

    channel_open(&client->display, port, SPICE_CHANNEL_DISPLAY, session,
                 CAP(SPICE_DISPLAY_CAP_LZ4_COMPRESSION));
    const struct __attribute__((packed)) {
        uint8_t cache_id;
        int64_t cache_size;
        uint8_t dictionary_id;
        int32_t dictionary_window;
    } init = {.cache_id = 1, .cache_size = 20 << 20, .dictionary_id = 1, .dictionary_window = 1 << 20};
    message_send(&client->display, SPICE_MSGC_DISPLAY_INIT, &init, sizeof(init));
    do {
        message_read(&client->display);
    } while (client->display.type != SPICE_MSG_DISPLAY_MARK);
    return client;
}

/* Takes `size` bytes at *at, which moves on. */
static const uint8_t *take(const Channel *channel, uint32_t *at, uint32_t size)
{
    if (*at > channel->size || size > channel->size - *at) {
        judge_fail("a drawing ends too early");
    }
    *at += size;
    return channel->body + *at - size;
}

CodedImage judge_client_image(JudgeClient *client)
{
    Channel *channel = &client->display;
    do {
        message_read(channel);
    } while (channel->type != SPICE_MSG_DISPLAY_DRAW_COPY);
    uint32_t at = 0;
    take(channel, &at, 20);
    if (*take(channel, &at, 1) != SPICE_CLIP_TYPE_NONE) {
        judge_fail("a drawing with a clip");
    }
    at = le32_get(take(channel, &at, 4));
    take(channel, &at, 8);
    CodedImage image = {.type = *take(channel, &at, 1)};
    take(channel, &at, 1);
    image.width = le32_get(take(channel, &at, 4));
    image.height = le32_get(take(channel, &at, 4));
    uint32_t size = 0;
    switch (image.type) {
    case SPICE_IMAGE_TYPE_BITMAP: {
        take(channel, &at, 1);
        image.flags = *take(channel, &at, 1);
        take(channel, &at, 4);
        const uint32_t rows = le32_get(take(channel, &at, 4));
        size = le32_get(take(channel, &at, 4)) * rows;
        take(channel, &at, image.flags & SPICE_BITMAP_FLAGS_PAL_FROM_CACHE ? 8 : 4);
        break;
    }
    case SPICE_IMAGE_TYPE_LZ_PLT:
        image.flags = *take(channel, &at, 1);
        size = le32_get(take(channel, &at, 4));
        take(channel, &at, image.flags & SPICE_BITMAP_FLAGS_PAL_FROM_CACHE ? 8 : 4);
        break;
    case SPICE_IMAGE_TYPE_JPEG_ALPHA:
        image.flags = *take(channel, &at, 1);
        image.before = le32_get(take(channel, &at, 4));
        size = le32_get(take(channel, &at, 4));
        break;
    case SPICE_IMAGE_TYPE_ZLIB_GLZ_RGB:
        image.before = le32_get(take(channel, &at, 4));
        size = le32_get(take(channel, &at, 4));
        break;
    default:
        size = le32_get(take(channel, &at, 4));
        break;
    }
    image.data = span_of(take(channel, &at, size), size);
    return image;
}
