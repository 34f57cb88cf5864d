/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main.h: the main channel: a client's session, and what concerns all of its channels.
 *
 * Greets with INIT, then NAME and UUID for clients that know them; lists the channels when asked
 * (ATTACH_CHANNELS), and one by one those that come later; tells mouse mode changes and notices. There is no
 * agent yet: its messages are ignored, as the protocol allows while none is connected.
 *
 * Ownership  the server owns the MainChannel; main_channel_free() after its clients were closed.
 * Thread     the main domain, which is its home.
 * Source     reference/wire-protocol.md section 3.1, reference/api-and-behaviour.md section 5.2.
 */
#pragma once

#include "session/channel_client.h"
#include "session/reds.h"

typedef struct MainChannel MainChannel;

/* What the greeting says; the server object knows. */
typedef struct MainInfo {
    const char *name;    /* NULL: none; borrowed */
    const uint8_t *uuid; /* 16 bytes; NULL: none; borrowed */
    uint32_t displays;
    uint32_t mouse_modes, mouse_mode;
    uint32_t ram_bytes;
} MainInfo;

typedef struct MainHooks {
    void (*info)(void *opaque, MainInfo *ret_info);
    void (*mouse_mode_request)(void *opaque, uint32_t mode);
    void *opaque;
} MainHooks;

MainChannel *main_channel_new(RedsState *reds, const MainHooks *hooks); /* registers itself */
void main_channel_free(MainChannel *main);
RedChannel *main_channel_base(MainChannel *main);

void main_channel_push_mouse_mode(MainChannel *main);
void main_channel_push_new_channel(MainChannel *main, uint8_t type, uint8_t id);
/* A warning that the client's user should see. `text` is a constant. */
void main_channel_notify(RedClient *client, const char *text);
