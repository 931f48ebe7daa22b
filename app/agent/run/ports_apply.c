/* SPDX-License-Identifier: Apache-2.0 */
/* From the taps of a configuration to ports that come, go, and are opened again. */
#include "own.h"
#include "ports_priv.h"

#include <weir_source_afpacket.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A port that the configuration names. */
struct wish {
	struct port_spec spec;
	char *expression;   /* NULL = it was granted */
	struct port *fresh; /* NULL = there is one already */
};

struct ports_plan {
	unsigned int n;
	struct wish v[WEIR_PIPE_PORTS_MAX];
};

struct teller {
	ports_change_fn fn;
	void *ctx;
};

__attribute__((format(printf, 2, 3))) static void tell(const struct teller *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	t->fn(t->ctx, text);
}

void ports_discard(struct ports_plan *w)
{
	for (unsigned int i = 0; w != NULL && i < w->n; i++) {
		free(w->v[i].expression);
		free(w->v[i].fresh);
	}
	free(w);
}

static bool names_lo(const struct weir_conf_names *ports)
{
	bool any = false;

	for (uint32_t i = 0; i < ports->n; i++)
		any |= strcmp(ports->v[i], "lo") == 0 || strcmp(ports->v[i], "if:lo") == 0;
	return any;
}

static bool has_lo(const struct weir_box_tap *tap)
{
	return names_lo(&tap->ports) || names_lo(&tap->ports_b);
}

static bool is_there(const struct ports *ps, const struct port_spec *spec)
{
	for (unsigned int i = 0; i < ps->n; i++)
		if (!ps->all[i]->removed && port_spec_is_same_port(spec, &ps->all[i]->spec))
			return true;
	return false;
}

static int wish_add(struct ports_plan *w, const struct ports *ps, const struct weir_box_tap *tap,
		    uint8_t number, const char *text, const struct ports_filters *all,
		    struct weir_err *err)
{
	struct wish *next = &w->v[w->n];

	if (w->n == WEIR_PIPE_PORTS_MAX)
		return weir_err_set(err, EINVAL, "tap %s: more than %d ports in all", tap->name,
				    WEIR_PIPE_PORTS_MAX);
	if (port_spec_make(&next->spec, tap, number, text, ps->workers, err) != 0)
		return -err->code;
	for (unsigned int i = 0; i < w->n; i++)
		if (port_spec_is_same_device(&w->v[i].spec, &next->spec))
			return weir_err_set(err, EINVAL,
					    "tap %s: port %s is a port of tap %s already",
					    tap->name, next->spec.name, w->v[i].spec.tap);
	next->expression = filter_both(tap->filter, has_lo(tap) ? all->lo : all->rest);
	w->n++;
	if (!is_there(ps, &next->spec))
		next->fresh = calloc(1, sizeof(*next->fresh));
	if (next->expression == NULL || (next->fresh == NULL && !is_there(ps, &next->spec)))
		return weir_err_set(err, ENOMEM, "no memory");
	if (strlen(next->expression) > WEIR_PATTERN_TEXT_MAX)
		return weir_err_set(
			err, EINVAL,
			"tap %s: filter: with inputs.cbpf.af_packet.extra_bpf_filter of "
			"the group and what leaves own traffic out it has %zu characters; "
			"allowed are %d",
			tap->name, strlen(next->expression), WEIR_PATTERN_TEXT_MAX);
	return 0;
}

static int wishes_of_tap(struct ports_plan *w, const struct ports *ps,
			 const struct weir_box_tap *tap, uint8_t number,
			 const struct ports_filters *all, struct weir_err *err)
{
	const struct weir_conf_names *sides[] = { &tap->ports, &tap->ports_b };
	int rc = 0;

	for (unsigned int s = 0; s < WEIR_ARRAY_SIZE(sides); s++)
		for (uint32_t i = 0; i < sides[s]->n && rc == 0; i++)
			rc = wish_add(w, ps, tap, number, sides[s]->v[i], all, err);
	return rc;
}

static struct wish *wish_for(struct ports_plan *w, const struct port *p)
{
	for (unsigned int i = 0; i < w->n; i++)
		if (w->v[i].expression != NULL && port_spec_is_same_port(&w->v[i].spec, &p->spec))
			return &w->v[i];
	return NULL;
}

void ports_let_go(struct port *p)
{
	switch (p->phase) {
	case OPENING:
		p->stale = true;
		break;
	case RUNNING:
		p->phase = CLOSING; /* its source is still here: ports_leave() follows */
		break;
	case WAITING:
		ports_retry(p);
		break;
	case CLOSING:
		break;
	}
}

/* False: it has to be opened again. */
static bool promiscuous_set(struct port *p, bool on)
{
	struct weir_err err = { 0 };

	if (p->phase != RUNNING)
		return p->phase != OPENING;
	if (weir_source_afpacket_promiscuous(p->source, on, &err) == 0)
		return true;
	weir_log_about(WEIR_LOG_WARN, "port", p->spec.name, "opened again: %s", err.msg);
	return false;
}

static void grant(struct port *p, struct wish *wish, const struct teller *t)
{
	const bool filter = strcmp(p->expression, wish->expression) != 0;
	const bool promiscuous = p->spec.promiscuous != wish->spec.promiscuous;
	bool again = false;
	char what[300];

	if (promiscuous)
		tell(t, "port %s: promiscuous: %s", p->spec.name,
		     wish->spec.promiscuous ? "on" : "off");

	if (filter)
		tell(t, "port %s: filter: \"%.150s\" -> \"%.150s\"", p->spec.name, p->expression,
		     wish->expression);
	if (!port_spec_is_equal(&p->spec, &wish->spec, what, sizeof(what))) {
		tell(t, "port %s: opened again: %s", p->spec.name, what);
		again = true;
	} else if (promiscuous) {
		again = !promiscuous_set(p, wish->spec.promiscuous);
	}
	if (again || (filter && p->phase != RUNNING))
		ports_let_go(p);
	else if (filter)
		p->filters = true;
	p->spec = wish->spec;
	free(p->expression);
	p->expression = wish->expression;
	wish->expression = NULL;
}

static void drop(struct port *p, const struct teller *t)
{
	if (p->removed)
		return;
	tell(t, "port %s: removed from tap %s", p->spec.name, p->spec.tap);
	p->removed = true;
	ports_let_go(p);
}

static bool slot_is_taken(const struct ports *ps, unsigned int slot)
{
	for (unsigned int i = 0; i < ps->n; i++)
		if (ps->all[i]->slot == slot)
			return true;
	return false;
}

static void add(struct ports *ps, struct wish *wish, const struct teller *t)
{
	struct port *p = wish->fresh;
	unsigned int slot = 0;

	while (slot_is_taken(ps, slot))
		slot++;
	if (slot == WEIR_PIPE_PORTS_MAX) {
		weir_log_about(WEIR_LOG_INFO, "port", wish->spec.name,
			       "waits for a place: others are still being closed");
		ps->lacking = true;
		return;
	}
	wish->fresh = NULL;
	p->ps = ps;
	p->spec = wish->spec;
	p->expression = wish->expression;
	wish->expression = NULL;
	p->slot = (uint8_t)slot;
	weir_pipe_port_accounting(ps->pipe, p->slot, &p->base);
	p->since_us = weir_clock_wall_ns() / WEIR_NS_PER_US;
	ps->all[ps->n++] = p;
	tell(t, "port %s: added to tap %s", p->spec.name, p->spec.tap);
}

struct ports_plan *ports_prepare(const struct ports *ps, const struct weir_box_tap *taps,
				 uint32_t n_taps, const struct ports_filters *all,
				 struct weir_err *err)
{
	struct ports_plan *w = calloc(1, sizeof(*w));
	int rc = 0;

	if (w == NULL) {
		weir_err_set(err, ENOMEM, "no memory");
		return NULL;
	}
	for (uint32_t t = 0; t < n_taps && rc == 0; t++)
		rc = wishes_of_tap(w, ps, &taps[t], (uint8_t)(t + 1), all, err);
	if (rc == 0)
		return w;
	ports_discard(w);
	return NULL;
}

bool ports_are_lacking(const struct ports *ps)
{
	return ps->lacking;
}

void ports_commit(struct ports *ps, struct ports_plan *w, ports_change_fn change, void *ctx)
{
	const struct teller t = { change, ctx };

	for (unsigned int i = 0; i < ps->n; i++) {
		struct port *p = ps->all[i];
		struct wish *wish = p->removed ? NULL : wish_for(w, p);

		if (wish != NULL)
			grant(p, wish, &t);
		else
			drop(p, &t);
	}
	ports_filters_follow(ps);
	ports_leave(ps);
	ps->lacking = false;
	for (unsigned int i = 0; i < w->n; i++)
		if (w->v[i].fresh != NULL)
			add(ps, &w->v[i], &t);
	ports_discard(w);
}
