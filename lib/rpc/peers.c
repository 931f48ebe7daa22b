/* SPDX-License-Identifier: Apache-2.0 */
/* Calls at once of each address that has one open, so that nobody takes the places of all. */
#include "rpc_priv.h"

/* FNV-1a. Somebody who owns many addresses may fill one list: it is as long as calls_max at most. */
static uint32_t hash(const char *text, size_t n)
{
	uint32_t h = 0x811c9dc5;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)text[i]) * 0x01000193;
	return h;
}

static struct rpc_peer *find(struct rpc_peers *list, const char *address, size_t n)
{
	struct rpc_peer *p;

	LIST_FOREACH(p, list, entry)
		if (strncmp(p->address, address, n) == 0 && p->address[n] == '\0')
			return p;
	p = gpr_zalloc(sizeof(*p) + n + 1);
	memcpy(p->address, address, n);
	LIST_INSERT_HEAD(list, p, entry);
	return p;
}

struct rpc_peer *rpc_peer_get(struct rpc_peers peers[RPC_PEERS], const char *peer,
			      unsigned int most)
{
	const char *port = strrchr(peer, ':');
	const size_t n = port != NULL ? (size_t)(port - peer) : strlen(peer);
	struct rpc_peer *p = find(&peers[hash(peer, n) % RPC_PEERS], peer, n);

	if (p->calls == most)
		return NULL;
	p->calls++;
	return p;
}

void rpc_peer_put(struct rpc_peer *p)
{
	if (p == NULL || --p->calls > 0)
		return;
	LIST_REMOVE(p, entry);
	gpr_free(p);
}
