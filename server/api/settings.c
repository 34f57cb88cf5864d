/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* settings.c: compression, video, agent and mouse settings, and what hosts of long ago ask.
 *
 * Several of these belong to systems that come later: they keep their value and answer as documented.
 */
#include "api/server.h"

#include <stdlib.h>

/* Before init the existing library has no list; afterwards, what it can encode. We cannot encode video yet.
 */
#define VIDEO_CODECS_DEFAULT ""

/* 1 asks the guest's driver to compress by itself, which only QUIC without streams makes worthwhile. */
int server_compression_level(const Server *server)
{
    return server->streaming_video == SPICE_STREAM_VIDEO_OFF &&
                   server->image_compression == SPICE_IMAGE_COMPRESSION_QUIC
               ? 1
               : 0;
}

void server_push_compression_level(Server *server)
{
    list_each(&server->workers, node)
    {
        red_worker_set_compression_level(list_entry(node, RedWorker, in_server),
                                         server_compression_level(server));
    }
}

int spice_server_set_image_compression(SpiceServer *spice, SpiceImageCompression compression)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    if (compression <= SPICE_IMAGE_COMPRESSION_INVALID || compression >= SPICE_IMAGE_COMPRESSION_ENUM_END) {
        api_warn(server, "spice_server_set_image_compression: there is no compression %d", (int)compression);
        return 0; /* what the existing library returns, and hosts may rely on */
    }
    server->image_compression = compression;
    server_push_compression_level(server);
    list_each(&server->workers, node)
    {
        red_worker_set_image_compression(list_entry(node, RedWorker, in_server), (int)compression);
    }
    return 0;
}

SpiceImageCompression spice_server_get_image_compression(SpiceServer *spice)
{
    API_ENTRY(server, spice);

    return server != NULL ? server->image_compression : SPICE_IMAGE_COMPRESSION_INVALID;
}

static int set_wan_compression(Server *server, spice_wan_compression_t *kept, spice_wan_compression_t value)
{
    if (value <= SPICE_WAN_COMPRESSION_INVALID || value > SPICE_WAN_COMPRESSION_NEVER) {
        api_warn(server, "there is no wan compression %d", (int)value);
        return -1;
    }
    *kept = value;
    list_each(&server->workers, node)
    {
        red_worker_set_wan_compression(list_entry(node, RedWorker, in_server), server->jpeg_compression,
                                       server->zlib_glz_compression);
    }
    return 0;
}

int spice_server_set_jpeg_compression(SpiceServer *spice, spice_wan_compression_t compression)
{
    API_ENTRY(server, spice);

    return server != NULL ? set_wan_compression(server, &server->jpeg_compression, compression) : -1;
}

int spice_server_set_zlib_glz_compression(SpiceServer *spice, spice_wan_compression_t compression)
{
    API_ENTRY(server, spice);

    return server != NULL ? set_wan_compression(server, &server->zlib_glz_compression, compression) : -1;
}

int spice_server_set_streaming_video(SpiceServer *spice, int value)
{
    API_ENTRY(server, spice);

    if (server == NULL || value < SPICE_STREAM_VIDEO_OFF || value > SPICE_STREAM_VIDEO_FILTER) {
        return -1;
    }
    server->streaming_video = value;
    server_push_compression_level(server);
    return 0;
}

/* "encoder:codec", letters, digits and underscores. */
static bool codec_is_known(const char *entry, size_t len)
{
    static const char *const encoders[] = {"spice", "gstreamer"};
    static const char *const codecs[] = {"mjpeg", "vp8", "h264", "vp9"};
    const char *colon = memchr(entry, ':', len);

    if (colon == NULL) {
        return false;
    }
    const size_t encoder_len = (size_t)(colon - entry), codec_len = len - encoder_len - 1;
    bool encoder_known = false, codec_known = false;
    for (size_t i = 0; i < G_N_ELEMENTS(encoders); i++) {
        encoder_known |= strlen(encoders[i]) == encoder_len && memcmp(entry, encoders[i], encoder_len) == 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(codecs); i++) {
        codec_known |= strlen(codecs[i]) == codec_len && memcmp(colon + 1, codecs[i], codec_len) == 0;
    }
    return encoder_known && codec_known;
}

int spice_server_set_video_codecs(SpiceServer *spice, const char *codecs)
{
    API_ENTRY(server, spice);

    if (server == NULL || codecs == NULL) {
        return -1;
    }
    if (strcmp(codecs, "auto") == 0) {
        g_free(server->video_codecs);
        server->video_codecs = NULL;
        return 0;
    }
    GString *kept = g_string_new(NULL);
    while (*codecs != '\0') {
        const char *end = strchr(codecs, ';');
        const size_t len = end != NULL ? (size_t)(end - codecs) : strlen(codecs);
        if (codec_is_known(codecs, len)) {
            g_string_append_printf(kept, "%s%.*s", kept->len > 0 ? ";" : "", (int)len, codecs);
        } else if (len > 0) {
            api_warn(server, "spice_server_set_video_codecs: \"%.*s\" is unknown, skipped", (int)len, codecs);
        }
        codecs += len + (end != NULL ? 1 : 0);
    }
    if (kept->len == 0) {
        g_string_free(kept, TRUE);
        return -1;
    }
    g_free(server->video_codecs);
    server->video_codecs = g_string_free(kept, FALSE);
    return 0;
}

const char *spice_server_get_video_codecs(SpiceServer *spice)
{
    API_ENTRY(server, spice);
    const char *kept =
        server != NULL && server->video_codecs != NULL ? server->video_codecs : VIDEO_CODECS_DEFAULT;

    return g_strdup(kept);
}

void spice_server_free_video_codecs(SpiceServer *spice, const char *codecs)
{
    (void)spice;
    g_free((char *)codecs);
}

int spice_server_add_renderer(SpiceServer *spice, const char *name)
{
    API_ENTRY(server, spice);

    if (server == NULL || name == NULL || strcmp(name, "sw") != 0 || server->renderer_added) {
        return -1;
    }
    server->renderer_added = true;
    return 0;
}

int spice_server_set_playback_compression(SpiceServer *spice, int enable)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    server->playback_compression = enable != 0;
    return 0;
}

int spice_server_set_agent_mouse(SpiceServer *spice, int enable)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    server->agent_mouse = enable != 0;
    return 0;
}

int spice_server_set_agent_copypaste(SpiceServer *spice, int enable)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    server->agent_copypaste = enable != 0;
    return 0;
}

int spice_server_set_agent_file_xfer(SpiceServer *spice, int enable)
{
    API_ENTRY(server, spice);

    if (server == NULL) {
        return -1;
    }
    server->agent_file_xfer = enable != 0;
    return 0;
}

int spice_server_is_server_mouse(SpiceServer *spice)
{
    API_ENTRY(server, spice);

    return server != NULL && server->pointer.mode == WIRE_MOUSE_MODE_SERVER ? 1 : 0;
}

int spice_server_kbd_leds(SpiceKbdInstance *keyboard, int leds)
{
    if (keyboard == NULL || keyboard->st == NULL) {
        api_warn(NULL, "spice_server_kbd_leds: the keyboard is not plugged in");
        return 0;
    }
    API_ENTRY(server, (SpiceServer *)keyboard->st);
    inputs_channel_set_leds(server->inputs, (uint8_t)leds);
    return 0;
}

/* ---- Kept for hosts of long ago ---- */

spice_compat_version_t spice_get_current_compat_version(void)
{
    return SPICE_COMPAT_VERSION_CURRENT;
}

int spice_server_set_compat_version(SpiceServer *spice, spice_compat_version_t version)
{
    (void)spice;
    return version == SPICE_COMPAT_VERSION_CURRENT ? 0 : -1;
}

int spice_server_get_sock_info(SpiceServer *spice, struct sockaddr *address, socklen_t *len)
{
    (void)spice;
    (void)address;
    (void)len;
    return -1;
}

int spice_server_get_peer_info(SpiceServer *spice, struct sockaddr *address, socklen_t *len)
{
    (void)spice;
    (void)address;
    (void)len;
    return -1;
}
