/* SPDX-License-Identifier: Apache-2.0 */
/* Words to systemd, as sd_notify(3) describes them. Without $NOTIFY_SOCKET nothing happens. */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <weir_base.h>

/* Remember who listens, and take it out of the environment. Control thread, as all of it. */
void notify_init(void);

/* Assignments, separated by newlines: "READY=1\nSTATUS=..." */
void notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "RELOADING=1" with the time that systemd wants beside it. */
void notify_reloading(void);

/* How often WATCHDOG=1 has to come, us; 0 = nobody waits for it. */
uint64_t notify_watchdog_us(void);

#endif
