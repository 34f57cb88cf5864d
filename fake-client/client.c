/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.c: the user: connections, violations, what is true when all is quiet. */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/check.h"

/* What clients of today ask for: 80 MiB of pixels as images, and 32 MiB of them as GLZ window. */
#define PIXMAP_CACHE_PIXELS_DEFAULT (20 << 20)
#define GLZ_WINDOW_PIXELS_DEFAULT (8 << 20)

static uint32_t cap_bit(unsigned cap)
{
    return UINT32_C(1) << cap;
}

FakeClientConfig fake_client_config_default(void)
{
    return (FakeClientConfig){
        .main_caps = cap_bit(WIRE_CAP_MAIN_SEMI_SEAMLESS_MIGRATE) | cap_bit(WIRE_CAP_MAIN_NAME_AND_UUID) |
                     cap_bit(WIRE_CAP_MAIN_AGENT_CONNECTED_TOKENS) | cap_bit(WIRE_CAP_MAIN_SEAMLESS_MIGRATE),
        .display_caps = cap_bit(WIRE_CAP_DISPLAY_SIZED_STREAM) | cap_bit(WIRE_CAP_DISPLAY_MONITORS_CONFIG) |
                        cap_bit(WIRE_CAP_DISPLAY_COMPOSITE) | cap_bit(WIRE_CAP_DISPLAY_A8_SURFACE) |
                        cap_bit(WIRE_CAP_DISPLAY_STREAM_REPORT) | cap_bit(WIRE_CAP_DISPLAY_LZ4_COMPRESSION) |
                        cap_bit(WIRE_CAP_DISPLAY_PREF_COMPRESSION) | cap_bit(WIRE_CAP_DISPLAY_MULTI_CODEC) |
                        cap_bit(WIRE_CAP_DISPLAY_CODEC_MJPEG),
        .playback_caps = cap_bit(WIRE_CAP_PLAYBACK_VOLUME) | cap_bit(WIRE_CAP_PLAYBACK_LATENCY) |
                         cap_bit(WIRE_CAP_PLAYBACK_OPUS),
        .record_caps = cap_bit(WIRE_CAP_RECORD_VOLUME) | cap_bit(WIRE_CAP_RECORD_OPUS),
        .vmc_caps = cap_bit(WIRE_CAP_SPICEVMC_DATA_COMPRESS_LZ4),
        .pixmap_cache_id = 1,
        .glz_dictionary_id = 1,
        .pixmap_cache_pixels = PIXMAP_CACHE_PIXELS_DEFAULT,
        .glz_window_pixels = GLZ_WINDOW_PIXELS_DEFAULT,
    };
}

FakeClient *fake_client_new(const FakeClientConfig *config)
{
    FakeClient *client = calloc(1, sizeof *client);
    if (client != NULL) {
        client->config = *config;
        client->behaviour = config->behaviour;
        if (client->config.answer_ns == 0) {
            client->config.answer_ns = ANSWER_NS_DEFAULT;
        }
        list_init(&client->connections);
        client->render_cache =
            config->no_pictures
                ? NULL
                : render_cache_new(config->glz_window_pixels > 0 ? (uint32_t)config->glz_window_pixels : 0);
    }
    return client;
}

void fake_client_free(FakeClient *client)
{
    if (client == NULL) {
        return;
    }
    while (!list_is_empty(&client->connections)) {
        fake_connection_free(list_first(&client->connections, FakeConnection, node));
    }
    id_set_free(&client->pixmaps.entries);
    id_set_free(&client->pixmaps.awaited);
    id_set_free(&client->pixmaps.glz);
    zlib_decoder_free(client->pixmaps.zlib);
    render_cache_free(client->render_cache);
    free(client->waits);
    OSSL_LIB_CTX_free(client->crypto);
    free(client);
}

void fake_client_behave(FakeClient *client, const FakeBehaviour *behaviour)
{
    client->behaviour = *behaviour;
}

struct ossl_lib_ctx_st *client_crypto(FakeClient *client)
{
    if (client->config.crypto != NULL) {
        return client->config.crypto;
    }
    if (client->crypto == NULL) {
        client->crypto = OSSL_LIB_CTX_new();
    }
    return client->crypto;
}

/* ---- Violations ---- */

const char *fake_rule_text(FakeRule rule)
{
    switch (rule) {
    case FAKE_RULE_LINK_REPLY:
        return "the link reply has the one right form";
    case FAKE_RULE_PUBLIC_KEY:
        return "the public key is a 1024-bit RSA key";
    case FAKE_RULE_LINK_RESULT:
        return "the link result is one u32, with nothing before it";
    case FAKE_RULE_SERIALS:
        return "serials start at 1 and rise";
    case FAKE_RULE_MAIN_ORDER:
        return "main begins with INIT, and lists channels when asked";
    case FAKE_RULE_ACK_WINDOW:
        return "SET_ACK comes first, and the server heeds the window";
    case FAKE_RULE_POINTERS:
        return "pointees follow the fixed part in order";
    case FAKE_RULE_CAPABILITIES:
        return "nothing comes for which we lack the capability";
    case FAKE_RULE_DRAWING:
        return "drawing is inside of surfaces and images that exist";
    case FAKE_RULE_PIXMAP_CACHE:
        return "cached images are known, and fit in the cache";
    case FAKE_RULE_CURSOR_PALETTE_CACHE:
        return "cached cursors and palettes are known, and not too many";
    case FAKE_RULE_GLZ:
        return "GLZ ids rise, and the window is kept";
    case FAKE_RULE_MOTION_ACK:
        return "one MOUSE_MOTION_ACK for each four motions";
    case FAKE_RULE_AGENT:
        return "agent data is within size and tokens";
    case FAKE_RULE_DECODE:
        return "a message decodes and is as long as its fields say";
    case FAKE_RULE_VALUES:
        return "values are those that the protocol names";
    case FAKE_RULE_IN_TIME:
        return "answers come in time";
    case FAKE_RULE_ORDER:
        return "first things come first, and nothing after the end";
    case FAKE_RULE_PICTURE:
        return "what is drawn can be drawn";
    case FAKE_RULE_WEBSOCKET:
        return "a WebSocket is accepted, its frames are whole and binary, its pongs are for pings";
    case FAKE_RULE_MEMORY:
        return "nothing is shown of memory that the guest had back";
    }
    return "unknown rule";
}

void violate(FakeConnection *c, FakeRule rule, const char *format, ...)
{
    FakeClient *client = c->client;
    if (client->violations_len < FAKE_VIOLATIONS_MAX) {
        FakeViolation *v = &client->violations[client->violations_len];
        *v = (FakeViolation){
            .rule = rule,
            .channel = c->channel,
            .channel_id = c->channel_id,
            .serial = c->serial_in,
        };
        va_list args;
        va_start(args, format);
        vsnprintf(v->text, sizeof v->text, format, args);
        va_end(args);
    }
    client->violations_len++;
}

size_t fake_client_violations(const FakeClient *client, const FakeViolation **ret_first)
{
    if (ret_first != NULL) {
        *ret_first = client->violations;
    }
    return client->violations_len;
}

/* ---- The model ---- */

const FakeMainModel *fake_client_main(const FakeClient *client)
{
    return &client->main;
}

bool fake_client_offers(const FakeClient *client, uint8_t channel, uint8_t channel_id)
{
    for (size_t i = 0; i < client->main.channels_len; i++) {
        if (client->main.channels[i].type == channel && client->main.channels[i].id == channel_id) {
            return true;
        }
    }
    return false;
}

static bool serial_reached(const FakeClient *client, const Wait *wait)
{
    list_each(&client->connections, node)
    {
        const FakeConnection *c = list_entry(node, FakeConnection, node);
        if (c->channel == wait->channel && c->channel_id == wait->channel_id &&
            c->serial_in >= wait->serial) {
            return true;
        }
    }
    return false;
}

void fake_client_check_quiet(FakeClient *client)
{
    list_each(&client->connections, node)
    {
        FakeConnection *c = list_entry(node, FakeConnection, node);
        if (c->channel == WIRE_CHANNEL_INPUTS && c->state == FAKE_STATE_OPEN &&
            c->inputs.model.acks != c->inputs.model.motions / WIRE_INPUTS_MOTION_ACK_BUNCH) {
            violate(c, FAKE_RULE_MOTION_ACK, "%llu acks for %llu motions",
                    (unsigned long long)c->inputs.model.acks, (unsigned long long)c->inputs.model.motions);
        }
        if (c->display != NULL && client->pixmaps.awaited.len > 0) {
            violate(c, FAKE_RULE_PIXMAP_CACHE, "image %llu was used and never delivered",
                    (unsigned long long)client->pixmaps.awaited.items[0].id);
            id_set_clear(&client->pixmaps.awaited);
        }
        for (size_t i = 0; c->display != NULL && i < client->waits_len; i++) {
            if (!serial_reached(client, &client->waits[i])) {
                violate(c, FAKE_RULE_PIXMAP_CACHE,
                        "channel %u/%u never got to serial %llu, which was to be waited for",
                        client->waits[i].channel, client->waits[i].channel_id,
                        (unsigned long long)client->waits[i].serial);
            }
        }
        if (c->display != NULL) {
            client->waits_len = 0; /* reported once */
        }
    }
}
