/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/codec/judge/sampler.h"

#include <link.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PERIOD_NS 100000u
#define BUFFER_BYTES (256u * 1024u) /* a power of 2 */
#define RANGES_MAX 16u

struct Sampler {
    struct perf_event_mmap_page *page;
    const uint8_t *data;
    const char *const *libraries;
    struct {
        uint64_t start, end;
    } ranges[RANGES_MAX];
    unsigned range_count;
    uint64_t hits;
};

static int library_found(struct dl_phdr_info *info, size_t size, void *owner)
{
    Sampler *sampler = owner;
    (void)size;
    const char *slash = strrchr(info->dlpi_name, '/');
    const char *name = slash != NULL ? slash + 1 : info->dlpi_name;
    bool wanted = false;
    for (const char *const *library = sampler->libraries; *library != NULL; library++) {
        wanted = wanted || strncmp(name, *library, strlen(*library)) == 0;
    }
    for (unsigned i = 0; wanted && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0 && sampler->range_count < RANGES_MAX) {
            const uint64_t start = info->dlpi_addr + part->p_vaddr;
            sampler->ranges[sampler->range_count].start = start;
            sampler->ranges[sampler->range_count++].end = start + part->p_memsz;
        }
    }
    return 0;
}

Sampler *sampler_new(int thread, const char *const *libraries)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_SW_CPU_CLOCK,
        .sample_period = PERIOD_NS,
        .sample_type = PERF_SAMPLE_IP,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    const int fd = (int)syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *map =
        fd < 0 ? MAP_FAILED : mmap(NULL, page + BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    Sampler *sampler = map == MAP_FAILED ? NULL : calloc(1, sizeof(*sampler));
    if (sampler != NULL) {
        sampler->page = map;
        sampler->data = (const uint8_t *)map + page;
        sampler->libraries = libraries;
        dl_iterate_phdr(library_found, sampler);
    }
    return sampler;
}

static void bytes_take(const Sampler *sampler, uint64_t at, void *to, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)to)[i] = sampler->data[(at + i) % BUFFER_BYTES];
    }
}

uint64_t sampler_ns(Sampler *sampler)
{
    struct {
        struct perf_event_header header;
        uint64_t address;
    } sample;
    uint64_t at = sampler->page->data_tail;
    const uint64_t head = __atomic_load_n(&sampler->page->data_head, __ATOMIC_ACQUIRE);
    while (at < head) {
        bytes_take(sampler, at, &sample.header, sizeof(sample.header));
        if (sample.header.type == PERF_RECORD_SAMPLE && sample.header.size >= sizeof(sample)) {
            bytes_take(sampler, at, &sample, sizeof(sample));
            for (unsigned i = 0; i < sampler->range_count; i++) {
                sampler->hits += sample.address - sampler->ranges[i].start <
                                 sampler->ranges[i].end - sampler->ranges[i].start;
            }
        }
        at += sample.header.size;
    }
    __atomic_store_n(&sampler->page->data_tail, at, __ATOMIC_RELEASE);
    return sampler->hits * PERIOD_NS;
}
