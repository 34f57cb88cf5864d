/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <spice/enums.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion" /* in the macro that spells it */
static const uint32_t magic = SPICE_MAGIC;
#pragma GCC diagnostic pop

#define CAP(n) (1u << (n))

static void connection_close(Connection *connection, const char *why)
{
    if (connection->state != CONNECTION_CLOSED) {
        close(connection->fd);
        connection->state = CONNECTION_CLOSED;
        connection->fd = -1;
        connection->handler->closed(connection, why);
    }
}

static void piece_begin(Connection *connection, ConnectionState state, uint32_t size)
{
    connection->state = state;
    connection->piece = size;
    connection->gathered = 0;
}

static void out_append(Connection *connection, const void *bytes, uint32_t size)
{
    if (size > sizeof(connection->out) - connection->out_length) {
        /* Answers to PING and ACKs: a server that lets them pile up does not read its clients. */
        connection_close(connection, "the server does not read");
        return;
    }
    memcpy(connection->out + connection->out_length, bytes, size);
    connection->out_length += size;
}

static void out_flush(Connection *connection)
{
    while (connection->out_length > 0) {
        const ssize_t sent = send(connection->fd, connection->out, connection->out_length, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
            return;
        }
        if (sent < 0) {
            connection_close(connection, strerror(errno));
            return;
        }
        connection->out_length -= (uint32_t)sent;
        memmove(connection->out, connection->out + sent, connection->out_length);
    }
}

bool connection_send(Connection *connection, uint16_t type, const void *body, uint32_t size)
{
    const SpiceMiniDataHeader header = {.type = type, .size = size};
    out_append(connection, &header, sizeof(header));
    if (connection->state != CONNECTION_CLOSED && size > 0) {
        out_append(connection, body, size);
    }
    if (connection->state != CONNECTION_CLOSED) {
        out_flush(connection);
    }
    return connection->state != CONNECTION_CLOSED;
}

static uint32_t channel_caps(uint8_t type)
{
    switch (type) {
    case SPICE_CHANNEL_MAIN:
        return CAP(SPICE_MAIN_CAP_NAME_AND_UUID) | CAP(SPICE_MAIN_CAP_AGENT_CONNECTED_TOKENS);
    case SPICE_CHANNEL_DISPLAY:
        return CAP(SPICE_DISPLAY_CAP_SIZED_STREAM) | CAP(SPICE_DISPLAY_CAP_MONITORS_CONFIG) |
               CAP(SPICE_DISPLAY_CAP_COMPOSITE) | CAP(SPICE_DISPLAY_CAP_A8_SURFACE) |
               CAP(SPICE_DISPLAY_CAP_LZ4_COMPRESSION) | CAP(SPICE_DISPLAY_CAP_PREF_COMPRESSION);
    case SPICE_CHANNEL_INPUTS:
        return CAP(SPICE_INPUTS_CAP_KEY_SCANCODE);
    default:
        return 0;
    }
}

static void link_send(Connection *connection, uint32_t session)
{
    struct __attribute__((packed)) {
        SpiceLinkHeader header;
        SpiceLinkMess message;
        uint32_t common_caps;
        uint32_t channel_caps;
    } link = {
        .header = {.magic = magic,
                   .major_version = SPICE_VERSION_MAJOR,
                   .minor_version = SPICE_VERSION_MINOR,
                   .size = sizeof(link) - sizeof(link.header)},
        .message = {.connection_id = session,
                    .channel_type = connection->type,
                    .channel_id = connection->id,
                    .num_common_caps = 1,
                    .num_channel_caps = 1,
                    .caps_offset = sizeof(link.message)},
        .common_caps = CAP(SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION) | CAP(SPICE_COMMON_CAP_AUTH_SPICE) |
                       CAP(SPICE_COMMON_CAP_MINI_HEADER),
        .channel_caps = channel_caps(connection->type),
    };
    out_append(connection, &link, sizeof(link));
}

/* RSA-OAEP of the password and its NUL. False when the server's key is not one. */
static bool ticket_make(const uint8_t *der, const char *password, SpiceLinkEncryptedTicket *ticket)
{
    size_t size = sizeof(ticket->encrypted_data);
    EVP_PKEY *key = d2i_PUBKEY(NULL, &der, SPICE_TICKET_PUBKEY_BYTES);
    EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    const bool made = context && EVP_PKEY_encrypt_init(context) > 0 &&
                      EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0 &&
                      EVP_PKEY_encrypt(context, ticket->encrypted_data, &size, (const uint8_t *)password,
                                       strlen(password) + 1) > 0 &&
                      size == sizeof(ticket->encrypted_data);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return made;
}

static void reply_handle(Connection *connection)
{
    SpiceLinkReply reply;
    memcpy(&reply, connection->gather, sizeof(reply));
    if (reply.error != SPICE_LINK_ERR_OK) {
        connection_close(connection, "the server answers the link with an error");
        return;
    }
    struct __attribute__((packed)) {
        SpiceLinkAuthMechanism mechanism;
        SpiceLinkEncryptedTicket ticket;
    } answer = {.mechanism.auth_mechanism = SPICE_COMMON_CAP_AUTH_SPICE};
    if (!ticket_make(reply.pub_key, connection->password, &answer.ticket)) {
        connection_close(connection, "no ticket can be made for the server's key");
        return;
    }
    piece_begin(connection, CONNECTION_RESULT, sizeof(uint32_t));
    out_append(connection, &answer, sizeof(answer));
    out_flush(connection);
}

static void message_handle(Connection *connection)
{
    const uint16_t type = connection->header.type;
    const uint32_t size = connection->header.size;
    const uint8_t *body = connection->gather;
    piece_begin(connection, CONNECTION_HEADER, sizeof(SpiceMiniDataHeader));

    if (connection->ack_window > 0 && type != SPICE_MSG_SET_ACK &&
        ++connection->ack_count >= connection->ack_window) {
        connection->ack_count = 0;
        connection_send(connection, SPICE_MSGC_ACK, NULL, 0);
    }
    if (type == SPICE_MSG_SET_ACK && size >= 8) {
        memcpy(&connection->ack_window, body + 4, sizeof(uint32_t));
        connection->ack_count = 0;
        connection_send(connection, SPICE_MSGC_ACK_SYNC, body, sizeof(uint32_t));
    } else if (type == SPICE_MSG_PING && size >= 12) {
        connection_send(connection, SPICE_MSGC_PONG, body, 12);
    }
    if (connection->state != CONNECTION_CLOSED) {
        connection->handler->message(connection, type, body, size);
        connection->had_message = true;
    }
}

/* A whole piece has arrived. */
static void piece_handle(Connection *connection)
{
    switch (connection->state) {
    case CONNECTION_REPLY_HEADER: {
        SpiceLinkHeader header;
        memcpy(&header, connection->gather, sizeof(header));
        if (header.magic != magic || header.size < sizeof(SpiceLinkReply) ||
            header.size > sizeof(connection->gather)) {
            connection_close(connection, "not a SPICE server");
            return;
        }
        piece_begin(connection, CONNECTION_REPLY, header.size);
        break;
    }
    case CONNECTION_REPLY:
        reply_handle(connection);
        break;
    case CONNECTION_RESULT: {
        uint32_t result;
        memcpy(&result, connection->gather, sizeof(result));
        if (result != SPICE_LINK_ERR_OK) {
            char why[64];
            snprintf(why, sizeof(why), "link result %u", result);
            connection_close(connection, why);
            return;
        }
        piece_begin(connection, CONNECTION_HEADER, sizeof(SpiceMiniDataHeader));
        connection->handler->linked(connection);
        break;
    }
    case CONNECTION_HEADER:
        memcpy(&connection->header, connection->gather, sizeof(connection->header));
        piece_begin(connection, CONNECTION_BODY, connection->header.size);
        if (connection->piece == 0) {
            message_handle(connection);
        }
        break;
    case CONNECTION_BODY:
        message_handle(connection);
        break;
    case CONNECTION_CLOSED:
        break;
    }
}

static void bytes_handle(Connection *connection, const uint8_t *bytes, size_t count)
{
    while (count > 0 && connection->state != CONNECTION_CLOSED) {
        const uint32_t missing = connection->piece - connection->gathered;
        const uint32_t taken = count < missing ? (uint32_t)count : missing;
        if (connection->gathered < sizeof(connection->gather)) {
            const uint32_t room = (uint32_t)sizeof(connection->gather) - connection->gathered;
            memcpy(connection->gather + connection->gathered, bytes, taken < room ? taken : room);
        }
        connection->gathered += taken;
        bytes += taken;
        count -= taken;
        if (connection->gathered == connection->piece) {
            piece_handle(connection);
        }
    }
}

bool connection_open(Connection *connection, uint16_t port, uint8_t type, uint8_t id, uint32_t session,
                     const char *password, const ConnectionHandler *handler, void *owner)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd < 0) {
        return false;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS) {
        const int reason = errno;
        close(fd);
        errno = reason;
        return false;
    }
    *connection = (Connection){
        .fd = fd, .type = type, .id = id, .handler = handler, .owner = owner, .password = password};
    piece_begin(connection, CONNECTION_REPLY_HEADER, sizeof(SpiceLinkHeader));
    link_send(connection, session);
    return true;
}

size_t connection_run(Connection *connection)
{
    static uint8_t buffer[256 * 1024];
    if (connection->state != CONNECTION_CLOSED) {
        out_flush(connection);
    }
    if (connection->state == CONNECTION_CLOSED) {
        return 0;
    }
    const ssize_t count = recv(connection->fd, buffer, sizeof(buffer), 0);
    if (count > 0) {
        bytes_handle(connection, buffer, (size_t)count);
        return (size_t)count;
    }
    if (count == 0) {
        connection_close(connection, "the server closed the connection");
    } else if (errno != EAGAIN && errno != ENOTCONN) {
        connection_close(connection, strerror(errno));
    }
    return 0;
}

bool connection_wants_write(const Connection *connection)
{
    return connection->out_length > 0;
}

void connection_finish(Connection *connection)
{
    if (connection->state != CONNECTION_CLOSED) {
        shutdown(connection->fd, SHUT_WR);
    }
}
