/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap's filter changes while its ports are read: a helper makes the new one, the pipe takes it in place of the old,
 * and then the kernel gets its part. A packet that both let pass is never lost.
 */
#include "helper.h"
#include "ports_priv.h"

#include <weir_source_afpacket.h>

#include <stdlib.h>

struct change {
	struct ports *ps;
	struct port_work w; /* of no port: whichever runs by then */
};

static void change_free(struct change *c)
{
	weir_filter_destroy(c->w.filter);
	free((void *)(uintptr_t)c->w.expression);
	free(c);
}

static struct port *next_of_tap(const struct ports *ps, uint8_t number, unsigned int *i)
{
	while (*i < ps->n) {
		struct port *p = ps->all[(*i)++];

		if (p->phase == RUNNING && p->spec.tap_number == number)
			return p;
	}
	return NULL;
}

/* What is wrong, and that it is tried again, is said where ports are opened. */
static void open_again(struct ports *ps, uint8_t number)
{
	unsigned int i = 0;

	for (struct port *p; (p = next_of_tap(ps, number, &i)) != NULL;)
		ports_let_go(p);
	ports_leave(ps);
}

/* Takes `filter`. False: the pipe has no memory for it. */
static bool swap_in(struct ports *ps, uint8_t number, struct weir_filter *filter)
{
	struct weir_filter *old = ps->filters[number];
	int rc;

	ps->filters[number] = filter;
	rc = ports_publish(ps);
	if (rc != 0)
		ps->filters[number] = old;
	weir_filter_destroy(rc != 0 ? filter : old);
	return rc == 0;
}

/* False, and said: the kernel does not take it. */
static bool kernel_follows(const struct port *p)
{
	uint16_t len;
	struct sock_filter *prog = port_filter_classic(p->ps->filters[p->spec.tap_number], &p->spec,
						       p->link, &len);
	struct weir_err err = { 0 };
	const int rc = weir_source_afpacket_filter(p->source, prog, len, &err);

	free(prog);
	if (rc != 0)
		weir_log_about(WEIR_LOG_WARN, "port", p->spec.name, "opened again: %s", err.msg);
	return rc == 0;
}

static void take(struct ports *ps, uint8_t number, struct weir_filter *filter)
{
	bool ok = swap_in(ps, number, filter);
	unsigned int i = 0;

	for (struct port *p; ok && (p = next_of_tap(ps, number, &i)) != NULL;) {
		ok = !p->spec.kernel || kernel_follows(p);
		if (ok)
			weir_log_about(WEIR_LOG_INFO, "port", p->spec.name,
				       "by the filter \"%.200s\" from now on", p->expression);
	}
	if (!ok)
		open_again(ps, number);
}

static void start(struct ports *ps, const struct port *p);

static void make(void *arg)
{
	struct change *c = arg;

	port_work_filter(&c->w);
}

static void made(void *arg)
{
	struct change *c = arg;
	struct ports *ps = c->ps;
	const uint8_t number = c->w.spec.tap_number;
	unsigned int i = 0;
	const struct port *p = ps->stopping ? NULL : next_of_tap(ps, number, &i);

	/* A later one is under way, or nobody reads by it any more. */
	if (p == NULL || strcmp(p->expression, c->w.expression) != 0) {
		change_free(c);
		return;
	}
	if ((ports_links_of_tap(ps, number) & ~c->w.links) != 0) {
		start(ps, p);
	} else if (c->w.filter == NULL) {
		open_again(ps, number);
	} else {
		take(ps, number, c->w.filter);
		c->w.filter = NULL;
	}
	change_free(c);
}

static void start(struct ports *ps, const struct port *p)
{
	const uint8_t number = p->spec.tap_number;
	struct change *c;

	if (p->expression[0] == '\0') {
		take(ps, number, NULL);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c != NULL) {
		c->ps = ps;
		c->w.spec = p->spec;
		c->w.links = ports_links_of_tap(ps, number);
		c->w.expression = strdup(p->expression);
	}
	if (c != NULL && c->w.expression != NULL &&
	    helpers_start(ps->helpers, "weir-filter", make, made, c) == 0)
		return;
	if (c != NULL)
		change_free(c);
	open_again(ps, number);
}

void ports_filters_follow(struct ports *ps)
{
	for (unsigned int number = 1; number <= WEIR_TAP_MAX; number++) {
		const struct port *changed = NULL;
		unsigned int i = 0;

		for (struct port *p; (p = next_of_tap(ps, (uint8_t)number, &i)) != NULL;) {
			if (p->filters)
				changed = p;
			p->filters = false;
		}
		if (changed != NULL)
			start(ps, changed);
	}
}
