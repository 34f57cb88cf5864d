/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench-host: the server process of ci/bench, a QEMU without a machine.
 *
 * It uses the public ABI alone, so one binary measures every libspice-server.so.1 the loader finds. Standard
 * input brings one command per line, standard output one answer per line:
 *
 *   (start)        ready PORT LIBRARY-FILE
 *   supply on|off  supplying on|off              the device offers commands, or no more
 *   mark           mark key=value ...            CPU time of all threads and the counters so far
 *   quit           (ends; so does end of input)
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <spice.h>

#include "device.h"
#include "loop.h"

typedef struct Host {
    SpiceServer *server;
    Device *device;
    uint64_t scancodes;
    char line[128]; /* the command being read */
    size_t line_length;
} Host;

typedef struct Options {
    const char *workload;
    const char *compression;
    const char *password; /* NULL: no authentication */
    bool jpeg;
    unsigned width, height; /* of the primary surface; 0: none */
    int pace_memory;        /* descriptor of a shared Pace */
    int pace_bell;
    unsigned long descriptors;
} Options;

static Host host;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench-host: %s\n", what);
    exit(1);
}

static void keyboard_push(SpiceKbdInstance *keyboard, uint8_t scancode)
{
    (void)keyboard;
    (void)scancode;
    host.scancodes++;
}

static uint8_t keyboard_leds(SpiceKbdInstance *keyboard)
{
    (void)keyboard;
    return 0;
}

static void mouse_motion(SpiceMouseInstance *mouse, int dx, int dy, int dz, uint32_t buttons)
{
    (void)mouse;
    (void)dx;
    (void)dy;
    (void)dz;
    (void)buttons;
}

static void mouse_buttons(SpiceMouseInstance *mouse, uint32_t buttons)
{
    (void)mouse;
    (void)buttons;
}

static void inputs_add(SpiceServer *server)
{
    static const SpiceKbdInterface keyboard_interface = {
        .base = {SPICE_INTERFACE_KEYBOARD, "benchmark keyboard", SPICE_INTERFACE_KEYBOARD_MAJOR,
                 SPICE_INTERFACE_KEYBOARD_MINOR},
        .push_scan_freg = keyboard_push,
        .get_leds = keyboard_leds,
    };
    static const SpiceMouseInterface mouse_interface = {
        .base = {SPICE_INTERFACE_MOUSE, "benchmark mouse", SPICE_INTERFACE_MOUSE_MAJOR,
                 SPICE_INTERFACE_MOUSE_MINOR},
        .motion = mouse_motion,
        .buttons = mouse_buttons,
    };
    static SpiceKbdInstance keyboard = {.base.sif = &keyboard_interface.base};
    static SpiceMouseInstance mouse = {.base.sif = &mouse_interface.base};
    if (spice_server_add_interface(server, &keyboard.base) != 0 ||
        spice_server_add_interface(server, &mouse.base) != 0) {
        fail("the server refused a keyboard or mouse");
    }
}

/* A free TCP port of the loopback: the ABI cannot say which one it took for port 0. */
static int port_find(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        perror("bench-host: no free port");
        exit(1);
    }
    close(fd);
    return ntohs(address.sin_port);
}

static int server_start(const Options *options)
{
    static const struct {
        const char *name;
        SpiceImageCompression value;
    } compressions[] = {
        {"off", SPICE_IMAGE_COMPRESSION_OFF},         {"auto_glz", SPICE_IMAGE_COMPRESSION_AUTO_GLZ},
        {"auto_lz", SPICE_IMAGE_COMPRESSION_AUTO_LZ}, {"quic", SPICE_IMAGE_COMPRESSION_QUIC},
        {"glz", SPICE_IMAGE_COMPRESSION_GLZ},         {"lz", SPICE_IMAGE_COMPRESSION_LZ},
        {"lz4", SPICE_IMAGE_COMPRESSION_LZ4},
    };
    SpiceImageCompression compression = SPICE_IMAGE_COMPRESSION_INVALID;
    for (size_t i = 0; i < sizeof(compressions) / sizeof(compressions[0]); i++) {
        if (strcmp(compressions[i].name, options->compression) == 0) {
            compression = compressions[i].value;
        }
    }
    const Workload *workload = workload_find(options->workload);
    if (compression == SPICE_IMAGE_COMPRESSION_INVALID || !workload) {
        fail("no such compression or workload");
    }

    SpiceServer *server = spice_server_new();
    const int port = port_find();
    host.server = server;
    if (!server || spice_server_set_port(server, port) != 0) {
        fail("no server");
    }
    spice_server_set_addr(server, "127.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY);
    spice_server_set_image_compression(server, compression);
    spice_server_set_jpeg_compression(server, options->jpeg ? SPICE_WAN_COMPRESSION_ALWAYS
                                                            : SPICE_WAN_COMPRESSION_NEVER);
    spice_server_set_zlib_glz_compression(server, SPICE_WAN_COMPRESSION_NEVER);
    spice_server_set_streaming_video(server, SPICE_STREAM_VIDEO_OFF);
    const int set = options->password ? spice_server_set_ticket(server, options->password, 0, 0, 0)
                                      : spice_server_set_noauth(server);
    if (set != 0 || spice_server_init(server, loop_core()) != 0) {
        fail("the server does not start");
    }
    inputs_add(server);
    const DeviceOptions device = {
        .workload = workload,
        .width = options->width,
        .height = options->height,
        .pace = mmap(NULL, sizeof(Pace), PROT_READ | PROT_WRITE, MAP_SHARED, options->pace_memory, 0),
        .bell = options->pace_bell,
    };
    if (device.pace == MAP_FAILED) {
        fail("the memory shared with the clients is not there");
    }
    host.device = device_new(server, &device);
    spice_server_vm_start(server);
    return port;
}

static void mark_print(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const uint64_t user_us = (uint64_t)usage.ru_utime.tv_sec * 1000000u + (uint64_t)usage.ru_utime.tv_usec;
    const uint64_t system_us = (uint64_t)usage.ru_stime.tv_sec * 1000000u + (uint64_t)usage.ru_stime.tv_usec;
    const Device *device = host.device;
    printf(
        "mark user_us=%lu system_us=%lu taken=%lu released=%lu bad_releases=%lu given_up=%lu scancodes=%lu "
        "initialized=%lu "
        "disconnected=%lu",
        user_us, system_us, atomic_load(&device->taken), atomic_load(&device->released),
        atomic_load(&device->bad_releases), atomic_load(&device->given_up), host.scancodes,
        loop_events()->initialized, loop_events()->disconnected);
    for (size_t i = 0; i < KINDS; i++) {
        printf(" %s=%lu", kinds[i].name, atomic_load(&device->taken_kinds[i]));
    }
    putchar('\n');
}

static void command_run(const char *line)
{
    if (strcmp(line, "mark") == 0) {
        mark_print();
    } else if (strcmp(line, "supply on") == 0 || strcmp(line, "supply off") == 0) {
        device_supply(host.device, line[8] == 'n');
        printf("supplying %s\n", line + 7);
    } else if (strcmp(line, "quit") == 0) {
        loop_quit();
    } else {
        fail("unknown command");
    }
    fflush(stdout);
}

static void input_read(int fd, int event, void *opaque)
{
    (void)event;
    (void)opaque;
    char bytes[256];
    const ssize_t count = read(fd, bytes, sizeof(bytes));
    if (count <= 0) {
        loop_quit();
        return;
    }
    for (ssize_t i = 0; i < count; i++) {
        if (bytes[i] == '\n') {
            host.line[host.line_length] = '\0';
            host.line_length = 0;
            command_run(host.line);
        } else if (host.line_length + 1 < sizeof(host.line)) {
            host.line[host.line_length++] = bytes[i];
        }
    }
}

static void descriptors_raise(unsigned long wanted)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) {
        return;
    }
    if (limit.rlim_max < wanted) {
        fprintf(stderr, "bench-host: %lu file descriptors needed, the hard limit is %lu\n", wanted,
                (unsigned long)limit.rlim_max);
        exit(1);
    }
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        perror("bench-host: setrlimit");
        exit(1);
    }
}

static const char *library_file(void)
{
    Dl_info info;
    void *symbol = dlsym(RTLD_DEFAULT, "spice_server_new");
    return symbol && dladdr(symbol, &info) && info.dli_fname ? info.dli_fname : "unknown";
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"workload", required_argument, NULL, 'w'},
        {"compression", required_argument, NULL, 'c'},
        {"password", required_argument, NULL, 'p'},
        {"jpeg", no_argument, NULL, 'j'},
        {"primary", required_argument, NULL, 's'},
        {"descriptors", required_argument, NULL, 'd'},
        {"pace-memory", required_argument, NULL, 'm'},
        {"pace-bell", required_argument, NULL, 'b'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    Options options = {.workload = "none", .compression = "auto_glz", .pace_memory = -1, .pace_bell = -1};
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (option) {
        case 'w':
            options.workload = optarg;
            break;
        case 'c':
            options.compression = optarg;
            break;
        case 'p':
            options.password = optarg;
            break;
        case 'j':
            options.jpeg = true;
            break;
        case 's':
            if (sscanf(optarg, "%ux%u", &options.width, &options.height) != 2 || options.width > 8192 ||
                options.height > 8192) {
                fail("--primary wants WIDTHxHEIGHT, at most 8192 each");
            }
            break;
        case 'm':
            options.pace_memory = (int)strtol(optarg, NULL, 10);
            break;
        case 'b':
            options.pace_bell = (int)strtol(optarg, NULL, 10);
            break;
        case 'd':
            options.descriptors = strtoul(optarg, NULL, 10);
            break;
        case 'h':
            puts("usage: bench-host [--workload NAME] [--compression NAME] [--jpeg] [--password TEXT] "
                 "[--no-primary]\n"
                 "                  [--descriptors COUNT]\n"
                 "The server process of ci/bench, which starts it and speaks to it over standard input and "
                 "output.");
            return 0;
        default:
            return 2;
        }
    }
    signal(SIGPIPE, SIG_IGN); /* the existing library writes to sockets without MSG_NOSIGNAL */
    descriptors_raise(options.descriptors);
    loop_core();
    const int port = server_start(&options);
    loop_core()->watch_add(STDIN_FILENO, SPICE_WATCH_EVENT_READ, input_read, NULL);
    printf("ready %d %s\n", port, library_file());
    fflush(stdout);
    loop_run();
    fflush(stdout);
    _exit(0); /* tearing the server down is not what is measured */
}
