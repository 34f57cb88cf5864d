/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake-replay: a host without a VM whose QXL device plays a recording (SPICE_WORKER_RECORD_FILENAME) with spice_replay_*.
 *
 * Only the public interface is used, so it runs with any libspice-server: which pictures a client sees at the end is how
 * two libraries are compared.
 *
 * Exit status 0: the recording is whole, and every command came back once; 1: it is not, or one did not; 2: wrong options.
 *
 * Thread  the main thread reads the recording and is the host; the worker's takes commands and gives them back.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <spice.h>
#include <spice/qxl_dev.h>

#include "fake-client/standard_files.h"
#include "fake-qxl/quiet_qxl.h"
#include "poll_core.h"

#define QUEUE_MAX 64u
#define SURFACES 1024
#define VRAM_BYTES (64u << 20)
#define NS_PER_MS UINT64_C(1000000)

/* What was read and not yet taken. A ring of its own for each kind, as a device has. */
typedef struct Queue {
    QXLCommandExt *items[QUEUE_MAX];
    _Atomic uint32_t produced, consumed;
} Queue;

static Queue commands, cursors;
static SpiceReplay *replay;
static QXLInstance instance;
static _Atomic uint64_t released;
static volatile sig_atomic_t stop_asked;
static _Atomic bool damaged; /* the recording */

static bool queue_put(Queue *queue, QXLCommandExt *command)
{
    const uint32_t at = atomic_load(&queue->produced);
    if (at - atomic_load(&queue->consumed) == QUEUE_MAX) {
        return false;
    }
    queue->items[at % QUEUE_MAX] = command;
    atomic_store(&queue->produced, at + 1);
    return true;
}

static int queue_take(Queue *queue, QXLCommandExt *ret)
{
    const uint32_t at = atomic_load(&queue->consumed);
    if (at == atomic_load(&queue->produced)) {
        return 0;
    }
    *ret = *queue->items[at % QUEUE_MAX];
    atomic_store(&queue->consumed, at + 1);
    return 1;
}

static bool queue_is_empty(Queue *queue)
{
    return atomic_load(&queue->produced) == atomic_load(&queue->consumed);
}

/* ---- The device ---- */

/* One slot that is the whole process. */
static void get_init_info(QXLInstance *qxl, QXLDevInitInfo *info)
{
    (void)qxl;
    *info = (QXLDevInitInfo){
        .num_memslots_groups = 1,
        .num_memslots = 1,
        .memslot_gen_bits = 1,
        .memslot_id_bits = 1,
        .n_surfaces = SURFACES,
        .qxl_ram_size = VRAM_BYTES,
    };
}

static int get_command(QXLInstance *qxl, QXLCommandExt *command)
{
    (void)qxl;
    return queue_take(&commands, command);
}

static int get_cursor_command(QXLInstance *qxl, QXLCommandExt *command)
{
    (void)qxl;
    return queue_take(&cursors, command);
}

static int ring_is_empty(QXLInstance *qxl)
{
    (void)qxl;
    return queue_is_empty(&commands);
}

static int cursor_ring_is_empty(QXLInstance *qxl)
{
    (void)qxl;
    return queue_is_empty(&cursors);
}

static void release_resource(QXLInstance *qxl, QXLReleaseInfoExt info)
{
    (void)qxl;
    spice_replay_free_cmd(replay, (QXLCommandExt *)(uintptr_t)info.info->id);
    atomic_fetch_add(&released, 1);
}

static const QXLInterface interface = {
    QUIET_QXL("replay"),
    .get_init_info = get_init_info,
    .get_command = get_command,
    .req_cmd_notification = ring_is_empty,
    .release_resource = release_resource,
    .get_cursor_command = get_cursor_command,
    .req_cursor_notification = cursor_ring_is_empty,
};

/* ---- The host ---- */

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

/* The library ends a damaged recording as it ends a whole one: with NULL. It warns before, with the function's name, as
 * every warning about a host's call begins. */
static void on_warning(const char *domain, GLogLevelFlags level, const char *line, void *opaque)
{
    damaged = damaged || strncmp(line, "spice_replay_next_cmd:", strlen("spice_replay_next_cmd:")) == 0;
    g_log_default_handler(domain, level, line, opaque);
}

static SpiceServer *server_start(const char *address, int port, const char *path)
{
    SpiceServer *server = spice_server_new();
    if (server == NULL) {
        return NULL;
    }
    spice_server_set_addr(server, path != NULL ? path : address,
                          path != NULL ? SPICE_ADDR_FLAG_UNIX_ONLY : 0);
    if (port > 0) {
        spice_server_set_port(server, port);
    }
    spice_server_set_noauth(server);
    if (spice_server_init(server, poll_core_init(NULL)) != 0) {
        fputs("fake-replay: the server does not start; is the port taken?\n", stderr);
        return NULL;
    }
    instance.base.sif = &interface.base;
    if (spice_server_add_interface(server, &instance.base) != 0) {
        fputs("fake-replay: the server refused the device\n", stderr);
        return NULL;
    }
    QXLDevMemSlot slot = {.virt_end = ~UINT64_C(0)};
    spice_qxl_add_memslot(&instance, &slot);
    spice_server_vm_start(server);
    return server;
}

/* All that is read is taken, or somebody wants us to stop. */
static void wait_for_room(Queue *queue, bool until_empty, const sigset_t *waiting)
{
    while (!stop_asked) {
        const uint32_t len = atomic_load(&queue->produced) - atomic_load(&queue->consumed);
        if (until_empty ? len == 0 : len < QUEUE_MAX) {
            return;
        }
        spice_qxl_wakeup(&instance);
        poll_core_run(poll_core_now_ns() + NS_PER_MS, waiting);
    }
}

/* The server carries the recorded calls out after the commands that it took; those in the ring at that moment come later
 * than they did. So the ring is emptied often, and always before a surface goes. */
static uint64_t play(uint64_t commands_max, const sigset_t *waiting)
{
    uint64_t count = 0;
    QXLCommandExt *command;

    while (!stop_asked && count < commands_max &&
           (command = spice_replay_next_cmd(replay, &instance)) != NULL) {
        Queue *queue = command->cmd.type == QXL_CMD_CURSOR ? &cursors : &commands;
        wait_for_room(queue, command->cmd.type == QXL_CMD_SURFACE, waiting);
        if (!queue_put(queue, command)) {
            spice_replay_free_cmd(replay, command);
            break; /* we are to stop */
        }
        count++;
        if (count % (QUEUE_MAX / 2) == 0) {
            spice_qxl_wakeup(&instance);
            poll_core_run(0, waiting);
        }
    }
    wait_for_room(&commands, true, waiting);
    wait_for_room(&cursors, true, waiting);
    return count;
}

static void usage(FILE *to)
{
    fputs("usage: fake-replay [options] RECORDING\n"
          "Plays a recording of QXL commands to whoever looks, then stays with the last picture.\n"
          "  --addr A           address to listen on (default: 127.0.0.1)\n"
          "  --port N           listen there\n"
          "  --unix PATH        or on this unix socket\n"
          "  --commands N       play no more than N\n"
          "  --quit             end when it is over (default: at SIGINT or SIGTERM)\n"
          "  --help             this text\n",
          to);
}

static int wrong(const char *option, const char *what)
{
    fprintf(stderr, "fake-replay: %s: %s\n", option, what);
    return 2;
}

/* 1 to max; false: it is something else. */
static bool number_of(const char *text, uint64_t max, uint64_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *ret >= 1 && *ret <= max;
}

int main(int argc, char **argv)
{
    standard_files_open();
    const char *address = "127.0.0.1", *path = NULL, *recording = NULL;
    uint64_t commands_max = UINT64_MAX, port = 0;
    bool quits = false;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            return 0;
        } else if (strcmp(argv[i], "--quit") == 0) {
            quits = true;
        } else if (argv[i][0] != '-') {
            if (recording != NULL) {
                return wrong(argv[i], "one recording at a time");
            }
            recording = argv[i];
        } else if (strcmp(argv[i], "--addr") != 0 && strcmp(argv[i], "--unix") != 0 &&
                   strcmp(argv[i], "--port") != 0 && strcmp(argv[i], "--commands") != 0) {
            return wrong(argv[i], "there is no such option; --help names them");
        } else if (value == NULL) {
            return wrong(argv[i], "needs a value");
        } else if (strcmp(argv[i], "--addr") == 0) {
            address = argv[++i];
        } else if (strcmp(argv[i], "--unix") == 0) {
            path = argv[++i];
        } else if (strcmp(argv[i], "--port") == 0) {
            if (!number_of(argv[++i], 65535, &port)) {
                return wrong("--port", "a number from 1 to 65535");
            }
        } else if (!number_of(argv[++i], UINT64_MAX, &commands_max)) {
            return wrong("--commands", "a number from 1");
        }
    }
    if (recording == NULL) {
        return wrong("RECORDING", "which? --help says more");
    }
    if (port != 0 && path != NULL) {
        return wrong("--port", "not together with --unix");
    }
    FILE *file = fopen(recording, "rb");
    if (file == NULL) {
        fprintf(stderr, "fake-replay: %s: %s\n", recording, strerror(errno));
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigset_t blocked, waiting;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &waiting);
    sigdelset(&waiting, SIGINT);
    sigdelset(&waiting, SIGTERM);
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_log_set_handler("Spice", G_LOG_LEVEL_WARNING, on_warning, NULL);

    replay = spice_replay_new(file, SURFACES);
    if (replay == NULL) {
        fprintf(stderr, "fake-replay: %s is no recording\n", recording);
        fclose(file);
        return 1;
    }
    SpiceServer *server = server_start(address, (int)port, path);
    if (server == NULL) {
        return 1;
    }
    printf("ready\n");
    const uint64_t start_ns = poll_core_now_ns();
    const uint64_t count = play(commands_max, &waiting);
    /* Everything was carried out when this returns. */
    QXLRect corner = {.right = 1, .bottom = 1}, dirty[1];
    spice_qxl_update_area(&instance, 0, &corner, dirty, 1, 0);
    printf("done: %llu commands in %llu ms\n", (unsigned long long)count,
           (unsigned long long)((poll_core_now_ns() - start_ns) / NS_PER_MS));
    while (!stop_asked && !quits) {
        poll_core_run(poll_core_now_ns() + 1000 * NS_PER_MS, &waiting);
    }
    spice_server_vm_stop(server);
    spice_server_destroy(server);
    spice_replay_free(replay);
    if (path != NULL) {
        remove(path);
    }
    printf("bye: released %llu\n", (unsigned long long)atomic_load(&released));
    return atomic_load(&released) == count && !damaged ? 0 : 1;
}
