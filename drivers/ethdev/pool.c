/* SPDX-License-Identifier: Apache-2.0 */
/* Packet memory: a pool for what the driver receives, and a small one of large buffers. */
#include "ethdev_priv.h"
#include "port.h"

#include <weir_eal.h>

#include <rte_mbuf.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define POOL_CACHE    256
#define IN_FLIGHT     8192
#define DATA_ROOM     RTE_MBUF_DEFAULT_BUF_SIZE /* 2048 and headroom */
#define LARGE_ROOM    UINT16_MAX
#define LARGE_PACKETS 128 /* segmented packets on their way at once */
#define POOL_OVERHEAD 256 /* bytes a buffer: mbuf, pool's header and alignment */

/* A driver that keeps a file in memory takes buffers from the same pool. */
int pool_plan(struct port *p, struct weir_err *err)
{
	struct capture_size kept = pcap_args_size(p->args);
	uint64_t half = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
	uint64_t most = p->o.memory_bytes != 0 ? p->o.memory_bytes : half;
	uint32_t room = p->driver->data_room != 0 ? p->driver->data_room : DATA_ROOM;

	if (kept.longest > LARGE_ROOM - RTE_PKTMBUF_HEADROOM)
		return weir_err_set(err, EFBIG,
				    "%s: infinite_rx cannot hold a packet of %u bytes, at most %u",
				    p->name, kept.longest, LARGE_ROOM - RTE_PKTMBUF_HEADROOM);
	p->pool_buffers = kept.packets + (p->o.in_flight != 0 ? p->o.in_flight : IN_FLIGHT) +
			  (uint64_t)p->o.queues *
				  (RX_DESCRIPTORS + WEIR_BURST_MAX + 2 * POOL_CACHE);
	p->pool_room = (uint32_t)weir_max_u64(room, kept.longest + RTE_PKTMBUF_HEADROOM);
	p->pool_bytes = p->pool_buffers * (p->pool_room + POOL_OVERHEAD) +
			(uint64_t)LARGE_PACKETS * (LARGE_ROOM + POOL_OVERHEAD);
	if (p->pool_bytes > most || p->pool_buffers > UINT32_MAX)
		return weir_err_set(err, ENOMEM,
				    "%s: %lu packet buffers need %lu MB, allowed are %lu MB%s",
				    p->name, p->pool_buffers, p->pool_bytes >> 20, most >> 20,
				    kept.packets != 0 ? ": with infinite_rx the file must fit"
						      : "");
	return 0;
}

static struct rte_mempool *create(const char *kind, uint64_t n, uint32_t cache, uint32_t room,
				  int socket)
{
	static atomic_uint serial;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "weir_%s_%u", kind,
		 atomic_fetch_add_explicit(&serial, 1, memory_order_relaxed));
	return rte_pktmbuf_pool_create(name, (uint32_t)n, cache, 0, (uint16_t)room, socket);
}

int pool_create(struct port *p, struct weir_err *err)
{
	int socket = p->o.numa >= 0 ? p->o.numa : rte_eth_dev_socket_id(p->id);
	const char *why;

	weir_eal_attempt();
	p->pool = create("rx", p->pool_buffers, POOL_CACHE, p->pool_room, socket);
	p->large_pool = create("large", LARGE_PACKETS, 0, LARGE_ROOM, socket);
	why = weir_eal_attempt_end();
	if (p->pool == NULL || p->large_pool == NULL)
		return weir_err_set(err, ENOMEM,
				    "%s: no %lu MB of memory for %lu packet buffers%s%s", p->name,
				    p->pool_bytes >> 20, p->pool_buffers,
				    why[0] != '\0' ? ": " : "", why);
	return 0;
}

/* Drivers that keep buffers after their end, as af_xdp does, lose them here. */
void pool_destroy(struct port *p)
{
	rte_mempool_free(p->pool);
	rte_mempool_free(p->large_pool);
	p->pool = p->large_pool = NULL;
}
