/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GenesisSync: interfaces of this host, by which a server finds out whose agent this is. The whole is sent while the
 * server's version is not ours, else the version alone.
 */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define EVERY (10 * WEIR_NS_PER_S)

/* A sum of all that is sent, to see a change. */
static uint64_t fingerprint(const struct weir_sync_links *l, const char *host)
{
	uint64_t h = UINT64_C(0x9e3779b97f4a7c15);

	for (; *host != '\0'; host++)
		h = weir_mix(h ^ (unsigned char)*host, UINT64_C(0xbf58476d1ce4e5b9));
	for (uint32_t i = 0; i < l->links; i++) {
		const struct weir_sync_link *k = &l->link[i];

		h = weir_mix(h ^ weir_be48(k->mac) ^ (uint64_t)k->index << 32,
			     UINT64_C(0x94d049bb133111eb));
		for (const char *c = k->name; *c != '\0'; c++)
			h = weir_mix(h ^ (unsigned char)*c, UINT64_C(0xbf58476d1ce4e5b9));
	}
	for (uint32_t i = 0; i < l->addresses; i++) {
		const struct weir_sync_address *a = &l->address[i];

		h = weir_mix(h ^ weir_be64(a->ip) ^ a->prefix, UINT64_C(0x94d049bb133111eb));
		h = weir_mix(h ^ weir_be64(a->ip + 8) ^ a->index, UINT64_C(0xbf58476d1ce4e5b9));
	}
	return h;
}

void weir_sync_genesis_send(struct weir_sync *s)
{
	uint64_t print;

	weir_sync_at(s->genesis_at, weir_sync_or(s->genesis_ns, EVERY));
	if (s->genesis != NULL || s->channel == NULL || s->state != WEIR_SYNC_IN_CONTACT ||
	    !weir_sync_identify(s))
		return;
	print = fingerprint(&s->links, s->host.name);
	if (print != s->genesis_print) {
		s->genesis_print = print;
		s->genesis_version++;
	}
	if (s->dialect == WEIR_SYNC_AGENT)
		weir_sync_genesis_agent(s);
	else
		weir_sync_genesis_trident(s);
}
