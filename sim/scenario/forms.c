/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/scenario/forms.h"

#include <stddef.h>
#include <string.h>

#define BOTH_IF (FORM_CLIENT_IF | FORM_WIRE_IF)
#define BOTH_ACT (FORM_CLIENT_ACT | FORM_WIRE_ACT)

/* clang-format off */
const Form scenario_forms[FORMS] = {
#define FORM(id, places, pattern) [id] = {id, places, pattern}
    FORM(SERVER_TICKETS, FORM_SERVER, "tickets"),
    FORM(SERVER_NO_TICKETS, FORM_SERVER, "no tickets"),
    FORM(SERVER_ONE_CLIENT, FORM_SERVER, "one client"),
    FORM(SERVER_MANY_CLIENTS, FORM_SERVER, "many clients"),
    FORM(SERVER_NAME, FORM_SERVER, "name <string>"),
    FORM(SERVER_COMPRESSION, FORM_SERVER, "image compression <compression>"),

    FORM(NETWORK_LATENCY, FORM_NETWORK, "latency <duration>"),
    FORM(NETWORK_JITTER, FORM_NETWORK, "jitter <duration>"),
    FORM(NETWORK_BANDWIDTH, FORM_NETWORK, "bandwidth <rate>"),
    FORM(NETWORK_BUFFER, FORM_NETWORK, "buffer <bytes>"),
    FORM(NETWORK_SEND_BUFFER, FORM_NETWORK, "send-buffer <bytes>"),
    FORM(NETWORK_RECEIVE_BUFFER, FORM_NETWORK, "receive-buffer <bytes>"),
    FORM(NETWORK_SPLITS, FORM_NETWORK, "splits one in <number>"),
    FORM(NETWORK_IDEAL, FORM_NETWORK, "ideal"),
    FORM(NETWORK_ANY, FORM_NETWORK, "any"),

    FORM(CLOCK_STARTS, FORM_CLOCK, "starts at <duration>"),
    FORM(SCHEDULE_LOOPS, FORM_SCHEDULE, "level loops"),
    FORM(SCHEDULE_CALLS, FORM_SCHEDULE, "level calls"),
    FORM(SCHEDULE_SWITCHES, FORM_SCHEDULE, "switches one in <number>"),
    FORM(SCHEDULE_SPURIOUS, FORM_SCHEDULE, "spurious one in <number>"),
    FORM(SCHEDULE_SLIPS, FORM_SCHEDULE, "slips one in <number>"),
    FORM(SCHEDULE_STALLS, FORM_SCHEDULE, "stalls at most <duration>"),
    FORM(SCHEDULE_CALM, FORM_SCHEDULE, "calm"),
    FORM(SCHEDULE_PROCESSORS, FORM_SCHEDULE, "processors <number>"),

    FORM(FAULT_F1, FORM_FAULT, "F1 on <connection> after <number> bytes"),
    FORM(FAULT_F2, FORM_FAULT, "F2 on <connection> after <number> bytes"),
    FORM(FAULT_F5, FORM_FAULT, "F5 on <connection> for <duration>"),
    FORM(FAULT_F6, FORM_FAULT, "F6 on <connection> after <number> bytes"),
    FORM(FAULT_F9_ALLOCATIONS, FORM_FAULT_SETTING, "F9 allocation fails one in <number>"),
    FORM(FAULT_F9_RESOURCES, FORM_FAULT_SETTING, "F9 resource fails one in <number>"),
    FORM(FAULT_F9_HANDLES, FORM_FAULT_SETTING, "F9 handles at most <number>"),

    FORM(CLIENT_FULL_HEADER, FORM_CLIENT, "full header"),
    FORM(CLIENT_MINI_HEADER, FORM_CLIENT, "mini header"),
    FORM(CLIENT_WANTS_MOUSE, FORM_CLIENT, "wants <mouse> mouse"),
    FORM(CLIENT_PASSWORD, FORM_CLIENT, "password <string>"),
    FORM(CLIENT_NEVER_ACKS, FORM_CLIENT, "never acks"),
    FORM(CLIENT_NEVER_PONGS, FORM_CLIENT, "never pongs"),
    FORM(CLIENT_SKIPS_INIT, FORM_CLIENT, "skips display init"),
    FORM(CLIENT_FLOODS_MOTION, FORM_CLIENT, "floods motion"),
    FORM(CLIENT_NEVER_ATTACHES, FORM_CLIENT, "never attaches"),
    FORM(CLIENT_LIES, FORM_CLIENT, "lies about <link-lie>"),
    FORM(CLIENT_LEAVES_AFTER, FORM_CLIENT, "leaves after <number> messages"),
    FORM(CLIENT_WEBSOCKET, FORM_CLIENT, "websocket"),

    FORM(DEVICE_PRIMARY, FORM_DEVICE, "primary <dimensions>"),
    FORM(DEVICE_LATER, FORM_DEVICE, "later"),

    FORM(CLIENT_CONNECTS, FORM_CLIENT_ACT, "connects <channels>"),
    FORM(CLIENT_CONNECTS_AS, FORM_CLIENT_ACT, "connects <channels> as <name>"),
    FORM(CLIENT_PRESSES, FORM_CLIENT_ACT, "presses <number>"),
    FORM(CLIENT_RELEASES, FORM_CLIENT_ACT, "releases <number>"),
    FORM(CLIENT_TYPES, FORM_CLIENT_ACT, "types <number>"),
    FORM(CLIENT_MOVES_TO, FORM_CLIENT_ACT, "moves to <number>,<number>"),
    FORM(CLIENT_MOVES_BY, FORM_CLIENT_ACT, "moves by <signed>,<signed>"),
    FORM(CLIENT_CLICKS, FORM_CLIENT_ACT, "clicks <button>"),
    FORM(CLIENT_SETS_MODIFIERS, FORM_CLIENT_ACT, "sets modifiers <number>"),
    FORM(CLIENT_ASKS_MOUSE, FORM_CLIENT_ACT, "asks for <mouse> mouse"),
    FORM(CLIENT_PLAYS, FORM_CLIENT_ACT, "plays"),
    FORM(CLIENT_PREFERS, FORM_CLIENT_ACT, "prefers <compression>"),

    FORM(WIRE_CLOSES, BOTH_ACT, "closes"),
    FORM(WIRE_RESETS, BOTH_ACT, "resets"),
    FORM(WIRE_HALF_CLOSES, BOTH_ACT, "half-closes"),
    FORM(WIRE_FALLS_SILENT, BOTH_ACT, "falls silent"),
    FORM(WIRE_DIES, BOTH_ACT, "dies"),
    FORM(WIRE_STOPS_READING, BOTH_ACT, "stops reading"),
    FORM(WIRE_STOPS_INSIDE, BOTH_ACT, "stops reading inside <message>"),
    FORM(WIRE_READS_AGAIN, BOTH_ACT, "reads again"),
    FORM(WIRE_SENDS_NONSENSE, BOTH_ACT, "sends nonsense"),

    FORM(HOST_STARTS, FORM_HOST_ACT, "starts"),
    FORM(HOST_STOPS, FORM_HOST_ACT, "stops"),
    FORM(HOST_ADDS, FORM_HOST_ACT, "adds <thing>"),
    FORM(HOST_REMOVES, FORM_HOST_ACT, "removes <thing>"),
    FORM(HOST_SETS_LEDS, FORM_HOST_ACT, "sets leds <number>"),
    FORM(HOST_DESTROYS, FORM_HOST_ACT, "destroys the server"),
    FORM(HOST_ASKS, FORM_HOST_ACT, "asks who is there"),
    FORM(HOST_SETS_TICKET, FORM_HOST_ACT, "sets ticket <string>"),
    FORM(HOST_ASKS_NO_TICKET, FORM_HOST_ACT, "wants no ticket"),
    FORM(HOST_SETS_NAME, FORM_HOST_ACT, "sets name <string>"),
    FORM(HOST_ALLOWS_ONE, FORM_HOST_ACT, "allows one client"),
    FORM(HOST_ALLOWS_MANY, FORM_HOST_ACT, "allows many clients"),
    FORM(HOST_SETS_COMPRESSION, FORM_HOST_ACT, "sets image compression <compression>"),

    FORM(DEVICE_SETS_CURSOR, FORM_DEVICE_ACT, "sets cursor"),
    FORM(DEVICE_SETS_CACHED_CURSOR, FORM_DEVICE_ACT, "sets cached cursor"),
    FORM(DEVICE_SETS_SHAPE, FORM_DEVICE_ACT, "sets shape <number>"),
    FORM(DEVICE_MOVES_CURSOR, FORM_DEVICE_ACT, "moves cursor"),
    FORM(DEVICE_HIDES_CURSOR, FORM_DEVICE_ACT, "hides cursor"),
    FORM(DEVICE_TRAILS_CURSOR, FORM_DEVICE_ACT, "trails cursor"),
    FORM(DEVICE_RESETS_CURSOR, FORM_DEVICE_ACT, "resets cursor"),
    FORM(DEVICE_CREATES_PRIMARY, FORM_DEVICE_ACT, "creates primary <dimensions>"),
    FORM(DEVICE_CREATES_PRIMARY_ASYNC, FORM_DEVICE_ACT, "creates primary <dimensions> asynchronously"),
    FORM(DEVICE_CREATES_PAINTED_PRIMARY, FORM_DEVICE_ACT, "creates painted primary <dimensions>"),
    FORM(DEVICE_DESTROYS_PRIMARY, FORM_DEVICE_ACT, "destroys primary"),
    FORM(DEVICE_DESTROYS_PRIMARY_ASYNC, FORM_DEVICE_ACT, "destroys primary asynchronously"),
    FORM(DEVICE_CREATES_SURFACE, FORM_DEVICE_ACT, "creates surface <dimensions>"),
    FORM(DEVICE_CREATES_SURFACE_16, FORM_DEVICE_ACT, "creates high-color surface <dimensions>"),
    FORM(DEVICE_DESTROYS_SURFACE, FORM_DEVICE_ACT, "destroys surface"),
    FORM(DEVICE_DESTROYS_SURFACE_CALL, FORM_DEVICE_ACT, "destroys surface asynchronously"),
    FORM(DEVICE_DESTROYS_ALL, FORM_DEVICE_ACT, "destroys all surfaces"),
    FORM(DEVICE_DESTROYS_ALL_ASYNC, FORM_DEVICE_ACT, "destroys all surfaces asynchronously"),
    FORM(DEVICE_SETS_MONITORS, FORM_DEVICE_ACT, "sets <number> monitors"),
    FORM(DEVICE_DRAWS, FORM_DEVICE_ACT, "draws"),
    FORM(DEVICE_PAINTS, FORM_DEVICE_ACT, "paints <drawing>"),
    FORM(DEVICE_PAINTS_ON, FORM_DEVICE_ACT, "paints <drawing> on surface <number>"),
    FORM(DEVICE_COVERS, FORM_DEVICE_ACT, "covers surface <number>"),
    FORM(DEVICE_COPIES_SURFACE, FORM_DEVICE_ACT, "copies surface <number> to surface <number>"),
    FORM(DEVICE_COPIES_PICTURE, FORM_DEVICE_ACT, "copies picture <number> to surface <number>"),
    FORM(DEVICE_COPIES_NOISE, FORM_DEVICE_ACT, "copies noise to surface <number>"),
    FORM(DEVICE_COPIES_PALETTE, FORM_DEVICE_ACT, "copies palette <number> to surface <number>"),
    FORM(DEVICE_COPIES_CHUNKS, FORM_DEVICE_ACT, "copies <number> chunks to surface <number>"),
    FORM(DEVICE_UPDATES, FORM_DEVICE_ACT, "updates area"),
    FORM(DEVICE_UPDATES_ASYNC, FORM_DEVICE_ACT, "updates area asynchronously"),
    FORM(DEVICE_UPDATES_COMMAND, FORM_DEVICE_ACT, "updates area by command"),
    FORM(DEVICE_UPDATES_ALL, FORM_DEVICE_ACT, "updates every area"),
    FORM(DEVICE_RESETS_IMAGES, FORM_DEVICE_ACT, "resets image cache"),
    FORM(DEVICE_UNLOADS, FORM_DEVICE_ACT, "unloads its driver"),
    FORM(DEVICE_SAVES, FORM_DEVICE_ACT, "is saved"),
    FORM(DEVICE_LOADS, FORM_DEVICE_ACT, "is loaded"),
    FORM(DEVICE_POISONS, FORM_DEVICE_ACT, "poisons memory"),
    FORM(DEVICE_CALLS, FORM_DEVICE_ACT, "calls <call>"),
    FORM(DEVICE_FLUSHES, FORM_DEVICE_ACT, "flushes surfaces"),
    FORM(DEVICE_ADDS_SLOT, FORM_DEVICE_ACT, "adds memslot"),
    FORM(DEVICE_ADDS_SLOT_ASYNC, FORM_DEVICE_ACT, "adds memslot asynchronously"),
    FORM(DEVICE_DELETES_SLOT, FORM_DEVICE_ACT, "deletes memslot"),
    FORM(DEVICE_RESETS, FORM_DEVICE_ACT, "resets"),
    FORM(DEVICE_OOM, FORM_DEVICE_ACT, "runs out of memory"),
    FORM(DEVICE_WAKES, FORM_DEVICE_ACT, "wakes the worker"),
    FORM(DEVICE_STARTS, FORM_DEVICE_ACT, "starts"),
    FORM(DEVICE_STOPS, FORM_DEVICE_ACT, "stops"),
    FORM(DEVICE_LIES, FORM_DEVICE_ACT, "lies"),
    FORM(DEVICE_LIES_ABOUT, FORM_DEVICE_ACT, "lies about <device-lie>"),
    FORM(DEVICE_WORKS, FORM_DEVICE_ACT, "works"),
    FORM(DEVICE_WORKS_ON, FORM_DEVICE_ACT, "works on <works>"),

    FORM(WIRE_IS, BOTH_IF, "is <state>"),
    FORM(WIRE_IS_NOT, BOTH_IF, "is not <state>"),
    FORM(WIRE_IS_INSIDE, BOTH_IF, "is inside a message"),
    FORM(WIRE_RECEIVED, BOTH_IF, "received at least <number> messages"),
    FORM(CLIENT_SEES_CURSOR, BOTH_IF, "sees a cursor"),
    FORM(CLIENT_SEES_NO_CURSOR, BOTH_IF, "sees no cursor"),
    FORM(CLIENT_SEES_PRIMARY, BOTH_IF, "sees primary <dimensions>"),
    FORM(CLIENT_SEES_NO_PRIMARY, BOTH_IF, "sees no primary"),
    FORM(CLIENT_SEES_SURFACES, BOTH_IF, "sees <number> surfaces"),
    FORM(CLIENT_SEES_MONITORS, BOTH_IF, "sees <number> monitors"),
    FORM(CLIENT_SEES_DRAWN, BOTH_IF, "sees what was drawn"),
    FORM(CLIENT_SEES_MOUSE, FORM_CLIENT_IF, "sees <mouse> mouse"),
    FORM(CLIENT_SEES_CHANNEL, FORM_CLIENT_IF, "sees channel <channels>"),
    FORM(CLIENT_SEES_NO_CHANNEL, FORM_CLIENT_IF, "sees no channel <channels>"),
    FORM(CLIENT_SEES_MODIFIERS, FORM_CLIENT_IF, "sees modifiers <number>"),

    FORM(HOST_SAW, FORM_HOST_IF, "saw <event> <number> times"),
    FORM(HOST_SAW_AT_LEAST, FORM_HOST_IF, "saw <event> at least <number> times"),
    FORM(HOST_SAW_AT_MOST, FORM_HOST_IF, "saw <event> at most <number> times"),
    FORM(HOST_SAW_EVERY_END, FORM_HOST_IF, "saw every connection end"),
    FORM(HOST_GOT, FORM_HOST_IF, "got <number> <input>"),
    FORM(HOST_GOT_AT_LEAST, FORM_HOST_IF, "got at least <number> <input>"),
    FORM(HOST_COUNTS, FORM_HOST_IF, "counts <number> clients"),
    FORM(HOST_LOGGED, FORM_HOST_IF, "logged at most <number> lines"),

    FORM(DEVICE_SEES_CLIENT, FORM_DEVICE_IF, "sees a client"),
    FORM(DEVICE_SEES_NO_CLIENT, FORM_DEVICE_IF, "sees no client"),
    FORM(DEVICE_IS_IDLE, FORM_DEVICE_IF, "is idle"),
    FORM(DEVICE_RELEASED, FORM_DEVICE_IF, "got back at least <number> commands"),
    FORM(DEVICE_TAKEN, FORM_DEVICE_IF, "gave at least <number> commands"),
    FORM(DEVICE_WAS_TOLD, FORM_DEVICE_IF, "was told what came back"),

    FORM(NO_VIOLATION, FORM_IF, "no violation"),
#undef FORM
};
/* clang-format on */

static const char *const mice[] = {"server", "client", NULL};
static const char *const buttons[] = {"left", "middle", "right", NULL};
static const char *const events[] = {"connected", "initialized", "disconnected", NULL};
static const char *const states[] = {"connecting", "open", "refused", "gone", "failed", NULL};
static const char *const inputs[] = {"scancodes", "motions", "buttons", NULL};
/* In the order of FakeLinkLie, the honest one left out. */
static const char *const link_lies[] = {"magic",      "major",   "size-small", "size-huge", "caps-offset",
                                        "caps-count", "channel", "session",    "mechanism", "ticket",
                                        "nothing",    "half",    NULL};
/* In the order of FakeQxlLie. */
static const char *const device_lies[] = {"command-address",
                                          "command-generation",
                                          "command-slot",
                                          "command-group",
                                          "command-straddle",
                                          "command-type",
                                          "cursor-kind",
                                          "shape-address",
                                          "shape-type",
                                          "shape-huge",
                                          "shape-short",
                                          "chunk-loop",
                                          "chunk-address",
                                          "chunk-size",
                                          "surface-id",
                                          "surface-twice",
                                          "surface-format",
                                          "surface-stride",
                                          "surface-size",
                                          "surface-data",
                                          "surface-unknown",
                                          "draw-surface",
                                          "draw-box",
                                          "monitors-address",
                                          "monitors-count",
                                          "monitors-heads",
                                          "primary",
                                          "memslot",
                                          "draw-type",
                                          "draw-brush",
                                          "draw-mask",
                                          "draw-clip",
                                          "draw-area",
                                          "draw-self",
                                          "draw-from",
                                          "draw-path",
                                          "draw-dashes",
                                          "draw-text",
                                          "draw-composite",
                                          "draw-rop",
                                          "palette",
                                          "image-address",
                                          "image-type",
                                          "image-size",
                                          "image-stride",
                                          "image-format",
                                          "image-data",
                                          "image-short",
                                          "image-chunk-loop",
                                          "image-chunk-address",
                                          "image-chunk-size",
                                          "image-id",
                                          "image-surface",
                                          "quic",
                                          "update-surface",
                                          "surface-primary",
                                          "shape-empty",
                                          "draw-dependency",
                                          "draw-compat",
                                          "message",
                                          NULL};
/* In the order of SPICE_IMAGE_COMPRESSION_..., from 1. */
static const char *const compressions[] = {"off", "auto-glz", "auto-lz", "quic", "glz", "lz", "lz4", NULL};
/* In the order of message_types[] in actor.c. */
static const char *const messages[] = {"mark",
                                       "copy-bits",
                                       "inval-list",
                                       "inval-palette",
                                       "inval-palettes",
                                       "draw-fill",
                                       "draw-opaque",
                                       "draw-copy",
                                       "draw-blend",
                                       "draw-blackness",
                                       "draw-whiteness",
                                       "draw-invers",
                                       "draw-rop3",
                                       "draw-stroke",
                                       "draw-text",
                                       "draw-transparent",
                                       "draw-alpha-blend",
                                       "surface-create",
                                       "surface-destroy",
                                       "monitors-config",
                                       "draw-composite",
                                       "set-ack",
                                       "ping",
                                       "cursor-init",
                                       "cursor-reset",
                                       "cursor-set",
                                       "cursor-move",
                                       "cursor-hide",
                                       "cursor-trail",
                                       "cursor-inval-one",
                                       "cursor-inval-all",
                                       "any-message",
                                       NULL};
/* In the order of QXL_DRAW_... */
static const char *const drawings[] = {"nothing",  "fill",      "opaque",      "copy",        "move",
                                       "blend",    "blackness", "whiteness",   "inverse",     "rop3",
                                       "stroke",   "text",      "transparent", "alpha-blend", "composite",
                                       "anything", NULL};
/* In the order of CallWord. */
static const char *const calls[] = {"stop-and-start",
                                    "destroy-primary",
                                    "destroy-primary-async",
                                    "destroy-surfaces",
                                    "destroy-surfaces-async",
                                    "destroy-surface-wait",
                                    "destroy-surface-async",
                                    "reset-memslots",
                                    "del-memslot",
                                    "oom",
                                    "reset-image-cache",
                                    "reset-cursor",
                                    "update-area",
                                    "update-area-async",
                                    "flush-surfaces-async",
                                    "loadvm-commands",
                                    "driver-unload",
                                    "remove-interface",
                                    "any-call",
                                    NULL};
/* In the order of FAKE_QXL_WORK_... */
static const char *const works[] = {"cursor",  "surfaces", "primary", "monitors", "memslots", "drawing",
                                    "updates", "resets",   "lies",    "painting", NULL};

static const struct {
    const char *name;
    const char *const *words;
} args[ARG_KINDS] = {
    [ARG_NONE] = {"", NULL},
    [ARG_NUMBER] = {"number", NULL},
    [ARG_SIGNED] = {"signed", NULL},
    [ARG_DURATION] = {"duration", NULL},
    [ARG_BYTES] = {"bytes", NULL},
    [ARG_RATE] = {"rate", NULL},
    [ARG_DIMENSIONS] = {"dimensions", NULL},
    [ARG_STRING] = {"string", NULL},
    [ARG_CHANNELS] = {"channels", NULL},
    [ARG_NEW_NAME] = {"name", NULL},
    [ARG_WIRE] = {"connection", NULL},
    [ARG_THING] = {"thing", NULL},
    [ARG_MOUSE] = {"mouse", mice},
    [ARG_BUTTON] = {"button", buttons},
    [ARG_EVENT] = {"event", events},
    [ARG_STATE] = {"state", states},
    [ARG_INPUT] = {"input", inputs},
    [ARG_LINK_LIE] = {"link-lie", link_lies},
    [ARG_DEVICE_LIE] = {"device-lie", device_lies},
    [ARG_COMPRESSION] = {"compression", compressions},
    [ARG_MESSAGE] = {"message", messages},
    [ARG_DRAWING] = {"drawing", drawings},
    [ARG_CALL] = {"call", calls},
    [ARG_WORKS] = {"works", works},
};

const char *const *arg_words(ArgKind kind)
{
    return args[kind].words;
}

const char *arg_name(ArgKind kind)
{
    return args[kind].name;
}

FormPart form_part(const char **at)
{
    const char *start = *at;

    while (*start == ' ') {
        start++;
    }
    if (*start == '<') {
        const size_t len = strcspn(start + 1, ">");
        *at = start + len + 2;
        for (unsigned kind = ARG_NONE + 1; kind < ARG_KINDS; kind++) {
            if (strlen(args[kind].name) == len && strncmp(args[kind].name, start + 1, len) == 0) {
                return (FormPart){(ArgKind)kind, start, (uint32_t)len};
            }
        }
        return (FormPart){ARG_NONE, start, 0};
    }
    const uint32_t len = *start == ',' ? 1 : (uint32_t)strcspn(start, " ,<");
    *at = start + len;
    return (FormPart){ARG_NONE, start, len};
}
