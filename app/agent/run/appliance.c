/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance.h"

#include "agent.h"
#include "iface.h"

#include <stdio.h>
#include <stdlib.h>

#define TAPS_MAX 32

struct appliance {
	struct iface ifaces[IFACES_MAX];
	char names[TAPS_MAX]
		  [IF_NAMESIZE + 3]; /* "if:" makes a name an interface's, whatever it looks like */
	const char *ports[TAPS_MAX];
	struct weir_box_tap taps[TAPS_MAX];
	uint32_t n;
};

/* A mirror's port: a cable goes in, and the host does not use it. */
static bool is_mirror(const struct iface *i)
{
	return i->up && !i->loopback && !i->address && !i->route && i->master[0] == '\0';
}

static bool is_hardware(const struct iface *i)
{
	return i->up && !i->loopback && i->hardware;
}

static bool is_any(const struct iface *i)
{
	return i->up && !i->loopback;
}

/* Tried in this order; the first that finds an interface decides. */
static const struct choice {
	bool (*fits)(const struct iface *i);
	const char *why;
} choices[] = {
	{ is_mirror, "it is up and carries no address, as the port of a mirror" },
	{ is_hardware, "no interface is up without an address, and this one is hardware" },
	{ is_any, "there is no hardware interface that is up, and this one is" },
};

static void add(struct appliance *a, const struct iface *i, const char *why)
{
	struct weir_box_tap *tap = &a->taps[a->n];

	if (a->n == TAPS_MAX) {
		weir_log(WEIR_LOG_WARN, "interface %s: left out, %d are captured already", i->name,
			 TAPS_MAX);
		return;
	}
	snprintf(a->names[a->n], sizeof(a->names[a->n]), "if:%s", i->name);
	a->ports[a->n] = a->names[a->n];
	/* As a tap of which nothing is said but its port. */
	*tap = (struct weir_box_tap){
		.name = a->names[a->n] + 3,
		.ports = { .n = 1, .v = &a->ports[a->n] },
		.filter = "",
		.netns = "",
		.promiscuous = true,
		.memory_mib = 64,
	};
	a->n++;
	weir_log(WEIR_LOG_INFO, "no taps are configured; capturing from %s: %s", i->name, why);
}

struct appliance *appliance_choose(void)
{
	struct appliance *a = calloc(1, sizeof(*a));
	int n;

	if (a == NULL)
		return NULL;
	n = ifaces_list(a->ifaces, IFACES_MAX);
	for (size_t c = 0; c < WEIR_ARRAY_SIZE(choices) && a->n == 0; c++)
		for (int i = 0; i < n; i++)
			if (choices[c].fits(&a->ifaces[i]))
				add(a, &a->ifaces[i], choices[c].why);
	if (a->n == 0)
		weir_log(WEIR_LOG_WARN,
			 "no taps are configured, and no interface but loopback is up: nothing is "
			 "captured; name ports in " BOX_PATH
			 ", or set an interface up, then reload");
	return a;
}

uint32_t appliance_taps(const struct appliance *a, const struct weir_box_tap **taps)
{
	*taps = a->taps;
	return a->n;
}

void appliance_free(struct appliance *a)
{
	free(a);
}
