/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake-client: the strict client as a program: connects, opens channels, types and points, tells what it saw.
 *
 * One thread, one poll() loop; the engine is in fake_client.h, sockets and TLS in transport.h. Exit status:
 * 0 if all channels that were asked for opened and stayed open, and the server broke no rule; 1 if not; 2
 * for wrong options.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake_client.h"
#include "standard_files.h"
#include "transport.h"

#define CHANNELS_MAX 32
#define KEYS_MAX 256
#define READ_BYTES 65536
#define PRINT_BYTES 4096
#define SECONDS_DEFAULT 2
#define PASSWORD_BYTES_MAX 60 /* SPICE_MAX_PASSWORD_LENGTH */

typedef struct Options {
    TransportTarget target;
    const char *password;
    WireChannelId channels[CHANNELS_MAX];
    int channels_len;
    bool full_header, dump, stock;
    uint32_t keys[KEYS_MAX];
    int keys_len;
    bool has_motion, has_position;
    int motion_x, motion_y, position_x, position_y;
    int seconds;
    uint8_t compression;    /* 0: none is preferred */
    const char *screenshot; /* file name; NULL: none */
} Options;

typedef struct Line {
    FakeConnection *connection;
    Transport *transport; /* NULL: ended */
    uint64_t bytes_in, bytes_out;
} Line;

typedef struct Program {
    const Options *options;
    FakeClient *client;
    Line lines[CHANNELS_MAX];
    int lines_len;
    bool opened_others, typed, moved, pointed;
} Program;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* ---- Options ---- */

static void usage(FILE *out)
{
    fputs("Usage: fake-client [options]\n"
          "A strict SPICE client: connects, and says in what the server broke the protocol.\n\n"
          "  --host H            default: 127.0.0.1\n"
          "  --port N            TCP port\n"
          "  --unix PATH         a unix socket instead\n"
          "  --tls               TLS from the first byte\n"
          "  --ca FILE           the certificate must come from this authority (default: any will do)\n"
          "  --password P        the ticket (default: empty)\n"
          "  --channels LIST     to open, as main,inputs,cursor,display (the default) or display:1\n"
          "  --full-header       long data headers\n"
          "  --stock             tolerate what the existing server is known for\n"
          "  --dump              print every message: the server's <, our own >\n"
          "  --keys LIST         key codes to send, as 0x1e,0x9e; with bit 7 in the last byte: key up\n"
          "  --motion DX,DY      move the mouse\n"
          "  --position X,Y      ask for client mouse mode, then point there\n"
          "  --seconds S         how long to stay (default: 2)\n"
          "  --prefer C          compression: off, auto_glz, auto_lz, quic, glz, lz, lz4\n"
          "  --screenshot FILE   the primary surface of the first display at the end, as PPM\n"
          "  --help              this text\n",
          out);
}

static _Noreturn void option_wrong(const char *name, const char *value)
{
    fprintf(stderr, "fake-client: --%s %s: I do not understand that; --help says what there is\n", name,
            value);
    exit(2);
}

static void channels_parse(Options *o, char *list)
{
    char *rest = NULL;
    o->channels_len = 0;
    for (char *word = strtok_r(list, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        char *colon = strchr(word, ':');
        char *end = "";
        const unsigned long id = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
        if (colon != NULL && (end == colon + 1 || *end != '\0')) {
            option_wrong("channels", word);
        }
        if (colon != NULL) {
            *colon = '\0';
        }
        uint8_t type = 1;
        while (type != 0 && (wire_channel_name(type) == NULL || strcmp(wire_channel_name(type), word) != 0)) {
            type++;
        }
        if (type == 0 || id > 255 || o->channels_len == CHANNELS_MAX) {
            option_wrong("channels", word);
        }
        o->channels[o->channels_len++] = (WireChannelId){type, (uint8_t)id};
    }
}

static void keys_parse(Options *o, char *list)
{
    char *rest = NULL;
    for (char *word = strtok_r(list, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        char *end;
        const unsigned long code = strtoul(word, &end, 0);
        if (end == word || *end != '\0' || code == 0 || code > UINT32_MAX || o->keys_len == KEYS_MAX) {
            option_wrong("keys", word);
        }
        o->keys[o->keys_len++] = (uint32_t)code;
    }
}

static void pair_parse(const char *name, const char *text, int *ret_x, int *ret_y)
{
    char *comma, *end;
    const long x = strtol(text, &comma, 10);
    const long y = *comma == ',' ? strtol(comma + 1, &end, 10) : 0;
    if (comma == text || *comma != ',' || end == comma + 1 || *end != '\0' || x < INT_MIN || x > INT_MAX ||
        y < INT_MIN || y > INT_MAX) {
        option_wrong(name, text);
    }
    *ret_x = (int)x;
    *ret_y = (int)y;
}

static bool port_is_wrong(const char *text)
{
    char *end;
    const unsigned long port = strtoul(text, &end, 10);
    return end == text || *end != '\0' || port < 1 || port > 65535;
}

static uint8_t compression_parse(const char *text)
{
    static const char *const names[] = {"off", "auto_glz", "auto_lz", "quic", "glz", "lz", "lz4"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], text) == 0) {
            return (uint8_t)(i + 1); /* as SPICE counts them */
        }
    }
    option_wrong("prefer", text);
}

static void options_parse(int argc, char **argv, Options *o)
{
    enum {
        HOST,
        PORT,
        UNIX,
        TLS,
        CA,
        PASSWORD,
        CHANNELS,
        FULL,
        STOCK,
        DUMP,
        KEYS,
        MOTION,
        POSITION,
        PREFER,
        SECONDS,
        SCREENSHOT,
        HELP
    };
    static const struct option names[] = {
        {"host", required_argument, NULL, HOST},
        {"port", required_argument, NULL, PORT},
        {"unix", required_argument, NULL, UNIX},
        {"tls", no_argument, NULL, TLS},
        {"ca", required_argument, NULL, CA},
        {"password", required_argument, NULL, PASSWORD},
        {"channels", required_argument, NULL, CHANNELS},
        {"full-header", no_argument, NULL, FULL},
        {"stock", no_argument, NULL, STOCK},
        {"dump", no_argument, NULL, DUMP},
        {"keys", required_argument, NULL, KEYS},
        {"motion", required_argument, NULL, MOTION},
        {"position", required_argument, NULL, POSITION},
        {"prefer", required_argument, NULL, PREFER},
        {"seconds", required_argument, NULL, SECONDS},
        {"screenshot", required_argument, NULL, SCREENSHOT},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        char *end;
        switch (option) {
        case HOST:
            o->target.host = optarg;
            break;
        case PORT:
            o->target.port = optarg;
            if (port_is_wrong(optarg)) { /* getaddrinfo() takes 70000 for 4464 */
                option_wrong("port", optarg);
            }
            break;
        case UNIX:
            o->target.unix_path = optarg;
            break;
        case TLS:
            o->target.tls = true;
            break;
        case CA:
            o->target.ca_file = optarg;
            break;
        case PASSWORD:
            o->password = optarg;
            if (strlen(optarg) > PASSWORD_BYTES_MAX) {
                fprintf(stderr, "fake-client: --password: a ticket has at most %d bytes\n",
                        PASSWORD_BYTES_MAX);
                exit(2);
            }
            break;
        case CHANNELS:
            channels_parse(o, optarg);
            break;
        case FULL:
            o->full_header = true;
            break;
        case STOCK:
            o->stock = true;
            break;
        case DUMP:
            o->dump = true;
            break;
        case KEYS:
            keys_parse(o, optarg);
            break;
        case MOTION:
            o->has_motion = true;
            pair_parse("motion", optarg, &o->motion_x, &o->motion_y);
            break;
        case POSITION:
            o->has_position = true;
            pair_parse("position", optarg, &o->position_x, &o->position_y);
            if (o->position_x < 0 || o->position_y < 0) {
                option_wrong("position", optarg);
            }
            break;
        case PREFER:
            o->compression = compression_parse(optarg);
            break;
        case SECONDS:
            o->seconds = (int)strtol(optarg, &end, 10);
            if (end == optarg || *end != '\0' || o->seconds < 1 || o->seconds > 1000000) {
                option_wrong("seconds", optarg);
            }
            break;
        case SCREENSHOT:
            o->screenshot = optarg;
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
        fprintf(stderr, "fake-client: %s: this belongs to no option\n", argv[optind]);
        exit(2);
    }
    if ((o->target.port == NULL) == (o->target.unix_path == NULL) ||
        (o->target.ca_file != NULL && !o->target.tls)) {
        fputs("fake-client: give --port or --unix, not both; --ca goes with --tls\n", stderr);
        exit(2);
    }
}

/* ---- The engine's view ---- */

/* `print` writes as much as there is room for, and returns how much that takes. */
static void dump(const FakeConnection *connection, char direction, uint64_t serial, const void *message,
                 size_t (*print)(const void *message, char *text, size_t cap))
{
    char text[PRINT_BYTES];
    char *whole = text;
    const size_t len = print(message, text, sizeof text);

    if (len >= sizeof text && (whole = malloc(len + 1)) != NULL) {
        (void)print(message, whole, len + 1);
    }
    printf("%s/%u %c #%llu %s\n", wire_channel_name(fake_connection_channel(connection)),
           fake_connection_channel_id(connection), direction, (unsigned long long)serial,
           whole != NULL ? whole : text);
    if (whole != text) {
        free(whole);
    }
}

static size_t print_msg(const void *message, char *text, size_t cap)
{
    return wire_msg_print(message, text, cap);
}

static size_t print_msgc(const void *message, char *text, size_t cap)
{
    return wire_msgc_print(message, text, cap);
}

static void on_message(void *opaque, FakeConnection *connection, uint64_t serial, const WireMsg *message,
                       Span body)
{
    (void)opaque;
    (void)body;
    dump(connection, '<', serial, message, print_msg);
}

static void on_sent(void *opaque, FakeConnection *connection, uint64_t serial, const WireMsgc *message)
{
    (void)opaque;
    dump(connection, '>', serial, message, print_msgc);
}

/* False: the server cannot be reached. */
static bool line_open(Program *p, uint8_t channel, uint8_t channel_id)
{
    Transport *transport = transport_open(&p->options->target);
    FakeConnection *connection =
        transport != NULL ? fake_client_connect(p->client, channel, channel_id, now_ns()) : NULL;
    if (connection == NULL) {
        transport_free(transport);
        return false;
    }
    p->lines[p->lines_len++] = (Line){.connection = connection, .transport = transport};
    return true;
}

static FakeConnection *open_connection(const Program *p, uint8_t channel)
{
    for (int i = 0; i < p->lines_len; i++) {
        FakeConnection *c = p->lines[i].connection;
        if (fake_connection_channel(c) == channel && fake_connection_state(c) == FAKE_STATE_OPEN) {
            return c;
        }
    }
    return NULL;
}

/* Whatever can be done now that could not be done before. */
static bool advance(Program *p)
{
    const Options *o = p->options;
    if (!p->opened_others && fake_client_main(p->client)->has_list) {
        p->opened_others = true;
        for (int i = 0; i < o->channels_len; i++) {
            if (o->channels[i].type != WIRE_CHANNEL_MAIN &&
                !line_open(p, o->channels[i].type, o->channels[i].id)) {
                return false;
            }
        }
    }
    FakeConnection *inputs = open_connection(p, WIRE_CHANNEL_INPUTS);
    if (inputs == NULL || !fake_connection_inputs(inputs)->has_init) {
        return true;
    }
    if (!p->typed) {
        p->typed = true;
        for (int i = 0; i < o->keys_len; i++) {
            uint32_t last = o->keys[i];
            while (last > 0xff) {
                last >>= 8;
            }
            fake_inputs_key(inputs, (last & 0x80) == 0, o->keys[i]);
        }
    }
    if (!p->moved && o->has_motion) {
        p->moved = true;
        fake_inputs_motion(inputs, o->motion_x, o->motion_y, 0);
    }
    if (!p->pointed && o->has_position &&
        fake_client_main(p->client)->current_mouse_mode == WIRE_MOUSE_MODE_CLIENT) {
        p->pointed = true;
        fake_inputs_position(inputs, (uint32_t)o->position_x, (uint32_t)o->position_y, 0, 0);
    }
    return true;
}

/* ---- I/O ---- */

static void line_end(Line *line)
{
    transport_free(line->transport);
    line->transport = NULL;
    fake_connection_closed(line->connection, now_ns());
}

static void line_read(Line *line)
{
    uint8_t buffer[READ_BYTES];
    while (line->transport != NULL && fake_connection_wants_read(line->connection)) {
        const long got = transport_read(line->transport, buffer, sizeof buffer);
        if (got == 0) {
            return;
        }
        if (got < 0) {
            line_end(line);
            return;
        }
        line->bytes_in += (uint64_t)got;
        fake_connection_receive(line->connection, span_of(buffer, (size_t)got), now_ns());
    }
}

static void line_write(Line *line)
{
    while (line->transport != NULL) {
        const Span output = fake_connection_output(line->connection);
        const long put = output.len > 0 ? transport_write(line->transport, output) : 0;
        if (put == 0) {
            break;
        }
        if (put < 0) {
            line_end(line);
            return;
        }
        line->bytes_out += (uint64_t)put;
        fake_connection_sent(line->connection, (size_t)put);
    }
    if (line->transport != NULL && fake_connection_wants_close(line->connection)) {
        line_end(line);
    }
}

/* One turn: waits, reads, decides, writes. False: give up. */
static bool turn(Program *p, uint64_t end_ns)
{
    struct pollfd fds[CHANNELS_MAX];
    uint64_t deadline_ns = end_ns;
    for (int i = 0; i < p->lines_len; i++) {
        const Line *line = &p->lines[i];
        fds[i] = (struct pollfd){.fd = -1};
        if (line->transport != NULL) {
            short events = transport_events(line->transport);
            events |= fake_connection_wants_read(line->connection) ? POLLIN : 0;
            events |= fake_connection_output(line->connection).len > 0 ? POLLOUT : 0;
            fds[i] = (struct pollfd){.fd = transport_fd(line->transport), .events = events};
            const uint64_t due_ns = fake_connection_deadline_ns(line->connection);
            deadline_ns = due_ns < deadline_ns ? due_ns : deadline_ns;
        }
    }
    const uint64_t start_ns = now_ns();
    const uint64_t wait_ms = deadline_ns > start_ns ? (deadline_ns - start_ns) / 1000000u + 1 : 0;
    poll(fds, (nfds_t)p->lines_len, wait_ms > 1000 ? 1000 : (int)wait_ms);
    const int before = p->lines_len; /* advance() adds more */
    for (int i = 0; i < before; i++) {
        fake_connection_expire(p->lines[i].connection, now_ns());
        line_read(&p->lines[i]);
    }
    if (!advance(p)) {
        return false;
    }
    for (int i = 0; i < p->lines_len; i++) {
        line_write(&p->lines[i]);
    }
    return fake_connection_state(p->lines[0].connection) <= FAKE_STATE_OPEN;
}

/* ---- The report ---- */

/* What whoever sits there could do about a refusal; "": nothing. */
static const char *link_error_advice(uint32_t error)
{
    switch (error) {
    case WIRE_LINK_ERR_PERMISSION_DENIED:
        return " (--password is missing or wrong, or the ticket has expired)";
    case WIRE_LINK_ERR_NEED_SECURED:
        return " (take the TLS port, and --tls)";
    case WIRE_LINK_ERR_NEED_UNSECURED:
        return " (take the plain port, without --tls)";
    default:
        return "";
    }
}

/* The same where it said nothing. */
static const char *silence_advice(const Program *p, const Line *line)
{
    if (line != &p->lines[0] && p->lines[0].bytes_in > 0) {
        return "does it offer that channel?";
    }
    return p->options->target.tls ? "is it a plain port? without --tls" : "is it a TLS port? --tls";
}

static void line_report(const Program *p, const Line *line)
{
    const FakeConnection *c = line->connection;
    printf("%s/%u: %s, %llu messages, %llu bytes in, %llu bytes out",
           wire_channel_name(fake_connection_channel(c)), fake_connection_channel_id(c),
           fake_state_name(fake_connection_state(c)), (unsigned long long)fake_connection_messages(c),
           (unsigned long long)line->bytes_in, (unsigned long long)line->bytes_out);
    if (fake_connection_link_error(c) != WIRE_LINK_ERR_OK) {
        const char *name = wire_link_err_name(fake_connection_link_error(c));
        printf(", link error %u %s%s", fake_connection_link_error(c), name != NULL ? name : "?",
               link_error_advice(fake_connection_link_error(c)));
    } else if (line->transport == NULL && line->bytes_in == 0) {
        printf(", ended by the server before it said anything (%s)", silence_advice(p, line));
    }
    const FakeDisplayModel *display = fake_connection_display(c);
    const FakeCursorModel *cursor = fake_connection_cursor(c);
    if (display != NULL) {
        printf(", primary %ux%u%s, %llu draws, %u monitors", display->surfaces[0].width,
               display->surfaces[0].height, display->marked ? " marked" : "",
               (unsigned long long)display->draws, display->heads_len);
    } else if (cursor != NULL) {
        printf(", at %d,%d %s, %ux%u, %zu cached", cursor->position.x, cursor->position.y,
               cursor->visible ? "visible" : "hidden", cursor->shape.width, cursor->shape.height,
               cursor->cached);
    } else if (fake_connection_channel(c) == WIRE_CHANNEL_INPUTS) {
        const FakeInputsModel *inputs = fake_connection_inputs(c);
        printf(", modifiers %u, %llu motions, %llu acks", inputs->modifiers,
               (unsigned long long)inputs->motions, (unsigned long long)inputs->acks);
    }
    printf("\n");
}

/* The exit status. */
static int report(Program *p)
{
    const FakeMainModel *main_model = fake_client_main(p->client);
    bool good = p->lines_len > 0;
    printf("session %u, name \"%s\", mouse mode %u of %u, %zu channels offered\n", main_model->session_id,
           main_model->name, main_model->current_mouse_mode, main_model->supported_mouse_modes,
           main_model->channels_len);
    for (int i = 0; i < p->lines_len; i++) {
        line_report(p, &p->lines[i]);
        good = good && fake_connection_state(p->lines[i].connection) == FAKE_STATE_OPEN;
    }
    for (int i = 0; i < p->options->channels_len; i++) {
        bool opened = false;
        for (int at = 0; at < p->lines_len; at++) {
            opened =
                opened || (fake_connection_channel(p->lines[at].connection) == p->options->channels[i].type &&
                           fake_connection_channel_id(p->lines[at].connection) == p->options->channels[i].id);
        }
        if (!opened) {
            printf("%s/%u: never opened\n", wire_channel_name(p->options->channels[i].type),
                   p->options->channels[i].id);
            good = false;
        }
    }
    if (p->options->has_position && !p->pointed) {
        printf("the server never went to client mouse mode\n");
        good = false;
    }
    const FakeViolation *first;
    const size_t violations = fake_client_violations(p->client, &first);
    for (size_t i = 0; i < violations && i < FAKE_VIOLATIONS_MAX; i++) {
        const char *name = wire_channel_name(first[i].channel);
        printf("violation of rule %d (%s): %s/%u #%llu: %s\n", (int)first[i].rule,
               fake_rule_text(first[i].rule), name != NULL ? name : "?", first[i].channel_id,
               (unsigned long long)first[i].serial, first[i].text);
    }
    printf("%zu violations\n", violations);
    return good && violations == 0 ? 0 : 1;
}

/* ---- The picture ---- */

static bool picture_write(const FakePicture *picture, const char *name)
{
    FILE *file = fopen(name, "wb");
    if (file == NULL) {
        fprintf(stderr, "fake-client: %s: %s\n", name, strerror(errno));
        return false;
    }
    fprintf(file, "P6\n%u %u\n255\n", picture->width, picture->height);
    for (uint32_t y = 0; y < picture->height; y++) {
        for (uint32_t x = 0; x < picture->width; x++) {
            const uint32_t color = fake_picture_color(picture, x, y);
            const uint8_t rgb[3] = {(uint8_t)(color >> 16), (uint8_t)(color >> 8), (uint8_t)color};
            fwrite(rgb, sizeof rgb, 1, file);
        }
    }
    const bool wrong = ferror(file) != 0;
    if (fclose(file) != 0 || wrong) {
        fprintf(stderr, "fake-client: %s could not be written\n", name);
        return false;
    }
    return true;
}

/* The first display that was opened. */
static bool screenshot(const Program *p)
{
    for (int i = 0; i < p->lines_len; i++) {
        const FakeConnection *connection = p->lines[i].connection;
        FakePicture picture;
        if (fake_connection_channel(connection) == WIRE_CHANNEL_DISPLAY &&
            fake_connection_picture(connection, 0, &picture)) {
            return picture_write(&picture, p->options->screenshot);
        }
    }
    printf("there is no picture\n");
    return false;
}

int main(int argc, char **argv)
{
    Options o = {
        .target = {.host = "127.0.0.1"},
        .channels = {{WIRE_CHANNEL_MAIN, 0},
                     {WIRE_CHANNEL_INPUTS, 0},
                     {WIRE_CHANNEL_CURSOR, 0},
                     {WIRE_CHANNEL_DISPLAY, 0}},
        .channels_len = 4,
        .seconds = SECONDS_DEFAULT,
    };
    standard_files_open();
    options_parse(argc, argv, &o);
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);

    FakeClientConfig config = fake_client_config_default();
    config.password = o.password;
    config.full_header = o.full_header;
    config.compression = o.compression;
    config.stock_server = o.stock;
    config.client_mouse = o.has_position;
    config.on_message = o.dump ? on_message : NULL;
    config.on_sent = o.dump ? on_sent : NULL;
    config.no_pictures = o.screenshot == NULL;
    Program p = {.options = &o, .client = fake_client_new(&config)};
    if (p.client == NULL || !line_open(&p, WIRE_CHANNEL_MAIN, 0)) {
        fake_client_free(p.client);
        return 1;
    }
    const uint64_t end_ns = now_ns() + (uint64_t)o.seconds * 1000000000u;
    while (now_ns() < end_ns && turn(&p, end_ns)) {
    }
    fake_client_check_quiet(p.client);
    int status = report(&p);
    if (o.screenshot != NULL && !screenshot(&p)) {
        status = 1;
    }
    for (int i = 0; i < p.lines_len; i++) {
        transport_free(p.lines[i].transport);
    }
    fake_client_free(p.client);
    return status;
}
