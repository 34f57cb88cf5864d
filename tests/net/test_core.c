/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/net/test_core.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "core/posix/posix.h"

#define ROUNDS_MAX 200000
#define WATCHES_MAX 4096

struct CoreTimer {
    ListNode node;
    CoreTimerFunc func;
    void *opaque;
    uint64_t deadline_ns;
    bool running;
};

struct CoreWatch {
    ListNode node;
    int handle;
    unsigned mask;
    CoreWatchFunc func;
    void *opaque;
};

struct CoreThread {
    CoreLoop *loop;
};

struct TestLoop {
    CoreLoop base;
    ListNode node;
    ListNode timers;
    ListNode watches;
    CoreTask *first;
    CoreTask **last;
};

static TestCore *test_of(const Core *core)
{
    return (TestCore *)core;
}

static TestLoop *loop_of(CoreLoop *loop)
{
    return (TestLoop *)loop;
}

static bool fails(int *countdown)
{
    return *countdown > 0 && --*countdown == 0;
}

/* ---- Time, entropy, memory, files, log --------------------------------------------------------------------- */

static uint64_t op_now_ns(const Core *core)
{
    return test_of(core)->now_ns;
}

static void op_entropy(const Core *core, void *buffer, size_t len)
{
    TestCore *test = test_of(core);
    uint8_t *p = buffer;

    test->entropy_calls++;
    for (size_t i = 0; i < len; i++) {
        uint64_t z = test->entropy_state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        p[i] = (uint8_t)(z >> 56);
    }
}

static void *op_alloc(const Core *core, size_t size)
{
    TestCore *test = test_of(core);

    if (fails(&test->fail_alloc)) {
        return NULL;
    }
    test->memories++;
    return malloc(size);
}

static void op_free(const Core *core, void *memory)
{
    if (memory != NULL) {
        test_of(core)->memories--;
        free(memory);
    }
}

static int op_file_read(const Core *core, const char *path, size_t max, uint8_t **ret_data, size_t *ret_len)
{
    TestCore *test = test_of(core);

    for (size_t i = 0; i < test->files_len; i++) {
        const TestFile *file = &test->files[i];
        if (strcmp(file->path, path) == 0) {
            if (file->len > max) {
                return -EFBIG;
            }
            *ret_data = op_alloc(core, file->len + 1);
            memcpy(*ret_data, file->data, file->len);
            *ret_len = file->len;
            return 0;
        }
    }
    return -ENOENT;
}

static bool op_exit_hold(const Core *core)
{
    test_of(core)->exit_holds++;
    return true;
}

static void op_exit_release(const Core *core)
{
    test_of(core)->exit_holds--;
}

static void op_log(const Core *core, CoreLogLevel level, const char *line)
{
    TestCore *test = test_of(core);
    const int n =
        snprintf(test->log + test->log_len, sizeof test->log - test->log_len, "%d %s\n", level, line);

    test->log_lines++;
    test->log_in_hold = test->log_in_hold || test->exit_holds > 0;
    test->log_len += (size_t)n < sizeof test->log - test->log_len ? (size_t)n : 0;
}

static bool op_ticket_key(const Core *core, Span *ret_der)
{
    *ret_der = test_of(core)->ticket_key;
    return ret_der->len > 0;
}

/* ---- Handles ----------------------------------------------------------------------------------------------- */

static void op_close(const Core *core, int handle)
{
    test_of(core)->handles--;
    core_posix()->close(core_posix(), handle);
}

static int op_accept(const Core *core, int listener)
{
    TestCore *test = test_of(core);

    if (test->accept_error != 0) {
        return test->accept_error;
    }
    const int handle = core_posix()->accept(core_posix(), listener);
    if (handle >= 0) {
        test->handles++;
    }
    return handle;
}

static int op_listen(const Core *core, const CoreListen *where)
{
    const int handle = core_posix()->listen(core_posix(), where);

    if (handle >= 0) {
        test_of(core)->handles++;
    }
    return handle;
}

static int op_adopt(const Core *core, int handle)
{
    return fails(&test_of(core)->fail_adopt) ? -EBADF : core_posix()->adopt(core_posix(), handle);
}

/* As much of the vector as one call may move. */
static int limit(TestCore *test, const struct iovec *iov, int iov_len, struct iovec *ret, int cap)
{
    size_t left = test->io_bytes_max != 0 ? test->io_bytes_max : SIZE_MAX;
    int n = 0;

    while (n < iov_len && n < cap && left > 0) {
        ret[n] = iov[n];
        if (ret[n].iov_len > left) {
            ret[n].iov_len = left;
        }
        left -= ret[n].iov_len;
        n++;
    }
    return n;
}

static int64_t op_readv(const Core *core, int handle, const struct iovec *iov, int iov_len)
{
    TestCore *test = test_of(core);
    struct iovec less[64];

    if (++test->io_calls % 2 == 1 && test->every_other_io_fails) {
        return -EAGAIN;
    }
    return core_posix()->readv(core_posix(), handle, less, limit(test, iov, iov_len, less, 64));
}

static int64_t op_writev(const Core *core, int handle, const struct iovec *iov, int iov_len)
{
    TestCore *test = test_of(core);
    struct iovec less[64];

    if (++test->io_calls % 2 == 1 && test->every_other_io_fails) {
        return -EAGAIN;
    }
    return core_posix()->writev(core_posix(), handle, less, limit(test, iov, iov_len, less, 64));
}

static int op_addresses(const Core *core, int handle, CoreAddress *ret_local, CoreAddress *ret_peer)
{
    const CoreAddress *peer = &test_of(core)->peer;
    const int error = core_posix()->addresses(core_posix(), handle, ret_local, ret_peer);

    if (error == 0 && peer->len > 0) {
        ret_local->storage.ss_family = peer->storage.ss_family;
        *ret_peer = *peer;
    }
    return error;
}

static int op_tune(const Core *core, int handle, CoreTune what, int value)
{
    (void)core;
    return core_posix()->tune(core_posix(), handle, what, value);
}

/* ---- Loops ------------------------------------------------------------------------------------------------- */

static CoreTimer *op_timer_new(CoreLoop *loop, CoreTimerFunc func, void *opaque)
{
    TestCore *test = test_of(loop->core);

    if (fails(&test->fail_timer)) {
        return NULL;
    }
    CoreTimer *timer = calloc(1, sizeof *timer);
    timer->func = func;
    timer->opaque = opaque;
    list_append(&loop_of(loop)->timers, &timer->node);
    test->timers++;
    return timer;
}

static void op_timer_start(CoreLoop *loop, CoreTimer *timer, uint64_t deadline_ns)
{
    (void)loop;
    timer->deadline_ns = deadline_ns;
    timer->running = true;
}

static void op_timer_stop(CoreLoop *loop, CoreTimer *timer)
{
    (void)loop;
    timer->running = false;
}

static void op_timer_free(CoreLoop *loop, CoreTimer *timer)
{
    list_remove(&timer->node);
    test_of(loop->core)->timers--;
    free(timer);
}

static CoreWatch *op_watch_new(CoreLoop *loop, int handle, unsigned mask, CoreWatchFunc func, void *opaque)
{
    TestCore *test = test_of(loop->core);

    if (fails(&test->fail_watch)) {
        return NULL;
    }
    list_each(&loop_of(loop)->watches, node)
    {
        assert_int_not_equal(list_entry(node, CoreWatch, node)->handle, handle);
    }
    CoreWatch *watch = calloc(1, sizeof *watch);
    *watch = (CoreWatch){.handle = handle, .mask = mask, .func = func, .opaque = opaque};
    list_init(&watch->node);
    list_append(&loop_of(loop)->watches, &watch->node);
    test->watches++;
    return watch;
}

static void op_watch_set(CoreLoop *loop, CoreWatch *watch, unsigned mask)
{
    (void)loop;
    watch->mask = mask;
}

static void op_watch_free(CoreLoop *loop, CoreWatch *watch)
{
    list_remove(&watch->node);
    test_of(loop->core)->watches--;
    free(watch);
}

static void op_post(CoreLoop *loop, CoreTask *task)
{
    TestLoop *test_loop = loop_of(loop);

    task->next = NULL;
    *test_loop->last = task;
    test_loop->last = &task->next;
}

static bool op_is_current(CoreLoop *loop)
{
    (void)loop;
    return true;
}

static const CoreLoopOps loop_ops = {
    op_timer_new, op_timer_start, op_timer_stop, op_timer_free, op_watch_new,
    op_watch_set, op_watch_free,  op_post,       op_is_current,
};

static CoreLoop *op_loop_new(const Core *core, const char *name)
{
    TestLoop *loop = calloc(1, sizeof *loop);

    (void)name;
    loop->base.ops = &loop_ops;
    loop->base.core = core;
    loop->last = &loop->first;
    list_init(&loop->timers);
    list_init(&loop->watches);
    list_append(&test_of(core)->loops, &loop->node);
    return &loop->base;
}

static int run_timers(TestCore *test, TestLoop *loop)
{
    int ran = 0;
    bool found = true;

    /* From the start again after each, as a callback may free any of them. One that starts itself anew waits for the
     * next round. */
    ListNode done;
    list_init(&done);
    while (found) {
        found = false;
        list_each(&loop->timers, node)
        {
            CoreTimer *timer = list_entry(node, CoreTimer, node);
            if (timer->running && timer->deadline_ns <= test->now_ns) {
                timer->running = false;
                list_remove(&timer->node);
                list_append(&done, &timer->node);
                timer->func(timer->opaque, test->now_ns);
                ran++;
                found = true;
                break;
            }
        }
    }
    while (!list_is_empty(&done)) {
        ListNode *node = done.next;
        list_remove(node);
        list_append(&loop->timers, node);
    }
    return ran;
}

static bool watch_is_alive(const TestLoop *loop, const CoreWatch *watch)
{
    list_each(&loop->watches, node)
    {
        if (list_entry(node, const CoreWatch, node) == watch) {
            return true;
        }
    }
    return false;
}

static int run_watches(TestCore *test, TestLoop *loop)
{
    static struct pollfd fds[WATCHES_MAX];
    static CoreWatch *watches[WATCHES_MAX];
    nfds_t n = 0;
    int ran = 0;

    list_each(&loop->watches, node)
    {
        CoreWatch *watch = list_entry(node, CoreWatch, node);
        if (watch->mask != 0 && n < WATCHES_MAX) {
            const short events = (short)(((watch->mask & CORE_READ) != 0 ? POLLIN : 0) |
                                         ((watch->mask & CORE_WRITE) != 0 ? POLLOUT : 0));
            fds[n] = (struct pollfd){.fd = watch->handle, .events = events};
            watches[n++] = watch;
        }
    }
    if (poll(fds, n, 0) <= 0) {
        return 0;
    }
    for (nfds_t i = 0; i < n; i++) {
        if (fds[i].revents == 0 || !watch_is_alive(loop, watches[i])) {
            continue;
        }
        unsigned ready = 0;
        if ((fds[i].revents & (POLLERR | POLLHUP)) != 0) {
            ready = CORE_READ | CORE_WRITE;
        }
        ready |= (fds[i].revents & POLLIN) != 0 ? CORE_READ : 0;
        ready |= (fds[i].revents & POLLOUT) != 0 ? CORE_WRITE : 0;
        ready &= watches[i]->mask;
        if (ready != 0) {
            watches[i]->func(watches[i]->opaque, ready, test->now_ns);
            ran++;
        }
    }
    return ran;
}

static int run_tasks(TestCore *test, TestLoop *loop)
{
    CoreTask *task = loop->first;
    int ran = 0;

    loop->first = NULL;
    loop->last = &loop->first;
    while (task != NULL) {
        CoreTask *next = task->next;
        task->run(task, test->now_ns);
        task = next;
        ran++;
    }
    return ran;
}

int test_core_run(TestCore *test)
{
    int ran = 0;

    for (int round = 0; round < ROUNDS_MAX; round++) {
        int here = 0;
        list_each(&test->loops, node)
        {
            TestLoop *loop = list_entry(node, TestLoop, node);
            if (test->only != NULL && test->only != (CoreLoop *)loop) {
                continue;
            }
            here += run_timers(test, loop);
            here += run_watches(test, loop);
            here += run_tasks(test, loop);
        }
        if (here == 0) {
            return ran;
        }
        ran += here;
    }
    fail_msg("a loop does not come to rest");
    return ran;
}

void test_core_advance(TestCore *test, uint64_t ns)
{
    const uint64_t until_ns = test->now_ns + ns;

    test_core_run(test);
    for (;;) {
        uint64_t next_ns = until_ns;
        list_each(&test->loops, loop_node)
        {
            list_each(&list_entry(loop_node, TestLoop, node)->timers, node)
            {
                const CoreTimer *timer = list_entry(node, CoreTimer, node);
                if (timer->running && timer->deadline_ns < next_ns) {
                    next_ns = timer->deadline_ns;
                }
            }
        }
        test->now_ns = next_ns > test->now_ns ? next_ns : test->now_ns;
        test_core_run(test);
        if (next_ns == until_ns) {
            return;
        }
    }
}

/* ---- Threads ----------------------------------------------------------------------------------------------- */

static CoreThread *op_thread_start(const Core *core, const char *name, void (*entry)(void *arg), void *arg)
{
    TestCore *test = test_of(core);

    (void)name;
    (void)entry;
    (void)arg;
    if (fails(&test->fail_thread)) {
        return NULL;
    }
    test->threads++;
    return calloc(1, sizeof(CoreThread));
}

static void op_thread_join(const Core *core, CoreThread *thread)
{
    test_of(core)->threads--;
    free(thread);
}

/* What was posted to a loop before it is told to quit still runs. */
static void op_loop_quit(CoreLoop *loop)
{
    run_tasks(test_of(loop->core), loop_of(loop));
}

void test_core_loop_free(CoreLoop *loop)
{
    TestLoop *test_loop = loop_of(loop);

    while (run_tasks(test_of(loop->core), test_loop) > 0) {
    }
    assert_true(list_is_empty(&test_loop->timers));
    assert_true(list_is_empty(&test_loop->watches));
    list_remove(&test_loop->node);
    free(test_loop);
}

/* ---- Life -------------------------------------------------------------------------------------------------- */

TestCore *test_core_new(uint64_t seed)
{
    TestCore *test = calloc(1, sizeof *test);

    test->core = *core_posix();
    test->core.now_ns = op_now_ns;
    test->core.entropy = op_entropy;
    test->core.loop_new = op_loop_new;
    test->core.loop_quit = op_loop_quit;
    test->core.loop_free = test_core_loop_free;
    test->core.thread_start = op_thread_start;
    test->core.thread_join = op_thread_join;
    test->core.readv = op_readv;
    test->core.writev = op_writev;
    test->core.close = op_close;
    test->core.accept = op_accept;
    test->core.listen = op_listen;
    test->core.adopt = op_adopt;
    test->core.addresses = op_addresses;
    test->core.tune = op_tune;
    test->core.file_read = op_file_read;
    test->core.alloc = op_alloc;
    test->core.free = op_free;
    test->core.log = op_log;
    test->core.exit_hold = op_exit_hold;
    test->core.exit_release = op_exit_release;
    test->core.ticket_key = op_ticket_key;
    test->now_ns = UINT64_C(5000000000);
    test->entropy_state = seed;
    list_init(&test->loops);
    return test;
}

void test_core_finish(TestCore *test)
{
    assert_true(list_is_empty(&test->loops));
    assert_int_equal(test->timers, 0);
    assert_int_equal(test->watches, 0);
    assert_int_equal(test->handles, 0);
    assert_int_equal(test->threads, 0);
    assert_int_equal(test->memories, 0);
    assert_int_equal(test->exit_holds, 0);
    free(test);
}

void test_core_add_file(TestCore *test, const char *path, const void *data, size_t len)
{
    assert_true(test->files_len < TEST_FILES_MAX);
    test->files[test->files_len++] = (TestFile){path, data, len};
}

CoreLoop *test_core_loop(TestCore *test)
{
    return op_loop_new(&test->core, "test");
}

void test_socket_pair(TestCore *test, int *ret_ours, int *ret_peer)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    test->handles++;
    *ret_ours = pair[0];
    *ret_peer = pair[1];
}

int test_listen_tcp(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 4096), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return listener;
}

int test_connect_tcp(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}
