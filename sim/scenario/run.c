/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run.c: scripts. The steps of a scenario are carried out by a script, a client in the eyes of the scheduler; each branch
 * of a race is a script of its own. What the host and its devices do happens in a thread of the host's, made for that
 * statement, while the script waits.
 *
 * Conditions are looked at after each step of a client's connection, and else at intervals.
 */
#include "sim/scenario/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "sim/scenario/actor.h"
#include "sim/scenario/print.h"
#include "sim/workload/pictures.h"

#define WAIT_DEFAULT_NS (10 * NS_PER_S)
#define REST_NS (60 * NS_PER_S)
#define RACE_PAUSE_DEFAULT_NS (20 * NS_PER_MS)
#define DURATION_MAX_NS (UINT64_C(24) * 3600 * NS_PER_S)
#define POLL_FAST_NS NS_PER_MS
#define POLL_SLOW_NS (5 * NS_PER_MS)
#define POLLS_FAST 100u
#define TERMS_MAX 16u

typedef struct Run Run;
typedef struct Script Script;

typedef enum ScriptState {
    SCRIPT_GOES,
    SCRIPT_PAUSES,  /* until wake_ns */
    SCRIPT_WATCHES, /* a condition, until deadline_ns */
    SCRIPT_ASKS,    /* the host, for a condition */
    SCRIPT_ACTS,    /* the host does something for it */
    SCRIPT_RACES,   /* children are on their way */
    SCRIPT_DONE,
} ScriptState;

/* Where a script is in a block, and how often that is still to be done. */
typedef struct Frame {
    const Step *next, *first;
    uint64_t left;
} Frame;

/* What a thread of the host's does for a script, which waits meanwhile. */
typedef struct Job {
    Script *script;
    SimClient *waker;
    atomic_bool done;
    uint64_t times, every_ns, pause_max_ns;
    bool values[TERMS_MAX]; /* of the condition's terms, where it asks */
} Job;

struct Script {
    ListNode node; /* in Run.scripts */
    Run *run;
    Script *parent;
    unsigned children;
    SimClient *step;
    Frame frames[SCENARIO_NESTING_MAX + 1];
    unsigned depth;
    ScriptState state;
    const Step *at;
    bool condition_met; /* of an act's "while" */
    bool paused;        /* before this statement of a race */
    uint64_t times_left;
    uint64_t wake_ns, deadline_ns;
    unsigned polls;
    uint64_t pause_max_ns; /* in a race: before each statement; 0: no race */
    Job job;
};

struct Run {
    const Scenario *scenario;
    const ScenarioRun *how;
    ScenarioResult *result;
    Sim *sim;
    Stage stage;
    Actors actors;
    SimNet net;
    ListNode scripts; /* those that are not done */
    bool looking;     /* at what changed */
    char seen[160];   /* when a picture was last looked at */
    bool changed_again;
    bool over; /* the first script is done, or something failed */
};

static void script_go(Script *script);
static void script_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns);
static const SimClientOps script_ops = {"script", script_step};
static const SimClientOps branch_ops = {"branch", script_step};

static uint64_t pause_to(const Run *run, uint64_t max_ns)
{
    return stage_pick(run->sim, "pause", (Range){0, max_ns});
}

static void say(const Run *run, const Step *step)
{
    char line[200], text[300];
    if (run->how->say != NULL) {
        scenario_print_step(run->scenario, step, line, sizeof line);
        const uint64_t now_ns = sim_now_ns(run->sim);
        snprintf(text, sizeof text, "%" PRIu64 ".%09" PRIu64 " %s:%" PRIu32 " #%" PRIu32 ": %s",
                 now_ns / NS_PER_S, now_ns % NS_PER_S, run->scenario->files[step->place.file],
                 step->place.line, step->place.step, line);
        run->how->say(run->how->opaque, text);
    }
}

static void fail(Run *run, const Step *step, const char *why)
{
    char line[200], who[400];
    scenario_print_step(run->scenario, step, line, sizeof line);
    actors_describe(&run->actors, who, sizeof who);
    sim_fail(run->sim,
             "%s:%" PRIu32 ":%" PRIu32
             ": '%s' %s (%s%s%shost saw connected %u, initialized %u, disconnected %u)",
             run->scenario->files[step->place.file], step->place.line, step->place.column, line, why,
             run->seen, who, who[0] != '\0' ? "; " : "", atomic_load(&run->stage.events[EVENT_CONNECTED]),
             atomic_load(&run->stage.events[EVENT_INITIALIZED]),
             atomic_load(&run->stage.events[EVENT_DISCONNECTED]));
    if (run->result->place.line == 0) {
        run->result->place = step->place;
    }
    run->over = true;
}

/* ---- Conditions ---- */

static bool is_safe(const Condition *condition)
{
    for (; condition != NULL; condition = condition->next) {
        if (!stage_value_is_safe(&condition->who, &condition->phrase)) {
            return false;
        }
    }
    return true;
}

/* `values`: what the host said; NULL: nothing had to be asked. */
static bool is_true(Run *run, const Condition *condition, const bool *values)
{
    bool all = true;
    for (uint32_t i = 0; condition != NULL; condition = condition->next, i++) {
        bool value;
        if (condition->phrase.form->id == NO_VIOLATION) {
            value = actors_check(&run->actors);
        } else if (condition->who.kind != WHO_HOST && condition->who.kind != WHO_DEVICE) {
            value = actors_value(&run->actors, &condition->who, &condition->phrase);
        } else if (stage_value_is_safe(&condition->who, &condition->phrase)) {
            value = stage_value(&run->stage, &condition->who, &condition->phrase);
        } else {
            value = values != NULL && values[i];
        }
        all = all && value;
        if (condition->or_next) {
            if (all) {
                return true;
            }
            all = true;
        }
    }
    return all;
}

/* ---- What the host does for a script ---- */

static void job_end(Job *job)
{
    Sim *sim = job->script->run->sim;
    SimClient *waker = job->waker;
    atomic_store(&job->done, true);
    sim_client_wait(waker, -1, 0, sim_now_ns(sim));
}

static void job_act(void *arg)
{
    Job *job = arg;
    Script *script = job->script;
    Run *run = script->run;

    for (uint64_t i = 0; i < job->times; i++) {
        if (i > 0) {
            sim_sleep(run->sim, job->every_ns > 0 ? job->every_ns : pause_to(run, job->pause_max_ns));
        }
        stage_act(&run->stage, &script->at->who, script->at->phrases);
    }
    job_end(job);
}

static void job_ask(void *arg)
{
    Job *job = arg;
    Run *run = job->script->run;
    uint32_t i = 0;

    for (const Condition *term = job->script->at->condition; term != NULL; term = term->next, i++) {
        if (!stage_value_is_safe(&term->who, &term->phrase)) {
            job->values[i] = stage_value(&run->stage, &term->who, &term->phrase);
        }
    }
    job_end(job);
}

static void job_begin(Script *script, ScriptState state, const char *name, void (*fn)(void *arg))
{
    script->state = state;
    script->job.script = script;
    script->job.waker = script->step;
    atomic_store(&script->job.done, false);
    sim_spawn(script->run->sim, name, fn, &script->job);
}

/* ---- Scripts ---- */

static Script *script_new(Run *run, Script *parent, const Step *first)
{
    Script *script = calloc(1, sizeof *script);
    CHECK(script != NULL);
    script->run = run;
    script->parent = parent;
    script->frames[0] = (Frame){first, first, 0};
    script->depth = 1;
    script->wake_ns = NS_NEVER;
    list_init(&script->node);
    list_append(&run->scripts, &script->node);
    script->step = sim_client_add(run->sim, parent == NULL ? &script_ops : &branch_ops, script);
    return script;
}

static void script_free(Script *script)
{
    list_remove(&script->node);
    sim_client_remove(script->step);
    free(script);
}

static void enter(Script *script, const Step *first, uint64_t times)
{
    if (first != NULL && times > 0) {
        CHECK(script->depth <= SCENARIO_NESTING_MAX);
        script->frames[script->depth++] = (Frame){first, first, times - 1};
    }
}

/* The next statement; NULL: the script is done. */
static const Step *advance(Script *script)
{
    while (script->depth > 0) {
        Frame *frame = &script->frames[script->depth - 1];
        if (frame->next != NULL) {
            const Step *step = frame->next;
            frame->next = step->next;
            return step;
        }
        if (frame->left > 0) {
            frame->left--;
            frame->next = frame->first;
        } else {
            script->depth--;
        }
    }
    return NULL;
}

/* Branches of a race pause before each statement: not at all, a little, or up to the race's limit. */
static uint64_t race_pause_ns(const Script *script)
{
    const uint64_t max_ns = script->pause_max_ns;
    switch (sim_choose_at(script->run->sim, "kind of pause", 4)) {
    case 0:
        return 0;
    case 1:
        return pause_to(script->run, max_ns / 100);
    case 2:
        return pause_to(script->run, max_ns / 10);
    default:
        return pause_to(script->run, max_ns);
    }
}

static void pause_for(Script *script, uint64_t duration_ns)
{
    script->state = SCRIPT_PAUSES;
    script->wake_ns = sim_now_ns(script->run->sim) + duration_ns;
}

static void watch(Script *script, uint64_t duration_ns)
{
    script->state = SCRIPT_WATCHES;
    script->deadline_ns = sim_now_ns(script->run->sim) + duration_ns;
    script->polls = 0;
}

static void race_begin(Script *script, const Step *step)
{
    const Range pause =
        step->has_limit ? step->limit_ns : (Range){RACE_PAUSE_DEFAULT_NS, RACE_PAUSE_DEFAULT_NS};
    script->state = SCRIPT_RACES;
    for (const Block *block = step->blocks; block != NULL; block = block->next) {
        Script *child = script_new(script->run, script, block->first);
        child->pause_max_ns = stage_pick(script->run->sim, "limit", pause);
        script->children++;
    }
}

static const Block *one_block(const Run *run, const Step *step)
{
    uint32_t len = 0;
    for (const Block *block = step->blocks; block != NULL; block = block->next) {
        len++;
    }
    uint32_t skip = sim_choose_at(run->sim, "block", len);
    const Block *block = step->blocks;
    while (skip-- > 0) {
        block = block->next;
    }
    return block;
}

static void set_network(Run *run, const Phrase *phrases)
{
    SimNet *net = &run->net;
    for (const Phrase *phrase = phrases; phrase != NULL; phrase = phrase->next) {
        const uint64_t value = stage_pick(run->sim, "network", phrase->args[0].range);
        switch (phrase->form->id) {
        case NETWORK_LATENCY:
            net->latency_ns = value;
            break;
        case NETWORK_JITTER:
            net->jitter_ns = value;
            break;
        case NETWORK_BANDWIDTH:
            net->bytes_per_s = value > 0 ? value : 1;
            break;
        case NETWORK_BUFFER:
            net->send_buffer = net->receive_buffer = (uint32_t)value;
            break;
        case NETWORK_SEND_BUFFER:
            net->send_buffer = (uint32_t)value;
            break;
        case NETWORK_RECEIVE_BUFFER:
            net->receive_buffer = (uint32_t)value;
            break;
        case NETWORK_SPLITS:
            net->split_one_in = (uint32_t)value;
            break;
        case NETWORK_IDEAL:
            *net = (SimNet){0};
            break;
        case NETWORK_ANY:
            *net = (SimNet){
                .latency_ns = sim_choose_at(run->sim, "network", 3) * 10 * NS_PER_MS,
                .jitter_ns = sim_choose_at(run->sim, "network", 2) * 5 * NS_PER_MS,
                .bytes_per_s = sim_choose_at(run->sim, "network", 4) == 0 ? 20000 : 0,
                .send_buffer = sim_choose_at(run->sim, "network", 3) == 0 ? 600 : 0,
                .receive_buffer = sim_choose_at(run->sim, "network", 3) == 0 ? 600 : 0,
                .split_one_in = sim_choose_at(run->sim, "network", 2) == 0 ? 3 : 0,
            };
            break;
        default:
            CHECK(false); /* the table has a form that nobody carries out */
        }
    }
    sim_set_net(run->sim, net);
}

/* One act of a client, or all acts of the host and its devices. */
static void act(Script *script, const Step *step)
{
    Run *run = script->run;

    if (step->who.kind == WHO_HOST || step->who.kind == WHO_DEVICE) {
        script->job.times = script->times_left;
        script->job.every_ns = stage_pick(run->sim, "every", step->every_ns);
        script->job.pause_max_ns = script->pause_max_ns / 10;
        script->times_left = 0;
        job_begin(script, SCRIPT_ACTS, step->who.kind == WHO_HOST ? "host" : "vcpu", job_act);
        return;
    }
    script->times_left--;
    actors_act(&run->actors, &step->who, step->phrases);
    run->changed_again = true;
    if (script->times_left > 0 && (step->every_ns.high > 0 || script->pause_max_ns > 0)) {
        pause_for(script, step->every_ns.high > 0 ? stage_pick(run->sim, "every", step->every_ns)
                                                  : race_pause_ns(script) / 10);
    }
}

static void begin(Script *script, const Step *step)
{
    Run *run = script->run;

    run->result->acts++;
    say(run, step);
    switch (step->kind) {
    case STEP_SERVER:
    case STEP_CLOCK:
    case STEP_SCHEDULE:
        break; /* settings: done before */
    case STEP_NETWORK:
        set_network(run, step->phrases);
        break;
    case STEP_FAULT:
        for (const Phrase *phrase = step->phrases; phrase != NULL; phrase = phrase->next) {
            actors_fault(&run->actors, phrase);
        }
        run->changed_again = true;
        break;
    case STEP_ACT:
        script->times_left = stage_pick(run->sim, "times", step->times);
        script->condition_met = step->condition == NULL;
        if (!script->condition_met) {
            watch(script, step->has_limit ? stage_pick(run->sim, "limit", step->limit_ns) : WAIT_DEFAULT_NS);
        }
        break;
    case STEP_WAIT:
        watch(script, step->has_limit ? stage_pick(run->sim, "limit", step->limit_ns) : WAIT_DEFAULT_NS);
        break;
    case STEP_EXPECT:
        watch(script, step->has_limit ? stage_pick(run->sim, "limit", step->limit_ns) : 0);
        break;
    case STEP_PAUSE:
        if (step->condition != NULL) {
            watch(script, stage_pick(run->sim, "limit", step->limit_ns));
        } else {
            pause_for(script, stage_pick(run->sim, "limit", step->limit_ns));
        }
        break;
    case STEP_RACE:
        race_begin(script, step);
        break;
    case STEP_CHOOSE:
        enter(script, one_block(run, step)->first, 1);
        break;
    case STEP_MAYBE:
        enter(script, step->blocks->first, sim_choose_at(run->sim, "maybe", 2));
        break;
    case STEP_REPEAT:
        enter(script, step->blocks->first, stage_pick(run->sim, "times", step->times));
        break;
    }
}

/* The condition was looked at. True: there is no need to look again. */
static bool watched(Script *script, bool is)
{
    Run *run = script->run;
    const Step *step = script->at;
    const uint64_t now_ns = sim_now_ns(run->sim);

    if (step->throughout) {
        if (!is) {
            fail(run, step, "is no longer true");
            return true;
        }
        if (now_ns < script->deadline_ns) {
            return false;
        }
    } else if (!is || (now_ns > script->deadline_ns && step->has_limit)) {
        if (now_ns < script->deadline_ns) {
            return false;
        }
        if (step->kind != STEP_PAUSE) {
            fail(run, step,
                 step->has_limit || step->kind != STEP_EXPECT ? "did not come true in time" : "is not true");
            return true;
        }
    }
    script->condition_met = true;
    script->state = SCRIPT_GOES;
    return true;
}

static void poll_later(Script *script)
{
    const uint64_t next_ns =
        sim_now_ns(script->run->sim) + (++script->polls <= POLLS_FAST ? POLL_FAST_NS : POLL_SLOW_NS);
    script->wake_ns = next_ns < script->deadline_ns ? next_ns : script->deadline_ns;
}

/* True: it goes on at once. */
static bool look(Script *script)
{
    if (!is_safe(script->at->condition)) {
        job_begin(script, SCRIPT_ASKS, "host", job_ask);
        return false;
    }
    if (!watched(script, is_true(script->run, script->at->condition, NULL))) {
        poll_later(script);
        return false;
    }
    return true;
}

static void finish(Script *script)
{
    Script *parent = script->parent;
    Run *run = script->run;

    script_free(script);
    if (parent == NULL) {
        run->over = true;
    } else if (--parent->children == 0) {
        parent->state = SCRIPT_GOES;
        sim_client_wait(parent->step, -1, 0, sim_now_ns(run->sim));
    }
}

/* As far as it can go now. It may be gone afterwards. */
static void script_go(Script *script)
{
    Run *run = script->run;

    while (script->state == SCRIPT_GOES && !run->over) {
        if (script->at != NULL && script->at->kind == STEP_ACT && script->times_left > 0 &&
            script->condition_met) {
            act(script, script->at);
            continue;
        }
        if (script->pause_max_ns > 0 && !script->paused) {
            script->paused = true;
            pause_for(script, race_pause_ns(script));
            break;
        }
        script->paused = false;
        const Step *step = advance(script);
        if (step == NULL) {
            finish(script);
            return;
        }
        script->at = step;
        begin(script, step);
        if (script->state == SCRIPT_WATCHES && !look(script)) {
            break;
        }
    }
    sim_client_wait(script->step, -1, 0,
                    script->state == SCRIPT_PAUSES || script->state == SCRIPT_WATCHES ? script->wake_ns
                                                                                      : NS_NEVER);
}

/* Something about a client has changed: whoever watches goes on at this very moment. */
static void changed(void *opaque)
{
    Run *run = opaque;

    run->changed_again = true;
    if (run->looking) {
        return; /* whoever is looking will look again */
    }
    run->looking = true;
    while (run->changed_again && !run->over) {
        run->changed_again = false;
        list_each(&run->scripts, node)
        {
            Script *script = list_entry(node, Script, node);
            if (script->state == SCRIPT_WATCHES && is_safe(script->at->condition) &&
                watched(script, is_true(run, script->at->condition, NULL))) {
                run->changed_again = true; /* and the list is another one */
                script_go(script);
                break;
            }
        }
    }
    run->looking = false;
}

static bool shows_all(void *opaque, uint8_t display, FakeConnection *connection)
{
    Run *run = opaque;
    char where[120];

    if (display >= run->scenario->devices_len || run->stage.devices[display].qxl == NULL) {
        return false;
    }
    const bool differ = pictures_differ(run->stage.devices[display].qxl, connection, where, sizeof where);
    snprintf(run->seen, sizeof run->seen, "display %u %s; ", display, differ ? where : "shows all");
    return !differ;
}

static void script_step(SimClient *step, void *opaque, unsigned ready, uint64_t now_ns)
{
    Script *script = opaque;
    Run *run = script->run;

    (void)step;
    (void)ready;
    if (run->over) {
        return;
    }
    switch (script->state) {
    case SCRIPT_PAUSES:
        if (now_ns < script->wake_ns) {
            sim_client_wait(script->step, -1, 0, script->wake_ns);
            return;
        }
        script->state = SCRIPT_GOES;
        break;
    case SCRIPT_WATCHES:
        if (!look(script)) {
            sim_client_wait(script->step, -1, 0,
                            script->state == SCRIPT_WATCHES ? script->wake_ns : NS_NEVER);
            return;
        }
        break;
    case SCRIPT_ASKS:
        if (!atomic_load(&script->job.done)) {
            return;
        }
        script->state = SCRIPT_WATCHES;
        if (!watched(script, is_true(run, script->at->condition, script->job.values))) {
            poll_later(script);
            sim_client_wait(script->step, -1, 0, script->wake_ns);
            return;
        }
        break;
    case SCRIPT_ACTS:
        if (!atomic_load(&script->job.done)) {
            return;
        }
        script->state = SCRIPT_GOES;
        break;
    case SCRIPT_GOES:
        break;
    case SCRIPT_RACES:
    case SCRIPT_DONE:
        return;
    }
    script_go(script);
    changed(run);
}

/* ---- The whole ---- */

static void on_log(void *opaque, CoreLogLevel level, const char *line)
{
    Run *run = opaque;
    char text[300];
    (void)level;
    atomic_fetch_add(&run->stage.log_lines, 1);
    if (run->how->say != NULL) {
        snprintf(text, sizeof text, "  log: %s", line);
        run->how->say(run->how->opaque, text);
    }
}

static void on_trace(void *opaque, const char *line)
{
    const Run *run = opaque;
    run->how->say(run->how->opaque, line);
}

static void on_channel_event(void *opaque, int event, SpiceChannelEventInfo *info)
{
    Run *run = opaque;
    stage_channel_event(&run->stage, event, info);
}

/* Of the range, by the seed; for what must be known before there is a universe to choose in. */
static uint64_t early(uint64_t seed, uint32_t salt, Range range)
{
    uint64_t x = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + salt * UINT64_C(0xbf58476d1ce4e5b9);

    x ^= x >> 31;
    x *= UINT64_C(0x94d049bb133111eb);
    x ^= x >> 29;
    const uint64_t span = range.high - range.low;
    return range.low + (span == UINT64_MAX ? x : x % (span + 1));
}

static void configure(const Run *run, SimConfig *ret)
{
    static const uint64_t origins_ns[] = {0, 1000, UINT64_C(2147483640) * NS_PER_MS,
                                          UINT64_C(4294967290) * NS_PER_MS, UINT64_C(9000000000) * NS_PER_MS};
    const uint64_t seed = run->how->seed;
    uint32_t salt = 10;
    bool calm = run->how->calm;

    *ret = run->how->base != NULL ? *run->how->base : (SimConfig){.seed = seed, .level = SIM_LEVEL_CALLS};
    if ((ret->faults_off & SIM_FAULT_BIT(SIM_F8_ORIGIN)) == 0) {
        ret->clock_origin_ns = origins_ns[early(seed, 1, (Range){0, 4})];
    }
    ret->switch_one_in = (uint32_t)early(seed, 2, (Range){1, 16});
    ret->spurious_one_in = early(seed, 3, (Range){0, 2}) == 0 ? 5 : 0;
    ret->slip_one_in = early(seed, 4, (Range){0, 3}) == 0 ? 50 : 0;
    ret->ticket_key = run->how->server->ticket_key;
    /* Some times what was ever seen: 17 MB, 13 tasks, room for 1024 items, 256 KiB. */
    ret->bounds = (SimBounds){UINT64_C(64) << 20, 128, 2048, UINT64_C(2) << 20};
    ret->opaque = (void *)run;
    ret->channel_event = on_channel_event;
    ret->log = on_log;
    if (run->how->say != NULL) {
        ret->trace = run->how->trace_all ? on_trace : NULL;
    }
    for (const Step *step = run->scenario->settings; step != NULL; step = step->next) {
        if (step->kind != STEP_CLOCK && step->kind != STEP_SCHEDULE && step->kind != STEP_FAULT) {
            continue;
        }
        for (const Phrase *phrase = step->phrases; phrase != NULL; phrase = phrase->next) {
            const uint64_t value = early(seed, salt++, phrase->args[0].range);
            switch (phrase->form->id) {
            case CLOCK_STARTS:
                ret->clock_origin_ns = value;
                break;
            case SCHEDULE_LOOPS:
                ret->level = run->how->base == NULL ? SIM_LEVEL_LOOPS : ret->level;
                break;
            case SCHEDULE_CALLS:
                ret->level = run->how->base == NULL ? SIM_LEVEL_CALLS : ret->level;
                break;
            case SCHEDULE_SWITCHES:
                ret->switch_one_in = (uint32_t)value;
                break;
            case SCHEDULE_SPURIOUS:
                ret->spurious_one_in = (uint32_t)value;
                break;
            case SCHEDULE_SLIPS:
                ret->slip_one_in = (uint32_t)value;
                break;
            case SCHEDULE_CALM:
                calm = true;
                break;
            case SCHEDULE_PROCESSORS:
                ret->processors = (uint32_t)value;
                break;
            case SCHEDULE_STALLS:
                ret->stall_max_ns = value;
                break;
            case FAULT_F9_ALLOCATIONS:
                ret->alloc_fail_one_in = (uint32_t)value;
                break;
            case FAULT_F9_RESOURCES:
                ret->scarce_one_in = (uint32_t)value;
                break;
            case FAULT_F9_HANDLES:
                ret->handles_max = (uint32_t)value;
                break;
            default:
                CHECK(false); /* the table has a form that nobody carries out */
            }
        }
    }
    if (calm) {
        ret->level = SIM_LEVEL_LOOPS;
        ret->switch_one_in = ret->spurious_one_in = ret->slip_one_in = 0;
    }
}

/* Lets time pass until `done`, in small steps, as the universe itself never comes to rest while somebody is connected. */
static bool run_until(Run *run, const bool *done, uint64_t max_ns)
{
    const uint64_t end_ns = sim_now_ns(run->sim) + max_ns;
    bool going = true;
    while (going && !*done && sim_now_ns(run->sim) < end_ns) {
        going = sim_run(run->sim, sim_now_ns(run->sim) + 10 * NS_PER_MS);
    }
    return going;
}

/* The script is over. No fault happens any more, nobody does anything of its own, and nothing becomes more. False: the
 * universe came to an end. */
static bool rest(Run *run)
{
    sim_calm(run->sim);
    if (!sim_run(run->sim, sim_now_ns(run->sim) + REST_NS)) {
        return false;
    }
    const SimHeld before = sim_held(run->sim);
    if (!sim_run(run->sim, sim_now_ns(run->sim) + REST_NS)) {
        return false;
    }
    const SimHeld after = sim_held(run->sim);
    const char *more = sim_held_more(&before, &after);
    if (more != NULL) {
        snprintf(run->result->failure, sizeof run->result->failure, "not at rest: there are more and more %s",
                 more);
    }
    return true;
}

static void judge(Run *run, bool going)
{
    char *failure = run->result->failure;
    const size_t size = sizeof run->result->failure;

    if (failure[0] != '\0') {
        return; /* never at rest */
    }
    if (sim_failure(run->sim) != NULL) {
        snprintf(failure, size, "%s", sim_failure(run->sim));
    } else if (!run->over || !going) {
        snprintf(failure, size, "the scenario did not end in a day");
    } else if (run->stage.server != NULL) {
        snprintf(failure, size, "the server was not destroyed in a minute");
    } else if (!actors_check(&run->actors)) {
        snprintf(failure, size, "%s", run->actors.failure);
    } else if (stage_check(&run->stage)[0] != '\0') {
        snprintf(failure, size, "%s", run->stage.failure);
    } else if (atomic_load(&run->stage.events_open) != 0) {
        snprintf(failure, size, "%d connections without a DISCONNECTED",
                 atomic_load(&run->stage.events_open));
    } else if (sim_leaks(run->sim) != NULL) {
        snprintf(failure, size, "left behind: %s", sim_leaks(run->sim));
    }
}

void scenario_run(const Scenario *scenario, const ScenarioRun *how, ScenarioResult *ret)
{
    Run *run = calloc(1, sizeof *run);
    SimConfig config;

    CHECK(run != NULL);
    *ret = (ScenarioResult){0};
    run->scenario = scenario;
    run->how = how;
    run->result = ret;
    list_init(&run->scripts);
    configure(run, &config);
    const uint32_t scarce_one_in = config.scarce_one_in;
    config.scarce_one_in = 0; /* until the machine is there */
    run->sim = sim_new(&config);
    CHECK(run->sim != NULL);
    stage_init(&run->stage, run->sim, scenario, how->server);
    struct Crypto *crypto = run->stage.tickets ? how->server->crypto_new(sim_core(run->sim)) : NULL;
    actors_init(&run->actors, run->sim, scenario,
                crypto != NULL ? how->server->crypto_context(crypto) : NULL);
    run->actors.changed = changed;
    run->actors.shows_all = shows_all;
    run->actors.opaque = run;
    for (const Step *step = scenario->settings; step != NULL; step = step->next) {
        if (step->kind == STEP_NETWORK) {
            set_network(run, step->phrases);
        }
    }

    const uint64_t start_ns = sim_now_ns(run->sim);
    sim_spawn(run->sim, "host", stage_set_up, &run->stage);
    bool going = run_until(run, &run->stage.ready, 10 * NS_PER_S);
    sim_set_scarce(run->sim, scarce_one_in);
    if (going && run->stage.ready) {
        script_new(run, NULL, scenario->steps);
        going = run_until(run, &run->over, DURATION_MAX_NS);
    }
    ret->duration_ns = sim_now_ns(run->sim) - start_ns;
    if (going && run->over && run->stage.server != NULL) {
        going = rest(run);
    }
    if (going && run->over && sim_failure(run->sim) == NULL) {
        sim_spawn(run->sim, "host", stage_tear_down, &run->stage);
        going = sim_run(run->sim, sim_now_ns(run->sim) + 60 * NS_PER_S);
    }
    judge(run, going);
    ret->passed = ret->failure[0] == '\0';
    if (how->outcome != NULL) {
        if (sim_failure(run->sim) == NULL && !ret->passed) {
            sim_outcome_fail(how->outcome, "%s", ret->failure);
        }
        sim_outcome_take(how->outcome, run->sim);
        how->outcome->worth = run->actors.opened + (scenario->clients_len == 0);
    }
    ret->hash = sim_hash(run->sim);
    ret->steps = sim_steps(run->sim);
    ret->opened = run->actors.opened;
    while (!list_is_empty(&run->scripts)) {
        script_free(list_first(&run->scripts, Script, node));
    }
    actors_finish(&run->actors);
    if (crypto != NULL) {
        how->server->crypto_free(crypto);
    }
    (void)sim_leaks(run->sim); /* seen, whatever they are */
    sim_free(run->sim);
    stage_finish(&run->stage);
    free(run);
}

static void run_subject(const SimPlan *plan, const SimConfig *base, SimOutcome *ret)
{
    const ScenarioSubject *subject = plan->subject->opaque;
    const ScenarioRun how = {.seed = plan->seed, .server = subject->server, .base = base, .outcome = ret};
    ScenarioResult result;
    scenario_run(subject->scenario, &how, &result);
}

/* What the scenario's settings place happens whatever the seed says. */
static SimFaults placed_faults(const Scenario *scenario)
{
    SimFaults ret = 0;
    for (const Step *step = scenario->settings; step != NULL; step = step->next) {
        for (const Phrase *phrase = step->phrases; step->kind == STEP_FAULT && phrase != NULL;
             phrase = phrase->next) {
            ret |= phrase->form->id == FAULT_F9_HANDLES     ? SIM_FAULT_BIT(SIM_F9_HANDLES)
                   : phrase->form->id == FAULT_F9_RESOURCES ? SIM_FAULTS_SCARCE
                                                            : SIM_FAULT_BIT(SIM_F9_ALLOC);
        }
    }
    return ret;
}

void scenario_subject_init(ScenarioSubject *ret, const char *name, const Scenario *scenario,
                           const StageServer *server)
{
    *ret = (ScenarioSubject){
        .subject = {.name = name,
                    .about = scenario->title,
                    .opaque = ret,
                    .run = run_subject,
                    .placed = placed_faults(scenario)},
        .scenario = scenario,
        .server = server,
    };
}
