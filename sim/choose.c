/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/universe.h"

#define POINTS_FIRST 128u
#define NAMES_PER_BLOCK 32u

struct ChoicePoint {
    uint64_t hash; /* of site and object; 0: an empty place */
    const char *site;
    const SimName *who;
    uint64_t uses;
    bool is_value;
    /* What the script says, from the next use on. */
    const SimDecision *scripted, *scripted_end;
    const SimDecision *every; /* for all uses that are not named */
};

struct NameBlock {
    NameBlock *next;
    size_t len;
    SimName names[NAMES_PER_BLOCK];
};

/* ---- Numbers ---- */

/* The finalizer of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). */
static uint64_t mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t next(uint64_t *state)
{
    return mixed(*state += UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t hash_text(const char *text, uint64_t hash)
{
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3); /* FNV-1a */
    }
    return hash;
}

static uint64_t take_bytes(Choices *choices, uint64_t max)
{
    uint64_t value = 0;
    for (uint64_t left = max; left > 0; left >>= 8) {
        if (choices->bytes.len > 0) {
            value = value << 8 | choices->bytes.data[0];
            choices->bytes = span_of(choices->bytes.data + 1, choices->bytes.len - 1);
        }
    }
    return max == UINT64_MAX ? value : value % (max + 1);
}

/* ---- Names ---- */

static SimName *name_add(Sim *sim, const char *text, uint64_t hash)
{
    Choices *choices = &sim->world.choices;
    if (choices->names == NULL || choices->names->len == NAMES_PER_BLOCK) {
        NameBlock *block = malloc(sizeof *block);
        CHECK(block != NULL);
        block->next = choices->names;
        block->len = 0;
        choices->names = block;
    }
    SimName *name = &choices->names->names[choices->names->len++];
    snprintf(name->text, sizeof name->text, "%s", text);
    name->hash = hash;
    return name;
}

static const SimName *name_find(const Sim *sim, const char *text, uint64_t hash)
{
    for (const NameBlock *block = sim->world.choices.names; block != NULL; block = block->next) {
        for (size_t i = 0; i < block->len; i++) {
            if (block->names[i].hash == hash && strcmp(block->names[i].text, text) == 0) {
                return &block->names[i];
            }
        }
    }
    return NULL;
}

static void clean(char ret[SIM_NAME_BYTES], const char *text)
{
    size_t len = 0;
    for (; text[len] != '\0' && len < SIM_NAME_BYTES - 1; len++) {
        ret[len] = text[len] > ' ' && text[len] < 127 ? text[len] : '_';
    }
    if (len == 0) {
        ret[len++] = '-';
    }
    ret[len] = '\0';
}

#define FNV_START UINT64_C(0xcbf29ce484222325)

const SimName *sim_name(Sim *sim, const char *text)
{
    char cleaned[SIM_NAME_BYTES];
    clean(cleaned, text);
    const uint64_t hash = hash_text(cleaned, FNV_START);
    const SimName *name = name_find(sim, cleaned, hash);
    return name != NULL ? name : name_add(sim, cleaned, hash);
}

const SimName *sim_name_new(Sim *sim, const char *text)
{
    char cleaned[SIM_NAME_BYTES];
    clean(cleaned, text);
    uint64_t hash = hash_text(cleaned, FNV_START);
    for (unsigned n = 2; name_find(sim, cleaned, hash) != NULL; n++) {
        char number[16];
        snprintf(number, sizeof number, "#%u", n);
        clean(cleaned, text);
        const size_t room = SIM_NAME_BYTES - 1 - strlen(number);
        cleaned[room] = '\0';
        strcat(cleaned, number);
        hash = hash_text(cleaned, FNV_START);
    }
    return name_add(sim, cleaned, hash);
}

/* ---- Points ---- */

static ChoicePoint *place_of(ChoicePoint *points, size_t capacity, uint64_t hash)
{
    size_t at = (size_t)hash & (capacity - 1);
    while (points[at].hash != 0 && points[at].hash != hash) {
        at = (at + 1) & (capacity - 1);
    }
    return &points[at];
}

static void make_room(Choices *choices)
{
    if (choices->points_len * 2 < choices->points_capacity) {
        return;
    }
    const size_t capacity = choices->points_capacity == 0 ? POINTS_FIRST : choices->points_capacity * 2;
    ChoicePoint *points = calloc(capacity, sizeof *points);
    CHECK(points != NULL);
    for (size_t i = 0; i < choices->points_capacity; i++) {
        if (choices->points[i].hash != 0) {
            *place_of(points, capacity, choices->points[i].hash) = choices->points[i];
        }
    }
    free(choices->points);
    choices->points = points;
    choices->points_capacity = capacity;
}

static bool is_about(const SimDecision *decision, const ChoicePoint *point)
{
    return decision->kind != SIM_DECISION_SWITCH && strcmp(decision->site, point->site) == 0 &&
           strcmp(decision->who, point->who->text) == 0;
}

/* A script has the uses of one choice next to each other, in order: sim_new() asked for that. */
static void find_scripted(const Sim *sim, ChoicePoint *point)
{
    const SimScript *script = sim->config.script;
    if (script == NULL || script->decisions.len == 0) {
        return;
    }
    const SimDecision *end = script->decisions.list + script->decisions.len;
    const SimDecision *at = script->decisions.list;
    while (at < end && !is_about(at, point)) {
        at++;
    }
    point->scripted = at;
    while (at < end && is_about(at, point) && at->use != SIM_EVERY_USE) {
        at++;
    }
    point->scripted_end = at;
    if (at < end && is_about(at, point)) {
        point->every = at;
    }
}

static ChoicePoint *point_of(Sim *sim, const char *site, const SimName *who, bool is_value)
{
    Choices *choices = &sim->world.choices;
    uint64_t hash = hash_text(site, who->hash);
    hash += hash == 0;
    make_room(choices);
    ChoicePoint *point = place_of(choices->points, choices->points_capacity, hash);
    if (point->hash == 0) {
        *point = (ChoicePoint){.hash = hash, .site = site, .who = who, .is_value = is_value};
        find_scripted(sim, point);
        choices->points_len++;
    }
    point->uses++;
    return point;
}

static const SimDecision *scripted(ChoicePoint *point)
{
    while (point->scripted < point->scripted_end && point->scripted->use < point->uses) {
        point->scripted++;
    }
    if (point->scripted < point->scripted_end && point->scripted->use == point->uses) {
        return point->scripted;
    }
    return point->every;
}

static uint64_t from_seed(const Choices *choices, const ChoicePoint *point)
{
    return mixed(mixed(choices->seed ^ point->hash) + point->uses * UINT64_C(0x9e3779b97f4a7c15));
}

static void record_in(SimDecisions *list, const ChoicePoint *point, SimDecisionKind kind, uint64_t value)
{
    SimDecision decision = {.kind = kind, .use = point->uses, .value = value};
    snprintf(decision.site, sizeof decision.site, "%s", point->site);
    snprintf(decision.who, sizeof decision.who, "%s", point->who->text);
    const bool added = sim_decisions_add(list, &decision);
    CHECK(added);
}

/* What comes next of bytes or seed: 0 to max. */
static uint64_t draw(Sim *sim, const ChoicePoint *point, uint64_t max)
{
    Choices *choices = &sim->world.choices;
    if (choices->bytes.data != NULL) {
        return take_bytes(choices, max);
    }
    const uint64_t drawn = from_seed(choices, point);
    return max == UINT64_MAX ? drawn : drawn % (max + 1);
}

static bool is_off(const Sim *sim, SimFault fault)
{
    return (sim->config.faults_off & SIM_FAULT_BIT(fault)) != 0;
}

static uint32_t fault_met(Sim *sim, SimFault fault, ChoicePoint *point, uint32_t value)
{
    if (value != 0) {
        sim_fault_happened(sim, fault);
    }
    if (value != 0 && sim->config.record != NULL) {
        record_in(&sim->config.record->decisions, point, SIM_DECISION_FAULT, value);
    }
    return value;
}

static uint32_t fault_scripted(ChoicePoint *point, uint32_t max)
{
    const SimDecision *decision = scripted(point);
    return decision == NULL ? 0 : decision->value < max ? (uint32_t)decision->value : max;
}

uint32_t choose_fault(Sim *sim, SimFault fault, const SimName *who, uint32_t one_in, uint32_t n)
{
    CHECK(n > 0);
    ChoicePoint *point = point_of(sim, sim_fault_name(fault), who, false);
    if (is_off(sim, fault)) {
        return 0;
    }
    if (sim->config.script != NULL && sim->config.script->faults) {
        return fault_met(sim, fault, point, fault_scripted(point, n));
    }
    if (one_in == 0) {
        return 0;
    }
    const Choices *choices = &sim->world.choices;
    if (choices->bytes.data != NULL && choices->bytes.len == 0) {
        return 0; /* that is where zeros begin, which are choices like others, but no storm of faults */
    }
    const uint64_t drawn = draw(sim, point, (uint64_t)one_in * n - 1);
    return fault_met(sim, fault, point, drawn % one_in == 0 ? 1 + (uint32_t)(drawn / one_in) : 0);
}

bool choose_scarce(Sim *sim, SimFault fault)
{
    const bool refused = choose_fault(sim, fault, runner_who(sim), sim->config.scarce_one_in, 1) != 0;
    if (refused) {
        world_record(sim, "refused", fault, 0);
    }
    return refused;
}

uint32_t choose_order(Sim *sim, SimFault fault, const SimName *who, uint32_t n)
{
    CHECK(n > 0);
    ChoicePoint *point = point_of(sim, sim_fault_name(fault), who, false);
    if (is_off(sim, fault)) {
        return 0;
    }
    if (sim->config.script != NULL && sim->config.script->faults) {
        return fault_met(sim, fault, point, fault_scripted(point, n - 1));
    }
    return fault_met(sim, fault, point, (uint32_t)draw(sim, point, n - 1));
}

static uint64_t value_of(Sim *sim, ChoicePoint *point, uint64_t max)
{
    const SimScript *script = sim->config.script;
    const SimDecision *decision = script == NULL ? NULL : scripted(point);
    if (decision != NULL) {
        return decision->value < max ? decision->value : max;
    }
    if (script != NULL && script->zeros) {
        return 0;
    }
    if (sim->config.enumerator != NULL && sim->config.enumerate_values && max < UINT32_MAX) {
        return sim_enumerator_choose(sim->config.enumerator, (uint32_t)max + 1);
    }
    return draw(sim, point, max);
}

uint64_t choose_value(Sim *sim, const char *site, const SimName *who, uint64_t max)
{
    ChoicePoint *point = point_of(sim, site, who, true);
    const uint64_t value = value_of(sim, point, max);
    if (sim->config.record != NULL && sim->config.record->with_values) {
        record_in(&sim->config.record->values, point, SIM_DECISION_VALUE, value);
    }
    return value;
}

uint64_t choose_schedule(Sim *sim, uint64_t n)
{
    Choices *choices = &sim->world.choices;
    CHECK(n > 0);
    if (choices->bytes.len > 0) {
        return take_bytes(choices, n - 1);
    }
    return next(&choices->schedule) %
           n; /* also where bytes have ended: always the first would starve the others */
}

void choices_entropy(Sim *sim, void *buffer, size_t len)
{
    uint8_t *at = buffer;
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++) {
        if (i % 8 == 0) {
            word = next(&sim->world.choices.entropy);
        }
        at[i] = (uint8_t)(word >> (i % 8 * 8));
    }
}

/* ---- Switches ---- */

const SimDecision *script_switches(Sim *sim, const SimName *who, const SimDecision **ret_end)
{
    const SimScript *script = sim->config.script;
    *ret_end = NULL;
    if (script == NULL || !script->schedule || script->decisions.len == 0) {
        return NULL;
    }
    const SimDecision *end = script->decisions.list + script->decisions.len;
    const SimDecision *at = script->decisions.list;
    while (at < end && (at->kind != SIM_DECISION_SWITCH || strcmp(at->who, who->text) != 0)) {
        at++;
    }
    const SimDecision *first = at;
    while (at < end && at->kind == SIM_DECISION_SWITCH && strcmp(at->who, who->text) == 0) {
        at++;
    }
    *ret_end = at;
    return first;
}

void record_switch(Sim *sim, const SimName *who, SimStep step, const char *whom)
{
    if (sim->config.record == NULL) {
        return;
    }
    SimDecision decision = {.kind = SIM_DECISION_SWITCH, .step = step};
    snprintf(decision.who, sizeof decision.who, "%s", who->text);
    snprintf(decision.whom, sizeof decision.whom, "%s", whom);
    const bool added = sim_decisions_add(&sim->config.record->decisions, &decision);
    CHECK(added);
}

/* ---- Begin and end ---- */

void choices_init(Sim *sim)
{
    Choices *choices = &sim->world.choices;
    uint64_t state = sim->config.seed;
    choices->schedule = next(&state);
    choices->seed = next(&state);
    choices->entropy = next(&state);
    choices->bytes = sim->config.bytes;
}

static int by_name(const void *a, const void *b)
{
    const SimPoint *left = a, *right = b;
    const int who = strcmp(left->who, right->who);
    return who != 0 ? who : strcmp(left->site, right->site);
}

void choices_finish(Sim *sim)
{
    Choices *choices = &sim->world.choices;
    SimRecord *own = sim->config.record;
    for (size_t i = 0; own != NULL && i < choices->points_capacity; i++) {
        const ChoicePoint *point = &choices->points[i];
        if (point->hash != 0) {
            SimPoint told = {.uses = point->uses, .is_value = point->is_value};
            snprintf(told.site, sizeof told.site, "%s", point->site);
            snprintf(told.who, sizeof told.who, "%s", point->who->text);
            sim_record_add_point(own, &told);
        }
    }
    if (own != NULL && own->points_len > 1) {
        qsort(own->points, own->points_len, sizeof *own->points, by_name);
    }
    free(choices->points);
    while (choices->names != NULL) {
        NameBlock *block = choices->names;
        choices->names = block->next;
        free(block);
    }
}
