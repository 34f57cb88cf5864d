/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim/cli/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/server.h"
#include "base/check.h"
#include "sim/cli/read_file.h"
#include "sim/scenario/parse.h"
#include "sim/scenario/run.h"
#include "sim/workload/ticket_key.h"
#include "sim/workload/universe.h"

#define ENDING ".scn"
#define RECORDING_ENDING ".rec"

static const StageServer server = {
    .server_new = server_new,
    .crypto_new = crypto_new,
    .crypto_context = crypto_context,
    .crypto_free = crypto_free,
    .ticket_key = {universe_ticket_key, UNIVERSE_TICKET_KEY_BYTES},
};

static bool ends_with(const char *name, const char *ending)
{
    const size_t len = strlen(name);
    return len > strlen(ending) && strcmp(name + len - strlen(ending), ending) == 0;
}

/* "scenarios/two-clients.scn": two-clients. */
static char *name_of(const char *path, const char *ending)
{
    const char *slash = strrchr(path, '/');
    char *name = strdup(slash == NULL ? path : slash + 1);
    CHECK(name != NULL);
    if (ends_with(name, ending)) {
        name[strlen(name) - strlen(ending)] = '\0';
    }
    for (char *at = name; *at != '\0'; at++) {
        *at = *at <= ' ' || *at == ':' ? '_' : *at;
    }
    return name;
}

/* Its pages are the file's, and stay: recordings are large, and universes processes. */
static bool load_recording(Cli *cli, const char *path)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        perror(path);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    void *text =
        status.st_size > 0 ? mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (text == MAP_FAILED) {
        fprintf(stderr, "%s: %s\n", path, status.st_size > 0 ? strerror(errno) : "it is empty");
        return false;
    }
    RecordingSubject *subject = calloc(1, sizeof *subject);
    CHECK(subject != NULL);
    universe_recording_init(subject, name_of(path, RECORDING_ENDING), span_of(text, (size_t)status.st_size));
    cli->all[cli->all_len++] = &subject->subject;
    cli->chosen[cli->chosen_len++] = &subject->subject;
    return true;
}

static bool load_file(Cli *cli, const char *path)
{
    if (ends_with(path, RECORDING_ENDING) && cli->all_len < CLI_SUBJECTS_MAX - 1) {
        return load_recording(cli, path);
    }
    FileCache cache = {0};
    Span text;
    ScenarioError error;
    const Scenario *scenario = NULL;
    if (cli->all_len == CLI_SUBJECTS_MAX - 1) {
        fprintf(stderr, "%s: more than %u subjects\n", path, CLI_SUBJECTS_MAX - 1);
    } else if (!file_cache_read(&cache, path, &text)) {
        perror(path);
    } else {
        const ScenarioSource source = {.path = path, .text = text, .read = file_cache_read, .opaque = &cache};
        scenario = scenario_parse(&source, &error);
        if (scenario == NULL) {
            char line[1000];
            fprintf(stderr, "%s\n", scenario_error_text(&error, line, sizeof line));
        }
    }
    file_cache_free(&cache);
    if (scenario == NULL) {
        return false;
    }
    ScenarioSubject *subject = calloc(1, sizeof *subject);
    CHECK(subject != NULL);
    scenario_subject_init(subject, name_of(path, ENDING), scenario, &server);
    cli->scenarios[cli->all_len] = scenario;
    cli->paths[cli->all_len] = strdup(path);
    CHECK(cli->paths[cli->all_len] != NULL);
    cli->all[cli->all_len++] = &subject->subject;
    cli->chosen[cli->chosen_len++] = &subject->subject;
    return true;
}

static int is_scenario(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ENDING) == 0 && entry->d_name[0] != '_'; /* those are for inclusion */
}

bool cli_is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

bool cli_load(Cli *cli, const char *path)
{
    struct dirent **entries;
    const int len = scandir(path, &entries, is_scenario, alphasort);
    bool good = len != 0;
    if (len < 0) {
        return load_file(cli, path);
    }
    if (len == 0) {
        fprintf(stderr, "%s: there is no scenario in this folder\n", path);
    }
    for (int i = 0; i < len; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        good = load_file(cli, inner) && good;
        free(entries[i]);
    }
    free(entries);
    return good;
}
