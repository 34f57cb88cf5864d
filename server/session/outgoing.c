/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session/outgoing.h"

#include "base/check.h"

/* What is kept when all is sent: of the buffer for bytes so much, */
#define OUTGOING_KEPT_BYTES 1024u
/* or so much if that was needed within so many rounds, from empty to all sent; */
#define OUTGOING_STEADY_BYTES (128u << 10)
#define OUTGOING_STEADY_ROUNDS 8u
/* and so many runs: a picture in a hundred thousand pieces needs many more. */
#define OUTGOING_KEPT_RUNS 400u

struct OutgoingRun {
    const uint8_t *piece; /* NULL: `at` is an offset in the buffer */
    size_t at;
    size_t len;
    void (*release)(void *owner);
    void *owner;
};

void outgoing_init(Outgoing *out, const Core *core)
{
    *out = (Outgoing){.core = core, .small_rounds = OUTGOING_STEADY_ROUNDS};
}

static void run_release(const OutgoingRun *run)
{
    if (run->release != NULL) {
        run->release(run->owner);
    }
}

void outgoing_finish(Outgoing *out)
{
    for (size_t i = out->runs_first; i < out->runs_len; i++) {
        run_release(&out->runs[i]);
    }
    out->core->free(out->core, out->runs);
    out->core->free(out->core, out->bytes);
    outgoing_init(out, out->core);
}

/* Grows by doubling; memory from core because a guest's or a client's doings decide how much. */
static bool grow(const Core *core, void **memory, size_t used, size_t *cap, size_t needed)
{
    size_t new_cap = *cap < 256 ? 256 : *cap;

    if (needed <= *cap) {
        return true;
    }
    while (new_cap < needed) {
        new_cap *= 2;
    }
    void *fresh = core->alloc(core, new_cap);
    if (fresh == NULL) {
        return false;
    }
    if (used > 0 && *memory != NULL) {
        memcpy(fresh, *memory, used);
    }
    core->free(core, *memory);
    *memory = fresh;
    *cap = new_cap;
    return true;
}

Status outgoing_reserve_runs(Outgoing *out, size_t count)
{
    if (out->runs_first > 0 && (out->runs_len + count) * sizeof(OutgoingRun) > out->runs_cap) {
        CHECK(out->runs != NULL); /* some of them were sent */
        memmove(out->runs, out->runs + out->runs_first,
                (out->runs_len - out->runs_first) * sizeof(OutgoingRun));
        out->runs_len -= out->runs_first;
        out->runs_first = 0;
    }
    void *runs = out->runs;
    if (!grow(out->core, &runs, out->runs_len * sizeof(OutgoingRun), &out->runs_cap,
              (out->runs_len + count) * sizeof(OutgoingRun))) {
        return STATUS_LIMIT;
    }
    out->runs = runs;
    return STATUS_OK;
}

static OutgoingRun *outgoing_new_run(Outgoing *out)
{
    if (outgoing_reserve_runs(out, 1) != STATUS_OK) {
        return NULL;
    }
    OutgoingRun *run = &out->runs[out->runs_len++];
    *run = (OutgoingRun){0};
    return run;
}

/* A client that reads steadily but never everything must not make the buffer grow for ever: what was sent at
 * its front is reused once it is the larger half. */
static void outgoing_compact(Outgoing *out)
{
    size_t sent = out->bytes_len;

    for (size_t i = out->runs_first; i < out->runs_len; i++) {
        if (out->runs[i].piece == NULL) {
            sent = out->runs[i].at;
            break;
        }
    }
    if (sent < OUTGOING_KEPT_BYTES || sent < out->bytes_len - sent) {
        return;
    }
    memmove(out->bytes, out->bytes + sent, out->bytes_len - sent);
    out->bytes_len -= sent;
    for (size_t i = out->runs_first; i < out->runs_len; i++) {
        if (out->runs[i].piece == NULL) {
            out->runs[i].at -= sent;
        }
    }
}

uint8_t *outgoing_reserve(Outgoing *out, size_t len)
{
    outgoing_compact(out);
    void *bytes = out->bytes;
    if (!grow(out->core, &bytes, out->bytes_len, &out->bytes_cap, out->bytes_len + len)) {
        return NULL;
    }
    if (bytes != out->bytes) {
        core_note(out->core, "outgoing grows", out->bytes_cap, 0);
    }
    out->bytes = bytes;
    return out->bytes + out->bytes_len;
}

Status outgoing_add_bytes(Outgoing *out, size_t len)
{
    CHECK(len <= out->bytes_cap - out->bytes_len);
    if (len == 0) {
        return STATUS_OK;
    }
    OutgoingRun *last = out->runs_len > out->runs_first ? &out->runs[out->runs_len - 1] : NULL;
    if (last == NULL || last->piece != NULL) {
        last = outgoing_new_run(out);
        if (last == NULL) {
            return STATUS_LIMIT;
        }
        last->at = out->bytes_len;
    }
    last->len += len;
    out->bytes_len += len;
    out->total += len;
    return STATUS_OK;
}

Status outgoing_add_piece(Outgoing *out, Span piece, void (*release)(void *owner), void *owner)
{
    OutgoingRun *run = piece.len > 0 ? outgoing_new_run(out) : NULL;
    if (run == NULL) {
        if (release != NULL) {
            release(owner);
        }
        return piece.len > 0 ? STATUS_LIMIT : STATUS_OK;
    }
    *run = (OutgoingRun){.piece = piece.data, .len = piece.len, .release = release, .owner = owner};
    out->total += piece.len;
    return STATUS_OK;
}

int outgoing_vectors(const Outgoing *out, struct iovec *ret_iov, int max)
{
    int n = 0;
    for (size_t i = out->runs_first; i < out->runs_len && n < max; i++) {
        const OutgoingRun *run = &out->runs[i];
        const uint8_t *data = run->piece != NULL ? run->piece : out->bytes + run->at;
        ret_iov[n++] = (struct iovec){(void *)data, run->len};
    }
    return n;
}

/* Most clients are idle, and shall not cost what one large burst needed; one that is sent burst after burst shall not have
 * its buffer grow from nothing for each. */
static void outgoing_all_sent(Outgoing *out)
{
    const bool was_steady = out->small_rounds < OUTGOING_STEADY_ROUNDS;

    if (out->bytes_len > OUTGOING_KEPT_BYTES) {
        out->small_rounds = 0;
    } else if (was_steady) {
        out->small_rounds++;
    }
    const bool is_steady = was_steady && out->small_rounds < OUTGOING_STEADY_ROUNDS;
    out->runs_first = out->runs_len = 0;
    out->bytes_len = 0;
    if (out->runs_cap > OUTGOING_KEPT_RUNS * sizeof(OutgoingRun)) {
        out->core->free(out->core, out->runs);
        out->runs = NULL;
        out->runs_cap = 0;
    }
    if (out->bytes_cap > (is_steady ? OUTGOING_STEADY_BYTES : OUTGOING_KEPT_BYTES)) {
        out->core->free(out->core, out->bytes);
        out->bytes = NULL;
        out->bytes_cap = 0;
        if (was_steady) { /* little is what will be needed next: a client at rest takes no memory */
            void *bytes = NULL;
            (void)grow(out->core, &bytes, 0, &out->bytes_cap, 1);
            out->bytes = bytes;
        }
    }
}

void outgoing_taken(Outgoing *out, size_t len)
{
    CHECK(len <= out->total);
    out->total -= len;
    while (len > 0) {
        OutgoingRun *run = &out->runs[out->runs_first];
        const size_t part = len < run->len ? len : run->len;
        if (run->piece != NULL) {
            run->piece += part;
        } else {
            run->at += part;
        }
        run->len -= part;
        len -= part;
        if (run->len > 0) {
            return;
        }
        out->runs_first++;
        run_release(run);
    }
    if (out->total == 0) {
        outgoing_all_sent(out);
    }
}

/* A copy of a piece: its owner is this header of it. */
typedef struct OwnPiece {
    const Core *core;
    uint8_t bytes[];
} OwnPiece;

static void own_piece_release(void *owner)
{
    OwnPiece *own = owner;

    own->core->free(own->core, own);
}

Status outgoing_own(Outgoing *out)
{
    for (size_t i = out->runs_first; i < out->runs_len; i++) {
        OutgoingRun *run = &out->runs[i];
        if (run->piece == NULL || run->release == own_piece_release) {
            continue;
        }
        OwnPiece *own = out->core->alloc(out->core, sizeof *own + run->len);
        if (own == NULL) {
            return STATUS_LIMIT;
        }
        own->core = out->core;
        memcpy(own->bytes, run->piece, run->len);
        run_release(run);
        run->piece = own->bytes;
        run->release = own_piece_release;
        run->owner = own;
    }
    return STATUS_OK;
}
