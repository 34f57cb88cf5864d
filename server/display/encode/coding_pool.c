/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/encode/coding_pool.h"

#include <glib.h>

#include "base/check.h"

#define CODING_JOBS_EACH 2u /* that a thread has: one that it is at, and the next */

#define CODING_KEPT_EACH 4u /* free ones, for each thread */

typedef struct CodingThread CodingThread;

typedef struct CodingJob {
    CoreTask task; /* at the thread: code it; at home: it is done */
    ListNode in_list;
    CodingPool *pool;
    CodingThread *thread; /* NULL: none has it yet */
    SharedCoding *coding; /* the home's */
    CoderOptions how;
    ImageSource source;
    ImageChunk chunk;
    BlockPool *blocks;
    Coded coded;
    bool is_coded;
    size_t room; /* bytes of pixels */
    uint8_t pixels[];
} CodingJob;

struct CodingThread {
    CodingPool *pool;
    CoreLoop *loop;
    CoreThread *thread;
    uint32_t given;   /* jobs that it has; the home's */
    ImageCoder coder; /* this thread's, once it runs */
    Pad pad;
};

struct CodingPool {
    const Core *core;
    CoreLoop *home;
    void (*done)(void *opaque, uint64_t now_ns);
    void *opaque;
    bool started;
    bool rests;           /* keeps no jobs */
    _Atomic bool stopped; /* threads look at it, too */
    uint32_t jobs;        /* begun and not done */
    ListNode waiting;
    ListNode kept; /* jobs whose memory is used again: new memory costs as much as the copying */
    uint32_t kept_len;
    uint32_t threads_len, threads_max;
    CodingThread threads[CODING_THREADS_MAX];
};

CodingPool *coding_pool_new(const Core *core, CoreLoop *home, void (*done)(void *opaque, uint64_t now_ns),
                            void *opaque)
{
    const uint32_t processors = core->processors != NULL ? core->processors(core) : 1;
    CodingPool *pool = g_new0(CodingPool, 1);

    pool->core = core;
    pool->home = home;
    pool->done = done;
    pool->opaque = opaque;
    list_init(&pool->waiting);
    list_init(&pool->kept);
    if (processors > 1) {
        pool->threads_max = processors < CODING_THREADS_MAX ? processors : CODING_THREADS_MAX;
    }
    return pool;
}

bool coding_pool_can(const CodingPool *pool)
{
    return !pool->stopped && (pool->started ? pool->threads_len > 0 : pool->threads_max > 0);
}

uint32_t coding_pool_ahead(const CodingPool *pool, uint32_t clients)
{
    const uint32_t most = CODING_AHEAD_EACH * (pool->started ? pool->threads_len : pool->threads_max);
    const uint32_t part = CODING_JOBS_MAX / (clients > 0 ? clients : 1);

    return most < part ? most : part > 0 ? part : 1;
}

/* ---- Threads ---- */

static void thread_entry(void *opaque)
{
    CodingThread *thread = opaque;

    thread->loop->core->loop_run(thread->loop);
    image_coder_finish(&thread->coder);
    pad_finish(&thread->pad);
}

static bool thread_start(CodingPool *pool, CodingThread *thread)
{
    const Core *core = pool->core;

    *thread = (CodingThread){.pool = pool, .loop = core->loop_new(core, "spice-coder")};
    if (thread->loop == NULL) {
        return false;
    }
    pad_init(&thread->pad, core);
    image_coder_init(&thread->coder, core, NULL, &thread->pad);
    thread->thread = core->thread_start(core, "spice-coder", thread_entry, thread);
    if (thread->thread == NULL) {
        core->loop_free(thread->loop);
        return false;
    }
    return true;
}

static void start(CodingPool *pool)
{
    if (pool->started) {
        return;
    }
    pool->started = true;
    while (pool->threads_len < pool->threads_max && thread_start(pool, &pool->threads[pool->threads_len])) {
        pool->threads_len++;
    }
}

/* ---- Jobs ---- */

static void job_free(CodingJob *job)
{
    CodingPool *pool = job->pool;

    pool->jobs--;
    shared_coding_unref(job->coding);
    block_pool_free(job->blocks);
    if (!pool->stopped && !pool->rests && pool->kept_len < CODING_KEPT_EACH * pool->threads_len) {
        list_append(&pool->kept, &job->in_list);
        pool->kept_len++;
    } else {
        pool->core->free(pool->core, job);
    }
}

/* With room for so many bytes. NULL: no memory. */
static CodingJob *job_take(CodingPool *pool, size_t bytes)
{
    list_each_removable(&pool->kept, node)
    {
        CodingJob *job = list_entry(node, CodingJob, in_list);
        list_remove(node);
        pool->kept_len--;
        if (job->room >= bytes) {
            return job;
        }
        pool->core->free(pool->core, job);
    }
    CodingJob *job = pool->core->alloc(pool->core, sizeof *job + bytes);
    if (job != NULL) {
        job->room = bytes;
    }
    return job;
}

static void job_code(CoreTask *task, uint64_t now_ns);

/* To those that have less than `most`. */
static void give(CodingPool *pool, uint32_t most)
{
    for (uint32_t i = 0; i < pool->threads_len; i++) {
        CodingThread *thread = &pool->threads[i];
        while (thread->given < most && !list_is_empty(&pool->waiting)) {
            CodingJob *job = list_first(&pool->waiting, CodingJob, in_list);
            list_remove(&job->in_list);
            if (shared_coding_is_forgotten(job->coding)) {
                job_free(job);
                continue;
            }
            thread->given++;
            job->thread = thread;
            job->task.run = job_code;
            loop_post(thread->loop, &job->task);
        }
    }
}

/* Each has the next one before it has done the last. */
static void hand_out(CodingPool *pool)
{
    for (uint32_t most = 1; most <= CODING_JOBS_EACH; most++) {
        give(pool, most);
    }
}

/* At home, again. */
static void job_done(CoreTask *task, uint64_t now_ns)
{
    CodingJob *job = (CodingJob *)task;
    CodingPool *pool = job->pool;

    job->thread->given--;
    shared_coding_finish(job->coding, job->coded.type, job->is_coded ? &job->coded : NULL);
    job_free(job);
    if (!pool->stopped) {
        hand_out(pool);
        pool->done(pool->opaque, now_ns);
    }
}

/* At the thread. */
static void job_code(CoreTask *task, uint64_t now_ns)
{
    CodingJob *job = (CodingJob *)task;
    ImageCoder *coder = &job->thread->coder;

    (void)now_ns;
    if (!job->pool->stopped) {
        coder->pool = job->blocks;
        job->is_coded = image_code(coder, &job->how, &job->source, &job->coded);
        coder->pool = NULL;
        image_coder_trim(coder);
        pad_reset(&job->thread->pad);
    }
    job->task.run = job_done;
    loop_post(job->pool->home, &job->task);
}

static CodingJob *job_new(CodingPool *pool, const CoderOptions *how, const ImageSource *source, uint8_t flags)
{
    const Core *core = pool->core;
    const uint32_t row_bytes = (uint32_t)pixel_row_bytes(source->format, source->width);
    const uint32_t stride = (row_bytes + 3) / 4 * 4;
    const size_t bytes = (size_t)stride * source->height;
    CodingJob *job = job_take(pool, bytes);

    if (job == NULL) {
        return NULL;
    }
    *job = (CodingJob){
        .pool = pool, .how = *how, .source = *source, .blocks = block_pool_new(core), .room = job->room};
    job->coding =
        job->blocks != NULL ? shared_coding_begin(core, bytes, (SharedForm){flags, source->top_down}) : NULL;
    if (job->coding == NULL) {
        block_pool_free(job->blocks);
        core->free(core, job);
        return NULL;
    }
    list_init(&job->in_list);
    pool->jobs++;
    for (uint32_t y = 0; y < source->height; y++) {
        memcpy(job->pixels + (size_t)stride * y, source->chunks[0].data + (size_t)source->stride * y,
               row_bytes);
    }
    job->chunk = (ImageChunk){job->pixels, source->height};
    job->source.stride = stride;
    job->source.chunks = &job->chunk;
    return job;
}

CodingStart coding_pool_begin(CodingPool *pool, const CoderOptions *how, const ImageSource *source,
                              uint8_t flags, SharedCoding **ret_coding)
{
    const uint64_t bytes = pixel_row_bytes(source->format, source->width) * source->height;

    if (bytes < CODING_BYTES_MIN || bytes > CODING_BYTES_MAX || source->chunk_count != 1 ||
        !coding_pool_can(pool)) {
        return CODING_NOT;
    }
    pool->rests = false;
    start(pool);
    if (pool->threads_len == 0) {
        return CODING_NOT;
    }
    if (pool->jobs == CODING_JOBS_MAX) {
        return CODING_LATER;
    }
    CodingJob *job = job_new(pool, how, source, flags);
    if (job == NULL) {
        return CODING_NOT;
    }
    *ret_coding = shared_coding_ref(job->coding);
    list_append(&pool->waiting, &job->in_list);
    hand_out(pool);
    return CODING_BEGUN;
}

/* ---- The end ---- */

void coding_pool_rest(CodingPool *pool)
{
    pool->rests = true;
    list_each_removable(&pool->kept, node)
    {
        list_remove(node);
        pool->core->free(pool->core, list_entry(node, CodingJob, in_list));
    }
    pool->kept_len = 0;
}

void coding_pool_stop(CodingPool *pool)
{
    const Core *core = pool->core;

    pool->stopped = true;
    list_each_removable(&pool->waiting, node)
    {
        list_remove(node);
        job_free(list_entry(node, CodingJob, in_list));
    }
    coding_pool_rest(pool);
    for (uint32_t i = 0; i < pool->threads_len; i++) {
        core->loop_quit(pool->threads[i].loop);
    }
    for (uint32_t i = 0; i < pool->threads_len; i++) {
        core->thread_join(core, pool->threads[i].thread);
        core->loop_free(pool->threads[i].loop);
    }
    pool->threads_len = 0;
}

void coding_pool_free(CodingPool *pool)
{
    if (pool != NULL) {
        CHECK(pool->jobs == 0 && pool->threads_len == 0);
        g_free(pool);
    }
}
