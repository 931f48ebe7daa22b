/* SPDX-License-Identifier: Apache-2.0 */
#include "chosen.h"

#include "found.h"
#include "port.h"

#include <weir_pipe.h>

#include <stdio.h>
#include <stdlib.h>

#define PLACES_MAX WEIR_PIPE_PORTS_MAX
#define MEMORY_MIB 8 /* of each: they may be many */

/* "if:" makes a name an interface's, whatever it looks like. */
struct place {
	struct found_iface iface;
	char name[IF_NAMESIZE + 3];
	char tap[PORT_TAP_MAX];
	char path[sizeof(NETNS_DIR) + 256];
	const char *port;
	bool there, was_there;
};

struct chosen {
	struct place places[PLACES_MAX];
	struct weir_box_tap taps[PLACES_MAX];
	uint32_t n;    /* places that had an interface */
	uint32_t over; /* interfaces for which there is no place */
	struct weir_err lacking;
};

struct chosen *chosen_create(void)
{
	return calloc(1, sizeof(struct chosen));
}

void chosen_destroy(struct chosen *c)
{
	free(c);
}

static struct place *place_of(struct chosen *c, const struct found_iface *f)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (strcmp(c->places[i].iface.name, f->name) == 0 &&
		    strcmp(c->places[i].iface.netns, f->netns) == 0)
			return &c->places[i];
	return NULL;
}

/* A new one; else that of an interface which is gone. NULL: all are taken. */
static struct place *place_take(struct chosen *c, const struct found_iface *f)
{
	const bool own = f->netns[0] == '\0';
	struct place *p = NULL;

	for (uint32_t i = 0; i < c->n && c->n == PLACES_MAX && p == NULL; i++)
		if (!c->places[i].there && !c->places[i].was_there)
			p = &c->places[i];
	if (c->n < PLACES_MAX)
		p = &c->places[c->n++];
	if (p == NULL)
		return NULL;
	p->iface = *f;
	p->path[0] = '\0';
	snprintf(p->name, sizeof(p->name), "if:%.15s", f->name);
	snprintf(p->tap, sizeof(p->tap), "%.47s%s%.15s", f->netns, own ? "" : "/", f->name);
	if (!own)
		snprintf(p->path, sizeof(p->path), NETNS_DIR "/%s", f->netns);
	p->port = p->name;
	return p;
}

/* The modes that see what is for others need it. Each queue needs some memory of its own. */
struct chosen_wish chosen_wish_of(const struct weir_group_conf *g)
{
	const __typeof__(g->inputs.cbpf.af_packet.tunning) *t = &g->inputs.cbpf.af_packet.tunning;
	const uint32_t mib = t->ring_blocks_enabled ? t->ring_blocks : MEMORY_MIB;

	return (struct chosen_wish){
		.regex = g->inputs.cbpf.af_packet.interface_regex,
		.netns_regex = g->inputs.cbpf.af_packet.extra_netns_regex,
		.promiscuous = t->interface_promisc_enabled ||
			       g->inputs.cbpf.common.capture_mode != WEIR_CAPTURE_LOCAL,
		.queues = t->packet_fanout_count,
		.memory_mib = (uint32_t)weir_max_u64(mib, t->packet_fanout_count),
	};
}

static void tap_make(struct weir_box_tap *tap, const struct place *p,
		     const struct chosen_wish *wish)
{
	*tap = (struct weir_box_tap){
		.name = p->tap,
		.ports = { .n = p->there, .v = &p->port },
		.filter = "",
		.netns = p->path,
		.promiscuous = wish->promiscuous,
		.queues = wish->queues,
		.memory_mib = wish->memory_mib,
	};
}

/* What was found has a place; those that had one first, so that no newcomer takes it. */
static void match(struct chosen *c, const struct weir_list *found, bool known)
{
	const struct found_iface *all = found->items;

	for (size_t i = 0; i < found->count; i++) {
		struct place *p = place_of(c, &all[i]);

		if ((p != NULL) != known)
			continue;
		if (p == NULL)
			p = place_take(c, &all[i]);
		if (p != NULL)
			p->there = true;
		else
			c->over++;
	}
}

static int changes(struct chosen *c, const struct chosen_wish *wish)
{
	int rc = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		tap_make(&c->taps[i], &c->places[i], wish);
		rc |= c->places[i].there != c->places[i].was_there;
	}
	return rc;
}

/* Once, and again when it is another one: it is found each second. */
static void lacking_say(struct chosen *c, const struct weir_err *lacking)
{
	if (lacking->code != 0 && strcmp(lacking->msg, c->lacking.msg) != 0)
		weir_log(WEIR_LOG_WARN, "inputs.cbpf.af_packet.extra_netns_regex: %s",
			 lacking->msg);
	c->lacking = *lacking;
	if (lacking->code == 0)
		c->lacking.msg[0] = '\0';
}

int chosen_look(struct chosen *c, const struct chosen_wish *wish, struct weir_err *err)
{
	struct weir_list found = { 0 };
	struct weir_err lacking = { 0 };
	const uint32_t over = c->over;
	const int rc = found_look(&found, wish->regex, wish->netns_regex, &lacking, err);

	if (rc != 0) {
		free(found.items);
		return rc;
	}
	lacking_say(c, &lacking);
	for (uint32_t i = 0; i < c->n; i++) {
		c->places[i].was_there = c->places[i].there;
		c->places[i].there = false;
	}
	c->over = 0;
	for (int known = 1; known >= 0; known--)
		match(c, &found, known);
	free(found.items);
	if (c->over != over && c->over > 0)
		weir_log(
			WEIR_LOG_WARN,
			"inputs.cbpf.af_packet.interface_regex: %u interfaces more than the %d that are "
			"captured; a narrower expression chooses which",
			c->over, PLACES_MAX);
	return changes(c, wish);
}

uint32_t chosen_taps(const struct chosen *c, const struct weir_box_tap **taps)
{
	*taps = c->taps;
	return c->n;
}
