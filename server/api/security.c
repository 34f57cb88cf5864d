/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* security.c: where a server listens, and who may connect. */
#include "api/server.h"

#include <sumac.h>

#define PORT_MAX 65535

static void keep_string(char kept[API_PATH_BYTES], const char *string)
{
    g_strlcpy(kept, string != NULL ? string : "", API_PATH_BYTES);
}

static bool is_port(int port)
{
    return port >= 0 && port <= PORT_MAX;
}

int spice_server_set_port(SpiceServer *spice, int port)
{
    API_ENTRY(server, spice);

    if (server == NULL || !is_port(port)) {
        return -1;
    }
    server->port = port;
    return 0;
}

void spice_server_set_addr(SpiceServer *spice, const char *address, int flags)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return;
    }
    keep_string(server->address, address);
    switch (flags) {
    case 0:
        server->family = AF_UNSPEC;
        break;
    case SPICE_ADDR_FLAG_IPV4_ONLY:
        server->family = AF_INET;
        break;
    case SPICE_ADDR_FLAG_IPV6_ONLY:
        server->family = AF_INET6;
        break;
    case SPICE_ADDR_FLAG_UNIX_ONLY:
        server->family = AF_UNIX;
        break;
    default:
        api_warn(server, "spice_server_set_addr: flags 0x%x mean nothing, any family is used",
                 (unsigned)flags);
        server->family = AF_UNSPEC;
    }
}

int spice_server_set_listen_socket_fd(SpiceServer *spice, int fd)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    server->listen_fd = fd;
    return 0;
}

int spice_server_set_tls(SpiceServer *spice, int port, const char *ca, const char *cert, const char *key,
                         const char *key_password, const char *dh, const char *ciphers)
{
    API_ENTRY(server, spice);

    if (server == NULL || port == 0 || !is_port(port) || ca == NULL || cert == NULL || key == NULL) {
        return -1;
    }
    server->tls_port = port;
    keep_string(server->tls_files.ca, ca);
    keep_string(server->tls_files.cert, cert);
    keep_string(server->tls_files.key, key);
    keep_string(server->tls_files.key_password, key_password);
    keep_string(server->tls_files.dh, dh);
    keep_string(server->tls_files.ciphers, ciphers);
    server->tls_files.has_key_password = key_password != NULL;
    server->tls_files.has_dh = dh != NULL;
    server->tls_files.has_ciphers = ciphers != NULL;
    return 0;
}

static int add_client(Server *server, const char *function, int fd, TlsContext *tls, int skip_auth)
{
    if (server->reds.links == NULL || server->destroying || fd < 0) {
        api_warn(server, "%s: no descriptor, or the server is not initialised, or being destroyed", function);
        return -1;
    }
    return links_add(server->reds.links, fd, tls, skip_auth != 0) == STATUS_OK ? 0 : -1;
}

int spice_server_add_client(SpiceServer *spice, int fd, int skip_auth)
{
    API_ENTRY(server, spice);

    return server == NULL ? -1 : add_client(server, __func__, fd, NULL, skip_auth);
}

int spice_server_add_ssl_client(SpiceServer *spice, int fd, int skip_auth)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    if (server->tls == NULL) {
        api_warn(server, "spice_server_add_ssl_client: no TLS was set up");
        return -1;
    }
    return add_client(server, __func__, fd, server->tls, skip_auth);
}

int spice_server_set_noauth(SpiceServer *spice)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    ticket_disable(&server->reds.ticket);
    return 0;
}

int spice_server_set_ticket(SpiceServer *spice, const char *password, int lifetime, int fail_if_connected,
                            int disconnect_if_connected)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    const bool connected = reds_clients_staying(&server->reds) > 0;
    if (connected && fail_if_connected) {
        return -1;
    }
    /* Whoever came in while nobody was asked has not proved the ticket. */
    const bool was_open = !ticket_required(&server->reds.ticket);
    if (ticket_set(&server->reds.ticket, password, lifetime, server->core->now_ns(server->core)) !=
        STATUS_OK) {
        api_warn(server, "spice_server_set_ticket: a password has at most %u bytes; nothing was changed",
                 TICKET_PASSWORD_BYTES_MAX);
        return -1;
    }
    if (connected && (disconnect_if_connected || was_open)) {
        reds_drop_clients(&server->reds, "the host set a new ticket");
    }
    return 0;
}

int spice_server_set_sasl(SpiceServer *spice, int enabled)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    /* What a library without SASL answers. A host that asked for it must not run without. */
    if (enabled) {
        api_warn(server, "spice_server_set_sasl: SASL is not built yet; clients need a ticket, or noauth");
        return -1;
    }
    return 0;
}

int spice_server_set_sasl_appname(SpiceServer *spice, const char *appname)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    g_free(server->sasl_appname);
    server->sasl_appname = g_strdup(appname);
    return 0;
}

typedef struct ChannelName {
    const char *name;
    uint8_t type;
} ChannelName;

static const ChannelName channel_names[] = {
    {"main", WIRE_CHANNEL_MAIN},           {"display", WIRE_CHANNEL_DISPLAY},
    {"inputs", WIRE_CHANNEL_INPUTS},       {"cursor", WIRE_CHANNEL_CURSOR},
    {"playback", WIRE_CHANNEL_PLAYBACK},   {"record", WIRE_CHANNEL_RECORD},
    {"smartcard", WIRE_CHANNEL_SMARTCARD}, {"usbredir", WIRE_CHANNEL_USBREDIR},
    {"port", WIRE_CHANNEL_PORT},           {"webdav", WIRE_CHANNEL_WEBDAV},
};

int spice_server_set_channel_security(SpiceServer *spice, const char *channel, int mask)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    if (channel == NULL) {
        for (size_t i = 0; i < REDS_CHANNEL_TYPES; i++) {
            if (!server->security_named[i]) {
                server->reds.security[i] = mask;
            }
        }
        return 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(channel_names); i++) {
        if (strcmp(channel, channel_names[i].name) == 0) {
            server->reds.security[channel_names[i].type] = mask;
            server->security_named[channel_names[i].type] = true;
            return 0;
        }
    }
    api_warn(server, "spice_server_set_channel_security: there is no channel \"%s\"", channel);
    return -1;
}

int spice_server_set_exit_on_disconnect(SpiceServer *spice, int flag)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    server->exit_on_disconnect = flag != 0;
    return 0;
}

void spice_server_set_name(SpiceServer *spice, const char *name)
{
    API_ENTRY(server, spice);

    if (server != NULL) {
        g_free(server->name);
        server->name = g_strdup(name);
    }
}

void spice_server_set_uuid(SpiceServer *spice, const uint8_t uuid[16])
{
    API_ENTRY(server, spice);

    if (server != NULL && uuid != NULL) {
        memcpy(server->uuid, uuid, sizeof server->uuid);
        server->has_uuid = true;
    }
}

int spice_server_get_num_clients(SpiceServer *spice)
{
    API_ENTRY(server, spice);

    return server != NULL ? (int)reds_clients_staying(&server->reds) : 0;
}

int spice_server_set_multiple_clients(SpiceServer *spice, int enable)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    server->reds.multiple_clients = enable != 0;
    server->multiple_clients_chosen = true;
    return 0;
}
