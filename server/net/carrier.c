/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/carrier.h"

#include <errno.h>

/* Socket reads of one carrier_read() through TLS: a peer that sends records without data must not hold the
 * loop. */
#define TLS_FILLS_PER_READ 4

/* ---- TLS --------------------------------------------------------------------------------------------------
 */

/* Moves what TLS has for the socket. 0: all went out; -EAGAIN; another error: the stream is dead. */
static int tls_flush(Carrier *carrier)
{
    Span out;

    while (carrier->error == 0 && (out = tls_filter_output(carrier->tls)).len > 0) {
        const struct iovec iov = {(void *)out.data, out.len};
        const int64_t n = carrier->core->writev(carrier->core, carrier->handle, &iov, 1);

        if (n == -EAGAIN) {
            return -EAGAIN;
        }
        if (n < 0) {
            carrier->error = (int)n;
            break;
        }
        tls_filter_sent(carrier->tls, (size_t)n);
    }
    return carrier->error;
}

/* The next read needs no more from the socket: TLS has decoded bytes, or could go on since its output is out.
 */
static bool tls_is_readable(const Carrier *carrier)
{
    return tls_filter_is_readable(carrier->tls) ||
           (tls_filter_is_stalled(carrier->tls) && tls_filter_output(carrier->tls).len == 0);
}

/* One read of the socket into TLS. 0, or -E.... */
static int tls_fill(Carrier *carrier)
{
    struct iovec iov;

    iov.iov_base = tls_filter_input(carrier->tls, &iov.iov_len);
    if (iov.iov_len == 0) {
        return 0; /* there is some already */
    }
    const int64_t n = carrier->core->readv(carrier->core, carrier->handle, &iov, 1);
    if (n == -EAGAIN) {
        return -EAGAIN;
    }
    if (n < 0) {
        return carrier->error = (int)n;
    }
    if (n == 0) {
        tls_filter_received_end(carrier->tls);
    } else {
        tls_filter_received(carrier->tls, (size_t)n);
    }
    return 0;
}

/* After an engine call that returned `result`: sends what it left to send, and gets more input if that is
 * what it lacks. 0: call it again. Otherwise what the caller is to return. */
static int64_t tls_turn(Carrier *carrier, int64_t result, int *fills)
{
    const int flushed = tls_flush(carrier); /* after a failure too: it may be the alert that tells the peer */

    if (result != -EAGAIN) {
        if (result < 0) {
            carrier->error = (int)result;
        }
        return result;
    }
    if (flushed != 0 && flushed != -EAGAIN) {
        return flushed;
    }
    if (tls_filter_is_stalled(carrier->tls)) {
        return flushed;
    }
    if ((*fills)++ == TLS_FILLS_PER_READ) {
        return -EAGAIN;
    }
    return tls_fill(carrier);
}

static void tls_handshake(Carrier *carrier)
{
    int fills = 0;

    while (carrier->error == 0) {
        const int result = tls_filter_handshake(carrier->tls);

        if (result == 0) {
            tls_flush(carrier);
            return;
        }
        if (tls_turn(carrier, result, &fills) != 0) {
            return;
        }
    }
}

static int64_t tls_read(Carrier *carrier, void *buffer, size_t len)
{
    int fills = 0;

    while (carrier->error == 0) {
        const int64_t result = tls_filter_read(carrier->tls, buffer, len);

        if (result == 0) {
            tls_flush(carrier);
            return 0;
        }
        const int64_t turn = tls_turn(carrier, result, &fills);
        if (turn != 0) {
            return turn;
        }
    }
    return carrier->error;
}

static int64_t tls_writev(Carrier *carrier, const struct iovec *iov, int iov_len)
{
    size_t offset = 0; /* into the first of the vector */
    int64_t taken = 0;

    for (;;) {
        while (iov_len > 0 && offset >= iov->iov_len) {
            offset -= iov->iov_len;
            iov++;
            iov_len--;
        }
        if (iov_len == 0) {
            return taken;
        }
        const int flushed = tls_flush(carrier);
        if (flushed != 0) {
            return taken > 0 ? taken : flushed;
        }
        const int64_t n = tls_filter_write(carrier->tls, iov, iov_len, offset);
        tls_flush(carrier);
        if (n < 0) {
            if (n != -EAGAIN && carrier->error == 0) {
                carrier->error = (int)n;
            }
            return taken > 0 ? taken : n;
        }
        offset += (size_t)n;
        taken += n;
    }
}

/* ---- Both -------------------------------------------------------------------------------------------------
 */

int64_t carrier_read(Carrier *carrier, void *buffer, size_t len)
{
    if (carrier->error != 0) {
        return carrier->error;
    }
    if (carrier->tls != NULL) {
        return tls_read(carrier, buffer, len);
    }
    const struct iovec iov = {buffer, len};
    const int64_t n = carrier->core->readv(carrier->core, carrier->handle, &iov, 1);
    if (n < 0 && n != -EAGAIN) {
        carrier->error = (int)n;
    }
    return n;
}

int64_t carrier_writev(Carrier *carrier, const struct iovec *iov, int iov_len)
{
    if (carrier->error != 0) {
        return carrier->error;
    }
    if (carrier->tls != NULL) {
        return tls_writev(carrier, iov, iov_len);
    }
    const int64_t n = carrier->core->writev(carrier->core, carrier->handle, iov, iov_len);
    if (n < 0 && n != -EAGAIN) {
        carrier->error = (int)n;
    }
    return n;
}

int carrier_flush(Carrier *carrier)
{
    return carrier->tls != NULL ? tls_flush(carrier) : carrier->error;
}

bool carrier_is_flushed(const Carrier *carrier)
{
    return carrier->tls == NULL || tls_filter_output(carrier->tls).len == 0;
}

void carrier_close(Carrier *carrier)
{
    if (carrier->tls != NULL && carrier->error == 0) {
        tls_filter_close(carrier->tls);
        tls_flush(carrier); /* a farewell that does not fit the socket now is not worth waiting for */
    }
}

unsigned carrier_watch_mask(const Carrier *carrier, unsigned want)
{
    if (carrier->tls == NULL) {
        return want;
    }
    if (carrier->error != 0) {
        return 0;
    }
    const bool unsent = tls_filter_output(carrier->tls).len > 0;
    unsigned mask = unsent ? CORE_WRITE : want & CORE_WRITE;
    const bool handshaking = tls_filter_is_handshaking(carrier->tls);
    if (handshaking) {
        mask = unsent ? CORE_WRITE : 0;
    }
    if (!unsent && tls_filter_write_waits(carrier->tls)) {
        mask &= ~CORE_WRITE; /* or it would be reported for ever */
    }
    const bool reads = (want & CORE_READ) != 0 || (handshaking && want != 0);
    if (reads && !tls_filter_is_stalled(carrier->tls)) {
        mask |= CORE_READ;
    }
    return mask;
}

bool carrier_is_readable(const Carrier *carrier)
{
    return carrier->tls != NULL && tls_is_readable(carrier);
}

unsigned carrier_on_ready(Carrier *carrier, unsigned ready, unsigned want)
{
    if (carrier->tls == NULL) {
        return ready;
    }
    if (tls_flush(carrier) == -EAGAIN) {
        ready &= ~CORE_WRITE;
    }
    if (want != 0 && tls_filter_is_handshaking(carrier->tls)) {
        tls_handshake(carrier);
        if (tls_filter_is_handshaking(carrier->tls)) {
            ready = 0;
        } else if (tls_filter_output(carrier->tls).len > 0) {
            ready &= ~CORE_WRITE;
        }
    } else if (tls_is_readable(carrier)) {
        ready |= CORE_READ;
    }
    return carrier->error != 0 ? CORE_READ | CORE_WRITE : ready;
}
