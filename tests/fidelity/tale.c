/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fidelity/tale.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/scenario/print.h"
#include "tests/fidelity/tale_guest.h"
#include "tests/fidelity/tale_host.h"

typedef struct Tale {
    Stage *stage;
    const Scenario *scenario;
    const TaleRecord *model; /* NULL: this is the model */
    TaleRecord *record;
    TaleHost host;
    Guests guests;

    /* What it waits for. */
    const Step *step;      /* NULL: the beginning, or the end */
    const GuestLine *line; /* that it has come, or not; NULL: none */
    const char *differs;   /* from the model, as far as it knows */
    char differs_text[200];

    /* What the host does. */
    void (*act)(struct Tale *tale);
    bool acted;
} Tale;

static bool failed(const Tale *tale)
{
    return tale->record->transcript.failure[0] != '\0';
}

static void fail(Tale *tale, const char *why)
{
    char text[200] = "the beginning, or the end";
    if (tale->step == NULL) {
        transcript_fail(&tale->record->transcript, "%s, %s: %s", tale->stage->name, text, why);
    } else {
        scenario_print_step(tale->scenario, tale->step, text, sizeof text);
        transcript_fail(&tale->record->transcript, "%s, %s:%u: '%s': %s", tale->stage->name,
                        tale->scenario->files[tale->step->place.file], (unsigned)tale->step->place.line, text,
                        why);
    }
}

/* ---- Waiting ---- */

static void look(const Tale *tale, Mark *ret)
{
    const Transcript *transcript = &tale->record->transcript;

    *ret = (Mark){.parts_len = transcript->parts_len};
    for (size_t i = 0; i < transcript->parts_len; i++) {
        ret->lines[i] = transcript->parts[i].lines;
    }
    tale_host_look(&tale->host, ret);
}

/* NULL: it is as it was in the model. `ret_final`: more was seen than that, so waiting does not help. */
static const char *difference(Tale *tale, const Mark *model, const Mark *now, bool *ret_final)
{
    *ret_final = true;
    if (now->parts_len != model->parts_len) {
        return "there are other connections than in the model";
    }
    for (size_t i = 0; i < now->parts_len; i++) {
        if (now->lines[i] > model->lines[i]) {
            return "somebody saw more than in the model";
        }
    }
    *ret_final = false;
    for (size_t i = 0; i < now->parts_len; i++) {
        if (now->lines[i] < model->lines[i]) {
            return "somebody saw less than in the model";
        }
    }
    if (memcmp(now->events, model->events, sizeof now->events) != 0 || now->clients != model->clients) {
        return "the host saw other connections come and go than in the model";
    }
    for (uint32_t i = 0; i < SCENARIO_DEVICES_MAX; i++) {
        if (now->devices[i].taken != model->devices[i].taken ||
            now->devices[i].cookies != model->devices[i].cookies ||
            now->devices[i].sees_client != model->devices[i].sees_client) {
            snprintf(tale->differs_text, sizeof tale->differs_text,
                     "%s: %llu commands taken, %llu calls under way, %s; in the model: %llu, %llu, %s",
                     tale->scenario->devices[i].name, (unsigned long long)now->devices[i].taken,
                     (unsigned long long)now->devices[i].cookies,
                     now->devices[i].sees_client ? "a client" : "no client",
                     (unsigned long long)model->devices[i].taken,
                     (unsigned long long)model->devices[i].cookies,
                     model->devices[i].sees_client ? "a client" : "no client");
            return tale->differs_text;
        }
    }
    return NULL;
}

static bool is_true(Tale *tale, const Condition *condition)
{
    bool all = true;

    for (; condition != NULL; condition = condition->next) {
        if (condition->phrase.form->id == NO_VIOLATION) {
            all = all && guests_check(&tale->guests);
        } else if (condition->who.kind == WHO_HOST || condition->who.kind == WHO_DEVICE) {
            all = all && tale_host_value(&tale->host, &condition->who, &condition->phrase);
        } else {
            all = all && guests_value(&tale->guests, &condition->who, &condition->phrase);
        }
        if (condition->or_next) {
            if (all) {
                return true;
            }
            all = true;
        }
    }
    return all;
}

/* Everything that must follow has followed, or never will. */
static bool is_settled(void *arg)
{
    Tale *tale = arg;
    const size_t index = tale->record->marks_len;

    tale->differs = NULL;
    if (tale->model != NULL && index < tale->model->marks_len) {
        Mark now;
        bool final;
        look(tale, &now);
        tale->differs = difference(tale, &tale->model->marks[index], &now, &final);
        if (tale->differs != NULL) {
            return final;
        }
    }
    if (tale->line != NULL && !guest_line_has_come(tale->line)) {
        return false;
    }
    return tale->step == NULL || tale->step->kind == STEP_ACT || is_true(tale, tale->step->condition);
}

/* Looks only at what is there, so it need not be the host. */
static void settle(Tale *tale)
{
    TaleRecord *record = tale->record;

    if (failed(tale)) {
        return;
    }
    const bool came = tale->stage->until(tale->stage, is_settled, tale) && is_settled(tale);
    if (tale->differs != NULL) {
        fail(tale, tale->differs);
    } else if (!came) {
        fail(tale, "did not come true");
    }
    if (record->marks_len == record->marks_capacity) {
        record->marks_capacity = (record->marks_capacity + 32) * 2;
        record->marks = realloc(record->marks, record->marks_capacity * sizeof *record->marks);
        CHECK(record->marks != NULL);
    }
    look(tale, &record->marks[record->marks_len++]);
    tale->line = NULL;
}

/* ---- Steps ---- */

static void host_does(void *arg)
{
    Tale *tale = arg;
    tale->act(tale);
    tale->acted = true;
}

static void as_host(Tale *tale, void (*act)(Tale *tale))
{
    tale->act = act;
    tale->acted = false;
    tale->stage->as_host(tale->stage, host_does, tale);
    if (!tale->acted) {
        fail(tale, "the host does not come back from it");
    }
}

static void set_up(Tale *tale)
{
    tale_host_set_up(&tale->host);
}

static void tear_down(Tale *tale)
{
    tale_host_tear_down(&tale->host);
}

static void act_of_host(Tale *tale)
{
    tale_host_act(&tale->host, &tale->step->who, tale->step->phrases);
}

/* One after the other: each may show on other channels. */
static void connect_one(Tale *tale, GuestSession *session, ChannelRef channel, const char *alias)
{
    tale->line = guest_connect(session, channel, alias);
    settle(tale);
}

static void client_connects(Tale *tale, uint32_t client, const Phrase *phrase)
{
    for (uint32_t i = 0; i < phrase->args[0].channels_len; i++) {
        const ChannelRef channel = phrase->args[0].channels[i];
        const char *alias = phrase->form->id == CLIENT_CONNECTS_AS ? phrase->args[1].text : NULL;
        const bool everything = channel.type == 0;
        const bool is_main = channel.type == WIRE_CHANNEL_MAIN && alias == NULL;
        GuestSession *session = guests_session(&tale->guests, client);

        if (session == NULL || is_main || everything) {
            session = guest_session_begin(&tale->guests, client);
            connect_one(tale, session, (ChannelRef){WIRE_CHANNEL_MAIN, 0}, NULL);
        }
        if (!is_main && !everything) {
            connect_one(tale, session, channel, alias);
        }
        const FakeMainModel *main = fake_client_main(session->fake);
        for (size_t c = 0; everything && c < main->channels_len && !failed(tale); c++) {
            connect_one(tale, session, (ChannelRef){main->channels[c].type, main->channels[c].id}, NULL);
        }
    }
}

static void act(Tale *tale, const Step *step)
{
    if (step->who.kind == WHO_HOST || step->who.kind == WHO_DEVICE) {
        as_host(tale, act_of_host);
        settle(tale);
        return;
    }
    const FormId id = step->phrases->form->id;
    for (uint32_t i = 0; i < tale->scenario->clients_len && !failed(tale); i++) {
        if (step->who.kind != WHO_EVERYBODY && step->who.index != i) {
            continue;
        }
        if (id == CLIENT_CONNECTS || id == CLIENT_CONNECTS_AS) {
            client_connects(tale, i, step->phrases);
        } else {
            guest_act(&tale->guests, i, &step->who, step->phrases);
            settle(tale);
        }
    }
}

/* Recursion is as deep as blocks are nested. */
static void play_block(Tale *tale, const Step *first)
{
    for (const Step *step = first; step != NULL && !failed(tale); step = step->next) {
        const uint64_t times = step->kind == STEP_ACT || step->kind == STEP_REPEAT ? step->times.low : 1;
        for (uint64_t i = 0; i < times && !failed(tale); i++) {
            if (step->kind == STEP_REPEAT) {
                play_block(tale, step->blocks->first);
                continue;
            }
            tale->step = step;
            if (step->kind == STEP_ACT) {
                act(tale, step);
            } else {
                settle(tale); /* waits, expectations; a pause has no condition */
            }
        }
    }
}

void tale_play(Stage *stage, const Scenario *scenario, const TaleRecord *model, TaleRecord *ret)
{
    *ret = (TaleRecord){0};
    Tale *tale = calloc(1, sizeof *tale);
    CHECK(tale != NULL);
    tale->stage = stage;
    tale->scenario = scenario;
    tale->model = model;
    tale->record = ret;
    tale_host_init(&tale->host, stage, scenario, &ret->transcript);
    guests_init(&tale->guests, stage, scenario, &ret->transcript);

    as_host(tale, set_up);
    tale->guests.tickets = tale->host.tickets;
    settle(tale);
    play_block(tale, scenario->steps);
    tale->step = NULL;
    as_host(tale, tear_down);
    settle(tale);
    if (!failed(tale) && !guests_have_left(&tale->guests)) {
        fail(tale, "the server is gone, its connections are not");
    }
    guests_finish(&tale->guests);
    if (tale->host.server == NULL) { /* a server that could not be destroyed still has all this */
        tale_host_finish(&tale->host);
        free(tale);
    }
}

void tale_record_free(TaleRecord *record)
{
    transcript_free(&record->transcript);
    free(record->marks);
    *record = (TaleRecord){0};
}
