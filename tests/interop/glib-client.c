/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* glib-client: a headless SPICE client on libspice-client-glib, the library behind virt-viewer and spicy.
 *
 * It opens one session after another (--reconnect), each of them so far as it is told: all four channels
 * open, picture there, mouse mode reached, keys and pointer events sent. Then it prints `up`, stays for
 * --hold seconds and leaves. Everything is written on stdout, one line per event, flushed at once: the
 * drivers in Python read it.
 *
 * One thread, GLib's main loop. Times are in seconds on the command line and milliseconds inside. The exit
 * code says what happened, see ExitCode. Protocol constants and the meaning of the signals: spice-gtk's
 * public headers.
 */
#include <spice-client.h>

#include <glib-unix.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef enum ExitCode {
    EXIT_GOOD = 0,
    EXIT_USAGE = 2,
    EXIT_AUTH = 3,    /* the server refused the password */
    EXIT_TLS = 4,     /* TLS handshake or certificate check failed */
    EXIT_TIMEOUT = 5, /* a stage was not reached in time; the last line says which */
    EXIT_CONNECT = 6, /* no connection, or the SPICE link was refused for another reason than the password */
    EXIT_LOST = 7,    /* the server closed a channel that should have stayed */
    EXIT_LET_IN = 8,  /* --expect-auth-failure, but the server let us in */
    EXIT_SCREENSHOT = 9,  /* the file could not be written */
    EXIT_TERMINATED = 10, /* SIGTERM before the hold */
} ExitCode;

typedef enum Stage {
    STAGE_OPENING,
    STAGE_PICTURE,
    STAGE_MOUSE_MODE,
    STAGE_FLUSHING,
    STAGE_HOLDING,
    STAGE_LEAVING,
} Stage;

static const char *const stage_names[] = {"opening",  "picture", "mouse-mode",
                                          "flushing", "holding", "leaving"};

typedef struct Options {
    char *host, *port, *tls_port, *ca_file, *cert_subject, *unix_path, *password, *keys, *mouse, *mouse_mode,
        *screenshot, *fd_socket, *prefer;
    gboolean expect_auth_failure, wait_primary;
    int reconnect, display;
    double hold_s, timeout_s;
} Options;

typedef struct Client {
    Options opt;
    GMainLoop *loop;
    SpiceSession *session;
    SpiceMainChannel *main;
    SpiceInputsChannel *inputs;
    SpiceDisplayChannel *display; /* the one that is watched */
    SpiceChannel *other_display;  /* the latest of the others, which SIGUSR1 closes */
    bool dropped;
    unsigned opened; /* bit n: the channel of type n (id 0) is open */
    Stage stage;
    guint stage_timer;
    bool primary, marked;
    int width, height;
    int prefer;      /* SpiceImageCompression; INVALID: nothing is preferred */
    int fd_socket;   /* where --fd-socket sends sockets; -1: there is none */
    int wanted_mode; /* 0: leave it as it is */
    int sessions_done, input_events;
    ExitCode result;
} Client;

enum { CHANNEL_MAIN = 1, CHANNEL_DISPLAY = 2, CHANNEL_INPUTS = 3, CHANNEL_CURSOR = 4 };
#define ALL_CHANNELS                                                                                         \
    (1u << CHANNEL_MAIN | 1u << CHANNEL_DISPLAY | 1u << CHANNEL_INPUTS | 1u << CHANNEL_CURSOR)

static void session_start(Client *c);
static void session_advance(Client *c);

static const char *channel_name(int type)
{
    static const char *const names[] = {"?",      "main",   "display",   "inputs",   "cursor", "playback",
                                        "record", "tunnel", "smartcard", "usbredir", "port",   "webdav"};
    return type >= 0 && type < (int)G_N_ELEMENTS(names) ? names[type] : "?";
}

static void finish(Client *c, ExitCode code)
{
    if (c->stage_timer) {
        g_source_remove(c->stage_timer);
        c->stage_timer = 0;
    }
    c->result = code;
    g_main_loop_quit(c->loop);
}

/* A password refused is what --expect-auth-failure waits for. */
static void finish_failed(Client *c, ExitCode code)
{
    if (code == EXIT_AUTH && c->opt.expect_auth_failure) {
        code = EXIT_GOOD;
    }
    finish(c, code);
}

static gboolean on_stage_timeout(gpointer opaque)
{
    Client *c = opaque;
    c->stage_timer = 0;
    printf("timeout in stage %s, channels open: 0x%x\n", stage_names[c->stage], c->opened);
    finish(c, EXIT_TIMEOUT);
    return G_SOURCE_REMOVE;
}

static void stage_enter(Client *c, Stage stage, double seconds, GSourceFunc when_over)
{
    if (c->stage_timer) {
        g_source_remove(c->stage_timer);
    }
    c->stage = stage;
    c->stage_timer = g_timeout_add((guint)(seconds * 1000), when_over, c);
}

/* "1e" or "e01d" (hex, as on the wire) to the number that spice-gtk wants: 0x100 marks the 0xe0 set. */
static bool scancode_parse(const char *text, guint *out)
{
    char *end = NULL;
    unsigned long v = strtoul(text, &end, 16);
    if (end == text || *end != '\0') {
        return false;
    }
    if (v > 0 && v < 0x80) {
        *out = (guint)v;
        return true;
    }
    if (v > 0xe000 && v < 0xe080) {
        *out = (guint)(v - 0xe000) | 0x100;
        return true;
    }
    return false;
}

/* One word of --keys: "1e" pressed and released as two messages, "+1e" pressed, "-1e" released, "=1e" both in
 * one KEY_SCANCODE message. */
static bool key_send(Client *c, const char *word)
{
    char kind = strchr("+-=", word[0]) && word[0] ? *word++ : 0;
    guint code = 0;
    if (!scancode_parse(word, &code)) {
        return false;
    }
    if (kind == '=') {
        spice_inputs_channel_key_press_and_release(c->inputs, code);
    }
    if (kind == '+' || kind == 0) {
        spice_inputs_channel_key_press(c->inputs, code);
    }
    if (kind == '-' || kind == 0) {
        spice_inputs_channel_key_release(c->inputs, code);
    }
    return true;
}

/* One word of --mouse: motion:DX,DY[,BUTTONS], position:X,Y[,BUTTONS], press:BUTTON[,BUTTONS], release:... */
static bool mouse_send(Client *c, const char *word)
{
    int a = 0, b = 0, buttons = 0;
    if (sscanf(word, "motion:%d,%d,%i", &a, &b, &buttons) >= 2) {
        spice_inputs_channel_motion(c->inputs, a, b, buttons);
    } else if (sscanf(word, "position:%d,%d,%i", &a, &b, &buttons) >= 2) {
        spice_inputs_channel_position(c->inputs, a, b, 0, buttons);
    } else if (sscanf(word, "press:%d,%i", &a, &buttons) >= 1) {
        spice_inputs_channel_button_press(c->inputs, a, buttons);
    } else if (sscanf(word, "release:%d,%i", &a, &buttons) >= 1) {
        spice_inputs_channel_button_release(c->inputs, a, buttons);
    } else {
        return false;
    }
    return true;
}

static bool words_send(Client *c, const char *list, const char *separator,
                       bool (*send)(Client *, const char *))
{
    if (!list) {
        return true;
    }
    char **words = g_strsplit(list, separator, -1);
    bool good = true;
    for (char **w = words; *w && good; w++) {
        good = send(c, *w);
        c->input_events += good;
        if (!good) {
            printf("bad input event: %s\n", *w);
        }
    }
    g_strfreev(words);
    return good;
}

/* The primary surface as a binary PPM: 32-bit xRGB in memory, little endian. */
static bool screenshot_write(Client *c, const char *path)
{
    SpiceDisplayPrimary p;
    memset(&p, 0, sizeof(p));
    if (!c->display || !spice_display_channel_get_primary(SPICE_CHANNEL(c->display), 0, &p) || !p.data) {
        printf("no primary surface to write\n");
        return false;
    }
    if (p.format != SPICE_SURFACE_FMT_32_xRGB && p.format != SPICE_SURFACE_FMT_32_ARGB) {
        printf("surface format %d is not written\n", (int)p.format);
        return false;
    }
    FILE *f = fopen(path, "wb");
    if (!f) {
        printf("%s: %s\n", path, g_strerror(errno));
        return false;
    }
    fprintf(f, "P6\n%d %d\n255\n", p.width, p.height);
    for (int y = 0; y < p.height; y++) {
        const guint8 *row = p.data + (ptrdiff_t)y * p.stride;
        for (int x = 0; x < p.width; x++) {
            fputc(row[x * 4 + 2], f);
            fputc(row[x * 4 + 1], f);
            fputc(row[x * 4], f);
        }
    }
    return fclose(f) == 0;
}

static gboolean on_hold_over(gpointer opaque)
{
    Client *c = opaque;
    c->stage_timer = 0;
    if (c->opt.screenshot && !screenshot_write(c, c->opt.screenshot)) {
        finish(c, EXIT_SCREENSHOT);
        return G_SOURCE_REMOVE;
    }
    stage_enter(c, STAGE_LEAVING, c->opt.timeout_s, on_stage_timeout);
    spice_session_disconnect(c->session);
    return G_SOURCE_REMOVE;
}

/* SIGTERM ends the hold, or the program if there is none to end. */
static gboolean on_sigterm(gpointer opaque)
{
    Client *c = opaque;
    if (c->stage != STAGE_HOLDING) {
        printf("terminated in stage %s\n", stage_names[c->stage]);
        finish(c, EXIT_TERMINATED);
        return G_SOURCE_CONTINUE;
    }
    g_source_remove(c->stage_timer);
    on_hold_over(c);
    return G_SOURCE_CONTINUE;
}

/* The client goes on without one of its displays. */
static gboolean on_sigusr1(gpointer opaque)
{
    Client *c = opaque;
    if (c->other_display && !c->dropped) {
        c->dropped = true;
        spice_channel_disconnect(c->other_display, SPICE_CHANNEL_CLOSED);
    }
    return G_SOURCE_CONTINUE;
}

/* What the machine is called, and its number, if the server said so. */
static void print_machine(const Client *c)
{
    static const guint8 none[16];
    guint8 *uuid = NULL; /* the session's */
    char *name = NULL;
    g_object_get(c->session, "name", &name, "uuid", &uuid, NULL);
    printf("machine name=%s uuid=", name ? name : "none");
    if (uuid == NULL || memcmp(uuid, none, sizeof none) == 0) {
        printf("none");
    } else {
        for (size_t i = 0; i < sizeof none; i++) {
            printf("%02x", uuid[i]);
        }
    }
    printf("\n");
    g_free(name);
}

static void on_flushed(GObject *source, GAsyncResult *result, gpointer opaque)
{
    Client *c = opaque;
    GError *error = NULL;
    if (!spice_channel_flush_finish(SPICE_CHANNEL(source), result, &error)) {
        printf("flush failed: %s\n", error ? error->message : "?");
        g_clear_error(&error);
        finish(c, EXIT_LOST);
        return;
    }
    int mode = 0;
    print_machine(c);
    g_object_get(c->main, "mouse-mode", &mode, NULL);
    printf("up primary=%dx%d mark=%d mouse-mode=%s\n", c->width, c->height, c->marked,
           mode == SPICE_MOUSE_MODE_CLIENT ? "client" : "server");
    stage_enter(c, STAGE_HOLDING, c->opt.hold_s, on_hold_over);
}

static bool mouse_mode_reached(Client *c)
{
    int mode = 0;
    g_object_get(c->main, "mouse-mode", &mode, NULL);
    return mode == c->wanted_mode;
}

/* Called after every event: enters the next stages as long as the present one's goal is reached. */
static void session_advance(Client *c)
{
    if (c->stage == STAGE_OPENING && (c->opened & ALL_CHANNELS) == ALL_CHANNELS) {
        stage_enter(c, STAGE_PICTURE, c->opt.timeout_s, on_stage_timeout);
    }
    if (c->stage == STAGE_PICTURE && (!c->opt.wait_primary || (c->primary && c->marked))) {
        stage_enter(c, STAGE_MOUSE_MODE, c->opt.timeout_s, on_stage_timeout);
        if (c->wanted_mode && !mouse_mode_reached(c)) {
            spice_main_channel_request_mouse_mode(c->main, c->wanted_mode);
        }
    }
    if (c->stage == STAGE_MOUSE_MODE && (!c->wanted_mode || mouse_mode_reached(c))) {
        stage_enter(c, STAGE_FLUSHING, c->opt.timeout_s, on_stage_timeout);
        if (!words_send(c, c->opt.keys, ",", key_send) || !words_send(c, c->opt.mouse, ";", mouse_send)) {
            finish(c, EXIT_USAGE);
            return;
        }
        spice_channel_flush_async(SPICE_CHANNEL(c->inputs), NULL, on_flushed, c);
    }
}

static void on_channel_event(SpiceChannel *channel, SpiceChannelEvent event, gpointer opaque)
{
    Client *c = opaque;
    int type = 0, id = 0;
    g_object_get(channel, "channel-type", &type, "channel-id", &id, NULL);
    const GError *error = spice_channel_get_error(channel);
    const char *why = error ? error->message : "no detail";

    switch (event) {
    case SPICE_CHANNEL_OPENED:
        printf("opened %s %d\n", channel_name(type), id);
        if (c->opt.expect_auth_failure) {
            finish(c, EXIT_LET_IN);
            return;
        }
        if (id == 0 || (type == CHANNEL_DISPLAY && id == c->opt.display)) {
            c->opened |= 1u << type;
        }
        session_advance(c);
        return;
    case SPICE_CHANNEL_ERROR_AUTH:
        printf("auth failure on %s %d: %s\n", channel_name(type), id, why);
        finish_failed(c, EXIT_AUTH);
        return;
    case SPICE_CHANNEL_ERROR_TLS:
        printf("tls failure on %s %d: %s\n", channel_name(type), id, why);
        finish_failed(c, EXIT_TLS);
        return;
    case SPICE_CHANNEL_ERROR_CONNECT:
    case SPICE_CHANNEL_ERROR_LINK:
        printf("connect or link failure on %s %d: %s\n", channel_name(type), id, why);
        finish_failed(c, EXIT_CONNECT);
        return;
    case SPICE_CHANNEL_CLOSED:
    case SPICE_CHANNEL_ERROR_IO:
        if (channel == c->other_display && c->dropped) {
            printf("closed %s %d\n", channel_name(type), id);
        } else if (c->stage != STAGE_LEAVING) {
            printf("lost %s %d: %s\n", channel_name(type), id, why);
            finish_failed(c, EXIT_LOST);
        }
        return;
    default:
        return;
    }
}

static void on_primary_create(SpiceChannel *channel, gint format, gint width, gint height, gint stride,
                              gint shmid, gpointer data, gpointer opaque)
{
    (void)channel, (void)stride, (void)shmid, (void)data;
    Client *c = opaque;
    printf("primary %dx%d format %d\n", width, height, format);
    c->primary = true;
    c->width = width;
    c->height = height;
    session_advance(c);
}

static void on_primary_destroy(SpiceChannel *channel, gpointer opaque)
{
    (void)channel;
    Client *c = opaque;
    printf("primary destroyed\n");
    c->primary = c->marked = false;
}

static void on_mark(SpiceChannel *channel, gboolean mark, gpointer opaque)
{
    (void)channel;
    Client *c = opaque;
    printf("mark %d\n", mark);
    c->marked = mark;
    session_advance(c);
}

static void on_invalidate(SpiceChannel *channel, gint x, gint y, gint w, gint h, gpointer opaque)
{
    (void)channel, (void)opaque;
    printf("drawn %d,%d %dx%d\n", x, y, w, h);
}

static void on_mouse_update(SpiceChannel *channel, gpointer opaque)
{
    (void)channel;
    session_advance(opaque);
}

/* virt-manager's way: the channel gets one end of a socket pair, the server is handed the other by somebody who talks
 * to its host. Sent with the descriptor: one byte, 'T' if the channel wants TLS, 'P' if not. */
static void on_open_fd(SpiceChannel *channel, gint with_tls, gpointer opaque)
{
    Client *c = opaque;
    int pair[2];
    char byte = with_tls ? 'T' : 'P';
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        printf("socketpair: %s\n", g_strerror(errno));
        finish(c, EXIT_CONNECT);
        return;
    }
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(part), &pair[1], sizeof(int));
    bool sent = sendmsg(c->fd_socket, &message, MSG_NOSIGNAL) == 1;
    close(pair[1]);
    if (!sent || !spice_channel_open_fd(channel, pair[0])) {
        printf("a socket could not be passed on\n");
        close(pair[0]);
        finish(c, EXIT_CONNECT);
    }
}

static bool fd_socket_connect(Client *c, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return false;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    c->fd_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return c->fd_socket >= 0 && connect(c->fd_socket, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static int channel_id(SpiceChannel *channel)
{
    int id = -1;
    g_object_get(channel, "channel-id", &id, NULL);
    return id;
}

static void on_channel_new(SpiceSession *session, SpiceChannel *channel, gpointer opaque)
{
    (void)session;
    Client *c = opaque;
    g_signal_connect(channel, "channel-event", G_CALLBACK(on_channel_event), c);
    if (c->fd_socket >= 0) {
        g_signal_connect(channel, "open-fd", G_CALLBACK(on_open_fd), c);
    }
    if (SPICE_IS_MAIN_CHANNEL(channel)) {
        c->main = SPICE_MAIN_CHANNEL(channel);
        g_signal_connect(channel, "main-mouse-update", G_CALLBACK(on_mouse_update), c);
        return; /* the session opens it itself */
    }
    if (SPICE_IS_INPUTS_CHANNEL(channel)) {
        c->inputs = SPICE_INPUTS_CHANNEL(channel);
    } else if (SPICE_IS_DISPLAY_CHANNEL(channel) && channel_id(channel) != c->opt.display) {
        c->other_display = channel;
    } else if (SPICE_IS_DISPLAY_CHANNEL(channel)) {
        c->display = SPICE_DISPLAY_CHANNEL(channel);
        g_signal_connect(channel, "display-primary-create", G_CALLBACK(on_primary_create), c);
        g_signal_connect(channel, "display-primary-destroy", G_CALLBACK(on_primary_destroy), c);
        g_signal_connect(channel, "display-mark", G_CALLBACK(on_mark), c);
        g_signal_connect(channel, "display-invalidate", G_CALLBACK(on_invalidate), c);
    } else if (!SPICE_IS_CURSOR_CHANNEL(channel)) {
        return; /* sound, USB and the like have other judges */
    }
    if (c->fd_socket >= 0) {
        spice_channel_open_fd(channel, -1); /* asks for one by the signal open-fd */
    } else {
        spice_channel_connect(channel);
    }
}

static gboolean on_session_gone(gpointer opaque)
{
    Client *c = opaque;
    g_clear_object(&c->session);
    if (c->sessions_done < c->opt.reconnect) {
        session_start(c);
        return G_SOURCE_REMOVE;
    }
    printf("ok sessions=%d input-events=%d\n", c->sessions_done, c->input_events);
    finish(c, EXIT_GOOD);
    return G_SOURCE_REMOVE;
}

static void on_disconnected(SpiceSession *session, gpointer opaque)
{
    (void)session;
    Client *c = opaque;
    if (c->stage != STAGE_LEAVING) {
        printf("session lost in stage %s\n", stage_names[c->stage]);
        finish_failed(c, EXIT_LOST);
        return;
    }
    printf("left\n");
    c->sessions_done++;
    /* Not from inside the session's own signal: it still uses the session afterwards. */
    g_idle_add(on_session_gone, c);
}

static void session_start(Client *c)
{
    const Options *o = &c->opt;
    c->main = NULL;
    c->inputs = NULL;
    c->display = NULL;
    c->other_display = NULL;
    c->dropped = false;
    c->opened = 0;
    c->primary = c->marked = false;
    c->width = c->height = 0;
    c->session = spice_session_new();
    g_object_set(c->session, "enable-audio", FALSE, "enable-usbredir", FALSE, "enable-smartcard", FALSE,
                 "password", o->password, NULL);
    if (c->prefer != SPICE_IMAGE_COMPRESSION_INVALID) {
        g_object_set(c->session, "preferred-compression", c->prefer, NULL);
    }
    if (o->unix_path) {
        g_object_set(c->session, "unix-path", o->unix_path, NULL);
    } else {
        g_object_set(c->session, "host", o->host, NULL);
    }
    if (o->port) {
        g_object_set(c->session, "port", o->port, NULL);
    }
    if (o->tls_port) {
        g_object_set(c->session, "tls-port", o->tls_port, NULL);
    }
    if (o->ca_file) {
        g_object_set(c->session, "ca-file", o->ca_file, NULL);
    }
    if (o->cert_subject) {
        g_object_set(c->session, "cert-subject", o->cert_subject, "verify", SPICE_SESSION_VERIFY_SUBJECT,
                     NULL);
    }
    g_signal_connect(c->session, "channel-new", G_CALLBACK(on_channel_new), c);
    g_signal_connect(c->session, "disconnected", G_CALLBACK(on_disconnected), c);
    stage_enter(c, STAGE_OPENING, o->timeout_s, on_stage_timeout);
    bool started =
        c->fd_socket >= 0 ? spice_session_open_fd(c->session, -1) : spice_session_connect(c->session);
    if (!started) {
        printf("the session cannot be started\n");
        finish(c, EXIT_CONNECT);
    }
}

/* By the words of QEMU's image-compression. */
static bool compression_parse(const char *name, int *ret)
{
    static const char *const names[] = {
        [SPICE_IMAGE_COMPRESSION_OFF] = "off",         [SPICE_IMAGE_COMPRESSION_AUTO_GLZ] = "auto_glz",
        [SPICE_IMAGE_COMPRESSION_AUTO_LZ] = "auto_lz", [SPICE_IMAGE_COMPRESSION_QUIC] = "quic",
        [SPICE_IMAGE_COMPRESSION_GLZ] = "glz",         [SPICE_IMAGE_COMPRESSION_LZ] = "lz",
        [SPICE_IMAGE_COMPRESSION_LZ4] = "lz4"};
    for (int i = 0; i < (int)G_N_ELEMENTS(names); i++) {
        if (names[i] && strcmp(names[i], name) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool options_parse(Options *o, int argc, char **argv)
{
    o->host = g_strdup("127.0.0.1");
    o->timeout_s = 20;
    o->reconnect = 1;
    const GOptionEntry entries[] = {
        {"host", 0, 0, G_OPTION_ARG_STRING, &o->host, "Server's address", "HOST"},
        {"port", 0, 0, G_OPTION_ARG_STRING, &o->port, "Plain port", "PORT"},
        {"tls-port", 0, 0, G_OPTION_ARG_STRING, &o->tls_port, "TLS port", "PORT"},
        {"ca-file", 0, 0, G_OPTION_ARG_STRING, &o->ca_file, "CA certificate (PEM)", "FILE"},
        {"cert-subject", 0, 0, G_OPTION_ARG_STRING, &o->cert_subject,
         "Check this subject instead of the host name", "SUBJECT"},
        {"unix", 0, 0, G_OPTION_ARG_STRING, &o->unix_path, "Unix socket instead of host and port", "PATH"},
        {"fd-socket", 0, 0, G_OPTION_ARG_STRING, &o->fd_socket,
         "Connect by passing one end of a socket pair for each channel to whoever listens there", "PATH"},
        {"password", 0, 0, G_OPTION_ARG_STRING, &o->password, "Ticket", "TEXT"},
        {"keys", 0, 0, G_OPTION_ARG_STRING, &o->keys,
         "Set-1 scan codes in hex: 1e both, +1e down, -1e up, =1e both in one message; e01d for the 0xe0 set",
         "CODE,..."},
        {"mouse", 0, 0, G_OPTION_ARG_STRING, &o->mouse,
         "motion:DX,DY[,BUTTONS] position:X,Y[,BUTTONS] press:BUTTON[,BUTTONS] release:BUTTON[,BUTTONS]",
         "EVENT;..."},
        {"mouse-mode", 0, 0, G_OPTION_ARG_STRING, &o->mouse_mode, "Ask for this mode and wait for it",
         "server|client"},
        {"prefer", 0, 0, G_OPTION_ARG_STRING, &o->prefer, "Ask for this compression of images",
         "off|auto_glz|auto_lz|quic|glz|lz|lz4"},
        {"wait-primary", 0, 0, G_OPTION_ARG_NONE, &o->wait_primary, "Wait for primary surface and mark",
         NULL},
        {"display", 0, 0, G_OPTION_ARG_INT, &o->display,
         "The display to watch (default 0); SIGUSR1 closes another one", "ID"},
        {"screenshot", 0, 0, G_OPTION_ARG_STRING, &o->screenshot,
         "Write the primary (PPM) when the hold is over", "FILE"},
        {"hold", 0, 0, G_OPTION_ARG_DOUBLE, &o->hold_s, "Stay that long once up", "SECONDS"},
        {"reconnect", 0, 0, G_OPTION_ARG_INT, &o->reconnect, "Number of sessions, one after another", "N"},
        {"timeout", 0, 0, G_OPTION_ARG_DOUBLE, &o->timeout_s, "Limit for every stage", "SECONDS"},
        {"expect-auth-failure", 0, 0, G_OPTION_ARG_NONE, &o->expect_auth_failure,
         "Succeed if the server refuses the password", NULL},
        {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
    };
    GError *error = NULL;
    GOptionContext *context = g_option_context_new("- a headless SPICE client");
    g_option_context_add_main_entries(context, entries, NULL);
    bool good = g_option_context_parse(context, &argc, &argv, &error) && argc == 1;
    g_option_context_free(context);
    if (!good) {
        fprintf(stderr, "glib-client: %s\n", error ? error->message : "unexpected argument");
        g_clear_error(&error);
        return false;
    }
    if (!o->port && !o->tls_port && !o->unix_path && !o->fd_socket) {
        fprintf(stderr, "glib-client: one of --port, --tls-port, --unix, --fd-socket is needed\n");
        return false;
    }
    if (o->mouse_mode && strcmp(o->mouse_mode, "server") && strcmp(o->mouse_mode, "client")) {
        fprintf(stderr, "glib-client: --mouse-mode is server or client\n");
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static Client client;
    Client *c = &client;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!options_parse(&c->opt, argc, argv)) {
        return EXIT_USAGE;
    }
    if (c->opt.mouse_mode) {
        c->wanted_mode =
            strcmp(c->opt.mouse_mode, "client") == 0 ? SPICE_MOUSE_MODE_CLIENT : SPICE_MOUSE_MODE_SERVER;
    }
    if (c->opt.prefer && !compression_parse(c->opt.prefer, &c->prefer)) {
        fprintf(stderr, "glib-client: --prefer: no compression %s\n", c->opt.prefer);
        return EXIT_USAGE;
    }
    c->fd_socket = -1;
    if (c->opt.fd_socket && !fd_socket_connect(c, c->opt.fd_socket)) {
        fprintf(stderr, "glib-client: %s: %s\n", c->opt.fd_socket, g_strerror(errno));
        return EXIT_CONNECT;
    }
    c->result = EXIT_TIMEOUT;
    c->loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGTERM, on_sigterm, c);
    g_unix_signal_add(SIGUSR1, on_sigusr1, c);
    session_start(c);
    if (c->session && c->stage_timer) {
        g_main_loop_run(c->loop);
    }
    printf("exit %d\n", (int)c->result);
    return (int)c->result;
}
