/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations come into force. Ports, filters, the log and what the pipe's settings are made of change in place;
 * sizes of the box, sinks and sockets do not, and that is said.
 */
#include "apply.h"

#include "appliance.h"
#include "chosen.h"
#include "limit.h"
#include "own.h"
#include "run.h"
#include "tables.h"
#include "tuning.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

struct teller {
	ports_change_fn fn;
	void *ctx;
};

static void say(void *ctx, const char *text)
{
	const struct teller *t = ctx;

	weir_log(WEIR_LOG_INFO, "configuration: %s", text);
	if (t->fn != NULL)
		t->fn(t->ctx, text);
}

__attribute__((format(printf, 2, 3))) static void tell(struct teller *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(t, text);
}

static bool begins(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

static bool is_of_a_list(const struct weir_conf_row *row)
{
	return strchr(row->path, '[') != NULL;
}

/* Rows outside of lists that take effect at once. */
static bool is_live(const struct weir_conf_row *row)
{
	return begins(row->path, "log.") || begins(row->path, "dedup.") ||
	       begins(row->path, "controller.");
}

static bool differs(const struct weir_conf_row *row, const struct weir_box_conf *a,
		    const struct weir_box_conf *b, char *words, size_t size)
{
	char *x = weir_conf_value_text(row, (const char *)a + row->offset);
	char *y = weir_conf_value_text(row, (const char *)b + row->offset);
	const bool differ = x != NULL && y != NULL && strcmp(x, y) != 0;

	if (differ)
		snprintf(words, size, "%s: %s -> %s", row->path, x, y);
	free(x);
	free(y);
	return differ;
}

static void rows_tell(const struct run *r, const struct agent_conf *next, struct teller *t)
{
	char words[400];

	for (uint32_t i = 0; i < weir_box_table.n; i++) {
		const struct weir_conf_row *row = &weir_box_table.rows[i];

		if (is_of_a_list(row) || !(row->flags & WEIR_CONF_USED))
			continue;
		if (is_live(row) && differs(row, &r->conf->box, &next->box, words, sizeof(words)))
			tell(t, "%s", words);
		if (!is_live(row) && differs(row, &r->boot->box, &next->box, words, sizeof(words)))
			tell(t, "%s: stays as it was until the agent is started again", words);
	}
}

static bool sinks_differ(const struct weir_box_conf *a, const struct weir_box_conf *b)
{
	if (a->sinks_n != b->sinks_n)
		return true;
	for (uint32_t i = 0; i < a->sinks_n; i++) {
		const struct weir_box_sink *x = &a->sinks[i], *y = &b->sinks[i];

		if (x->type != y->type || strcmp(x->path, y->path) != 0 ||
		    x->max_mib != y->max_mib || x->max_age != y->max_age)
			return true;
	}
	return false;
}

/* What the box says of packets is otherwise, and so are flows. */
static bool box_changes_flows(const struct weir_settings *a, const struct weir_settings *b)
{
	return memcmp(a->attribute.vlan_map, b->attribute.vlan_map,
		      sizeof(a->attribute.vlan_map)) != 0 ||
	       memcmp(a->attribute.tap_type, b->attribute.tap_type,
		      sizeof(a->attribute.tap_type)) != 0 ||
	       a->dedup.window_ns != b->dedup.window_ns;
}

static void group_tell(const struct weir_conf_plan *plan, struct teller *t)
{
	for (uint32_t i = 0; i < plan->n; i++) {
		const struct weir_conf_change *c = &plan->changes[i];

		tell(t, "%s: %.150s -> %.150s: %s",
		     c->row->path[0] != '\0' ? c->row->path : c->row->old, c->from, c->to,
		     weir_conf_effect_text(c->row));
	}
}

void conf_release(const struct run *r, struct agent_conf *c)
{
	struct agent_conf *owner = (struct agent_conf *)(uintptr_t)c->box_of;

	if (c == r->boot || c == r->conf || c == r->conf->box_of)
		return;
	agent_conf_free(c);
	free(c);
	if (owner != NULL)
		conf_release(r, owner);
}

/* Open flows belong to what was in force. */
static bool ends_flows(const struct run *r, const struct agent_conf *next,
		       const struct weir_conf_plan *plan)
{
	return (plan->classes & (1U << WEIR_CONF_EPOCH | 1U << WEIR_CONF_REBUILD)) != 0 ||
	       box_changes_flows(&r->conf->settings, &next->settings);
}

/* No taps are configured, and the group says which interfaces. */
static bool group_chooses(const struct agent_conf *c)
{
	const void *regex = &c->group.inputs.cbpf.af_packet.interface_regex;

	return c->box.taps_n == 0 && (weir_group_conf_from(&c->group, regex) == WEIR_CONF_FILE ||
				      c->group.inputs.cbpf.af_packet.extra_netns_regex[0] != '\0');
}

static struct ports_plan *plan_of(struct run *r, const struct agent_conf *next,
				  const struct weir_box_tap *taps, uint32_t n, struct weir_err *err)
{
	const char *group = next->group.inputs.cbpf.af_packet.extra_bpf_filter;
	struct ports_plan *ports = NULL;
	char *lo, *rest;

	own_traffic(&r->own, &next->box, r->sync);
	lo = own_traffic_excluded(group, r->own.lo);
	rest = own_traffic_excluded(group, r->own.wire);
	if (lo != NULL && rest != NULL) {
		const struct ports_filters all = { lo, rest };

		ports = ports_prepare(r->ports, taps, n, &all, err);
	} else {
		weir_err_set(err, ENOMEM, "no memory");
	}
	free(lo);
	free(rest);
	return ports;
}

/* Ports of `next`: NULL with `err` set. `look`: at the interfaces there are now, where nobody said which. */
static struct ports_plan *ports_of(struct run *r, const struct agent_conf *next, bool look,
				   struct weir_err *err)
{
	const struct weir_box_tap *taps = next->box.taps;
	uint32_t n = next->box.taps_n;

	if (n == 0 && group_chooses(next)) {
		const struct chosen_wish wish = chosen_wish_of(&next->group);

		if (chosen_look(r->chosen, &wish, err) < 0)
			return NULL;
		n = chosen_taps(r->chosen, &taps);
	} else if (n == 0) {
		if (look || r->appliance == NULL) {
			appliance_free(r->appliance);
			r->appliance = appliance_choose();
		}
		if (r->appliance == NULL) {
			weir_err_set(err, ENOMEM, "no memory");
			return NULL;
		}
		n = appliance_taps(r->appliance, &taps);
	}
	return plan_of(r, next, taps, n, err);
}

int conf_apply_ports(struct run *r, struct weir_err *err)
{
	struct teller t = { 0 };
	struct ports_plan *ports = ports_of(r, r->conf, false, err);

	if (ports == NULL)
		return -err->code;
	ports_commit(r->ports, ports, say, &t);
	return 0;
}

/* Live keys that are the ports'. */
static bool is_of_ports(const struct weir_conf_row *row)
{
	static const size_t offsets[] = {
#define OF(key) offsetof(struct weir_group_conf, inputs.cbpf.key)
		OF(common.capture_mode),
		OF(af_packet.extra_bpf_filter),
		OF(af_packet.tunning.interface_promisc_enabled),
#undef OF
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(offsets); i++)
		if (row->offset == offsets[i])
			return true;
	return false;
}

static bool changes_ports(const struct weir_conf_plan *plan)
{
	bool any = (plan->classes & 1U << WEIR_CONF_REOPEN) != 0;

	for (uint32_t i = 0; i < plan->n; i++)
		any |= is_of_ports(plan->changes[i].row);
	return any;
}

/* What differs is told before what was in force is freed. */
static void differences_tell(const struct run *r, const struct agent_conf *next,
			     const struct weir_conf_plan *plan, bool ends, struct teller *t)
{
	if (next->box_of == NULL) {
		rows_tell(r, next, t);
		if (sinks_differ(&r->boot->box, &next->box))
			tell(t, "sinks: stay as they were until the agent is started again");
	}
	group_tell(plan, t);
	if (ends)
		tell(t, "settings of flows: changed; open flows end with a report");
}

/* All of it, or nothing: what can fail comes first, and changes nothing that matters alone. */
static int take(struct run *r, struct agent_conf *next, bool look,
		const struct weir_conf_plan *plan, struct teller *t, struct weir_err *err)
{
	const bool ends = ends_flows(r, next, plan);
	struct agent_conf *old = r->conf;
	struct ports_plan *ports = NULL;

	/* A value that is the default's may be the group's choice all the same. */
	if (look || changes_ports(plan) || group_chooses(old) != group_chooses(next)) {
		ports = ports_of(r, next, look, err);
		if (ports == NULL)
			return -err->code;
	}
	if (weir_pipe_settings_set(r->pipe, &next->settings, ends) != 0) {
		ports_discard(ports);
		return weir_err_set(err, ENOMEM, "no memory for the settings of flows");
	}
	differences_tell(r, next, plan, ends, t);
	r->conf = next;
	if (next->box_of == NULL)
		agent_log_set(&next->box);
	weir_log_level_set(agent_log_level(next));
	if (ports != NULL)
		ports_commit(r->ports, ports, say, t);
	conf_release(r, old);
	return 0;
}

void conf_follow_records(struct run *r)
{
	struct weir_record_filter filter;

	agent_record_filter(&filter, &r->conf->group);
	weir_collector_filter(r->sinks.collector, &filter);
}

int conf_apply(struct run *r, struct agent_conf *next, bool look, ports_change_fn change, void *ctx,
	       struct weir_err *err)
{
	struct teller t = { change, ctx };
	struct weir_conf_plan plan;
	int rc = weir_group_conf_plan(&plan, &r->conf->group, &next->group);

	if (rc != 0)
		return weir_err_set(err, ENOMEM, "no memory to compare configurations");
	agent_conf_live(next);
	rc = take(r, next, look, &plan, &t, err);
	if (rc == 0)
		group_changed(r, &plan);
	weir_conf_plan_free(&plan);
	if (rc == 0) {
		limits_follow(r->limits);
		tables_follow(r->tables);
		tuning_follow(r);
		conf_follow_records(r);
	}
	return rc;
}

/* Servers, or ways to them, are others than when ports were told. */
static bool own_moved(const struct run *r)
{
	struct own_traffic now;

	own_traffic(&now, &r->conf->box, r->sync);
	return strcmp(now.wire, r->own.wire) != 0 || strcmp(now.lo, r->own.lo) != 0;
}

void conf_follow(struct run *r)
{
	const struct chosen_wish wish = chosen_wish_of(&r->conf->group);
	struct weir_err err = { 0 };
	int rc = 0;

	if (group_chooses(r->conf))
		rc = chosen_look(r->chosen, &wish, &err);
	if (rc > 0 || (rc == 0 && (own_moved(r) || ports_are_lacking(r->ports))))
		rc = conf_apply_ports(r, &err);
	if (rc < 0)
		weir_log(WEIR_LOG_ERR, "%s", err.msg);
}
