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
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <spice.h>
#include <spice/qxl_dev.h>

#include "fake-client/standard_files.h"
#include "fake-qxl/replay_device.h"
#include "poll_core.h"

#define NS_PER_MS UINT64_C(1000000)

static ReplayDevice device;
static volatile sig_atomic_t stop_asked;
static _Atomic bool damaged; /* the recording */

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
    if (spice_server_add_interface(server, &device.instance.base) != 0) {
        fputs("fake-replay: the server refused the device\n", stderr);
        return NULL;
    }
    replay_device_connect(&device);
    spice_server_vm_start(server);
    return server;
}

static bool rest(void *opaque, bool must)
{
    static unsigned commands;
    if (must || ++commands % (REPLAY_QUEUE_MAX / 2) == 0) {
        poll_core_run(must ? poll_core_now_ns() + NS_PER_MS : 0, opaque);
    }
    return !stop_asked;
}

static size_t surface_depth(uint32_t format)
{
    switch (format) {
    case SPICE_SURFACE_FMT_1_A:
        return 1;
    case SPICE_SURFACE_FMT_8_A:
        return 8;
    case SPICE_SURFACE_FMT_16_555:
    case SPICE_SURFACE_FMT_16_565:
        return 16;
    default:
        return 32;
    }
}

/* What it shows, as a line that is the same for the same pixels. The uppermost byte of 32_xRGB is nobody's. */
static void surface_print(void *opaque, uint64_t number, const QXLSurface *surface)
{
    const size_t stride = (size_t)llabs((long long)surface->stride);
    const size_t row = ((size_t)surface->width * surface_depth(surface->format) + 7) / 8;
    uint8_t *bytes = row > stride ? NULL : malloc(row); /* such a surface no server draws on */
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    size_t lit = 0;

    (void)opaque;
    for (uint32_t y = 0; y < surface->height && bytes != NULL; y++) {
        memcpy(bytes, (const uint8_t *)(uintptr_t)surface->data + y * stride, row);
        for (size_t x = 0; x < row; x++) {
            bytes[x] = surface->format == SPICE_SURFACE_FMT_32_xRGB && x % 4 == 3 ? 0 : bytes[x];
            lit += bytes[x] != 0;
        }
        g_checksum_update(sum, bytes, (gssize)row);
    }
    printf("surface: %llu %ux%u format %u lit %zu pixels %s\n", (unsigned long long)number, surface->width,
           surface->height, surface->format, lit, g_checksum_get_string(sum));
    g_checksum_free(sum);
    free(bytes);
}

static void usage(FILE *to)
{
    fputs("usage: fake-replay [options] RECORDING\n"
          "Plays a recording of QXL commands to whoever looks, then stays with the last picture.\n"
          "  --addr A           address to listen on (default: 127.0.0.1)\n"
          "  --port N           listen there\n"
          "  --unix PATH        or on this unix socket\n"
          "  --commands N       play no more than N\n"
          "  --surfaces         print what each surface but the primary shows at last\n"
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
    bool quits = false, looks = false;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            return 0;
        } else if (strcmp(argv[i], "--quit") == 0) {
            quits = true;
        } else if (strcmp(argv[i], "--surfaces") == 0) {
            looks = true;
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
    if (port == 0 && path == NULL && !quits) {
        return wrong("RECORDING",
                     "nobody could connect: give --port or --unix, or --quit to play it without clients");
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

    SpiceReplay *replay = spice_replay_new(file, REPLAY_SURFACES);
    if (replay == NULL) {
        fprintf(stderr, "fake-replay: %s is no recording\n", recording);
        fclose(file);
        return 1;
    }
    replay_device_init(&device, replay, rest, &waiting);
    device.look = looks ? surface_print : NULL;
    SpiceServer *server = server_start(address, (int)port, path);
    if (server == NULL) {
        return 1;
    }
    printf("ready\n");
    const uint64_t start_ns = poll_core_now_ns();
    const uint64_t count = replay_device_play(&device, commands_max);
    /* Everything was carried out when this returns. */
    QXLRect corner = {.right = 1, .bottom = 1}, dirty[1];
    spice_qxl_update_area(&device.instance, 0, &corner, dirty, 1, 0);
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
    printf("bye: released %llu\n", (unsigned long long)atomic_load(&device.released));
    return atomic_load(&device.released) == count && !damaged ? 0 : 1;
}
