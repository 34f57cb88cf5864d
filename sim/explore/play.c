/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "sim/explore/play.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "sim/explore/hang.h"

#define HANG_LOOK_MS 500
#define SECONDS_MAX_DEFAULT 60u
#define SAID_BYTES 65536u

void sim_stage_free(SimStage *stage)
{
    sim_record_free(&stage->profile);
    *stage = (SimStage){0};
}

bool sim_is_exhaustive(SimScheduler scheduler)
{
    return scheduler >= SIM_EXHAUSTIVE0 && scheduler <= SIM_EXHAUSTIVE3;
}

static SimConfig config_of(const SimStage *stage, const SimPlan *plan)
{
    return (SimConfig){
        .seed = plan->seed,
        .backend = stage->backend,
        .level = plan->level,
        .scheduler = plan->scheduler,
        .faults_off = SIM_FAULTS_ALL & ~plan->faults,
    };
}

static bool wants_profile(SimScheduler scheduler)
{
    return scheduler == SIM_PCT2 || scheduler == SIM_PCT3 || scheduler == SIM_PCT5 || scheduler == SIM_WALK ||
           scheduler == SIM_STARVE;
}

/* The same in every process and build, as it depends on the subject alone. */
static SimPlan profile_plan(const SimPlan *plan)
{
    SimPlan first = sim_plan(plan->subject, 0, plan->level);
    first.scheduler = SIM_RANDOM;
    first.faults = 0;
    return first;
}

bool sim_profile_plan(const SimPlan *plan, SimPlan *ret)
{
    *ret = profile_plan(plan);
    return wants_profile(plan->scheduler);
}

static bool has_profile(const SimStage *stage, const SimPlan *plan)
{
    return stage->subject == plan->subject && stage->level == plan->level;
}

static void begin_profile(SimStage *stage, const SimPlan *plan)
{
    sim_record_free(&stage->profile);
    stage->subject = plan->subject;
    stage->level = plan->level;
}

static const SimRecord *profile_of(SimStage *stage, const SimPlan *plan)
{
    if (!has_profile(stage, plan)) {
        begin_profile(stage, plan);
        const SimPlan first = profile_plan(plan);
        SimConfig config = config_of(stage, &first);
        config.record = &stage->profile;
        SimOutcome outcome = {0};
        plan->subject->run(&first, &config, &outcome);
        sim_decisions_free(&stage->profile.decisions);
    }
    return &stage->profile;
}

/* AddressSanitizer's own; absent in other builds. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
void __asan_init(void) __attribute__((weak));

static size_t heap_bytes(void)
{
    return __asan_init != NULL && __sanitizer_get_current_allocated_bytes != NULL
               ? __sanitizer_get_current_allocated_bytes()
               : 0;
}

/* Memory that is still held after a universe may be a library's, which keeps it for the next: so it is played again,
 * and what remains of that is nobody's. Who records or watches takes memory too, and is not asked twice. */
static void look_for_memory(const SimPlan *plan, SimConfig config, SimOutcome *ret)
{
    config.record = NULL;
    config.watch = NULL;
    config.watcher = NULL;
    for (unsigned round = 0; round < 2; round++) {
        SimOutcome again = {0};
        const size_t before = heap_bytes();
        plan->subject->run(plan, &config, &again);
        if (heap_bytes() <= before || again.failure[0] != '\0') {
            return;
        }
        if (round == 1) {
            sim_outcome_fail(ret, "left behind: memory of %zu bytes", heap_bytes() - before);
        }
    }
}

void sim_play(SimStage *stage, const SimReplay *what, const SimPlayOptions *options, SimOutcome *ret)
{
    SimConfig config = config_of(stage, &what->plan);
    SimEnumerator enumerator = {0};
    *ret = (SimOutcome){0};
    if (what->has_script) {
        config.script = &what->script;
    }
    if (wants_profile(what->plan.scheduler) && !(what->has_script && what->script.schedule)) {
        config.profile = profile_of(stage, &what->plan);
    }
    if (sim_is_exhaustive(what->plan.scheduler)) {
        config.enumerator = &enumerator;
        for (uint32_t turn = 0; turn < what->plan.turn; turn++) {
            SimOutcome earlier = {0};
            what->plan.subject->run(&what->plan, &config, &earlier);
            if (!sim_enumerator_next(&enumerator)) {
                sim_outcome_fail(ret, "harness: there is no schedule %u", what->plan.turn);
                sim_enumerator_free(&enumerator);
                return;
            }
        }
    }
    if (options != NULL) {
        config.record = options->record;
        config.watcher = options->watcher;
        config.watch = options->watch;
    }
    const size_t before = heap_bytes();
    what->plan.subject->run(&what->plan, &config, ret);
    stage->played++;
    if (heap_bytes() > before && ret->failure[0] == '\0' && config.enumerator == NULL &&
        !what->plan.subject->planted) {
        look_for_memory(&what->plan, config, ret);
    }
    sim_enumerator_free(&enumerator);
}

bool sim_play_all(SimStage *stage, SimPlan *plan, uint64_t turns_max, bool (*each)(void *opaque),
                  void *opaque, SimOutcome *ret)
{
    SimEnumerator enumerator = {0};
    SimConfig config = config_of(stage, plan);
    bool complete = false;
    *ret = (SimOutcome){0};
    config.enumerator = &enumerator;
    for (uint64_t turn = 0; turn < turns_max && !complete; turn++) {
        if (!each(opaque)) {
            break;
        }
        *ret = (SimOutcome){0};
        plan->turn = (uint32_t)turn;
        plan->subject->run(plan, &config, ret);
        stage->played++;
        if (ret->failure[0] != '\0') {
            break;
        }
        complete = !sim_enumerator_next(&enumerator) && !enumerator.too_deep;
        if (enumerator.too_deep) {
            break;
        }
    }
    sim_enumerator_free(&enumerator);
    return complete;
}

/* ---- Apart ---- */

pid_t sim_fork(void)
{
    const pid_t parent = getpid();
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1); /* it was faster */
        }
    }
    return pid;
}

static bool write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        const ssize_t n = write(fd, at, len);
        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool tell(int fd, const SimOutcome *outcome, const SimRecord *record)
{
    const size_t lens[] = {record->decisions.len, record->points_len, record->shares_len, record->values.len};
    return write_all(fd, outcome, sizeof *outcome) && write_all(fd, lens, sizeof lens) &&
           write_all(fd, record->decisions.list, lens[0] * sizeof *record->decisions.list) &&
           write_all(fd, record->points, lens[1] * sizeof *record->points) &&
           write_all(fd, record->shares, lens[2] * sizeof *record->shares) &&
           write_all(fd, record->values.list, lens[3] * sizeof *record->values.list);
}

/* What a dying child still has to say. Mutable, as signal handlers get no argument. */
static struct {
    int result;
    const SimRecord *record;
} last_words;

static void say_last_words(void)
{
    const SimOutcome none = {.faults = sim_faults_met(NULL)};
    tell(last_words.result, &none, last_words.record);
}

static void on_signal(int number)
{
    say_last_words();
    signal(number, SIG_DFL);
    raise(number);
}

/* The sanitizers' own; absent in other builds. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void prepare_for_death(int result, const SimRecord *record)
{
    static char stack[65536];
    static const int signals[] = {SIGABRT, SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE};
    last_words.result = result;
    last_words.record = record;
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    const bool is_sanitized = __sanitizer_set_death_callback != NULL;
    if (is_sanitized) {
        __sanitizer_set_death_callback(say_last_words);
    }
    for (size_t i = 0; i < (is_sanitized ? 3 : sizeof signals / sizeof signals[0]); i++) {
        sigaction(signals[i],
                  &(struct sigaction){.sa_handler = on_signal, .sa_flags = (int)(SA_ONSTACK | SA_RESETHAND)},
                  NULL);
    }
}

static _Noreturn void child(SimStage *stage, const SimReplay *what, const SimPlayOptions *options, int result,
                            int said)
{
    SimRecord record = {0};
    SimPlayOptions own = options != NULL ? *options : (SimPlayOptions){0};
    record.with_values = own.record != NULL && own.record->with_values;
    own.record = &record;
    SimOutcome outcome;
    dup2(said, STDERR_FILENO);
    prepare_for_death(result, &record);
    sim_play(stage, what, &own, &outcome);
    const bool told = tell(result, &outcome, &record);
    _exit(told ? 0 : 1);
}

/* Everything that comes, until the end or until it hangs. */
static bool read_until_end(int fd, pid_t pid, unsigned seconds, char **ret_data, size_t *ret_len)
{
    size_t capacity = 65536, len = 0;
    char *data = malloc(capacity);
    const Hang hang = hang_begin(pid);
    CHECK(data != NULL);
    bool ended = false;
    while (!hang_is_one(&hang, seconds)) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        const int ready = poll(&wait, 1, HANG_LOOK_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR)) {
            continue;
        }
        if (ready < 0) {
            break;
        }
        if (len == capacity) {
            capacity *= 2;
            char *grown = realloc(data, capacity);
            CHECK(grown != NULL);
            data = grown;
        }
        const ssize_t n = read(fd, data + len, capacity - len);
        if (n <= 0) {
            ended = true;
            break;
        }
        len += (size_t)n;
    }
    *ret_data = data;
    *ret_len = len;
    return ended;
}

static bool take(const char **at, size_t *left, void *to, size_t size)
{
    if (*left < size) {
        return false;
    }
    memcpy(to, *at, size);
    *at += size;
    *left -= size;
    return true;
}

static bool take_decisions(const char **at, size_t *left, size_t len, SimDecisions *ret)
{
    for (size_t i = 0; i < len; i++) {
        SimDecision decision;
        if (!take(at, left, &decision, sizeof decision)) {
            return false;
        }
        if (ret != NULL) {
            const bool added = sim_decisions_add(ret, &decision);
            CHECK(added);
        }
    }
    return true;
}

static bool hear(const char *at, size_t left, SimOutcome *outcome, SimRecord *record)
{
    size_t lens[4];
    if (!take(&at, &left, outcome, sizeof *outcome) || !take(&at, &left, lens, sizeof lens) ||
        !take_decisions(&at, &left, lens[0], record != NULL ? &record->decisions : NULL)) {
        return false;
    }
    for (size_t i = 0; i < lens[1]; i++) {
        SimPoint point;
        if (!take(&at, &left, &point, sizeof point)) {
            return false;
        }
        if (record != NULL) {
            sim_record_add_point(record, &point);
        }
    }
    for (size_t i = 0; i < lens[2]; i++) {
        SimShare share;
        if (!take(&at, &left, &share, sizeof share)) {
            return false;
        }
        if (record != NULL) {
            sim_record_add_share(record, share.who, share.points);
        }
    }
    return take_decisions(&at, &left, lens[3], record != NULL ? &record->values : NULL);
}

/* What a sanitizer, or our own check, said before the end, without addresses and process ids. */
static char *telling_line(char *said)
{
    static const char *const signs[] = {"SUMMARY: ", "our own invariant does not hold",
                                        "runtime error: ", "WARNING: ", "ERROR: "};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        char *found = strstr(said, signs[i]);
        if (found == NULL) {
            continue;
        }
        while (found > said && found[-1] != '\n') {
            found--;
        }
        found[strcspn(found, "\n")] = '\0';
        char *end = strstr(found, " (pid=");
        if (end != NULL) {
            *end = '\0';
        }
        return found;
    }
    return NULL;
}

/* Without folders: they differ from machine to machine. */
static void drop_folders(char *line)
{
    char *to = line;
    for (const char *at = line; *at != '\0';) {
        const size_t word = strcspn(at, " ");
        const char *slash = memrchr(at, '/', word);
        const char *from = slash == NULL ? at : slash + 1;
        memmove(to, from, word - (size_t)(from - at));
        to += word - (size_t)(from - at);
        at += word;
        if (*at == ' ') {
            *to++ = *at++;
        }
    }
    *to = '\0';
}

static void died(SimOutcome *ret, int status, int said)
{
    char *text = calloc(1, SAID_BYTES);
    CHECK(text != NULL);
    const off_t end = lseek(said, 0, SEEK_END);
    const off_t start = end > (off_t)(SAID_BYTES - 1) ? end - (off_t)(SAID_BYTES - 1) : 0;
    const ssize_t len = pread(said, text, SAID_BYTES - 1, start);
    text[len > 0 ? len : 0] = '\0';
    char *line = telling_line(text);
    if (line != NULL) {
        drop_folders(line);
        sim_outcome_fail(ret, "died: %s", line);
    } else if (WIFSIGNALED(status)) {
        sim_outcome_fail(ret, "died: %s", strsignal(WTERMSIG(status)));
    } else {
        sim_outcome_fail(ret, "died: exit code %d", WEXITSTATUS(status));
    }
    free(text);
}

bool sim_play_apart(SimStage *stage, const SimReplay *what, const SimPlayOptions *options, SimOutcome *ret)
{
    const unsigned seconds =
        options != NULL && options->seconds_max != 0 ? options->seconds_max : SECONDS_MAX_DEFAULT;
    int result[2];
    *ret = (SimOutcome){0};
    const int said = memfd_create("stderr", MFD_CLOEXEC);
    if (said < 0 || pipe(result) < 0) {
        return false;
    }
    if (wants_profile(what->plan.scheduler) && !has_profile(stage, &what->plan)) {
        /* Known here, the next child has it already. */
        begin_profile(stage, &what->plan);
        const SimReplay first = {.plan = profile_plan(&what->plan)};
        SimOutcome outcome;
        sim_play_apart(stage, &first, &(SimPlayOptions){.record = &stage->profile}, &outcome);
    }
    const pid_t pid = sim_fork();
    if (pid == 0) {
        close(result[0]);
        child(stage, what, options, result[1], said);
    }
    close(result[1]);
    if (pid < 0) {
        close(result[0]);
        close(said);
        return false;
    }
    char *data;
    size_t len;
    int status = 0;
    const bool ended = read_until_end(result[0], pid, seconds, &data, &len);
    if (!ended) {
        kill(pid, SIGKILL);
    }
    waitpid(pid, &status, 0);
    if (!ended) {
        sim_outcome_fail(ret, "hangs: no end after %u seconds", seconds);
    } else {
        const bool heard = hear(data, len, ret, options != NULL ? options->record : NULL);
        if (!heard || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            died(ret, status, said);
        }
    }
    free(data);
    close(result[0]);
    close(said);
    return true;
}
