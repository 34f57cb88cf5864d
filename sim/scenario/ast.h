/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ast.h: a scenario that was read: who takes part, the settings, and the steps. Nothing of it changes any more.
 *
 * Ownership  everything lies in the Scenario's arena, texts too; scenario_free() forgets all at once.
 * Units      durations ns, sizes bytes, rates bytes/s. A Range is what the explorer may choose from, both ends included.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/scenario/arena.h"
#include "sim/scenario/forms.h"

#define SCENARIO_FILE_BYTES_MAX (256u * 1024u)
#define SCENARIO_TEXT_BYTES_MAX (1024u * 1024u) /* of all files */
#define SCENARIO_MEMORY_MAX (4u * 1024u * 1024u)
#define SCENARIO_FILES_MAX 64u    /* inclusions, the first file among them */
#define SCENARIO_INCLUDES_MAX 8u  /* one inside the other */
#define SCENARIO_NESTING_MAX 12u  /* blocks inside blocks */
#define SCENARIO_STEPS_MAX 10000u /* written */
#define SCENARIO_ACTS_MAX 100000u /* carried out, repetitions counted */
#define SCENARIO_CLIENTS_MAX 16u
#define SCENARIO_DEVICES_MAX 3u
#define SCENARIO_NAMES_MAX 8u /* connections with a name, per client */
#define SCENARIO_PARAMS_MAX 64u
#define SCENARIO_ROWS_MAX 32u
#define SCENARIO_BRANCHES_MAX 8u
#define SCENARIO_WORD_BYTES_MAX 40u
#define SCENARIO_DURATION_MAX_NS (UINT64_C(1000000) * 3600 * UINT64_C(1000000000)) /* a million hours */

typedef struct Range {
    uint64_t low, high;
} Range;

typedef struct ScenarioPlace {
    uint32_t file;         /* index in Scenario.files */
    uint32_t step;         /* which statement of that file, from 1: with the file, its stable name */
    uint32_t line, column; /* from 1 */
} ScenarioPlace;

typedef struct ChannelRef {
    uint8_t type; /* of the wire protocol; 0: everything the server offers */
    uint8_t id;
} ChannelRef;

typedef enum WhoKind {
    WHO_NOBODY,
    WHO_CLIENT,
    WHO_WIRE, /* one connection of a client */
    WHO_EVERYBODY,
    WHO_HOST,
    WHO_DEVICE,
} WhoKind;

typedef struct Who {
    WhoKind kind;
    uint32_t index;     /* of the client or device */
    ChannelRef channel; /* a wire's */
    const char *alias;  /* a wire's own name; NULL: the newest without one */
} Who;

/* things, beside devices */
typedef enum ThingKind { THING_KEYBOARD, THING_MOUSE, THING_TABLET, THING_DEVICE } ThingKind;

typedef struct Arg {
    ArgKind kind;
    Range range;    /* numbers, durations, sizes; dimensions: width, height; words: the bit or index in low */
    int64_t number; /* ARG_SIGNED */
    const char *text; /* strings, new names */
    const ChannelRef *channels;
    uint32_t channels_len;
    Who who; /* ARG_WIRE; ARG_THING: a device */
} Arg;

typedef struct Phrase {
    const Form *form;
    Arg args[FORM_ARGS_MAX];
    const struct Phrase *next; /* settings come in lists */
} Phrase;

/* Terms joined by "and", those joined by "or". */
typedef struct Condition {
    Who who;
    Phrase phrase;
    bool or_next; /* the next term begins an alternative */
    const struct Condition *next;
} Condition;

typedef enum StepKind {
    STEP_SERVER,
    STEP_NETWORK,
    STEP_CLOCK,
    STEP_SCHEDULE,
    STEP_FAULT,
    STEP_ACT,
    STEP_WAIT,
    STEP_PAUSE,
    STEP_EXPECT,
    STEP_RACE,
    STEP_CHOOSE,
    STEP_MAYBE,
    STEP_REPEAT,
} StepKind;

struct Step;

typedef struct Block {
    const struct Step *first;
    const struct Block *next;
} Block;

typedef struct Step {
    StepKind kind;
    ScenarioPlace place;
    const struct Step *next;
    Who who;                    /* STEP_ACT */
    const Phrase *phrases;      /* settings, faults; an act has one */
    Range times;                /* STEP_ACT, STEP_REPEAT */
    Range every_ns;             /* STEP_ACT: between its repetitions */
    const Condition *condition; /* waits, expectations, pauses that may end early; an act's "while" */
    Range limit_ns;             /* within, throughout; a pause's length; a race's longest pause */
    bool has_limit;
    bool throughout;
    const Block *blocks; /* races, choices, repetitions */
} Step;

typedef struct ScenarioClient {
    const char *name;
    const Phrase *traits;
    const char *names[SCENARIO_NAMES_MAX]; /* of connections */
    uint32_t names_len;
    ScenarioPlace place;
} ScenarioClient;

typedef struct ScenarioDevice {
    const char *name;
    const Phrase *traits;
    ScenarioPlace place;
} ScenarioDevice;

typedef struct Scenario {
    const char *title; /* "": none */
    const char *rows[SCENARIO_ROWS_MAX];
    uint32_t rows_len;
    const char *files[SCENARIO_FILES_MAX];
    uint32_t files_len;
    ScenarioClient clients[SCENARIO_CLIENTS_MAX];
    uint32_t clients_len;
    ScenarioDevice devices[SCENARIO_DEVICES_MAX];
    uint32_t devices_len;
    const char *params[SCENARIO_PARAMS_MAX]; /* names of those that may be given from outside */
    uint32_t params_len;
    const Step *settings, *steps;
    uint32_t steps_len; /* written */
    Arena arena;
} Scenario;

void scenario_free(Scenario *scenario); /* NULL is allowed */

/* The same but for places. */
bool scenario_equal(const Scenario *a, const Scenario *b);
