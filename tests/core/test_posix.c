/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_posix.c: what only the production backend has: signals, descriptors, files, GLib's log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#include "core/posix/posix.h"

static const Core *core;

/* ---- Threads ---- */

typedef struct Seen {
    char name[16];
    sigset_t blocked;
} Seen;

static void look_around(void *opaque)
{
    Seen *seen = opaque;
    pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
    pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
}

static void threads_are_named_and_block_all_but_fatal_signals(void **state)
{
    (void)state;
    static const int fatal[] = {SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS};
    static const int blocked[] = {SIGINT,  SIGTERM, SIGHUP,  SIGUSR1, SIGUSR2,
                                  SIGALRM, SIGCHLD, SIGPIPE, SIGIO,   SIGPROF};
    Seen seen;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    core->thread_join(core, core->thread_start(core, "0123456789abcdefgh", look_around, &seen));
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_string_equal(seen.name, "0123456789abcde");
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
        assert_false(sigismember(&seen.blocked, fatal[i]));
    }
    for (size_t i = 0; i < sizeof blocked / sizeof blocked[0]; i++) {
        assert_true(sigismember(&seen.blocked, blocked[i]));
        assert_int_equal(sigismember(&after, blocked[i]),
                         sigismember(&before, blocked[i])); /* ours is as it was */
    }
}

/* ---- Descriptors ---- */

static bool has_flags(int handle, bool nonblocking)
{
    return (fcntl(handle, F_GETFD) & FD_CLOEXEC) != 0 &&
           ((fcntl(handle, F_GETFL) & O_NONBLOCK) != 0) == nonblocking;
}

static struct sockaddr_in local_address(int listener)
{
    CoreAddress local, peer;
    struct sockaddr_in address;
    assert_int_equal(core->addresses(core, listener, &local, &peer), 0);
    memcpy(&address, &local.storage, sizeof address);
    return address;
}

static int connect_blocking(int listener)
{
    const struct sockaddr_in address = local_address(listener);
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof address), 0);
    return client;
}

static int int_option(int handle, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(handle, level, option, &value, &len), 0);
    return value;
}

static void handles_do_not_block_and_are_not_inherited(void **state)
{
    (void)state;
    const int listener = core->listen(core, &(CoreListen){.address = "127.0.0.1", .family = AF_INET});
    assert_true(has_flags(listener, true));
    assert_int_equal(int_option(listener, SOL_SOCKET, SO_REUSEADDR), 1);
    const int client = connect_blocking(listener);
    const int accepted = core->accept(core, listener);
    assert_true(has_flags(accepted, true));
    assert_false(has_flags(client, true));
    assert_int_equal(core->adopt(core, client), 0);
    assert_true(has_flags(client, true));
    const int wake = core->wake_new(core);
    assert_true(has_flags(wake, true));
    core->close(core, wake);
    core->close(core, client);
    core->close(core, accepted);
    core->close(core, listener);
    assert_int_equal(core->adopt(core, listener), -EBADF);
    assert_int_equal(core->accept(core, listener), -EBADF);
}

static void tuning_reaches_the_socket(void **state)
{
    (void)state;
    const int listener = core->listen(core, &(CoreListen){.address = "127.0.0.1", .family = AF_INET});
    const int client = connect_blocking(listener);
    assert_int_equal(core->tune(core, client, CORE_TUNE_NODELAY, 1), 0);
    assert_int_equal(int_option(client, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(core->tune(core, client, CORE_TUNE_NODELAY, 0), 0);
    assert_int_equal(int_option(client, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_equal(core->tune(core, client, CORE_TUNE_KEEPALIVE, 600), 0);
    assert_int_equal(int_option(client, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(int_option(client, IPPROTO_TCP, TCP_KEEPIDLE), 600);
    assert_int_equal(core->tune(core, client, CORE_TUNE_PRIORITY, 1), 0);
    assert_int_equal(int_option(client, SOL_SOCKET, SO_PRIORITY), 6);
    core->close(core, client);
    core->close(core, listener);
}

/* One descriptor short: the newcomer waits until there is one. */
static void accept_says_when_descriptors_have_run_out(void **state)
{
    (void)state;
    const int listener = core->listen(core, &(CoreListen){.address = "127.0.0.1", .family = AF_INET});
    const int client = connect_blocking(listener);
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const int refused = core->accept(core, listener);
    const int no_wake = core->wake_new(core);
    CoreLoop *no_loop = core->loop_new(core, "none");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(refused, -EMFILE);
    assert_int_equal(no_wake, -EMFILE);
    assert_null(no_loop);
    if (RUNNING_ON_VALGRIND) {
        close(client);
        close(listener);
        skip(); /* its emulation of the limit accepts and then closes */
    }
    const int accepted = core->accept(core, listener);
    assert_true(accepted >= 0);
    core->close(core, accepted);
    core->close(core, client);
    core->close(core, listener);
}

static volatile sig_atomic_t sigpipes;

static void count_sigpipe(int signal)
{
    (void)signal;
    sigpipes++;
}

static void pipes_and_sockets_raise_no_sigpipe(void **state)
{
    (void)state;
    struct sigaction before;
    const struct sigaction count = {.sa_handler = count_sigpipe};
    const struct iovec iov = {"x", 1};
    sigaction(SIGPIPE, &count, &before);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(core->writev(core, ends[1], &iov, 1), 1); /* a pipe works like any other handle */
    char byte;
    assert_int_equal(core->readv(core, ends[0], &(struct iovec){&byte, 1}, 1), 1);
    close(ends[0]);
    assert_int_equal(core->writev(core, ends[1], &iov, 1), -EPIPE);
    close(ends[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    close(ends[0]);
    assert_int_equal(core->writev(core, ends[1], &iov, 1), -EPIPE);
    close(ends[1]);
    assert_int_equal(sigpipes, 0);

    raise(SIGPIPE); /* the host's own still comes */
    assert_int_equal(sigpipes, 1);
    sigaction(SIGPIPE, &before, NULL);
}

static void count_calls(void *opaque, unsigned ready, uint64_t now_ns)
{
    (void)now_ns;
    CoreLoop *loop = opaque;
    assert_int_equal(ready, CORE_READ);
    core->loop_quit(loop);
}

static void processors_are_those_we_may_use(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_int_equal(core->processors(core), CPU_COUNT(&all));
    size_t any = 0;
    while (!CPU_ISSET(any, &all)) {
        any++;
    }
    CPU_ZERO(&one);
    CPU_SET(any, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(core->processors(core), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

/* Of a pipe's end epoll says only that it hung up, not that it is readable. */
static void hang_up_is_readable(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    CoreLoop *loop = core->loop_new(core, "pipe");
    CoreWatch *watch = loop_watch_new(loop, ends[0], CORE_READ, count_calls, loop);
    close(ends[1]);
    alarm(5); /* ends the test program when nothing is called */
    core->loop_run(loop);
    alarm(0);
    loop_watch_free(loop, watch);
    core->loop_free(loop);
    close(ends[0]);
}

static void long_vectors_are_a_short_write(void **state)
{
    (void)state;
    static struct iovec iov[3000];
    static char bytes[3000];
    int ends[2];
    for (int i = 0; i < 3000; i++) {
        iov[i] = (struct iovec){&bytes[i], 1};
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(core->writev(core, ends[0], iov, 3000), 1024);
    assert_int_equal(core->readv(core, ends[1], iov, 3000), 1024);
    close(ends[0]);
    close(ends[1]);
}

/* ---- Unix paths ---- */

static void only_sockets_make_way(void **state)
{
    (void)state;
    const CoreListen where = {.address = "posix.sock", .family = AF_UNIX};
    FILE *file = fopen("posix.sock", "w");
    fclose(file);
    assert_int_equal(core->listen(core, &where), -EADDRINUSE); /* somebody's file stays */
    assert_int_equal(access("posix.sock", F_OK), 0);
    unlink("posix.sock");
    const int first = core->listen(core, &where);
    assert_true(first >= 0);
    core->close(core, first);
    assert_int_equal(access("posix.sock", F_OK), 0); /* stale */
    const int second = core->listen(core, &where);
    assert_true(second >= 0);
    core->close(core, second);
    unlink("posix.sock");
    assert_int_equal(core->listen(core, &(CoreListen){.address = "no/such/folder", .family = AF_UNIX}),
                     -ENOENT);
}

static void longest_path_fits(void **state)
{
    (void)state;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    const int listener = core->listen(core, &(CoreListen){.address = path, .family = AF_UNIX});
    assert_true(listener >= 0);
    core->close(core, listener);
    assert_int_equal(unlink(path), 0);
}

/* ---- Files ---- */

static void files_of_unknown_size_are_read(void **state)
{
    (void)state;
    uint8_t *data = NULL;
    size_t len = 0;
    assert_int_equal(core->file_read(core, "/proc/self/status", 1 << 20, &data, &len), 0);
    assert_true(len > 100 && memcmp(data, "Name:", 5) == 0);
    const size_t whole = len;
    core->free(core, data);
    assert_int_equal(core->file_read(core, "/proc/self/status", whole / 2, &data, &len), -EFBIG);
    assert_int_equal(core->file_read(core, "/proc/self/status", 0, &data, &len), -EFBIG);
    assert_int_equal(core->file_read(core, "/dev/zero", 100000, &data, &len), -EFBIG); /* it never ends */
    assert_int_equal(core->file_read(core, "/dev/null", 0, &data, &len), 0);
    assert_int_equal(len, 0);
    core->free(core, data);
}

static void growing_buffers_keep_what_was_read(void **state)
{
    (void)state;
    int ends[2];
    char path[32];
    assert_int_equal(pipe(ends), 0);
    uint8_t sent[30000];
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (uint8_t)(i * 13 + i / 256);
    }
    assert_int_equal(write(ends[1], sent, sizeof sent), sizeof sent);
    close(ends[1]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    uint8_t *data = NULL;
    size_t len = 0;
    assert_int_equal(core->file_read(core, path, sizeof sent, &data, &len), 0);
    assert_int_equal(len, sizeof sent);
    assert_memory_equal(data, sent, sizeof sent);
    core->free(core, data);
    close(ends[0]);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    uint8_t *data = NULL;
    size_t len = 0;
    assert_int_equal(core->file_read(core, "/", 100, &data, &len), -EISDIR);
    assert_int_equal(mkfifo("posix.fifo", 0600), 0);
    assert_int_equal(core->file_read(core, "posix.fifo", 100, &data, &len),
                     0); /* nobody writes: it does not wait */
    assert_int_equal(len, 0);
    core->free(core, data);
    unlink("posix.fifo");
    if (geteuid() != 0) {
        assert_int_equal(core->file_read(core, "/etc/shadow", 100, &data, &len), -EACCES);
    }
}

static int write_once(const char *path, const char *filter, const void *data, size_t len)
{
    const struct iovec part = {(void *)data, len};
    CoreFile *file;
    int error = core->file_create(core, path, filter, &file);
    if (error == 0) {
        error = core->file_write(core, file, &part, 1);
        core->file_close(core, file);
    }
    return error;
}

static void what_cannot_be_written_says_so(void **state)
{
    (void)state;
    assert_int_equal(write_once("/dev/full", NULL, "x", 1), -ENOSPC);
    assert_int_equal(write_once("/", NULL, "x", 1), -EISDIR);
    assert_int_equal(write_once("no-such-folder/file", NULL, "x", 1), -ENOENT);
    assert_int_equal(mkfifo("posix.fifo", 0600), 0);
    assert_int_equal(write_once("posix.fifo", NULL, "x", 1), -ENXIO); /* nobody reads: it does not wait */
    unlink("posix.fifo");
    struct stat info;
    assert_int_equal(write_once("posix.own", NULL, "x", 1), 0);
    assert_int_equal(stat("posix.own", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    unlink("posix.own");
}

static void a_filter_has_its_say(void **state)
{
    (void)state;
    static uint8_t much[300000];
    uint8_t *data = NULL;
    size_t len = 0;
    assert_int_equal(write_once("posix.out", "tr 'a b' \"xyz\"", "a b a", 5), 0);
    assert_int_equal(core->file_read(core, "posix.out", 100, &data, &len), 0); /* it has ended */
    assert_int_equal(len, 5);
    assert_memory_equal(data, "xyzyx", 5);
    core->free(core, data);
    assert_int_equal(write_once("posix.out", "tr 'a", "a", 1), -EINVAL);
    assert_int_equal(write_once("posix.out", "", "a", 1), -EINVAL);
    /* Under valgrind posix_spawn() is fork(), and who fails to be another program can only end: while we still write. */
    assert_int_equal(write_once("posix.out", "there-is-no-such-program", much, sizeof much),
                     RUNNING_ON_VALGRIND ? -EPIPE : -ENOENT);
    /* It leaves while we wait in the middle of a write: that one is short, and raises no signal either. */
    assert_int_equal(write_once("posix.out", "head -c 1000", much, sizeof much), -EPIPE);
    assert_int_equal(write_once("posix.out", "true", much, sizeof much), -EPIPE);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    unlink("posix.out");
}

/* Daemons may have closed these: then the file, or the way to the filter, gets their numbers. */
static void a_filter_without_standard_streams(void **state)
{
    (void)state;
    static const char line[] = "abcabc";
    for (int closed = 1; closed <= 2; closed++) {
        uint8_t *data = NULL;
        size_t len = 0;
        int kept[2];
        for (int fd = 0; fd < closed; fd++) {
            kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        }
        for (int fd = 0; fd < closed; fd++) {
            close(fd);
        }
        const int error = write_once("posix.out", "tr a b", line, strlen(line));
        for (int fd = 0; fd < closed; fd++) {
            if (kept[fd] >= 0) {
                dup2(kept[fd], fd);
                close(kept[fd]);
            }
        }
        assert_int_equal(error, 0);
        assert_int_equal(core->file_read(core, "posix.out", 100, &data, &len), 0);
        assert_int_equal(len, strlen(line));
        assert_memory_equal(data, "bbcbbc", len);
        core->free(core, data);
        unlink("posix.out");
    }
}

static uint8_t lots[3 << 20];

/* As write_once(), and how long that took. */
static int write_timed(const char *path, const char *filter, size_t len, uint64_t *ret_ns)
{
    const uint64_t before_ns = core->now_ns(core);
    const int error = write_once(path, filter, lots, len);
    *ret_ns = core->now_ns(core) - before_ns;
    return error;
}

/* For one that goes on by itself. */
static void reap_filter(void)
{
    assert_true(waitpid(-1, NULL, 0) > 0);
}

/* It is waited for a second in all, while it is written and in the end. */
static void a_filter_that_does_not_read(void **state)
{
    (void)state;
    uint64_t ns;
    assert_int_equal(write_timed("posix.out", "sleep 4", sizeof lots, &ns), -ETIMEDOUT);
    assert_in_range(ns, 900 * NS_PER_MS, 2500 * NS_PER_MS);
    reap_filter();
    assert_int_equal(write_timed("posix.out", "sh -c 'cat > /dev/null; sleep 4'", 100, &ns), 0);
    assert_in_range(ns, 900 * NS_PER_MS, 2500 * NS_PER_MS);
    reap_filter();
    unlink("posix.out");
}

typedef struct Reader {
    int fd;
    size_t bytes; /* at a time */
    uint64_t pause_ns;
    size_t got;
} Reader;

static void read_slowly(void *opaque)
{
    Reader *reader = opaque;
    static uint8_t buffer[65536];
    const struct timespec pause = {0, (long)reader->pause_ns};
    ssize_t got = 1;
    while (got != 0) {
        nanosleep(&pause, NULL);
        got = read(reader->fd, buffer, reader->bytes);
        reader->got += got > 0 ? (size_t)got : 0;
    }
}

static int write_to_reader(size_t bytes, uint64_t pause_ns, size_t *ret_got)
{
    assert_int_equal(mkfifo("posix.fifo", 0600), 0);
    Reader reader = {open("posix.fifo", O_RDONLY | O_NONBLOCK), bytes, pause_ns, 0};
    assert_true(reader.fd >= 0);
    CoreThread *thread = NULL;
    const struct iovec part = {lots, sizeof lots};
    CoreFile *file;
    assert_int_equal(core->file_create(core, "posix.fifo", NULL, &file), 0);
    if (bytes > 0) {
        thread = core->thread_start(core, "reader", read_slowly, &reader);
    }
    const int error = core->file_write(core, file, &part, 1);
    core->file_close(core, file);
    if (thread != NULL) {
        core->thread_join(core, thread);
    }
    *ret_got = reader.got;
    close(reader.fd);
    unlink("posix.fifo");
    return error;
}

/* Who reads slowly has all of it, who hardly reads at all does not hold us up. */
static void readers_of_a_fifo(void **state)
{
    (void)state;
    size_t got;
    assert_int_equal(write_to_reader(65536, 30 * NS_PER_MS, &got), 0); /* 1.4 s for all of it */
    assert_int_equal(got, sizeof lots);
    const uint64_t before_ns = core->now_ns(core);
    assert_int_equal(write_to_reader(0, 0, &got), -ETIMEDOUT);
    assert_int_equal(write_to_reader(4096, 100 * NS_PER_MS, &got), -ETIMEDOUT);
    assert_true(core->now_ns(core) - before_ns < 10 * NS_PER_S);
}

/* ---- Logging ---- */

typedef struct Line {
    char domain[16];
    GLogLevelFlags level;
    char text[64];
    int count;
} Line;

static void keep_line(const char *domain, GLogLevelFlags level, const char *text, void *opaque)
{
    Line *line = opaque;
    snprintf(line->domain, sizeof line->domain, "%s", domain);
    snprintf(line->text, sizeof line->text, "%s", text);
    line->level = level;
    line->count++;
}

static void lines_go_to_glib_in_the_domain_of_spice(void **state)
{
    (void)state;
    static const struct {
        CoreLogLevel ours;
        GLogLevelFlags theirs;
    } levels[] = {{CORE_LOG_DEBUG, G_LOG_LEVEL_DEBUG},
                  {CORE_LOG_INFO, G_LOG_LEVEL_INFO},
                  {CORE_LOG_WARNING, G_LOG_LEVEL_WARNING}};
    Line line = {0};
    const guint handler = g_log_set_handler("Spice", G_LOG_LEVEL_MASK, keep_line, &line);
    for (int i = 0; i < 3; i++) {
        core_log(core, levels[i].ours, "100%% of %s", "%s%n"); /* no format of somebody else's is expanded */
        assert_string_equal(line.domain, "Spice");
        assert_int_equal(line.level, levels[i].theirs);
        assert_string_equal(line.text, "100% of %s%n");
    }
    assert_int_equal(line.count, 3);
    g_log_remove_handler("Spice", handler);
    assert_null(core->note);
    assert_null(core->ticket_key);
}

/* ---- Time ---- */

typedef struct Nap {
    CoreLoop *loop;
    uint64_t woke_ns;
} Nap;

static void wake_up(void *opaque, uint64_t now_ns)
{
    Nap *nap = opaque;
    nap->woke_ns = now_ns;
    core->loop_quit(nap->loop);
}

static void interrupt(int signal)
{
    (void)signal;
}

/* A host's signals may hit the thread that runs a loop, if it is not one of ours. */
static void signals_do_not_end_a_loop_early(void **state)
{
    (void)state;
    const struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGALRM, &action, NULL); /* it stays: valgrind brings a last one late */
    Nap nap = {.loop = core->loop_new(core, "nap")};
    CoreTimer *timer = loop_timer_new(nap.loop, wake_up, &nap);
    const uint64_t deadline_ns = core->now_ns(core) + 20 * NS_PER_MS;
    loop_timer_start(nap.loop, timer, deadline_ns);
    ualarm(3000, 3000);
    core->loop_run(nap.loop);
    ualarm(0, 0);
    assert_true(nap.woke_ns >= deadline_ns);
    loop_timer_free(nap.loop, timer);
    core->loop_free(nap.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_named_and_block_all_but_fatal_signals),
        cmocka_unit_test(handles_do_not_block_and_are_not_inherited),
        cmocka_unit_test(tuning_reaches_the_socket),
        cmocka_unit_test(accept_says_when_descriptors_have_run_out),
        cmocka_unit_test(pipes_and_sockets_raise_no_sigpipe),
        cmocka_unit_test(processors_are_those_we_may_use),
        cmocka_unit_test(hang_up_is_readable),
        cmocka_unit_test(long_vectors_are_a_short_write),
        cmocka_unit_test(only_sockets_make_way),
        cmocka_unit_test(longest_path_fits),
        cmocka_unit_test(files_of_unknown_size_are_read),
        cmocka_unit_test(growing_buffers_keep_what_was_read),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(what_cannot_be_written_says_so),
        cmocka_unit_test(a_filter_has_its_say),
        cmocka_unit_test(a_filter_without_standard_streams),
        cmocka_unit_test(a_filter_that_does_not_read),
        cmocka_unit_test(readers_of_a_fifo),
        cmocka_unit_test(lines_go_to_glib_in_the_domain_of_spice),
        cmocka_unit_test(signals_do_not_end_a_loop_early),
    };
    char folder[] = "/tmp/sumac-posix-XXXXXX";
    if (mkdtemp(folder) == NULL || chdir(folder) < 0) {
        perror(folder);
        return 2;
    }
    core = core_posix();
    const int failures = cmocka_run_group_tests(tests, NULL, NULL);
    if (chdir("/") < 0 || rmdir(folder) < 0) {
        perror(folder); /* a test left something in it */
        return 2;
    }
    return failures;
}
