/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/explore/shrink.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

#define RUNS_MAX_DEFAULT 20000u
#define SECONDS_MAX_DEFAULT 120u
#define WINDOWS_MAX 48u /* more decisions than that have too many windows and pairs */
#define VALUES_MAX 40u  /* more than that explain nothing: then the seed's stay */
#define MEMO_FIRST 1024u

typedef struct Memo {
    uint64_t key; /* 0: empty */
    bool fails;
} Memo;

typedef struct Shrink {
    SimStage *stage;
    const SimShrinkOptions *options;
    SimShrinkReport *report;
    SimReplay best;
    SimRecord record; /* of the last candidate that was accepted, or of a crash, none */
    char signature[SIM_FAILURE_BYTES];
    Memo *memo;
    size_t memo_len, memo_capacity;
    struct timespec start;
} Shrink;

/* ---- Playing ---- */

static void say(const Shrink *shrink, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const Shrink *shrink, const char *format, ...)
{
    char line[200];
    if (shrink->options->say == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    shrink->options->say(shrink->options->opaque, line);
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) * 1e-9;
}

static bool out_of_time(const Shrink *shrink)
{
    const uint64_t runs_max = shrink->options->runs_max == 0 ? RUNS_MAX_DEFAULT : shrink->options->runs_max;
    const unsigned seconds_max =
        shrink->options->seconds_max == 0 ? SECONDS_MAX_DEFAULT : shrink->options->seconds_max;
    return shrink->report->runs >= runs_max || seconds_since(&shrink->start) >= seconds_max;
}

static uint64_t mix(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    }
    return (hash ^ '\n') * UINT64_C(0x100000001b3);
}

static uint64_t key_of(const SimReplay *candidate)
{
    char token[SIM_TOKEN_BYTES];
    sim_token_print(&candidate->plan, token);
    uint64_t key = mix(UINT64_C(0xcbf29ce484222325), token);
    key = mix(key, candidate->has_script ? "scripted" : "seed");
    key = mix(key, candidate->script.schedule ? "schedule" : "");
    key = mix(key, candidate->script.faults ? "faults" : "");
    key = mix(key, candidate->script.zeros ? "zeros" : "");
    for (size_t i = 0; i < candidate->script.decisions.len; i++) {
        char line[SIM_DECISION_TEXT_BYTES];
        sim_decision_print(&candidate->script.decisions.list[i], line);
        key = mix(key, line);
    }
    return key + (key == 0);
}

static Memo *memo_place(Memo *memo, size_t capacity, uint64_t key)
{
    size_t at = (size_t)key & (capacity - 1);
    while (memo[at].key != 0 && memo[at].key != key) {
        at = (at + 1) & (capacity - 1);
    }
    return &memo[at];
}

static Memo *memo_of(Shrink *shrink, uint64_t key)
{
    if (shrink->memo_len * 2 >= shrink->memo_capacity) {
        const size_t capacity = shrink->memo_capacity == 0 ? MEMO_FIRST : shrink->memo_capacity * 2;
        Memo *memo = calloc(capacity, sizeof *memo);
        CHECK(memo != NULL);
        for (size_t i = 0; i < shrink->memo_capacity; i++) {
            if (shrink->memo[i].key != 0) {
                *memo_place(memo, capacity, shrink->memo[i].key) = shrink->memo[i];
            }
        }
        free(shrink->memo);
        shrink->memo = memo;
        shrink->memo_capacity = capacity;
    }
    return memo_place(shrink->memo, shrink->memo_capacity, key);
}

static bool same_failure(const Shrink *shrink, const SimOutcome *outcome)
{
    char signature[SIM_FAILURE_BYTES];
    sim_signature(outcome->failure, signature);
    return outcome->failure[0] != '\0' && strcmp(signature, shrink->signature) == 0;
}

/* Takes the candidate over if it fails as it must; frees it otherwise. */
static bool try_candidate(Shrink *shrink, SimReplay *candidate)
{
    if (out_of_time(shrink)) {
        sim_replay_free(candidate);
        return false;
    }
    const uint64_t key = key_of(candidate);
    Memo *memo = memo_of(shrink, key);
    if (memo->key == key) {
        shrink->report->remembered += !memo->fails;
    }
    if (memo->key == key && !memo->fails) {
        sim_replay_free(candidate);
        return false;
    }
    SimOutcome outcome;
    SimRecord record = {.with_values = shrink->record.with_values};
    const bool played = sim_play_apart(shrink->stage, candidate,
                                       &(SimPlayOptions){.record = &record, .seconds_max = 20}, &outcome);
    shrink->report->runs++;
    const bool fails = played && same_failure(shrink, &outcome);
    if (memo->key == 0) {
        shrink->memo_len++;
    }
    *memo = (Memo){key, fails};
    if (!fails) {
        sim_record_free(&record);
        sim_replay_free(candidate);
        return false;
    }
    sim_replay_free(&shrink->best);
    sim_record_free(&shrink->record);
    shrink->best = *candidate;
    shrink->record = record;
    shrink->best.hash = outcome.hash;
    snprintf(shrink->best.failure, sizeof shrink->best.failure, "%s", outcome.failure);
    *candidate = (SimReplay){0};
    return true;
}

static SimReplay copy_of_best(const Shrink *shrink)
{
    SimReplay copy;
    const bool copied = sim_replay_copy(&copy, &shrink->best);
    CHECK(copied);
    return copy;
}

/* What was really decided in the last accepted run, instead of what was asked for. */
static bool adopt_record(Shrink *shrink)
{
    SimScript script;
    SimReplay candidate = copy_of_best(shrink);
    const bool zeros = candidate.has_script && candidate.script.zeros;
    SimDecisions values = {0};
    for (size_t i = 0; i < candidate.script.decisions.len; i++) {
        if (candidate.script.decisions.list[i].kind == SIM_DECISION_VALUE) {
            const bool added = sim_decisions_add(&values, &candidate.script.decisions.list[i]);
            CHECK(added);
        }
    }
    SimDecisions all;
    bool made = sim_decisions_copy(&all, &shrink->record.decisions);
    for (size_t i = 0; made && i < values.len; i++) {
        made = sim_decisions_add(&all, &values.list[i]);
    }
    made = made && sim_script_from(&all, &script);
    CHECK(made);
    sim_decisions_free(&all);
    sim_decisions_free(&values);
    sim_decisions_free(&candidate.script.decisions);
    candidate.script = script;
    candidate.script.zeros = zeros;
    candidate.has_script = true;
    candidate.plan.scheduler = SIM_SCRIPTED;
    candidate.plan.turn = 0;
    return try_candidate(shrink, &candidate);
}

/* ---- Knobs, faults, level ---- */

static bool try_knob(Shrink *shrink, size_t knob, uint32_t value)
{
    SimReplay candidate = copy_of_best(shrink);
    candidate.plan.knobs[knob] = value;
    return try_candidate(shrink, &candidate);
}

static void shrink_knobs(Shrink *shrink)
{
    const SimSubject *subject = shrink->best.plan.subject;
    for (size_t i = 0; i < subject->knobs_len; i++) {
        const SimKnob *knob = &subject->knobs[i];
        uint32_t value = sim_plan_knob(&shrink->best.plan, knob->name);
        if (try_knob(shrink, i, value)) { /* said aloud, even if it cannot be less */
            uint32_t low = knob->min;     /* everything below was tried */
            while (low < value) {
                const uint32_t middle = low == knob->min && value > knob->min ? low : low + (value - low) / 2;
                if (try_knob(shrink, i, middle)) {
                    value = middle;
                } else {
                    low = middle + 1;
                }
            }
        }
        say(shrink, "%s: %" PRIu32, knob->name, value);
    }
}

static bool try_without(Shrink *shrink, SimFaults faults)
{
    SimReplay candidate = copy_of_best(shrink);
    candidate.plan.faults &= ~faults;
    return try_candidate(shrink, &candidate);
}

static void shrink_faults(Shrink *shrink)
{
    if (!try_without(shrink, SIM_FAULTS_ALL)) {
        for (unsigned i = 0; i < SIM_FAULTS; i++) {
            if ((shrink->best.plan.faults & SIM_FAULT_BIT(i)) != 0) {
                try_without(shrink, SIM_FAULT_BIT(i));
            }
        }
    }
    char names[SIM_FAULTS_TEXT_BYTES];
    sim_faults_print(shrink->best.plan.faults, " ", names);
    say(shrink, "faults: %s", names[0] != '\0' ? names : "none");
}

static void keep(SimReplay *replay, bool (*wanted)(const SimDecision *decision))
{
    SimDecisions *decisions = &replay->script.decisions;
    size_t kept = 0;
    for (size_t i = 0; i < decisions->len; i++) {
        if (wanted(&decisions->list[i])) {
            decisions->list[kept++] = decisions->list[i];
        }
    }
    decisions->len = kept;
}

static bool is_no_switch(const SimDecision *decision)
{
    return decision->kind != SIM_DECISION_SWITCH;
}

static bool is_no_value(const SimDecision *decision)
{
    return decision->kind != SIM_DECISION_VALUE;
}

static bool is_at_calls(const SimDecision *decision)
{
    return decision->kind != SIM_DECISION_SWITCH || decision->step.accesses == 0;
}

static bool is_at_turns(const SimDecision *decision)
{
    return is_at_calls(decision) && (decision->kind != SIM_DECISION_SWITCH || decision->step.calls == 0);
}

static void shrink_level(Shrink *shrink)
{
    SimReplay calm = copy_of_best(shrink);
    keep(&calm, is_no_switch);
    if (try_candidate(shrink, &calm)) {
        say(shrink, "no switch is needed");
    }
    while (shrink->best.plan.level > SIM_LEVEL_LOOPS) {
        SimReplay candidate = copy_of_best(shrink);
        candidate.plan.level--;
        keep(&candidate, candidate.plan.level == SIM_LEVEL_LOOPS ? is_at_turns : is_at_calls);
        if (!try_candidate(shrink, &candidate)) {
            break;
        }
    }
    say(shrink, "level: L%d", (int)shrink->best.plan.level);
}

/* ---- Decisions ---- */

/* Without those from `start` to before `end`, of all that are of this kind; `gone` is one more such range. */
static bool try_less(Shrink *shrink, SimDecisionKind kind, size_t start, size_t end, size_t gone)
{
    SimReplay candidate = copy_of_best(shrink);
    SimDecisions *decisions = &candidate.script.decisions;
    size_t kept = 0, nth = 0;
    for (size_t i = 0; i < decisions->len; i++) {
        const bool of_kind = decisions->list[i].kind == kind;
        const bool dropped = of_kind && ((nth >= start && nth < end) || nth == gone);
        nth += of_kind;
        if (!dropped) {
            decisions->list[kept++] = decisions->list[i];
        }
    }
    decisions->len = kept;
    return try_candidate(shrink, &candidate);
}

static size_t count(const Shrink *shrink, SimDecisionKind kind)
{
    size_t found = 0;
    for (size_t i = 0; i < shrink->best.script.decisions.len; i++) {
        found += shrink->best.script.decisions.list[i].kind == kind;
    }
    return found;
}

static void delta_debug(Shrink *shrink, SimDecisionKind kind)
{
    size_t len = count(shrink, kind);
    if (len > 0 && try_less(shrink, kind, 0, len, SIZE_MAX)) {
        return;
    }
    for (size_t chunk = (len + 1) / 2; chunk > 0; chunk = chunk == 1 ? 0 : (chunk + 1) / 2) {
        bool again;
        do {
            again = false;
            /* Of thousands each costs something, played or not. */
            for (size_t start = 0; start < len && !out_of_time(shrink);) {
                if (try_less(shrink, kind, start, start + chunk, SIZE_MAX)) {
                    len = count(shrink, kind);
                    again = true;
                } else {
                    start += chunk;
                }
            }
        } while (again && chunk == 1 && !out_of_time(shrink));
    }
}

/* Every window from long to short, then every pair; from the start again when one was not needed. */
static void try_windows_and_pairs(Shrink *shrink, SimDecisionKind kind)
{
    bool again = true;
    while (again && !out_of_time(shrink)) {
        const size_t len = count(shrink, kind);
        again = false;
        if (len < 2 || len > WINDOWS_MAX) {
            return;
        }
        for (size_t width = len - 1; !again && width > 1; width--) {
            for (size_t start = 0; !again && start + width <= len; start++) {
                again = try_less(shrink, kind, start, start + width, SIZE_MAX);
            }
        }
        for (size_t a = 0; !again && a < len; a++) {
            for (size_t b = a + 1; !again && b < len; b++) {
                again = try_less(shrink, kind, a, a + 1, b);
            }
        }
    }
}

static void shrink_decisions(Shrink *shrink)
{
    delta_debug(shrink, SIM_DECISION_FAULT);
    try_windows_and_pairs(shrink, SIM_DECISION_FAULT);
    delta_debug(shrink, SIM_DECISION_SWITCH);
    try_windows_and_pairs(shrink, SIM_DECISION_SWITCH);
    delta_debug(shrink, SIM_DECISION_FAULT); /* with fewer switches some may be needless */
    say(shrink, "switches: %zu, faults: %zu", count(shrink, SIM_DECISION_SWITCH),
        count(shrink, SIM_DECISION_FAULT));
}

/* ---- Values ---- */

static bool try_value(Shrink *shrink, size_t index, uint64_t value)
{
    SimReplay candidate = copy_of_best(shrink);
    candidate.script.decisions.list[index].value = value;
    return try_candidate(shrink, &candidate);
}

/* Towards the least that will do, by halves; not all values between need fail, so it is a guess. */
static void lower(Shrink *shrink, size_t index, uint64_t least)
{
    uint64_t low = least;
    while (!out_of_time(shrink) && low < shrink->best.script.decisions.list[index].value) {
        const uint64_t value = shrink->best.script.decisions.list[index].value;
        const uint64_t middle = low == least ? least : low + (value - low) / 2;
        if (!try_value(shrink, index, middle)) {
            low = middle + 1;
        }
    }
}

/* All values 0, but for those that matter. */
static void try_zeros(Shrink *shrink)
{
    SimReplay candidate = copy_of_best(shrink);
    candidate.script.zeros = true;
    if (try_candidate(shrink, &candidate)) {
        return;
    }
    shrink->record.with_values = true;
    SimReplay same = copy_of_best(shrink);
    Memo *memo = memo_of(shrink, key_of(&same));
    memo->fails = true; /* play it again, for its values */
    if (!try_candidate(shrink, &same)) {
        return;
    }
    SimReplay before = copy_of_best(shrink);
    keep(&before, is_no_value);
    SimDecisions all;
    bool made = sim_decisions_copy(&all, &before.script.decisions);
    sim_replay_free(&before);
    before = copy_of_best(shrink);
    for (size_t i = 0; made && i < shrink->record.values.len; i++) {
        const SimDecision *value = &shrink->record.values.list[i];
        made = value->value == 0 || sim_decisions_add(&all, value);
    }
    candidate = copy_of_best(shrink);
    sim_decisions_free(&candidate.script.decisions);
    made = made && sim_script_from(&all, &candidate.script);
    CHECK(made);
    candidate.script.zeros = true;
    candidate.script.schedule = before.script.schedule;
    candidate.script.faults = before.script.faults;
    sim_decisions_free(&all);
    shrink->record.with_values = false;
    if (try_candidate(shrink, &candidate)) {
        delta_debug(shrink, SIM_DECISION_VALUE);
        try_windows_and_pairs(shrink, SIM_DECISION_VALUE);
    }
    if (count(shrink, SIM_DECISION_VALUE) > VALUES_MAX) {
        sim_replay_free(&shrink->best);
        shrink->best = before;
        return;
    }
    sim_replay_free(&before);
}

static void shrink_values(Shrink *shrink)
{
    try_zeros(shrink);
    for (size_t i = 0; i < shrink->best.script.decisions.len; i++) {
        const SimDecisionKind kind = shrink->best.script.decisions.list[i].kind;
        if (kind != SIM_DECISION_SWITCH) {
            lower(shrink, i, 1);
        }
    }
    say(shrink, "values: %zu%s", count(shrink, SIM_DECISION_VALUE),
        shrink->best.script.zeros ? ", all others 0" : ", all others from the seed");
}

/* ---- The whole ---- */

static bool begin(Shrink *shrink, const SimReplay *from, char *ret_error, size_t error_size)
{
    SimReplay first;
    SimOutcome outcome;
    if (!sim_play_apart(shrink->stage, from, &(SimPlayOptions){.record = &shrink->record}, &outcome)) {
        snprintf(ret_error, error_size, "no process could be made");
        return false;
    }
    shrink->report->runs++;
    if (outcome.failure[0] == '\0') {
        snprintf(ret_error, error_size, "it does not fail");
        return false;
    }
    sim_signature(outcome.failure, shrink->signature);
    const bool copied = sim_replay_copy(&first, from);
    CHECK(copied);
    if (!try_candidate(shrink, &first)) {
        snprintf(ret_error, error_size, "it does not fail twice in the same way");
        return false;
    }
    return true;
}

bool sim_shrink(SimStage *stage, const SimReplay *from, const SimShrinkOptions *options, SimReplay *ret,
                SimShrinkReport *report, char *ret_error, size_t error_size)
{
    static const SimShrinkOptions by_default = {0};
    *report = (SimShrinkReport){0};
    Shrink shrink = {.stage = stage, .options = options != NULL ? options : &by_default, .report = report};
    clock_gettime(CLOCK_MONOTONIC, &shrink.start);
    const bool begun = begin(&shrink, from, ret_error, error_size);
    if (begun) {
        if (!from->has_script) {
            shrink_knobs(&shrink); /* with a scheduler that decides anew */
            shrink_faults(&shrink);
            sim_token_print(&shrink.best.plan, report->token);
        }
        const bool scripted = adopt_record(&shrink);
        report->decisions_before = count(&shrink, SIM_DECISION_SWITCH) + count(&shrink, SIM_DECISION_FAULT);
        say(&shrink, "%zu decisions%s", report->decisions_before, scripted ? "" : ", which nobody recorded");
        shrink_knobs(&shrink);
        shrink_faults(&shrink);
        if (scripted) {
            adopt_record(&shrink);
            shrink_level(&shrink);
            shrink_decisions(&shrink);
            shrink_values(&shrink);
            shrink_faults(&shrink);
            shrink_knobs(&shrink);
            adopt_record(&shrink); /* what is not met is not kept */
        }
        report->decisions_after = count(&shrink, SIM_DECISION_SWITCH) + count(&shrink, SIM_DECISION_FAULT);
        report->values_after = count(&shrink, SIM_DECISION_VALUE);
        *ret = shrink.best;
    } else {
        sim_replay_free(&shrink.best);
    }
    report->seconds = seconds_since(&shrink.start);
    sim_record_free(&shrink.record);
    free(shrink.memo);
    return begun;
}
