/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake-desktop: a SPICE server without a machine: fake QXL devices, a keyboard, a mouse and a tablet. It
 * prints what it gets on stdout, one line each, so that scripts can follow:
 *
 *   ready
 *   key: 0xNN                 one byte of PC scancode set 1
 *   mouse: dx dy dz buttons   mouse-buttons: buttons
 *   tablet: x y buttons       wheel: dz buttons        tablet-buttons: buttons
 *   tablet-size: width height
 *   leds                      the server asked for the state of the keyboard's lamps
 *   event: connected|initialized|disconnected type id connection tls
 *   dumped                    the devices' pictures are in the files of --dump
 *   painted: type N times N   of --paint, in the end: QXL_DRAW_*
 *   bye: taken N released N violations N
 *
 * All of it runs on the main thread but the devices' ring callbacks, which the library calls in its workers.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spice/enums.h>

#include "desktop.h"
#include "fake-client/standard_files.h"
#include "fake_input.h"
#include "fake_qxl.h"
#include "poll_core.h"

#define DEVICES_MAX 16
#define TICK_NS UINT64_C(20000000) /* of desktop and cursor: as fast as a hand moves a mouse */
#define PAINT_EDGE_MAX 160u        /* pixels of a random drawing's sides */
#define PAINT_PER_TICK 24u
#define PATH_BYTES_MAX 1024

typedef struct Options {
    int port, tls_port; /* 0: none */
    const char *tls_cert_dir, *key_password, *password, *unix_path, *address;
    int ticket_seconds;
    unsigned width, height;
    int devices;
    int seconds; /* 0: until a signal */
    bool multi_client, cursor_traffic, still, paint;
    const char *dump;                       /* NULL: nowhere */
    SpiceImageCompression compression;      /* 0: the library's own choice */
    spice_wan_compression_t jpeg, zlib_glz; /* the same */
} Options;

static volatile sig_atomic_t stop_asked, dump_asked;

static void on_signal(int signal_number)
{
    if (signal_number == SIGUSR1) {
        dump_asked = 1;
    } else {
        stop_asked = 1;
    }
}

static void channel_event(int event, SpiceChannelEventInfo *info)
{
    static const char *const names[] = {"unknown", "connected", "initialized", "disconnected"};
    printf("event: %s %d %d %u %d\n", names[event >= 1 && event <= 3 ? event : 0], info->type, info->id,
           (unsigned)info->connection_id, (info->flags & SPICE_CHANNEL_EVENT_FLAG_TLS) != 0);
}

/* ---- Options ---- */

static void usage(FILE *out)
{
    fputs("Usage: fake-desktop [options]\n"
          "A SPICE server without a machine; prints what it gets.\n\n"
          "  --port N              plain TCP port\n"
          "  --tls-port N          TLS port; needs --tls-cert-dir\n"
          "  --tls-cert-dir DIR    ca-cert.pem, server-cert.pem and server-key.pem\n"
          "  --key-password P      of server-key.pem\n"
          "  --unix PATH           a unix socket instead of --port\n"
          "  --addr A              address to listen on (default: 127.0.0.1)\n"
          "  --password P          the ticket (default: no authentication)\n"
          "  --ticket-seconds S    how long the ticket is good (default: for ever)\n"
          "  --size WxH            of the screen (default: 1024x768; from 320x240 to 64 Mpixel)\n"
          "  --devices N           number of QXL devices (default: 1)\n"
          "  --multi-client        several clients at once\n"
          "  --cursor-traffic      move, change and hide the cursor all the time\n"
          "  --still               draw the desktop once, and leave it as it is\n"
          "  --paint               draw everything that can be drawn, anywhere, instead of a desktop\n"
          "  --compression C       of images: off, auto_glz, auto_lz, quic, glz, lz, lz4\n"
          "  --jpeg WHEN           pictures may lose: auto (on slow links), always, never\n"
          "  --zlib-glz WHEN       GLZ images go through zlib: auto, always, never\n"
          "  --dump FILE           at SIGUSR1 stop drawing and write the picture (PPM) to this file;\n"
          "                        those of further devices to FILE.1 and so on\n"
          "  --seconds S           end after S seconds (default: at SIGINT or SIGTERM)\n"
          "  --help                this text\n",
          out);
}

/* A decimal number in [min, max], or the program ends. */
static int number_of(const char *name, const char *text, int min, int max)
{
    char *end;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max) {
        fprintf(stderr, "fake-desktop: --%s %s: not a number from %d to %d\n", name, text, min, max);
        exit(2);
    }
    return (int)value;
}

/* What the name stands for: its place among `names`, from 1; or the program ends. */
static int choice_of(const char *option, const char *text, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], text) == 0) {
            return i + 1;
        }
    }
    fprintf(stderr, "fake-desktop: --%s %s: there is no such thing; --help says what there is\n", option,
            text);
    exit(2);
}

static SpiceImageCompression compression_of(const char *text)
{
    static const char *const names[] = {"off", "auto_glz", "auto_lz", "quic", "glz", "lz", "lz4"};
    return (SpiceImageCompression)choice_of("compression", text, names, 7);
}

static spice_wan_compression_t wan_of(const char *option, const char *text)
{
    static const char *const names[] = {"auto", "always", "never"};
    return (spice_wan_compression_t)choice_of(option, text, names, 3);
}

static void options_parse(int argc, char **argv, Options *o)
{
    enum {
        PORT,
        TLS_PORT,
        TLS_CERT_DIR,
        KEY_PASSWORD,
        UNIX,
        ADDR,
        PASSWORD,
        TICKET,
        SIZE,
        DEVICES,
        MULTI,
        TRAFFIC,
        STILL,
        PAINT,
        COMPRESSION,
        JPEG,
        ZLIB_GLZ,
        DUMP,
        SECONDS,
        HELP
    };
    static const struct option names[] = {
        {"port", required_argument, NULL, PORT},
        {"tls-port", required_argument, NULL, TLS_PORT},
        {"tls-cert-dir", required_argument, NULL, TLS_CERT_DIR},
        {"key-password", required_argument, NULL, KEY_PASSWORD},
        {"unix", required_argument, NULL, UNIX},
        {"addr", required_argument, NULL, ADDR},
        {"password", required_argument, NULL, PASSWORD},
        {"ticket-seconds", required_argument, NULL, TICKET},
        {"size", required_argument, NULL, SIZE},
        {"devices", required_argument, NULL, DEVICES},
        {"multi-client", no_argument, NULL, MULTI},
        {"cursor-traffic", no_argument, NULL, TRAFFIC},
        {"still", no_argument, NULL, STILL},
        {"paint", no_argument, NULL, PAINT},
        {"compression", required_argument, NULL, COMPRESSION},
        {"jpeg", required_argument, NULL, JPEG},
        {"zlib-glz", required_argument, NULL, ZLIB_GLZ},
        {"dump", required_argument, NULL, DUMP},
        {"seconds", required_argument, NULL, SECONDS},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        char rest;
        switch (option) {
        case PORT:
            o->port = number_of("port", optarg, 1, 65535);
            break;
        case TLS_PORT:
            o->tls_port = number_of("tls-port", optarg, 1, 65535);
            break;
        case TLS_CERT_DIR:
            o->tls_cert_dir = optarg;
            break;
        case KEY_PASSWORD:
            o->key_password = optarg;
            break;
        case UNIX:
            o->unix_path = optarg;
            break;
        case ADDR:
            o->address = optarg;
            break;
        case PASSWORD:
            o->password = optarg;
            break;
        case TICKET:
            o->ticket_seconds = number_of("ticket-seconds", optarg, 0, INT_MAX);
            break;
        case SIZE:
            if (sscanf(optarg, "%5ux%5u%c", &o->width, &o->height, &rest) != 2 || o->width < 320 ||
                o->height < 240 || (unsigned long)o->width * o->height > 64ul << 20) {
                fprintf(stderr, "fake-desktop: --size %s: not WIDTHxHEIGHT, from 320x240 to 64 Mpixel\n",
                        optarg);
                exit(2);
            }
            break;
        case DEVICES:
            o->devices = number_of("devices", optarg, 1, DEVICES_MAX);
            break;
        case MULTI:
            o->multi_client = true;
            break;
        case TRAFFIC:
            o->cursor_traffic = true;
            break;
        case STILL:
            o->still = true;
            break;
        case PAINT:
            o->paint = true;
            break;
        case COMPRESSION:
            o->compression = compression_of(optarg);
            break;
        case JPEG:
            o->jpeg = wan_of("jpeg", optarg);
            break;
        case ZLIB_GLZ:
            o->zlib_glz = wan_of("zlib-glz", optarg);
            break;
        case DUMP:
            o->dump = optarg;
            break;
        case SECONDS:
            o->seconds = number_of("seconds", optarg, 1, INT_MAX);
            break;
        case HELP:
            usage(stdout);
            exit(0);
        default:
            usage(stderr);
            exit(2);
        }
    }
    if (optind != argc) {
        fprintf(stderr, "fake-desktop: %s: this belongs to no option\n", argv[optind]);
        exit(2);
    }
    if ((o->ticket_seconds != 0 && o->password == NULL) || (o->key_password != NULL && o->tls_port == 0)) {
        fputs("fake-desktop: --ticket-seconds goes with --password, --key-password with --tls-port\n",
              stderr);
        exit(2);
    }
    if ((o->port == 0 && o->tls_port == 0 && o->unix_path == NULL) ||
        (o->port != 0 && o->unix_path != NULL) || (o->tls_port != 0 && o->unix_path != NULL) ||
        (o->tls_port != 0) != (o->tls_cert_dir != NULL)) {
        fputs("fake-desktop: give --port, --tls-port with --tls-cert-dir, or --unix\n", stderr);
        exit(2);
    }
}

/* ---- The host ---- */

static bool tls_set(SpiceServer *server, const Options *o)
{
    char ca[PATH_BYTES_MAX], cert[PATH_BYTES_MAX], key[PATH_BYTES_MAX];
    snprintf(ca, sizeof ca, "%s/ca-cert.pem", o->tls_cert_dir);
    snprintf(cert, sizeof cert, "%s/server-cert.pem", o->tls_cert_dir);
    snprintf(key, sizeof key, "%s/server-key.pem", o->tls_cert_dir);
    return spice_server_set_tls(server, o->tls_port, ca, cert, key, o->key_password, NULL, NULL) == 0;
}

/* NULL: refused, and said why. */
static SpiceServer *server_start(const Options *o)
{
    if (o->multi_client) {
        setenv("SPICE_DEBUG_ALLOW_MC", "1", 1);
    }
    SpiceServer *server = spice_server_new();
    const bool told = (o->port == 0 || spice_server_set_port(server, o->port) == 0) &&
                      (o->tls_port == 0 || tls_set(server, o));
    if (o->unix_path != NULL) {
        spice_server_set_addr(server, o->unix_path, SPICE_ADDR_FLAG_UNIX_ONLY);
    } else {
        spice_server_set_addr(server, o->address, 0);
    }
    const int auth = o->password != NULL
                         ? spice_server_set_ticket(server, o->password, o->ticket_seconds, 0, 0)
                         : spice_server_set_noauth(server);
    spice_server_set_name(server, "fake-desktop");
    if (o->compression != SPICE_IMAGE_COMPRESSION_INVALID) {
        spice_server_set_image_compression(server, o->compression);
    }
    if (o->jpeg != SPICE_WAN_COMPRESSION_INVALID) {
        spice_server_set_jpeg_compression(server, o->jpeg);
    }
    if (o->zlib_glz != SPICE_WAN_COMPRESSION_INVALID) {
        spice_server_set_zlib_glz_compression(server, o->zlib_glz);
    }
    if (!told || auth != 0 || spice_server_init(server, poll_core_init(channel_event)) != 0) {
        fputs("fake-desktop: the server refused the configuration\n", stderr);
        return NULL;
    }
    return server;
}

static void traffic(FakeQxl *qxl, uint64_t *seed)
{
    /* Of ten, two changes of shape; and now and then there is no cursor. */
    const int16_t x = (int16_t)fake_qxl_prng_choose(seed, "x", 1024);
    const int16_t y = (int16_t)fake_qxl_prng_choose(seed, "y", 768);
    const uint32_t kind = fake_qxl_prng_choose(seed, "kind", 10);
    if (kind < 2) {
        fake_qxl_cursor_set(qxl, 1 + fake_qxl_prng_choose(seed, "shape", 400), x, y, true);
    } else if (kind == 2) {
        fake_qxl_cursor_hide(qxl);
    } else {
        fake_qxl_cursor_move(qxl, x, y);
    }
}

/* ---- The picture ---- */

static bool takes_surface_alpha(const FakeDrawing *drawing)
{
    return drawing->type == QXL_DRAW_ALPHA_BLEND &&
           (drawing->alpha_flags & SPICE_ALPHA_FLAGS_SRC_SURFACE_HAS_ALPHA) != 0 &&
           (drawing->self_bitmap || drawing->source.type == SPICE_IMAGE_TYPE_SURFACE);
}

/* A brush of a colour, or of a bitmap that is decoded to the screen's depth. */
static bool is_plain_brush(const FakeDrawBrush *brush)
{
    return brush->type == SPICE_BRUSH_TYPE_SOLID ||
           (brush->type == SPICE_BRUSH_TYPE_PATTERN && brush->pattern.type != SPICE_IMAGE_TYPE_SURFACE &&
            brush->pattern.format != SPICE_BITMAP_FMT_16BIT &&
            brush->pattern.format != SPICE_BITMAP_FMT_8BIT_A);
}

static bool is_scaled(const FakeDrawing *drawing)
{
    const QXLRect *to = &drawing->box, *from = &drawing->source_area;
    return to->right - to->left != from->right - from->left ||
           to->bottom - to->top != from->bottom - from->top;
}

static bool rop3_agrees(const FakeDrawing *drawing)
{
    const FakeDrawBrush *brush = &drawing->brush;
    return is_plain_brush(brush) && !is_scaled(drawing) &&
           (brush->type == SPICE_BRUSH_TYPE_SOLID ||
            (brush->pos.x <= drawing->box.left && brush->pos.y <= drawing->box.top));
}

static bool stroke_agrees(const FakeDrawing *drawing)
{
    bool are_alone = true;
    for (uint32_t i = 0; i < drawing->segment_count; i++) {
        const FakeDrawSegment *segment = &drawing->segments[i];
        are_alone = are_alone && (segment->flags & SPICE_PATH_BEGIN) != 0 && segment->count <= 2 &&
                    (segment->flags & SPICE_PATH_CLOSE) == 0;
        if (segment->flags & SPICE_PATH_BEZIER) {
            return false;
        }
    }
    return is_plain_brush(&drawing->brush) && (!drawing->clipped || drawing->rect_count <= 1) &&
           (are_alone || (drawing->line_flags & SPICE_LINE_FLAGS_STYLED) == 0);
}

static bool glyphs_overlap(const FakeDrawGlyph *a, const FakeDrawGlyph *b)
{
    const int32_t x = a->pos.x + a->origin.x - b->pos.x - b->origin.x;
    const int32_t y = a->pos.y + a->origin.y - b->pos.y - b->origin.y;
    return x < b->width && -x < a->width && y < b->height && -y < a->height;
}

static bool text_agrees(const FakeDrawing *drawing)
{
    for (uint32_t i = 0; i < drawing->glyph_count && !(drawing->string_flags & SPICE_STRING_FLAGS_RASTER_A1);
         i++) {
        for (uint32_t other = 0; other < i; other++) {
            if (glyphs_overlap(&drawing->glyphs[i], &drawing->glyphs[other])) {
                return false;
            }
        }
    }
    return (drawing->brush.type == SPICE_BRUSH_TYPE_NONE || is_plain_brush(&drawing->brush)) &&
           (drawing->back_brush.type == SPICE_BRUSH_TYPE_NONE || is_plain_brush(&drawing->back_brush));
}

/* What spice-gtk's client library draws as every server does, and survives; what it does with the rest says
 * tests/interop/README.md. */
static bool clients_agree(const FakeDrawing *drawing)
{
    switch (drawing->type) {
    case QXL_DRAW_ROP3:
        return rop3_agrees(drawing);
    case QXL_DRAW_STROKE:
        return stroke_agrees(drawing);
    case QXL_DRAW_TEXT:
        return text_agrees(drawing);
    case QXL_DRAW_COMPOSITE:
        return drawing->source.type != SPICE_IMAGE_TYPE_SURFACE;
    default:
        return !takes_surface_alpha(drawing);
    }
}

/* `painted`: how many drawings of each type there are by now. */
static void paint(FakeQxl *qxl, uint64_t *seed, uint32_t painted[QXL_DRAW_COMPOSITE + 1])
{
    for (uint32_t i = 0; i < PAINT_PER_TICK; i++) {
        const uint8_t type = (uint8_t)fake_qxl_prng_choose(seed, "type", QXL_DRAW_COMPOSITE + 1);
        const uint32_t act = fake_qxl_prng_choose(seed, "act", 40);
        if (act == 0) {
            fake_qxl_surface_create(qxl, 8 + fake_qxl_prng_choose(seed, "width", 200),
                                    8 + fake_qxl_prng_choose(seed, "height", 200), SPICE_SURFACE_FMT_32_xRGB);
        } else if (act == 1) {
            fake_qxl_surface_destroy(qxl, 1 + fake_qxl_prng_choose(seed, "surface", 8));
        } else {
            const uint32_t on =
                fake_qxl_prng_choose(seed, "on", 4) == 0 ? 1 + fake_qxl_prng_choose(seed, "surface", 8) : 0;
            painted[type] += fake_qxl_draw_random(qxl, on, type, PAINT_EDGE_MAX, clients_agree);
        }
    }
}

/* What is in the guest's memory once all was drawn; false: the file cannot be written. */
static bool dump(FakeQxl *qxl, const Options *o, const char *path)
{
    const QXLRect screen = {.right = (int32_t)o->width, .bottom = (int32_t)o->height};
    fake_qxl_update_area(qxl, 0, &screen, false);
    FakeQxlPicture shot;
    FILE *file = fopen(path, "wb");
    if (file == NULL || !fake_qxl_picture(qxl, 0, &shot)) {
        return false;
    }
    const uint8_t *pixels = shot.top;
    fprintf(file, "P6\n%u %u\n255\n", o->width, o->height);
    for (size_t i = 0; i < (size_t)o->width * o->height; i++) {
        const uint8_t rgb[] = {pixels[i * 4 + 2], pixels[i * 4 + 1], pixels[i * 4]};
        fwrite(rgb, 1, sizeof rgb, file);
    }
    const bool written = ferror(file) == 0;
    return fclose(file) == 0 && written;
}

static bool dump_all(FakeQxl **devices, const Options *o)
{
    bool good = dump(devices[0], o, o->dump);

    for (int i = 1; i < o->devices && good; i++) {
        char path[PATH_MAX];
        const int len = snprintf(path, sizeof path, "%s.%d", o->dump, i);
        good = len > 0 && (size_t)len < sizeof path && dump(devices[i], o, path);
    }
    return good;
}

/* Prints what the devices have to complain about; returns its number. */
static uint64_t devices_report(FakeQxl **devices, int count)
{
    FakeQxlReport sum = {0};
    for (int i = 0; i < count; i++) {
        FakeQxlReport report;
        fake_qxl_check(devices[i], true, &report);
        for (size_t at = 0; fake_qxl_violation(devices[i], at) != NULL; at++) {
            fprintf(stderr, "fake-desktop: device %d: %s\n", i, fake_qxl_violation(devices[i], at));
        }
        sum.taken += report.taken;
        sum.released += report.released;
        sum.violations += report.violations;
    }
    printf("bye: taken %llu released %llu violations %llu\n", (unsigned long long)sum.taken,
           (unsigned long long)sum.released, (unsigned long long)sum.violations);
    return sum.violations;
}

int main(int argc, char **argv)
{
    Options o = {.address = "127.0.0.1", .width = 1024, .height = 768, .devices = 1};
    standard_files_open();
    options_parse(argc, argv, &o);
    setvbuf(stdout, NULL, _IOLBF, 0);

    sigset_t blocked, waiting;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, &waiting);
    sigdelset(&waiting, SIGINT);
    sigdelset(&waiting, SIGTERM);
    sigdelset(&waiting, SIGUSR1);
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGPIPE, SIG_IGN);

    SpiceServer *server = server_start(&o);
    if (server == NULL) {
        return 1;
    }
    FakeInput input;
    fake_input_init(&input, fake_input_print, NULL);
    bool added = fake_input_add(&input, server);
    uint64_t seed = 1;
    FakeQxl *devices[DEVICES_MAX] = {NULL};
    Desktop *desktops[DEVICES_MAX];
    for (int i = 0; i < o.devices; i++) {
        const FakeQxlConfig config = {
            .id = i,
            .ram_bytes = 16u << 20,
            .vram_bytes = (size_t)o.width * o.height * 4 + (4u << 20),
            .choice = {fake_qxl_prng_choose, &seed},
        };
        devices[i] = fake_qxl_new(&config);
        added = added && spice_server_add_interface(server, &fake_qxl_instance(devices[i])->base) == 0;
    }
    if (!added) {
        fputs("fake-desktop: the server refused a device\n", stderr);
        return 1;
    }
    for (int i = 0; i < o.devices; i++) {
        fake_qxl_connect(devices[i]);
        fake_qxl_running(devices[i], true);
    }
    spice_server_vm_start(server);
    for (int i = 0; i < o.devices; i++) {
        const FakeQxlPrimary primary = {.width = o.width, .height = o.height, .mouse_mode = 1};
        fake_qxl_primary_create(devices[i], &primary, false);
        desktops[i] = desktop_new(devices[i], o.width, o.height);
        if (desktops[i] == NULL) {
            fputs("fake-desktop: no memory\n", stderr);
            return 1;
        }
        desktop_pump(desktops[i]);
        fake_qxl_cursor_set(devices[i], 1, 100, 100, true);
    }
    printf("ready\n");

    const uint64_t end_ns =
        o.seconds == 0 ? UINT64_MAX : poll_core_now_ns() + (uint64_t)o.seconds * 1000000000u;
    uint64_t tick_ns = poll_core_now_ns();
    uint32_t painted[QXL_DRAW_COMPOSITE + 1] = {0};
    bool drawing = true, undumped = false;
    while (!stop_asked && poll_core_now_ns() < end_ns) {
        poll_core_run(tick_ns < end_ns ? tick_ns : end_ns, &waiting);
        if (dump_asked && drawing && o.dump != NULL) {
            drawing = false;
            errno = 0;
            if (dump_all(devices, &o)) {
                printf("dumped\n");
            } else {
                undumped = true;
                fprintf(stderr, "fake-desktop: %s cannot be written: %s\n", o.dump,
                        errno != 0 ? strerror(errno) : "there is no picture");
            }
        } else if (dump_asked && o.dump == NULL) {
            dump_asked = 0;
            fputs("fake-desktop: there is no --dump FILE to write the picture to\n", stderr);
        }
        if (poll_core_now_ns() < tick_ns) {
            continue;
        }
        for (int i = 0; i < o.devices && drawing; i++) {
            if (desktop_pump(desktops[i]) && !o.still && !o.paint) {
                desktop_step(desktops[i]);
                desktop_pump(desktops[i]);
            }
            if (o.paint) {
                paint(devices[i], &seed, painted);
            }
            if (o.cursor_traffic) {
                traffic(devices[i], &seed);
            }
        }
        tick_ns = drawing ? poll_core_now_ns() + TICK_NS : UINT64_MAX;
    }

    for (uint32_t type = 0; type <= QXL_DRAW_COMPOSITE && o.paint; type++) {
        printf("painted: type %u times %u\n", type, painted[type]);
    }
    for (int i = 0; i < o.devices; i++) {
        spice_server_remove_interface(&fake_qxl_instance(devices[i])->base);
    }
    spice_server_destroy(server);
    const uint64_t violations = devices_report(devices, o.devices);
    unsigned timers, watches;
    poll_core_count(&timers, &watches);
    if (timers + watches != 0) {
        fprintf(stderr, "fake-desktop: the server left %u timers and %u watches\n", timers, watches);
    }
    for (int i = 0; i < o.devices; i++) {
        desktop_free(desktops[i]);
        fake_qxl_free(devices[i]);
    }
    if (o.unix_path != NULL) {
        remove(o.unix_path);
    }
    if (ferror(stdout) != 0) {
        fputs("fake-desktop: not all of what it said could be written\n", stderr);
    }
    return violations != 0 || timers + watches != 0 || ferror(stdout) != 0 || undumped;
}
