/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* list.h: an intrusive doubly linked ring. The order is the order of insertion, never that of addresses.
 *
 * A ListNode lies inside the object it links; the list owns nothing. A node is initialised once and may then
 * be added, removed and asked at will: removing an unlinked node does nothing. Not thread safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct ListNode {
    struct ListNode *prev;
    struct ListNode *next;
} ListNode;

static inline void list_init(ListNode *node)
{
    node->prev = node->next = node;
}

static inline bool list_is_empty(const ListNode *head)
{
    return head->next == head;
}

/* Is this node (not a head) in some list? */
static inline bool list_is_linked(const ListNode *node)
{
    return node->next != node;
}

static inline void list_insert_before(ListNode *place, ListNode *node)
{
    node->prev = place->prev;
    node->next = place;
    place->prev->next = node;
    place->prev = node;
}

static inline void list_append(ListNode *head, ListNode *node)
{
    list_insert_before(head, node);
}

static inline void list_prepend(ListNode *head, ListNode *node)
{
    list_insert_before(head->next, node);
}

static inline void list_remove(ListNode *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = node;
}

#define list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))
#define list_first(head, type, member) (list_is_empty(head) ? NULL : list_entry((head)->next, type, member))
#define list_last(head, type, member) (list_is_empty(head) ? NULL : list_entry((head)->prev, type, member))

/* Walks the list; the body must not remove `node`. */
#define list_each(head, node) for (ListNode *node = (head)->next; node != (head); node = node->next)

/* Walks the list; the body may remove `node`, and no other. */
#define list_each_removable(head, node)                                                                      \
    for (ListNode *node = (head)->next, *node##_next = node->next; node != (head);                           \
         node = node##_next, node##_next = node->next)
