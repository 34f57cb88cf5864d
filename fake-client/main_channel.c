/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main_channel.c: main: the session, its channels, the mouse mode, the agent's tokens. */
#include "internal.h"

#define AGENT_CREDIT                                                                                         \
    10u /* AGENT_DATA messages that we let the server send; half of it is given back at a time */
#define MOUSE_MODES (WIRE_MOUSE_MODE_SERVER | WIRE_MOUSE_MODE_CLIENT)

static void send_empty(FakeConnection *c, uint16_t type)
{
    const WireMsgc m = {.channel = c->channel, .type = type};
    fake_connection_send(c, &m);
}

static void mouse_mode(FakeConnection *c, uint32_t supported, uint32_t current)
{
    FakeMainModel *model = &c->client->main;
    if ((supported & ~(uint32_t)MOUSE_MODES) != 0 || (supported & WIRE_MOUSE_MODE_SERVER) == 0 ||
        (current != WIRE_MOUSE_MODE_SERVER && current != WIRE_MOUSE_MODE_CLIENT) ||
        (current & supported) == 0) {
        violate(c, FAKE_RULE_VALUES, "mouse mode %u of %u", current, supported);
    }
    model->supported_mouse_modes = supported;
    model->current_mouse_mode = current;
    if (c->client->config.client_mouse && current != WIRE_MOUSE_MODE_CLIENT &&
        (supported & WIRE_MOUSE_MODE_CLIENT)) {
        const WireMsgc m = {c->channel,
                            WIRE_MSGC_MAIN_MOUSE_MODE_REQUEST,
                            {.main_mouse_mode_request = {WIRE_MOUSE_MODE_CLIENT}}};
        fake_connection_send(c, &m);
    }
}

static void agent_start(FakeConnection *c, uint32_t tokens)
{
    FakeClient *client = c->client;
    client->main.agent_connected = true;
    client->main.agent_tokens = tokens;
    client->agent_credit = AGENT_CREDIT;
    const WireMsgc m = {c->channel, WIRE_MSGC_MAIN_AGENT_START, {.main_agent_start = {AGENT_CREDIT}}};
    fake_connection_send(c, &m);
}

/* Its size is limited by wire/. */
static void agent_data(FakeConnection *c)
{
    FakeClient *client = c->client;
    if (!client->main.agent_connected) {
        violate(c, FAKE_RULE_AGENT, "agent data while there is no agent");
    }
    if (client->agent_credit == 0) {
        violate(c, FAKE_RULE_AGENT, "agent data without a token");
        return;
    }
    if (--client->agent_credit <= AGENT_CREDIT / 2) {
        const WireMsgc m = {c->channel, WIRE_MSGC_MAIN_AGENT_TOKEN, {.main_agent_token = {AGENT_CREDIT / 2}}};
        client->agent_credit += AGENT_CREDIT / 2;
        fake_connection_send(c, &m);
    }
}

static void init(FakeConnection *c, const WireMsgMainInit *m)
{
    FakeMainModel *model = &c->client->main;
    if (model->session_id != 0) {
        violate(c, FAKE_RULE_MAIN_ORDER, "a second INIT");
    }
    if (m->session_id == 0) {
        violate(c, FAKE_RULE_MAIN_ORDER, "INIT with session id 0");
    }
    if (m->agent_connected > 1) {
        violate(c, FAKE_RULE_VALUES, "INIT with agent_connected %u", m->agent_connected);
    }
    model->session_id = m->session_id;
    model->display_channels_hint = m->display_channels_hint;
    model->multi_media_time = m->multi_media_time;
    mouse_mode(c, m->supported_mouse_modes, m->current_mouse_mode);
    if (m->agent_connected != 0) {
        agent_start(c, m->agent_tokens);
    }
    if (!c->behaviour.no_attach) {
        send_empty(c, WIRE_MSGC_MAIN_ATTACH_CHANNELS);
        c->client->attach_sent = true;
        c->deadline_ns = c->now_ns + c->client->config.answer_ns;
    }
}

static void channels_list(FakeConnection *c, const WireMsgMainChannelsList *m)
{
    FakeMainModel *model = &c->client->main;
    if (!c->client->attach_sent) {
        violate(c, FAKE_RULE_MAIN_ORDER, "CHANNELS_LIST that nobody asked for");
    }
    model->has_list = true;
    c->deadline_ns = UINT64_MAX;
    for (uint32_t i = 0; i < m->channels.n; i++) {
        const WireChannelId *id = &m->channels.items[i];
        if (wire_channel_name(id->type) == NULL || id->type == WIRE_CHANNEL_MAIN ||
            id->type == WIRE_CHANNEL_TUNNEL) {
            violate(c, FAKE_RULE_VALUES, "channel %u/%u in the list", id->type, id->id);
        } else if (fake_client_offers(c->client, id->type, id->id)) {
            /* A device that was unplugged and plugged in again comes twice: removal is never announced. */
        } else if (model->channels_len < sizeof model->channels / sizeof model->channels[0]) {
            model->channels[model->channels_len++] = *id;
        }
    }
}

static void name(FakeConnection *c, Span text)
{
    FakeMainModel *model = &c->client->main;
    if (text.len == 0 || text.data[text.len - 1] != 0) {
        violate(c, FAKE_RULE_VALUES, "NAME without a NUL at its end");
        return;
    }
    const size_t len = text.len < sizeof model->name ? text.len : sizeof model->name;
    memcpy(model->name, text.data, len);
    model->name[len - 1] = '\0';
}

void main_message(FakeConnection *c, const WireMsg *m)
{
    FakeMainModel *model = &c->client->main;
    if (model->session_id == 0 && m->type != WIRE_MSG_MAIN_INIT) {
        violate(c, FAKE_RULE_MAIN_ORDER, "type %u before INIT", m->type);
    }
    switch (m->type) {
    case WIRE_MSG_MAIN_INIT:
        init(c, &m->u.main_init);
        break;
    case WIRE_MSG_MAIN_CHANNELS_LIST:
        channels_list(c, &m->u.main_channels_list);
        break;
    case WIRE_MSG_MAIN_MOUSE_MODE:
        mouse_mode(c, m->u.main_mouse_mode.supported_modes, m->u.main_mouse_mode.current_mode);
        break;
    case WIRE_MSG_MAIN_MULTI_MEDIA_TIME:
        model->multi_media_time = m->u.main_multi_media_time.time;
        break;
    case WIRE_MSG_MAIN_AGENT_CONNECTED:
        agent_start(c, AGENT_CREDIT); /* as every server without token announcements allows */
        break;
    case WIRE_MSG_MAIN_AGENT_CONNECTED_TOKENS:
        agent_start(c, m->u.main_agent_connected_tokens.num_tokens);
        break;
    case WIRE_MSG_MAIN_AGENT_DISCONNECTED:
        model->agent_connected = false;
        model->agent_tokens = 0;
        break;
    case WIRE_MSG_MAIN_AGENT_DATA:
        agent_data(c);
        break;
    case WIRE_MSG_MAIN_AGENT_TOKEN:
        model->agent_tokens += m->u.main_agent_token.num_tokens;
        break;
    case WIRE_MSG_MAIN_NAME:
        name(c, m->u.main_name.name);
        break;
    case WIRE_MSG_MAIN_UUID:
        model->has_uuid = true;
        memcpy(model->uuid, m->u.main_uuid.uuid.data, sizeof model->uuid);
        break;
    default:
        break; /* migration: decoded, and no more */
    }
}
