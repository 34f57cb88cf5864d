/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ticket.h: the one-line secret that opens the door: a password with an expiry, set by the host.
 *
 *   ticket_disable()          anybody may come in
 *   ticket_set(password)      who knows it may come in, until it expires; it may be used many times
 *   ticket_set(NULL) or ("")  nobody may come in
 *
 * Ownership  a plain value, embedded; owns no memory.
 * Thread     the main domain.
 * Units      lifetime in seconds, as the host gives it; time in monotonic nanoseconds (a wall clock may be set back,
 *            N43). Passwords are bytes without NUL, at most TICKET_PASSWORD_BYTES_MAX.
 * Errors     STATUS_MISUSE: the password is too long; nothing has changed.
 * Source     reference/api-and-behaviour.md section 4.4, whose faults are not repeated: 60 bytes work, and a refused
 *            password changes nothing.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"
#include "base/status.h"

#define TICKET_PASSWORD_BYTES_MAX 60u

typedef struct Ticket {
    bool required;
    bool has_password;
    uint64_t expires_ns; /* the password opens nothing from here on; UINT64_MAX: never */
    uint8_t password[TICKET_PASSWORD_BYTES_MAX + 1]; /* zeros behind it, one at least */
} Ticket;

/* Required, and no password: as a server is before the host said anything, nobody comes in. */
void ticket_init(Ticket *ticket);
void ticket_disable(Ticket *ticket);
/* lifetime_s 0: never expires; negative: has expired already. */
Status ticket_set(Ticket *ticket, const char *password, int lifetime_s, uint64_t now_ns) STATUS_MUST_CHECK;

bool ticket_required(const Ticket *ticket);
/* Does what a client sent open the door? What follows a NUL is not looked at. The time it takes does not depend on
 * the password. */
bool ticket_opens(const Ticket *ticket, Span plaintext, uint64_t now_ns);
