/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* forms.h: every phrase of the language, in one table. The parser, the printer and the list of what was expected are made
 * from it, so a new phrase is one line there and one case in the runtime.
 *
 * A pattern is words and arguments: "moves to <number>,<number>". Where one form is the beginning of another, the longer
 * one goes on with a word or a comma, never with a number: "sets cursor 10 times" says how often.
 */
#pragma once

#include <stdint.h>

/* What may be said where; bits. */
typedef enum FormPlace {
    FORM_SERVER = 1 << 0, /* after "server" */
    FORM_NETWORK = 1 << 1,
    FORM_CLOCK = 1 << 2,
    FORM_SCHEDULE = 1 << 3,
    FORM_FAULT = 1 << 4,
    FORM_FAULT_SETTING = 1 << 5, /* after "fault", before the first step */
    FORM_CLIENT = 1 << 6,        /* behind a client's name in its declaration */
    FORM_DEVICE = 1 << 7,
    FORM_CLIENT_ACT = 1 << 8, /* behind a client */
    FORM_WIRE_ACT = 1 << 9,   /* behind a client, which means all its connections, or one connection */
    FORM_HOST_ACT = 1 << 10,
    FORM_DEVICE_ACT = 1 << 11,
    FORM_CLIENT_IF = 1 << 12,
    FORM_WIRE_IF = 1 << 13,
    FORM_HOST_IF = 1 << 14,
    FORM_DEVICE_IF = 1 << 15,
    FORM_IF = 1 << 16, /* without a subject */
} FormPlace;

typedef enum FormId {
    /* server */
    SERVER_TICKETS,
    SERVER_NO_TICKETS,
    SERVER_ONE_CLIENT,
    SERVER_MANY_CLIENTS,
    SERVER_NAME,
    SERVER_COMPRESSION,
    /* network */
    NETWORK_LATENCY,
    NETWORK_JITTER,
    NETWORK_BANDWIDTH,
    NETWORK_BUFFER,
    NETWORK_SEND_BUFFER,
    NETWORK_RECEIVE_BUFFER,
    NETWORK_SPLITS,
    NETWORK_IDEAL,
    NETWORK_ANY,
    /* clock, schedule */
    CLOCK_STARTS,
    SCHEDULE_LOOPS,
    SCHEDULE_CALLS,
    SCHEDULE_SWITCHES,
    SCHEDULE_SPURIOUS,
    SCHEDULE_SLIPS,
    SCHEDULE_STALLS,
    SCHEDULE_CALM,
    SCHEDULE_PROCESSORS,
    /* fault */
    FAULT_F1,
    FAULT_F2,
    FAULT_F5,
    FAULT_F6,
    FAULT_F9_ALLOCATIONS,
    FAULT_F9_RESOURCES,
    FAULT_F9_HANDLES,
    /* client */
    CLIENT_FULL_HEADER,
    CLIENT_MINI_HEADER,
    CLIENT_WANTS_MOUSE,
    CLIENT_PASSWORD,
    CLIENT_NEVER_ACKS,
    CLIENT_NEVER_PONGS,
    CLIENT_SKIPS_INIT,
    CLIENT_FLOODS_MOTION,
    CLIENT_NEVER_ATTACHES,
    CLIENT_LIES,
    CLIENT_LEAVES_AFTER,
    CLIENT_WEBSOCKET,
    /* device */
    DEVICE_PRIMARY,
    DEVICE_LATER,
    /* what clients do */
    CLIENT_CONNECTS,
    CLIENT_CONNECTS_AS,
    CLIENT_PRESSES,
    CLIENT_RELEASES,
    CLIENT_TYPES,
    CLIENT_MOVES_TO,
    CLIENT_MOVES_BY,
    CLIENT_CLICKS,
    CLIENT_SETS_MODIFIERS,
    CLIENT_ASKS_MOUSE,
    CLIENT_PLAYS,
    CLIENT_PREFERS,
    /* what connections do */
    WIRE_CLOSES,
    WIRE_RESETS,
    WIRE_HALF_CLOSES,
    WIRE_FALLS_SILENT,
    WIRE_DIES,
    WIRE_STOPS_READING,
    WIRE_STOPS_INSIDE,
    WIRE_READS_AGAIN,
    WIRE_SENDS_NONSENSE,
    /* what the host does */
    HOST_STARTS,
    HOST_STOPS,
    HOST_ADDS,
    HOST_REMOVES,
    HOST_SETS_LEDS,
    HOST_DESTROYS,
    HOST_ASKS,
    HOST_SETS_TICKET,
    HOST_ASKS_NO_TICKET,
    HOST_SETS_NAME,
    HOST_ALLOWS_ONE,
    HOST_ALLOWS_MANY,
    HOST_SETS_COMPRESSION,
    /* what devices, and the guest behind them, do */
    DEVICE_SETS_CURSOR,
    DEVICE_SETS_CACHED_CURSOR,
    DEVICE_SETS_SHAPE,
    DEVICE_MOVES_CURSOR,
    DEVICE_HIDES_CURSOR,
    DEVICE_TRAILS_CURSOR,
    DEVICE_RESETS_CURSOR,
    DEVICE_CREATES_PRIMARY,
    DEVICE_CREATES_PRIMARY_ASYNC,
    DEVICE_CREATES_PAINTED_PRIMARY,
    DEVICE_DESTROYS_PRIMARY,
    DEVICE_DESTROYS_PRIMARY_ASYNC,
    DEVICE_CREATES_SURFACE,
    DEVICE_CREATES_SURFACE_16,
    DEVICE_DESTROYS_SURFACE,
    DEVICE_DESTROYS_SURFACE_CALL,
    DEVICE_DESTROYS_ALL,
    DEVICE_DESTROYS_ALL_ASYNC,
    DEVICE_SETS_MONITORS,
    DEVICE_DRAWS,
    DEVICE_PAINTS,
    DEVICE_PAINTS_ON,
    DEVICE_COVERS,
    DEVICE_COPIES_SURFACE,
    DEVICE_COPIES_CHUNKS,
    DEVICE_COPIES_PICTURE,
    DEVICE_COPIES_NOISE,
    DEVICE_COPIES_PALETTE,
    DEVICE_UPDATES,
    DEVICE_UPDATES_ASYNC,
    DEVICE_UPDATES_COMMAND,
    DEVICE_UPDATES_ALL,
    DEVICE_RESETS_IMAGES,
    DEVICE_UNLOADS,
    DEVICE_SAVES,
    DEVICE_LOADS,
    DEVICE_POISONS,
    DEVICE_CALLS,
    DEVICE_FLUSHES,
    DEVICE_ADDS_SLOT,
    DEVICE_ADDS_SLOT_ASYNC,
    DEVICE_DELETES_SLOT,
    DEVICE_RESETS,
    DEVICE_OOM,
    DEVICE_WAKES,
    DEVICE_STARTS,
    DEVICE_STOPS,
    DEVICE_LIES,
    DEVICE_LIES_ABOUT,
    DEVICE_WORKS,
    DEVICE_WORKS_ON,
    /* what is true of connections and clients */
    WIRE_IS,
    WIRE_IS_NOT,
    WIRE_IS_INSIDE,
    WIRE_RECEIVED,
    CLIENT_SEES_CURSOR,
    CLIENT_SEES_NO_CURSOR,
    CLIENT_SEES_PRIMARY,
    CLIENT_SEES_NO_PRIMARY,
    CLIENT_SEES_SURFACES,
    CLIENT_SEES_MONITORS,
    CLIENT_SEES_DRAWN,
    CLIENT_SEES_MOUSE,
    CLIENT_SEES_CHANNEL,
    CLIENT_SEES_NO_CHANNEL,
    CLIENT_SEES_MODIFIERS,
    /* of the host */
    HOST_SAW,
    HOST_SAW_AT_LEAST,
    HOST_SAW_AT_MOST,
    HOST_SAW_EVERY_END,
    HOST_GOT,
    HOST_GOT_AT_LEAST,
    HOST_COUNTS,
    HOST_LOGGED,
    /* of devices */
    DEVICE_SEES_CLIENT,
    DEVICE_SEES_NO_CLIENT,
    DEVICE_IS_IDLE,
    DEVICE_RELEASED,
    DEVICE_TAKEN,
    DEVICE_WAS_TOLD,
    /* of all */
    NO_VIOLATION,
    FORMS,
} FormId;

typedef enum ArgKind {
    ARG_NONE,
    ARG_NUMBER,     /* or a range */
    ARG_SIGNED,     /* -3 */
    ARG_DURATION,   /* or a range */
    ARG_BYTES,      /* or a range */
    ARG_RATE,       /* or a range */
    ARG_DIMENSIONS, /* 640x480 */
    ARG_STRING,
    ARG_CHANNELS, /* main, display:1 */
    ARG_NEW_NAME, /* of a connection */
    ARG_WIRE,     /* alice or alice.display */
    ARG_THING,    /* keyboard, mouse, tablet, or a device */
    /* One word of a list. */
    ARG_MOUSE,
    ARG_BUTTON,
    ARG_EVENT,
    ARG_STATE,
    ARG_INPUT,
    ARG_LINK_LIE,
    ARG_DEVICE_LIE,
    ARG_COMPRESSION,
    ARG_MESSAGE,
    ARG_DRAWING,
    ARG_CALL,
    ARG_WORKS, /* several of them */
    ARG_KINDS,
} ArgKind;

/* The lists' words, in the order of their meaning. */
typedef enum MouseWord { MOUSE_SERVER, MOUSE_CLIENT } MouseWord;
typedef enum EventWord { EVENT_CONNECTED, EVENT_INITIALIZED, EVENT_DISCONNECTED, EVENTS } EventWord;
typedef enum StateWord { STATE_CONNECTING, STATE_OPEN, STATE_REFUSED, STATE_GONE, STATE_FAILED } StateWord;
typedef enum InputWord { INPUT_SCANCODES, INPUT_MOTIONS, INPUT_BUTTONS, INPUTS } InputWord;

/* In the order of QXL_DRAW_*, then any of them. */
typedef enum DrawingWord { DRAWING_NOTHING, DRAWING_ANYTHING = 15 } DrawingWord;
/* Display messages, those that all channels have, those of the cursor channel, then any. */
typedef enum MessageWord { MESSAGE_CURSOR = 23, MESSAGE_ANYTHING = 31 } MessageWord;
/* What ends, or might end, the use of guest memory. */
typedef enum CallWord {
    CALL_STOP_AND_START,
    CALL_DESTROY_PRIMARY,
    CALL_DESTROY_PRIMARY_ASYNC,
    CALL_DESTROY_SURFACES,
    CALL_DESTROY_SURFACES_ASYNC,
    CALL_DESTROY_SURFACE_WAIT,
    CALL_DESTROY_SURFACE_ASYNC,
    CALL_RESET_MEMSLOTS,
    CALL_DEL_MEMSLOT,
    CALL_OOM,
    CALL_RESET_IMAGE_CACHE,
    CALL_RESET_CURSOR,
    CALL_UPDATE_AREA,
    CALL_UPDATE_AREA_ASYNC,
    CALL_FLUSH_SURFACES_ASYNC,
    CALL_LOADVM_COMMANDS,
    CALL_DRIVER_UNLOAD,
    CALL_REMOVE_INTERFACE,
    CALL_ANY,
} CallWord;

typedef struct Form {
    FormId id;
    uint32_t places; /* of FormPlace */
    const char *pattern;
} Form;

#define FORM_ARGS_MAX 2u

extern const Form scenario_forms[FORMS]; /* by id */

/* The words of a list; NULL at the end. NULL: no list. */
const char *const *arg_words(ArgKind kind);
/* What stands between < and > in a pattern, and for people. */
const char *arg_name(ArgKind kind);

/* A pattern's elements, one after the other. */
typedef struct FormPart {
    ArgKind arg;      /* ARG_NONE: a word */
    const char *word; /* or "," */
    uint32_t len;     /* 0: the end */
} FormPart;

/* `at` is where the last one ended; begin with the pattern itself. */
FormPart form_part(const char **at);
