/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fiber.c: simulated threads as stacks to switch between, on the OS thread that is home, and what the sanitizers must be
 * told about it. Overflow of a stack hits a guard page.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "sim/carrier.h"
#include "sim/tsan.h"

#if defined(__x86_64__) && !defined(SUMAC_SIM_UCONTEXT)
#define OWN_SWITCH 1
#else
#define OWN_SWITCH 0
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifndef WITH_ASAN
#define WITH_ASAN 0
#endif

#if WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#ifdef __clang__
#define NO_ASAN __attribute__((noinline, no_sanitize("address")))
#else
#define NO_ASAN __attribute__((noinline, no_sanitize_address))
#endif
#else
#define NO_ASAN __attribute__((noinline))
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) 0u
#define RUNNING_ON_VALGRIND 0
#endif

#define STACK_BYTES (256u * 1024u) /* only what is touched costs memory */
#define GUARD_BYTES 65536u         /* larger than any one frame should be */
#define FLOOR_BYTES 16384u         /* untouched below what was used: nobody was deeper */

typedef struct Fiber {
    Carrier carrier;
    struct Fiber *next_free;
#if OWN_SWITCH
    void *stack_pointer;
#else
    ucontext_t context;
#endif
    uint8_t *stack; /* lowest usable byte; NULL: home */
    void *tsan;
    void *asan_fake_stack;
    const void *asan_bottom; /* bounds of the stack, for ASan */
    size_t asan_size;
} Fiber;

/* The one that all fibers come from and go to; what is in it holds from a resume to the suspend. */
static Fiber home;
static Fiber *pool;    /* newest first: its stack is the one that the caches still know */
static size_t deepest; /* bytes of a stack, in use at any time */

static void fiber_main(Fiber *fiber);

static Fiber *fiber_of(Carrier *carrier)
{
    return (Fiber *)carrier; /* its first member */
}

/* ---- The switch itself ---- */

#if OWN_SWITCH

/* What the System V ABI lets a callee not touch: six registers and the two control words of the FPU. They go on the
 * stack that is left; the other stack gives back its own. */
void sumac_fiber_swap(void **ret_left, void *entered);
void sumac_fiber_begin(void);

__asm__(".pushsection .text\n"
        ".globl sumac_fiber_swap\n"
        ".hidden sumac_fiber_swap\n"
        ".type sumac_fiber_swap, @function\n"
        "sumac_fiber_swap:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    leaq -8(%rsp), %rsp\n"
        "    stmxcsr 0(%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    fldcw 4(%rsp)\n"
        "    ldmxcsr 0(%rsp)\n"
        "    leaq 8(%rsp), %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    retq\n"
        ".size sumac_fiber_swap, . - sumac_fiber_swap\n"
        ".globl sumac_fiber_begin\n"
        ".hidden sumac_fiber_begin\n"
        ".type sumac_fiber_begin, @function\n"
        "sumac_fiber_begin:\n"
        "    movq %rbx, %rdi\n"
        "    callq *%rbp\n"
        "    ud2\n"
        ".size sumac_fiber_begin, . - sumac_fiber_begin\n"
        ".popsection\n");

/* What sumac_fiber_swap() will pop, from the lowest address up. */
typedef struct FirstFrame {
    uint32_t mxcsr, fpu_control;
    uint64_t r15, r14, r13, r12;
    uint64_t rbx; /* what sumac_fiber_begin passes on */
    uint64_t rbp; /* what it calls */
    uint64_t return_to;
    uint64_t end[2]; /* keeps the stack aligned to 16, and ends backtraces */
} FirstFrame;

static void context_make(Fiber *fiber)
{
    FirstFrame *frame = (FirstFrame *)(fiber->stack + STACK_BYTES) - 1;
    *frame = (FirstFrame){
        .mxcsr = 0x1f80, /* both: all exceptions masked, as at process start */
        .fpu_control = 0x037f,
        .rbx = (uint64_t)(uintptr_t)fiber,
        .rbp = (uint64_t)(uintptr_t)fiber_main,
        .return_to = (uint64_t)(uintptr_t)sumac_fiber_begin,
    };
    fiber->stack_pointer = frame;
}

static inline void context_swap(Fiber *from, Fiber *to)
{
    sumac_fiber_swap(&from->stack_pointer, to->stack_pointer);
}

#else

static void context_begin(unsigned high, unsigned low)
{
    Fiber *fiber = (Fiber *)(uintptr_t)((uint64_t)high << 32 | low);
    fiber_main(fiber);
}

static void context_make(Fiber *fiber)
{
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    fiber->context.uc_link = NULL;
    const uint64_t address = (uint64_t)(uintptr_t)fiber;
    makecontext(&fiber->context, (void (*)(void))context_begin, 2, (unsigned)(address >> 32),
                (unsigned)address);
}

static inline void context_swap(Fiber *from, Fiber *to)
{
    swapcontext(&from->context, &to->context);
}

#endif

/* ---- With the sanitizers told ---- */

static NO_ASAN void fiber_switch(Fiber *from, Fiber *to)
{
#ifdef SUMAC_SIM_TSAN
    __tsan_switch_to_fiber(to->tsan, TSAN_NO_SYNC);
#endif
#if WITH_ASAN
    __sanitizer_start_switch_fiber(&from->asan_fake_stack, to->asan_bottom, to->asan_size);
#endif
    context_swap(from, to);
#if WITH_ASAN
    /* Back on `from`; whoever switched here may have been home, whose bounds are not known otherwise. */
    __sanitizer_finish_switch_fiber(from->asan_fake_stack, from == &home ? NULL : &home.asan_bottom,
                                    from == &home ? NULL : &home.asan_size);
#endif
}

/* The used part of a stack ends where nothing was ever written. A frame may skip much, but hardly so much. */
static NO_ASAN void measure_depth(const Fiber *fiber)
{
    if (RUNNING_ON_VALGRIND) {
        return; /* which calls it a read below the stack, and is right */
    }
    size_t floor = deepest; /* bytes from the top that are in use */
    for (size_t at = deepest; at < STACK_BYTES && at < floor + FLOOR_BYTES; at += sizeof(uint64_t)) {
        if (*(const uint64_t *)(fiber->stack + STACK_BYTES - at - sizeof(uint64_t)) != 0) {
            floor = at + sizeof(uint64_t);
        }
    }
    deepest = floor;
}

size_t sim_stack_depth(size_t *ret_size)
{
    *ret_size = STACK_BYTES;
    return deepest;
}

/* What is left on the stack owns nothing any more. */
static void fiber_end(Fiber *fiber)
{
#if WITH_ASAN
    __lsan_unregister_root_region(fiber->stack, STACK_BYTES);
#endif
    measure_depth(fiber);
}

static NO_ASAN void fiber_main(Fiber *fiber)
{
#if WITH_ASAN
    __sanitizer_finish_switch_fiber(NULL, &home.asan_bottom, &home.asan_size);
#endif
    for (;;) {
        fiber->carrier.entry(fiber->carrier.arg);
        fiber_end(fiber);
        fiber->carrier.is_finished = true;
        fiber_switch(fiber, &home);
    }
}

static Fiber *fiber_new(void)
{
    Fiber *fiber = calloc(1, sizeof *fiber);
    if (fiber == NULL) {
        return NULL;
    }
    uint8_t *memory =
        mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        free(fiber);
        return NULL;
    }
    fiber->stack = memory + GUARD_BYTES;
    if (mprotect(fiber->stack, STACK_BYTES, PROT_READ | PROT_WRITE) < 0) {
        munmap(memory, GUARD_BYTES + STACK_BYTES);
        free(fiber);
        return NULL;
    }
    fiber->asan_bottom = fiber->stack;
    fiber->asan_size = STACK_BYTES;
    (void)VALGRIND_STACK_REGISTER(fiber->stack, fiber->stack + STACK_BYTES);
#ifdef SUMAC_SIM_TSAN
    fiber->tsan = __tsan_create_fiber(TSAN_NO_SYNC);
#endif
    context_make(fiber);
    return fiber;
}

/* Its frames are forgotten; what the sanitizers remember of them, too. */
static void fiber_abandon(Fiber *fiber)
{
    fiber_end(fiber);
#ifdef SUMAC_SIM_TSAN
    __tsan_destroy_fiber(fiber->tsan);
    fiber->tsan = __tsan_create_fiber(TSAN_NO_SYNC);
#endif
#if WITH_ASAN
    __asan_unpoison_memory_region(fiber->stack, STACK_BYTES);
    /* A fake stack goes when its fiber is left for good: that is said for it, without going there. */
    void *own_fake_stack = NULL;
    __sanitizer_start_switch_fiber(&own_fake_stack, fiber->asan_bottom, fiber->asan_size);
    __sanitizer_finish_switch_fiber(fiber->asan_fake_stack, &home.asan_bottom, &home.asan_size);
    __sanitizer_start_switch_fiber(NULL, home.asan_bottom, home.asan_size);
    __sanitizer_finish_switch_fiber(own_fake_stack, NULL, NULL);
    fiber->asan_fake_stack = NULL;
#endif
    context_make(fiber);
}

static Carrier *fiber_make(const char *name)
{
    Fiber *fiber = pool;
    if (fiber != NULL) {
        pool = fiber->next_free;
    } else {
        fiber = fiber_new();
        if (fiber == NULL) {
            return NULL;
        }
    }
#ifdef SUMAC_SIM_TSAN
    __tsan_set_fiber_name(fiber->tsan, name);
#else
    (void)name;
#endif
#if WITH_ASAN
    __lsan_register_root_region(fiber->stack, STACK_BYTES);
#endif
    return &fiber->carrier;
}

static void fiber_free(Carrier *carrier)
{
    Fiber *fiber = fiber_of(carrier);
    if (!carrier->is_finished) {
        fiber_abandon(fiber);
    }
    fiber->next_free = pool;
    pool = fiber;
}

static void fiber_resume(Carrier *carrier)
{
#ifdef SUMAC_SIM_TSAN
    home.tsan = __tsan_get_current_fiber();
#endif
    fiber_switch(&home, fiber_of(carrier));
}

static void fiber_suspend(Carrier *carrier)
{
    fiber_switch(fiber_of(carrier), &home);
}

static void fiber_impersonate(Carrier *carrier, void (*act)(void *arg), void *arg)
{
#ifdef SUMAC_SIM_TSAN
    void *self = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber_of(carrier)->tsan, TSAN_NO_SYNC);
    act(arg);
    __tsan_switch_to_fiber(self, TSAN_NO_SYNC);
#else
    (void)carrier;
    act(arg);
#endif
}

const CarrierOps fiber_ops = {
    .make = fiber_make,
    .free = fiber_free,
    .resume = fiber_resume,
    .suspend = fiber_suspend,
    .impersonate = fiber_impersonate,
};
