/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the group allows the agent to use, and what it does beyond that: each resource_monitoring_interval the
 * breakers and the agent's own use are looked at. While a breaker is tripped ports are closed and all else goes
 * on. Control thread.
 */
#ifndef RUN_LIMIT_H
#define RUN_LIMIT_H

#include <weir_base.h>

struct limits;
struct run;
struct weir_err;

/*
 * Begin, before ports are opened: what is amiss already keeps them closed; a disk that is too full, as soon as its file
 * system has answered. NULL with `err`.
 */
struct limits *limits_create(struct run *r, struct weir_err *err);
void limits_destroy(struct limits *l); /* NULL is fine */

/* A new configuration is in force: it holds at once. */
void limits_follow(struct limits *l);

/* One that is exceeded. */
struct limit_view {
	const char *object; /* "load", "memory", "max_memory", ... */
	bool broken;        /* nothing is captured because of it; else a warning */
	uint64_t since_us;  /* wall clock */
	const char *words;
	const char *remedy;
};

/* The `i`-th of those exceeded now; false = there are no more. Valid until the loop goes on. */
bool limits_view(struct limits *l, unsigned int i, struct limit_view *v);

/* Of breaker `i` (breakers.h), for metrics. */
bool limits_is_tripped(const struct limits *l, int i);
uint64_t limits_trips(const struct limits *l, int i);

#endif
