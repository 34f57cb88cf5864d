/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/ticket.h"

#include <openssl/crypto.h>

#define LIFETIME_UNIT_NS UINT64_C(1000000000)

static void ticket_forget(Ticket *ticket)
{
    ticket->has_password = false;
    ticket->expires_ns = 0;
    OPENSSL_cleanse(ticket->password, sizeof ticket->password);
}

void ticket_init(Ticket *ticket)
{
    ticket->required = true;
    ticket_forget(ticket);
}

void ticket_disable(Ticket *ticket)
{
    ticket->required = false;
    ticket_forget(ticket);
}

Status ticket_set(Ticket *ticket, const char *password, int lifetime_s, uint64_t now_ns)
{
    const size_t len = password != NULL ? strnlen(password, TICKET_PASSWORD_BYTES_MAX + 1) : 0;

    if (len > TICKET_PASSWORD_BYTES_MAX) {
        return STATUS_MISUSE;
    }
    ticket_forget(ticket);
    ticket->required = true;
    if (len == 0) {
        return STATUS_OK;
    }
    ticket->has_password = true;
    memcpy(ticket->password, password, len);
    if (lifetime_s == 0) {
        ticket->expires_ns = UINT64_MAX;
    } else if (lifetime_s > 0) {
        const uint64_t lifetime_ns = (uint64_t)lifetime_s * LIFETIME_UNIT_NS;
        ticket->expires_ns = now_ns > UINT64_MAX - lifetime_ns ? UINT64_MAX : now_ns + lifetime_ns;
    }
    return STATUS_OK;
}

bool ticket_required(const Ticket *ticket)
{
    return ticket->required;
}

bool ticket_opens(const Ticket *ticket, Span plaintext, uint64_t now_ns)
{
    uint8_t given[sizeof ticket->password] = {0};
    const size_t len = plaintext.len > 0 ? strnlen((const char *)plaintext.data, plaintext.len) : 0;
    const bool fits = len <= TICKET_PASSWORD_BYTES_MAX;

    if (len > 0) {
        memcpy(given, plaintext.data, fits ? len : TICKET_PASSWORD_BYTES_MAX);
    }
    const bool equal = CRYPTO_memcmp(given, ticket->password, sizeof given) == 0;
    OPENSSL_cleanse(given, sizeof given);
    return equal && fits && ticket->has_password && now_ns < ticket->expires_ns;
}
