/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest-init: the one program of a Linux guest. It is the guest's init, linked statically, alone in an initramfs with the
 * kernel modules it loads (guest.py packs it).
 *
 * It does what the test says on the serial port, a line at a time, and answers there with "ok ..." or "no ...":
 *
 *   text N            N lines of text on the console, which scrolls
 *   mode WIDTHxHEIGHT SEED   sets that mode on the first connected output, with a picture that depends on the seed
 *   draw N SEED       N rectangles anywhere, each told to the driver by itself
 *   cursor X Y        a cursor of the hardware's, there
 *   run COMMAND       of the shell, in a guest that has one (guest.py, root_of_x()); good if it ends with 0
 *   inputs            from now on a line "event DEVICE TYPE CODE VALUE" for all that keyboards and mice say
 *
 * One thread. Uses the kernel's interfaces alone: KMS with a dumb buffer, evdev.
 */
#include <dirent.h>
#include <drm.h>
#include <drm_fourcc.h>
#include <drm_mode.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#define INPUTS_MAX 16
#define CARD_TRIES 200 /* of 50 ms */
#define CURSOR_SIDE 64u

typedef struct Screen {
    int card;
    uint32_t crtc, connector, framebuffer, handle, cursor;
    uint32_t width, height, stride;
    uint8_t *pixels;
    size_t bytes;
} Screen;

static Screen screen = {.card = -1};
static struct pollfd watched[1 + INPUTS_MAX]; /* the serial port, then what says something */
static nfds_t watched_len = 1;

/* ---- Coming up ---- */

/* False: there are none. */
static bool load_modules(void)
{
    struct dirent **entries;
    const int count = scandir("/modules", &entries, NULL, alphasort); /* their names begin with their place */

    for (int i = 0; i < count; i++) {
        char path[512];
        if (entries[i]->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "/modules/%s", entries[i]->d_name);
        const int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0 || syscall(SYS_finit_module, file, "", 0) != 0) {
            printf("no module %s: %s\n", path, strerror(errno));
        }
        close(file);
    }
    return count > 2; /* with . and .. */
}

/* Reading does not wait; writing does, also in the programs that are run: a host that is busy takes the text late. */
static void serial_open(void)
{
    struct termios raw;
    const int in = open("/dev/ttyS0", O_RDONLY | O_NOCTTY | O_NONBLOCK);
    const int out = open("/dev/ttyS0", O_WRONLY | O_NOCTTY);

    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    tcgetattr(0, &raw);
    cfmakeraw(&raw);
    tcsetattr(0, TCSANOW, &raw);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

static bool card_open(void)
{
    for (int i = 0; i < CARD_TRIES && screen.card < 0; i++) {
        screen.card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
        if (screen.card < 0) {
            usleep(50000);
        }
    }
    return screen.card >= 0;
}

/* ---- The console ---- */

static bool text(unsigned lines)
{
    FILE *console = fopen("/dev/tty0", "w");

    if (console == NULL) {
        return false;
    }
    fputs("\033[?25l", console); /* no cursor: it would blink */
    for (unsigned i = 1; i <= lines; i++) {
        fprintf(console, "\033[%um%u lines of text of %u, and some more of them\033[0m\n", 31 + i % 7, i,
                lines);
    }
    return fclose(console) == 0;
}

/* ---- KMS ---- */

/* The first output that something is connected to, its mode of this size, and a way to it. */
static bool output_find(uint32_t width, uint32_t height, struct drm_mode_modeinfo *ret_mode)
{
    static uint32_t crtcs[8], connectors[32], framebuffers[32], encoders[32];
    static struct drm_mode_modeinfo modes[256];
    struct drm_mode_card_res resources = {.fb_id_ptr = (uintptr_t)framebuffers,
                                          .count_fbs = 32,
                                          .crtc_id_ptr = (uintptr_t)crtcs,
                                          .count_crtcs = 8,
                                          .connector_id_ptr = (uintptr_t)connectors,
                                          .count_connectors = 32,
                                          .encoder_id_ptr = (uintptr_t)encoders,
                                          .count_encoders = 32};

    if (ioctl(screen.card, DRM_IOCTL_MODE_GETRESOURCES, &resources) != 0 || resources.count_crtcs == 0) {
        return false;
    }
    for (uint32_t i = 0; i < resources.count_connectors && i < 32; i++) {
        /* Asking for no modes probes them. */
        struct drm_mode_get_connector connector = {.connector_id = connectors[i]};
        if (ioctl(screen.card, DRM_IOCTL_MODE_GETCONNECTOR, &connector) != 0 || connector.connection != 1) {
            continue;
        }
        connector = (struct drm_mode_get_connector){
            .connector_id = connectors[i], .modes_ptr = (uintptr_t)modes, .count_modes = 256};
        if (ioctl(screen.card, DRM_IOCTL_MODE_GETCONNECTOR, &connector) != 0) {
            return false;
        }
        for (uint32_t k = 0; k < connector.count_modes && k < 256; k++) {
            if (modes[k].hdisplay == width && modes[k].vdisplay == height) {
                screen.crtc = crtcs[0];
                screen.connector = connectors[i];
                *ret_mode = modes[k];
                return true;
            }
        }
        return false;
    }
    return false;
}

static bool buffer_make(uint32_t width, uint32_t height)
{
    struct drm_mode_create_dumb create = {.width = width, .height = height, .bpp = 32};

    if (ioctl(screen.card, DRM_IOCTL_MODE_CREATE_DUMB, &create) != 0) {
        return false;
    }
    struct drm_mode_fb_cmd2 framebuffer = {.width = width,
                                           .height = height,
                                           .pixel_format = DRM_FORMAT_XRGB8888,
                                           .handles = {create.handle},
                                           .pitches = {create.pitch}};
    struct drm_mode_map_dumb map = {.handle = create.handle};
    if (ioctl(screen.card, DRM_IOCTL_MODE_ADDFB2, &framebuffer) != 0 ||
        ioctl(screen.card, DRM_IOCTL_MODE_MAP_DUMB, &map) != 0) {
        return false;
    }
    void *pixels =
        mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, screen.card, (off_t)map.offset);
    if (pixels == MAP_FAILED) {
        return false;
    }
    screen.framebuffer = framebuffer.fb_id;
    screen.handle = create.handle;
    screen.width = width;
    screen.height = height;
    screen.stride = create.pitch;
    screen.pixels = pixels;
    screen.bytes = create.size;
    return true;
}

static void buffer_free(Screen old)
{
    struct drm_mode_destroy_dumb destroy = {.handle = old.handle};

    if (old.pixels != NULL) {
        munmap(old.pixels, old.bytes);
        ioctl(old.card, DRM_IOCTL_MODE_RMFB, &old.framebuffer);
        ioctl(old.card, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
    }
}

/* What the test knows as well: linux_pattern() in cases_guest.py. */
static void paint(uint32_t left, uint32_t top, uint32_t width, uint32_t height, uint32_t seed)
{
    for (uint32_t y = top; y < top + height; y++) {
        uint32_t *row = (uint32_t *)(void *)(screen.pixels + (size_t)y * screen.stride);
        for (uint32_t x = left; x < left + width; x++) {
            row[x] = ((x * 3 + seed * 17) & 255) << 16 | ((y * 5 + seed) & 255) << 8 |
                     (((x ^ y) + seed * 7) & 255);
        }
    }
}

static bool mode_set(uint32_t width, uint32_t height, uint32_t seed)
{
    struct drm_mode_modeinfo mode;
    const Screen old = screen;

    if (!output_find(width, height, &mode) || !buffer_make(width, height)) {
        return false;
    }
    paint(0, 0, width, height, seed);
    struct drm_mode_crtc crtc = {.set_connectors_ptr = (uintptr_t)&screen.connector,
                                 .count_connectors = 1,
                                 .crtc_id = screen.crtc,
                                 .fb_id = screen.framebuffer,
                                 .mode_valid = 1,
                                 .mode = mode};
    const bool good = ioctl(screen.card, DRM_IOCTL_MODE_SETCRTC, &crtc) == 0;
    buffer_free(old);
    return good;
}

static bool draw(unsigned count, uint32_t seed)
{
    if (screen.pixels == NULL) {
        return false;
    }
    srandom(seed);
    for (unsigned i = 0; i < count; i++) {
        const uint32_t left = (uint32_t)random() % (screen.width - 8),
                       top = (uint32_t)random() % (screen.height - 8);
        const uint32_t width = 1 + (uint32_t)random() % (screen.width - left);
        const uint32_t height = 1 + (uint32_t)random() % (screen.height - top);
        struct drm_clip_rect clip = {(unsigned short)left, (unsigned short)top,
                                     (unsigned short)(left + width), (unsigned short)(top + height)};
        struct drm_mode_fb_dirty_cmd dirty = {
            .fb_id = screen.framebuffer, .num_clips = 1, .clips_ptr = (uintptr_t)&clip};
        paint(left, top, width, height, seed + i);
        if (ioctl(screen.card, DRM_IOCTL_MODE_DIRTYFB, &dirty) != 0 && errno != ENOSYS) {
            return false; /* ENOSYS: what is painted is on the screen */
        }
    }
    return true;
}

static bool cursor_set(int x, int y)
{
    struct drm_mode_create_dumb create = {.width = CURSOR_SIDE, .height = CURSOR_SIDE, .bpp = 32};

    if (screen.crtc == 0) {
        return false;
    }
    if (screen.cursor == 0) {
        if (ioctl(screen.card, DRM_IOCTL_MODE_CREATE_DUMB, &create) != 0) {
            return false;
        }
        struct drm_mode_map_dumb map = {.handle = create.handle};
        if (ioctl(screen.card, DRM_IOCTL_MODE_MAP_DUMB, &map) != 0) {
            return false;
        }
        uint32_t *pixels = mmap(NULL, create.size, PROT_WRITE, MAP_SHARED, screen.card, (off_t)map.offset);
        if (pixels == MAP_FAILED) {
            return false;
        }
        for (uint32_t i = 0; i < CURSOR_SIDE * CURSOR_SIDE; i++) {
            pixels[i] = i % CURSOR_SIDE <= i / CURSOR_SIDE ? 0xffe01010u : 0;
        }
        munmap(pixels, create.size);
        screen.cursor = create.handle;
    }
    struct drm_mode_cursor2 cursor = {.flags = DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE,
                                      .crtc_id = screen.crtc,
                                      .x = x,
                                      .y = y,
                                      .width = CURSOR_SIDE,
                                      .height = CURSOR_SIDE,
                                      .handle = screen.cursor};
    return ioctl(screen.card, DRM_IOCTL_MODE_CURSOR2, &cursor) == 0;
}

/* ---- Inputs ---- */

static bool inputs_open(void)
{
    while (watched_len > 1) {
        close(watched[--watched_len].fd);
    }
    for (int i = 0; i < INPUTS_MAX && watched_len < 1 + INPUTS_MAX; i++) {
        char path[64], name[128] = "?";
        snprintf(path, sizeof path, "/dev/input/event%d", i);
        const int input = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (input >= 0) {
            ioctl(input, EVIOCGNAME(sizeof name), name);
            printf("input %d %s\n", i, name);
            watched[watched_len++] = (struct pollfd){.fd = input, .events = POLLIN};
        }
    }
    return watched_len > 1;
}

static void input_read(int input)
{
    struct input_event event;
    char name[128] = "?";

    ioctl(input, EVIOCGNAME(sizeof name), name);
    while (read(input, &event, sizeof event) == (ssize_t)sizeof event) {
        if (event.type == EV_KEY || event.type == EV_REL || event.type == EV_ABS) {
            printf("event %s: %u %u %d\n", name, event.type, event.code, event.value);
        }
    }
}

/* ---- What the test says ---- */

static bool obey(const char *line)
{
    unsigned a, b, seed;
    int x, y;

    if (sscanf(line, "text %u", &a) == 1) {
        return text(a);
    }
    if (sscanf(line, "mode %ux%u %u", &a, &b, &seed) == 3) {
        return mode_set(a, b, seed);
    }
    if (sscanf(line, "draw %u %u", &a, &seed) == 2) {
        return draw(a, seed);
    }
    if (sscanf(line, "cursor %d %d", &x, &y) == 2) {
        return cursor_set(x, y);
    }
    if (strncmp(line, "run ", 4) == 0) {
        return system(line + 4) == 0;
    }
    return strcmp(line, "inputs") == 0 && inputs_open();
}

static void serial_read(void)
{
    static char line[1024];
    static size_t len;
    char c;

    while (read(0, &c, 1) == 1) {
        if (c == '\n') {
            line[len] = '\0';
            len = 0;
            errno = 0;
            if (obey(line)) {
                printf("ok %s\n", line);
            } else {
                printf("no %s: %s\n", line, strerror(errno));
            }
        } else if (len < sizeof line - 1) {
            line[len++] = c;
        }
    }
}

int main(void)
{
    if (getpid() != 1) {
        fputs("guest-init is the init of a guest of its own; see guest.py\n", stderr);
        return 2;
    }
    mkdir("/dev", 0755);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    mkdir("/proc", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mkdir("/sys", 0755);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mkdir("/dev/pts", 0755);
    mount("devpts", "/dev/pts", "devpts", 0, NULL);
    setenv("PATH", "/usr/bin:/bin", 1);
    serial_open();
    /* Without a driver of the kernel's, the X server's has the device to itself. */
    const bool modules = load_modules();
    printf(!modules || card_open() ? "guest: ready\n" : "guest: no card\n");
    watched[0] = (struct pollfd){.fd = 0, .events = POLLIN};
    for (;;) {
        poll(watched, watched_len, -1);
        serial_read();
        for (nfds_t i = 1; i < watched_len; i++) {
            input_read(watched[i].fd);
        }
    }
}
