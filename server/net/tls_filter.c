/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/tls_filter.h"

#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <openssl/err.h>

#include "base/check.h"
#include "net/crypto.h"
#include "net/tls_context.h"

/* OpenSSL's numbers for BIO types end below this one; taking one from BIO_get_new_index() would use up a
 * counter that the whole process shares. */
#define TLS_FILTER_BIO_TYPE (BIO_TYPE_SOURCE_SINK | 127)

struct TlsFilter {
    TlsContext *context;
    SSL *ssl; /* owns the BIO */

    size_t input_pos; /* used up by OpenSSL */
    size_t input_len;
    size_t output_pos; /* sent */
    size_t output_len;
    uint8_t *gathered; /* one record's worth of data, made at the first write that needs it */

    bool input_ended;
    bool handshake_done;
    bool stalled;
    int dead; /* -EPROTO once it failed */
    char error[128];

    uint8_t input[TLS_INPUT_BYTES];
    uint8_t output[TLS_OUTPUT_BYTES];
};

/* ---- What OpenSSL takes for a socket ----------------------------------------------------------------------
 */

static int filter_bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static int filter_bio_read(BIO *bio, char *buffer, int len)
{
    TlsFilter *filter = BIO_get_data(bio);
    const size_t have = filter->input_len - filter->input_pos;

    BIO_clear_retry_flags(bio);
    if (len <= 0) {
        return 0;
    }
    if (have == 0) {
        if (filter->input_ended) {
            return 0;
        }
        BIO_set_retry_read(bio);
        return -1;
    }
    const size_t n = MIN(have, (size_t)len);
    memcpy(buffer, filter->input + filter->input_pos, n);
    filter->input_pos += n;
    return (int)n;
}

static int filter_bio_write(BIO *bio, const char *buffer, int len)
{
    TlsFilter *filter = BIO_get_data(bio);
    const size_t room = sizeof filter->output - filter->output_len;

    BIO_clear_retry_flags(bio);
    if (len <= 0) {
        return 0;
    }
    if (room == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    const size_t n = MIN(room, (size_t)len);
    memcpy(filter->output + filter->output_len, buffer, n);
    filter->output_len += n;
    return (int)n;
}

static long filter_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const TlsFilter *filter = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return filter->input_ended && filter->input_pos == filter->input_len;
    default:
        return 0;
    }
}

BIO_METHOD *tls_filter_bio_new(void)
{
    BIO_METHOD *method = BIO_meth_new(TLS_FILTER_BIO_TYPE, "tls filter");

    if (method != NULL && BIO_meth_set_create(method, filter_bio_create) &&
        BIO_meth_set_read(method, filter_bio_read) && BIO_meth_set_write(method, filter_bio_write) &&
        BIO_meth_set_ctrl(method, filter_bio_ctrl)) {
        return method;
    }
    BIO_meth_free(method);
    return NULL;
}

/* ---- Life -------------------------------------------------------------------------------------------------
 */

static bool filter_start(TlsFilter *filter)
{
    ERR_clear_error();
    filter->ssl = SSL_new(filter->context->ssl);
    BIO *bio = BIO_new(filter->context->bio);
    if (filter->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        ERR_clear_error();
        return false;
    }
    BIO_set_data(bio, filter);
    SSL_set_bio(filter->ssl, bio, bio);
    SSL_set_accept_state(filter->ssl);
    return true;
}

TlsFilter *tls_filter_new(TlsContext *context)
{
    TlsFilter *filter = g_new(TlsFilter, 1);

    /* Not the buffers: they are larger than all the rest. */
    memset(filter, 0, offsetof(TlsFilter, input));
    filter->context = tls_context_ref(context);
    bool started = false;
    if (crypto_enter(context->crypto)) {
        started = filter_start(filter);
        crypto_leave(context->crypto);
    }
    if (!started) {
        tls_filter_free(filter);
        return NULL;
    }
    return filter;
}

void tls_filter_free(TlsFilter *filter)
{
    if (filter == NULL) {
        return;
    }
    if (filter->ssl != NULL && crypto_enter(filter->context->crypto)) {
        SSL_free(filter->ssl);
        crypto_leave(filter->context->crypto);
    }
    tls_context_unref(filter->context);
    g_free(filter->gathered);
    g_free(filter);
}

/* ---- Buffers ----------------------------------------------------------------------------------------------
 */

uint8_t *tls_filter_input(TlsFilter *filter, size_t *ret_len)
{
    if (filter->input_pos == filter->input_len) {
        filter->input_pos = filter->input_len = 0;
    }
    *ret_len = filter->input_len == 0 ? sizeof filter->input : 0;
    return filter->input;
}

void tls_filter_received(TlsFilter *filter, size_t len)
{
    CHECK(filter->input_len == 0 && len <= sizeof filter->input);
    filter->input_len = len;
}

void tls_filter_received_end(TlsFilter *filter)
{
    filter->input_ended = true;
}

Span tls_filter_output(const TlsFilter *filter)
{
    return span_of(filter->output + filter->output_pos, filter->output_len - filter->output_pos);
}

void tls_filter_sent(TlsFilter *filter, size_t len)
{
    CHECK(len <= filter->output_len - filter->output_pos);
    filter->output_pos += len;
    if (filter->output_pos == filter->output_len) {
        filter->output_pos = filter->output_len = 0;
    }
}

/* ---- The engine -------------------------------------------------------------------------------------------
 */

static int fail(TlsFilter *filter, const char *fallback)
{
    const unsigned long code = ERR_peek_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    g_strlcpy(filter->error, reason != NULL ? reason : fallback, sizeof filter->error);
    filter->dead = -EPROTO;
    filter->stalled = false;
    ERR_clear_error();
    return filter->dead;
}

/* What a call of OpenSSL's that returned `result` <= 0 means to us. *ret_ended: the peer said goodbye. */
static int explain(TlsFilter *filter, int result, bool *ret_ended)
{
    const int why = SSL_get_error(filter->ssl, result);

    *ret_ended = false;
    switch (why) {
    case SSL_ERROR_WANT_READ:
        filter->stalled = false;
        ERR_clear_error();
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        filter->stalled = true;
        ERR_clear_error();
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        *ret_ended = true;
        filter->stalled = false;
        ERR_clear_error();
        return 0;
    default:
        return fail(filter, filter->input_ended ? "the peer left in the middle" : "unknown failure");
    }
}

/* The functions that are called between crypto_enter() and crypto_leave() end in _entered. */
static int handshake_entered(TlsFilter *filter)
{
    bool ended;

    if (filter->dead != 0 || filter->handshake_done) {
        return filter->dead;
    }
    ERR_clear_error();
    const int result = SSL_do_handshake(filter->ssl);
    if (result == 1) {
        filter->handshake_done = true;
        filter->stalled = false;
        return 0;
    }
    const int error = explain(filter, result, &ended);
    if (ended) {
        return fail(filter, "the peer left during the handshake");
    }
    return error;
}

int tls_filter_handshake(TlsFilter *filter)
{
    if (!crypto_enter(filter->context->crypto)) {
        return -ESHUTDOWN;
    }
    const int error = handshake_entered(filter);
    crypto_leave(filter->context->crypto);
    return error;
}

bool tls_filter_is_handshaking(const TlsFilter *filter)
{
    return !filter->handshake_done;
}

static int64_t read_entered(TlsFilter *filter, void *buffer, size_t len)
{
    bool ended;

    const int handshake = handshake_entered(filter);
    if (handshake != 0) {
        return handshake;
    }
    ERR_clear_error();
    const int n = SSL_read(filter->ssl, buffer, (int)MIN(len, (size_t)INT_MAX));
    if (n > 0) {
        filter->stalled = false;
        return n;
    }
    return explain(filter, n, &ended);
}

int64_t tls_filter_read(TlsFilter *filter, void *buffer, size_t len)
{
    if (!crypto_enter(filter->context->crypto)) {
        return -ESHUTDOWN;
    }
    const int64_t n = read_entered(filter, buffer, len);
    crypto_leave(filter->context->crypto);
    return n;
}

/* Up to one record's worth of data in one piece: where it lies if it is in one piece already, or a copy.
 * `offset` lies inside the first of the vector. */
static Span gather(TlsFilter *filter, const struct iovec *iov, int iov_len, size_t offset)
{
    const size_t first = iov->iov_len - offset;
    size_t len = 0;

    if (iov_len == 1 || first >= TLS_RECORD_BYTES_MAX) {
        return span_of((const uint8_t *)iov->iov_base + offset, MIN(first, (size_t)TLS_RECORD_BYTES_MAX));
    }
    if (filter->gathered == NULL) {
        filter->gathered = g_malloc(TLS_RECORD_BYTES_MAX);
    }
    for (int i = 0; i < iov_len && len < TLS_RECORD_BYTES_MAX; i++) {
        const size_t n = MIN(iov[i].iov_len - offset, TLS_RECORD_BYTES_MAX - len);

        if (n > 0) {
            memcpy(filter->gathered + len, (const uint8_t *)iov[i].iov_base + offset, n);
            len += n;
        }
        offset = 0;
    }
    return span_of(filter->gathered, len);
}

static int64_t write_entered(TlsFilter *filter, const struct iovec *iov, int iov_len, size_t offset)
{
    bool ended;

    const int handshake = handshake_entered(filter);
    if (handshake != 0) {
        return handshake;
    }
    if (filter->output_len > 0) {
        return -EAGAIN;
    }
    const Span data = gather(filter, iov, iov_len, offset);
    ERR_clear_error();
    const int n = SSL_write(filter->ssl, data.data, (int)data.len);
    if (n > 0) {
        return n;
    }
    const int error = explain(filter, n, &ended);
    /* The output was empty and holds any record: half a record cannot be left behind in OpenSSL. */
    if (ended || NEVER(filter->stalled)) {
        return fail(filter, "the peer ended TLS");
    }
    return error;
}

int64_t tls_filter_write(TlsFilter *filter, const struct iovec *iov, int iov_len, size_t offset)
{
    if (!crypto_enter(filter->context->crypto)) {
        return -ESHUTDOWN;
    }
    const int64_t n = write_entered(filter, iov, iov_len, offset);
    crypto_leave(filter->context->crypto);
    return n;
}

void tls_filter_close(TlsFilter *filter)
{
    if (filter->dead == 0 && filter->handshake_done && crypto_enter(filter->context->crypto)) {
        ERR_clear_error();
        SSL_shutdown(filter->ssl);
        ERR_clear_error();
        crypto_leave(filter->context->crypto);
    }
}

bool tls_filter_is_readable(const TlsFilter *filter)
{
    return filter->dead == 0 && !filter->stalled &&
           (filter->input_pos < filter->input_len ||
            (filter->handshake_done && SSL_pending(filter->ssl) > 0));
}

bool tls_filter_write_waits(const TlsFilter *filter)
{
    return filter->dead == 0 && filter->handshake_done && !filter->stalled && SSL_in_init(filter->ssl);
}

bool tls_filter_is_stalled(const TlsFilter *filter)
{
    return filter->stalled;
}

const char *tls_filter_error(const TlsFilter *filter)
{
    return filter->error;
}
