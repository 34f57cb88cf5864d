/* SPDX-License-Identifier: LGPL-2.1-or-later */
int run_messages(void);
int run_messages(void)
{
    return 0;
}
