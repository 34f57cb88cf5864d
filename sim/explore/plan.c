/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/explore/plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define VERSION "S1"

/* ---- From the seed, before there is a universe ---- */

static uint64_t mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9); /* SplitMix64's finalizer */
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t drawn(uint64_t seed, const char *name)
{
    uint64_t hash = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (; *name != '\0'; name++) {
        hash = mixed(hash ^ (uint8_t)*name);
    }
    return hash;
}

uint32_t sim_plan_draw(const SimPlan *plan, const char *name, uint32_t n)
{
    CHECK(n > 0);
    return (uint32_t)(drawn(plan->seed, name) % n);
}

uint32_t sim_plan_rate(const SimPlan *plan, SimFault fault, uint32_t often, uint32_t rarely)
{
    CHECK(often > 0 && often <= rarely);
    if ((plan->faults & SIM_FAULT_BIT(fault)) == 0) {
        return 0;
    }
    unsigned doublings = 0;
    while ((uint64_t)often << (doublings + 1) <= rarely) {
        doublings++;
    }
    return often << sim_plan_draw(plan, sim_fault_name(fault), doublings + 1);
}

uint32_t sim_plan_knob(const SimPlan *plan, const char *name)
{
    const SimSubject *subject = plan->subject;
    for (size_t i = 0; i < subject->knobs_len; i++) {
        const SimKnob *knob = &subject->knobs[i];
        if (strcmp(knob->name, name) == 0) {
            return plan->knobs[i] != SIM_KNOB_SEED
                       ? plan->knobs[i]
                       : knob->min + sim_plan_draw(plan, name, knob->max - knob->min + 1);
        }
    }
    CHECK(false); /* the subject asks for a knob that it does not have */
    return 0;
}

SimFaults sim_plan_swarm(const SimSubject *subject, uint64_t seed)
{
    (void)subject;
    SimFaults on = 0;
    /* One universe in eight is calm, one in eight meets everything; in the others each fault has an even chance. */
    const uint64_t weather = drawn(seed, "weather") % 8;
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        const bool chance = drawn(seed, sim_fault_name((SimFault)i)) >> 63 != 0;
        if (weather == 1 || (weather > 1 && chance)) {
            on |= SIM_FAULT_BIT(i);
        }
    }
    return on;
}

static SimScheduler portfolio(uint64_t seed)
{
    static const SimScheduler weighted[] = {
        SIM_RANDOM, SIM_RANDOM, SIM_RANDOM, SIM_RANDOM, SIM_STICKY, SIM_STICKY, SIM_STICKY,
        SIM_STICKY, SIM_PCT2,   SIM_PCT2,   SIM_PCT3,   SIM_PCT3,   SIM_PCT5,   SIM_PCT5,
        SIM_WALK,   SIM_WALK,   SIM_WALK,   SIM_STARVE, SIM_STARVE, SIM_STARVE,
    };
    return weighted[drawn(seed, "portfolio") % (sizeof weighted / sizeof weighted[0])];
}

SimPlan sim_plan(const SimSubject *subject, uint64_t seed, SimLevel level)
{
    SimPlan plan = {
        .subject = subject,
        .seed = seed,
        .level = level,
        .scheduler = portfolio(seed),
        .faults = sim_plan_swarm(subject, seed) | subject->placed,
    };
    for (size_t i = 0; i < SIM_KNOBS_MAX; i++) {
        plan.knobs[i] = SIM_KNOB_SEED;
    }
    return plan;
}

const SimSubject *sim_subject_named(SimSubjects subjects, const char *name)
{
    for (; *subjects != NULL; subjects++) {
        if (strcmp((*subjects)->name, name) == 0) {
            return *subjects;
        }
    }
    return NULL;
}

/* ---- Tokens ---- */

void sim_token_print(const SimPlan *plan, char ret[SIM_TOKEN_BYTES])
{
    char turn[16] = "";
    if (plan->turn != 0) {
        snprintf(turn, sizeof turn, ".%" PRIu32, plan->turn);
    }
    size_t len = (size_t)snprintf(ret, SIM_TOKEN_BYTES, VERSION ":%s:%" PRIx64 ":L%d:%s%s:%" PRIx64,
                                  plan->subject->name, plan->seed, (int)plan->level,
                                  sim_scheduler_name(plan->scheduler), turn, plan->faults);
    for (size_t i = 0; i < plan->subject->knobs_len; i++) {
        if (plan->knobs[i] != SIM_KNOB_SEED && len < SIM_TOKEN_BYTES) {
            len += (size_t)snprintf(ret + len, SIM_TOKEN_BYTES - len, ":%s=%" PRIu32,
                                    plan->subject->knobs[i].name, plan->knobs[i]);
        }
    }
    CHECK(len < SIM_TOKEN_BYTES);
}

/* Of whatever version. */
bool sim_token_looks_like_one(const char *text)
{
    const size_t digits = text[0] == 'S' ? strspn(text + 1, "0123456789") : 0;
    return digits > 0 && text[1 + digits] == ':';
}

static bool parse_hex(const char *text, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, *text);
        if (digit == NULL || value > max >> 4) {
            return false;
        }
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *ret = value;
    return value <= max;
}

static bool parse_decimal(const char *text, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || value > max / 10) {
            return false;
        }
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *ret = value;
    return value <= max;
}

static bool parse_knob(char *text, SimPlan *plan)
{
    char *value = strchr(text, '=');
    if (value == NULL) {
        return false;
    }
    *value++ = '\0';
    for (size_t i = 0; i < plan->subject->knobs_len; i++) {
        const SimKnob *knob = &plan->subject->knobs[i];
        uint64_t number;
        if (strcmp(knob->name, text) == 0) {
            if (plan->knobs[i] != SIM_KNOB_SEED || !parse_decimal(value, knob->max, &number) ||
                number < knob->min) {
                return false;
            }
            plan->knobs[i] = (uint32_t)number;
            return true;
        }
    }
    return false;
}

/* "pct3", "exhaustive1.537" */
static bool parse_scheduler(char *text, SimPlan *plan)
{
    uint64_t turn = 0;
    char *dot = strchr(text, '.');
    if (dot != NULL) {
        *dot = '\0';
        if (!parse_decimal(dot + 1, UINT32_MAX, &turn)) {
            return false;
        }
    }
    plan->turn = (uint32_t)turn;
    return sim_scheduler_named(text, &plan->scheduler);
}

bool sim_token_parse(const char *token, SimSubjects subjects, SimPlan *ret, char *ret_error,
                     size_t error_size)
{
    static const char *const parts[] = {"version", "subject", "seed", "level", "scheduler", "faults"};
    char text[SIM_TOKEN_BYTES];
    char *fields[6 + SIM_KNOBS_MAX];
    size_t count = 0;
    if (strlen(token) >= sizeof text) {
        snprintf(ret_error, error_size, "a token has at most %u letters", SIM_TOKEN_BYTES - 1);
        return false;
    }
    strcpy(text, token);
    for (char *at = text; at != NULL && count < sizeof fields / sizeof fields[0]; count++) {
        fields[count] = at;
        at = strchr(at, ':');
        if (at != NULL) {
            *at++ = '\0';
        }
    }
    if (count < 6) {
        snprintf(ret_error, error_size, "the token ends before its %s", parts[count]);
        return false;
    }
    if (strcmp(fields[0], VERSION) != 0) {
        snprintf(ret_error, error_size, "'%s' is no version of tokens that is known here; " VERSION " is",
                 fields[0]);
        return false;
    }
    const SimSubject *subject = sim_subject_named(subjects, fields[1]);
    if (subject == NULL) {
        snprintf(ret_error, error_size, "there is no subject '%s'", fields[1]);
        return false;
    }
    uint64_t seed, faults;
    if (!parse_hex(fields[2], UINT64_MAX, &seed)) {
        snprintf(ret_error, error_size, "'%s' is no seed", fields[2]);
        return false;
    }
    *ret = sim_plan(subject, seed, SIM_LEVEL_CALLS);
    if (fields[3][0] != 'L' || fields[3][1] < '0' || fields[3][1] > '2' || fields[3][2] != '\0') {
        snprintf(ret_error, error_size, "'%s' is no level: L0, L1 or L2", fields[3]);
        return false;
    }
    ret->level = (SimLevel)(fields[3][1] - '0');
    if (!parse_scheduler(fields[4], ret)) {
        snprintf(ret_error, error_size, "'%s' is no scheduler", fields[4]);
        return false;
    }
    if (!parse_hex(fields[5], SIM_FAULTS_ALL, &faults)) {
        snprintf(ret_error, error_size, "'%s' are no faults", fields[5]);
        return false;
    }
    ret->faults = (SimFaults)faults;
    for (size_t i = 6; i < count; i++) {
        if (!parse_knob(fields[i], ret)) {
            snprintf(ret_error, error_size, "%s has no such setting, not twice, or not of that value: '%s'",
                     subject->name, fields[i]);
            return false;
        }
    }
    return true;
}

/* ---- Outcomes ---- */

void sim_outcome_fail(SimOutcome *outcome, const char *format, ...)
{
    if (outcome->failure[0] != '\0') {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(outcome->failure, sizeof outcome->failure, format, args);
    va_end(args);
}

void sim_outcome_take(SimOutcome *outcome, Sim *sim)
{
    const char *failure = sim_failure(sim);
    const char *leaks = sim_leaks(sim);
    if (failure != NULL && outcome->failure[0] == '\0') {
        const char *what = sim_failure_what(sim);
        snprintf(outcome->where, sizeof outcome->where, "%.*s", (int)(what - failure), failure);
        sim_outcome_fail(outcome, "%s", what);
    } else if (leaks != NULL && failure == NULL && sim_exit_code(sim) < 0) {
        sim_outcome_fail(outcome, "left behind: %s", leaks);
    }
    outcome->hash = sim_hash(sim);
    outcome->steps = sim_steps(sim);
    outcome->faults = sim_faults_met(sim);
}

/* Numbers, and the numbers of names ("vcpu#2"), say nothing about the cause. */
void sim_signature(const char *failure, char ret[SIM_FAILURE_BYTES])
{
    size_t len = 0;
    for (const char *at = failure; *at != '\0' && *at != '\n' && len < SIM_FAILURE_BYTES - 1;) {
        const bool hex = at[0] == '0' && at[1] == 'x';
        const size_t digits = hex ? 2 + strspn(at + 2, "0123456789abcdef") : strspn(at, "0123456789");
        if (digits == 0) {
            ret[len++] = *at++;
        } else {
            ret[len++] = '#';
            at += digits;
        }
    }
    ret[len] = '\0';
}
