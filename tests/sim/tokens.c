/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tokens.c: plays some tokens and what was recorded of them, and prints what came of it. Whoever built this, with whatever
 * options, must print the same: tokens.py compares.
 */
#include <inttypes.h>

#include "sim/explore/play.h"
#include "sim/workload/planted.h"

static const SimSubject *const subjects[] = {
    &planted_order_subject,
    &planted_window_subject,
    &planted_update_subject,
    &planted_starved_subject,
    &planted_fault_subject,
    &planted_deadlock_subject,
    NULL,
};

static bool play(SimStage *stage, const char *token)
{
    SimReplay what, list;
    SimOutcome outcome, again;
    SimRecord record = {0};
    char error[200];
    if (!sim_replay_open(token, subjects, &what, error, sizeof error)) {
        fprintf(stderr, "%s: %s\n", token, error);
        return false;
    }
    sim_play(stage, &what, &(SimPlayOptions){.record = &record}, &outcome);
    list = what;
    list.has_script = sim_script_from(&record.decisions, &list.script);
    sim_play(stage, &list, NULL, &again);
    printf("%s %016" PRIx64 " %016" PRIx64 " %zu %s\n", token, outcome.hash, again.hash, record.decisions.len,
           outcome.failure);
    const bool same = again.hash == outcome.hash;
    sim_record_free(&record);
    sim_replay_free(&list);
    sim_replay_free(&what);
    return same;
}

int main(void)
{
    SimStage stage = {0};
    bool good = true;
    for (size_t s = 0; subjects[s] != NULL; s++) {
        for (uint64_t seed = 1; seed <= 40; seed++) {
            char token[SIM_TOKEN_BYTES];
            const SimPlan plan = sim_plan(subjects[s], seed, (SimLevel)(seed % 2));
            sim_token_print(&plan, token);
            good = play(&stage, token) && good;
        }
    }
    sim_stage_free(&stage);
    return good ? 0 : 1;
}
