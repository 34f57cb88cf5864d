/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ticket_key.h: a ready-made RSA-1024 key for universes in which key making is not the subject. It guards nothing. */
#pragma once

#include <stdint.h>

#define UNIVERSE_TICKET_KEY_BYTES 610

extern const uint8_t universe_ticket_key[UNIVERSE_TICKET_KEY_BYTES];
