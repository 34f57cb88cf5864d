/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* coding_pool.h: threads that code pictures for a display while its worker does other things.
 *
 * A job is one picture: its pixels are copied when it is begun, so it refers to nobody's memory, and no deadline of the guest's
 * waits for it. The worker hands a job to each thread that has none; the thread codes it, with codecs and blocks that
 * nobody else uses meanwhile, and posts it back; then whoever waits for it is told. What nobody waits for any more is not
 * begun. Threads are started with the first job, as many as there are processors (CODING_THREADS_MAX at most), as the
 * worker does next to nothing then; none where there is only one, or none can be had:
 * coding_pool_begin() says NOT then.
 *
 * Ownership  the maker owns the pool: coding_pool_stop(), later coding_pool_free(). A job keeps a reference to its SharedCoding.
 * Thread     the home's, whose loop `home` is, but for new and free: before and after the home runs.
 * Waiting    coding_pool_stop() waits for what its threads are at: one picture each, half a MiB as a rule.
 * Errors     no memory or no room: what CodingStart says.
 * Source     DESIGN section 7.
 */
#pragma once

#include "display/encode/shared.h"

#define CODING_THREADS_MAX 4u
#define CODING_AHEAD_EACH 4u         /* pictures for each thread that are worth beginning ahead */
#define CODING_JOBS_MAX 32u          /* begun and not done; each has a copy of its pixels */
#define CODING_BYTES_MIN (64u << 10) /* bytes of pixels; less is coded before a thread would wake up */
#define CODING_BYTES_MAX (1u << 20)  /* bytes of pixels; callers cut larger pictures into bands */

/* `done`: a job is; in the home. */
CodingPool *coding_pool_new(const Core *core, CoreLoop *home, void (*done)(void *opaque, uint64_t now_ns),
                            void *opaque);
/* What is not coded yet never will be; `done` is not called any more. */
void coding_pool_stop(CodingPool *pool);
void coding_pool_free(CodingPool *pool); /* NULL is allowed */

/* Nobody is left to code for: until the next job begins no memory is kept for it. */
void coding_pool_rest(CodingPool *pool);

/* May there be threads? */
bool coding_pool_can(const CodingPool *pool);
/* How many pictures are worth beginning ahead for one of so many clients, so that there is room for all of them. */
uint32_t coding_pool_ahead(const CodingPool *pool, uint32_t clients);
/* BEGUN: *ret_coding, referenced, is pending until it is coded. `how`: of a codec without memory. */
CodingStart coding_pool_begin(CodingPool *pool, const CoderOptions *how, const ImageSource *source,
                              uint8_t flags, SharedCoding **ret_coding);
