/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/ticket.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)
#define NOW (100 * S)
#define SIXTY "012345678901234567890123456789012345678901234567890123456789"

static bool opens(const Ticket *ticket, const char *text, uint64_t now_ns)
{
    const bool with_nul = ticket_opens(ticket, span_of(text, strlen(text) + 1), now_ns);

    /* A client may leave the NUL out. */
    assert_int_equal(ticket_opens(ticket, span_of(text, strlen(text)), now_ns), with_nul);
    return with_nul;
}

static void a_new_server_lets_nobody_in(void **state)
{
    Ticket ticket;

    (void)state;
    ticket_init(&ticket);
    assert_true(ticket_required(&ticket));
    assert_false(opens(&ticket, "", NOW));
    assert_false(opens(&ticket, "x", NOW));
    assert_false(ticket_opens(&ticket, span_of(NULL, 0), NOW));
}

static void without_tickets_none_is_required(void **state)
{
    Ticket ticket;

    (void)state;
    ticket_init(&ticket);
    assert_int_equal(ticket_set(&ticket, "x", 0, NOW), STATUS_OK);
    ticket_disable(&ticket);
    assert_false(ticket_required(&ticket));
    assert_false(opens(&ticket, "x", NOW)); /* the password is forgotten, should anybody ask */
}

static void only_the_password_opens(void **state)
{
    Ticket ticket;

    (void)state;
    ticket_init(&ticket);
    assert_int_equal(ticket_set(&ticket, "secret", 0, NOW), STATUS_OK);
    assert_true(ticket_required(&ticket));
    assert_true(opens(&ticket, "secret", NOW));
    assert_true(opens(&ticket, "secret", 0));
    assert_true(opens(&ticket, "secret", UINT64_MAX - 1));
    assert_false(opens(&ticket, "secre", NOW));
    assert_false(opens(&ticket, "secret ", NOW));
    assert_false(opens(&ticket, "Secret", NOW));
    assert_false(opens(&ticket, "", NOW));
    assert_true(ticket_opens(&ticket, span_of("secret\0and more", 15), NOW));
    assert_false(ticket_opens(&ticket, span_of("\0secret", 8), NOW));
}

static void sixty_bytes_work_and_sixty_one_change_nothing(void **state)
{
    Ticket ticket;

    (void)state;
    ticket_init(&ticket);
    assert_int_equal(ticket_set(&ticket, SIXTY, 10, NOW), STATUS_OK);
    assert_true(opens(&ticket, SIXTY, NOW));
    assert_false(opens(&ticket, SIXTY "0", NOW));
    assert_false(ticket_opens(&ticket, span_of(SIXTY, 59), NOW));
    const Ticket before = ticket;
    assert_int_equal(ticket_set(&ticket, SIXTY "0", 0, NOW), STATUS_MISUSE);
    assert_true(ticket.required == before.required && ticket.has_password == before.has_password);
    assert_int_equal(ticket.expires_ns, before.expires_ns);
    assert_memory_equal(ticket.password, before.password, sizeof ticket.password);
    assert_true(opens(&ticket, SIXTY, NOW));
    ticket_disable(&ticket);
    assert_int_equal(ticket_set(&ticket, SIXTY SIXTY, 0, NOW), STATUS_MISUSE);
    assert_false(ticket_required(&ticket));
}

static void no_password_means_nobody(void **state)
{
    static const char *const none[] = {NULL, ""};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        Ticket ticket;

        ticket_init(&ticket);
        assert_int_equal(ticket_set(&ticket, "secret", 0, NOW), STATUS_OK);
        assert_int_equal(ticket_set(&ticket, none[i], 0, NOW), STATUS_OK);
        assert_true(ticket_required(&ticket));
        assert_false(opens(&ticket, "", NOW));
        assert_false(opens(&ticket, "secret", NOW));
    }
}

static void lifetimes_end_when_they_say(void **state)
{
    Ticket ticket;

    (void)state;
    ticket_init(&ticket);
    assert_int_equal(ticket_set(&ticket, "x", 5, NOW), STATUS_OK);
    assert_true(opens(&ticket, "x", NOW));
    assert_true(opens(&ticket, "x", NOW + 5 * S - 1));
    assert_false(opens(&ticket, "x", NOW + 5 * S));
    assert_false(opens(&ticket, "x", NOW + 500 * S));
    assert_int_equal(ticket_set(&ticket, "x", 0, NOW), STATUS_OK);
    assert_true(opens(&ticket, "x", NOW + 500 * S));
    assert_int_equal(ticket_set(&ticket, "x", -1, NOW), STATUS_OK);
    assert_false(opens(&ticket, "x", NOW));
    assert_false(opens(&ticket, "x", 0));
    assert_int_equal(ticket_set(&ticket, "x", INT_MIN, 0), STATUS_OK);
    assert_false(opens(&ticket, "x", 0));
    assert_int_equal(ticket_set(&ticket, "x", INT_MAX, UINT64_MAX - 10), STATUS_OK);
    assert_true(opens(&ticket, "x", UINT64_MAX - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_server_lets_nobody_in),
        cmocka_unit_test(without_tickets_none_is_required),
        cmocka_unit_test(only_the_password_opens),
        cmocka_unit_test(sixty_bytes_work_and_sixty_one_change_nothing),
        cmocka_unit_test(no_password_means_nobody),
        cmocka_unit_test(lifetimes_end_when_they_say),
    };

    return cmocka_run_group_tests_name("ticket", tests, NULL, NULL);
}
