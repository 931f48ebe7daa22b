/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GenesisSync of a dialect. Both have the same fields under the same numbers, and types of their own: this is
 * included once for each, which says its types (T), initialisers (INIT), descriptors (D) and the few words that differ.
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST 65536 /* interfaces */

static void on_answer(struct weir_rpc_call *call, const ProtobufCMessage *m, void *user)
{
	struct weir_sync *s = user;

	if (s->genesis == call)
		s->genesis_theirs = ((const T(GenesisSyncResponse) *)m)->version;
}

static void on_end(struct weir_rpc_call *call, int status, const char *why, void *user)
{
	struct weir_sync *s = user;

	(void)why;
	if (s->genesis != call)
		return;
	s->genesis = NULL;
	if (status != WEIR_RPC_OK)
		s->genesis_theirs = 0; /* perhaps it was replaced */
}

/* The addresses of a link, "ADDRESS/LENGTH", as far as there is memory. */
static size_t addresses(const struct weir_sync_links *l, uint32_t index, char ***texts)
{
	char **v = NULL, text[WEIR_SYNC_ADDRESS_MAX], with[WEIR_SYNC_ADDRESS_MAX + 8];
	size_t n = 0;

	for (uint32_t i = 0; i < l->addresses; i++) {
		char **more;

		if (l->address[i].index != index)
			continue;
		more = realloc(v, (n + 1) * sizeof(*v));
		if (more == NULL)
			break;
		v = more;
		weir_sync_address_text(&l->address[i], text);
		snprintf(with, sizeof(with), "%s/%u", text, l->address[i].prefix);
		v[n] = strdup(with);
		if (v[n] == NULL)
			break;
		n++;
	}
	*texts = v;
	return n;
}

/* All interfaces; given back by interfaces_free(). */
static T(InterfaceInfo) * interfaces(const struct weir_sync_links *l, size_t *n)
{
	T(InterfaceInfo) * v;

	*n = weir_min_u64(l->links, MOST);
	v = calloc(*n + 1, sizeof(*v));
	for (size_t i = 0; v != NULL && i < *n; i++) {
		const struct weir_sync_link *k = &l->link[i];

		F(interface_info__init)(&v[i]);
		v[i].has_mac = true;
		v[i].mac = weir_be48(k->mac);
		v[i].name = (char *)(uintptr_t)k->name;
		v[i].has_tap_index = true;
		v[i].tap_index = k->index;
		v[i].if_type = (char *)(uintptr_t)k->kind;
		v[i].n_ip = addresses(l, k->index, &v[i].ip);
	}
	return v;
}

static void interfaces_free(T(InterfaceInfo) * v, size_t n)
{
	for (size_t i = 0; v != NULL && i < n; i++) {
		for (size_t k = 0; k < v[i].n_ip; k++)
			free(v[i].ip[k]);
		free(v[i].ip);
	}
	free(v);
}

static void call(struct weir_sync *s, T(GenesisSyncRequest) * m)
{
	char path[64];
	const struct weir_rpc_request rq = {
		.path = weir_sync_path(s, "GenesisSync", path),
		.message = &m->base,
		.answer = &F(genesis_sync_response__descriptor),
		.budget_bytes = 65536,
		.timeout_ms = s->o.call_ms != 0 ? s->o.call_ms : 30000,
		.message_in = on_answer,
		.end = on_end,
	};

	s->genesis = weir_rpc_call_start(s->channel, &rq, s);
}

static void report(struct weir_sync *s, T(GenesisSyncRequest) * m)
{
	T(GenesisPlatformData) data = GENESIS_PLATFORM_DATA_INIT;
	T(InterfaceInfo) *v = NULL, **list = NULL;
	size_t n = 0;

	m->has_version = true;
	m->version = s->genesis_version;
	m->source_ip = s->id.ip;
	m->team_id = s->boot.team_id;
	if (s->cluster_id[0] != '\0')
		m->kubernetes_cluster_id = s->cluster_id;
	if (s->genesis_theirs != s->genesis_version)
		v = interfaces(&s->links, &n);
	if (v != NULL)
		list = calloc(n + 1, sizeof(*list));
	for (size_t i = 0; list != NULL && i < n; i++)
		list[i] = &v[i];
	if (list != NULL) {
		data.raw_hostname = s->host.name;
		data.n_interfaces = n;
		data.interfaces = list;
		m->platform_data = &data;
	}
	call(s, m);
	free(list);
	interfaces_free(v, n);
}
