/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include "ethdev_priv.h"

#include <weir_eal.h>

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_pci.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RX_DESCRIPTORS 1024
#define POOL_CACHE     256
#define IN_FLIGHT      8192
#define DATA_ROOM      RTE_MBUF_DEFAULT_BUF_SIZE /* 2048 and headroom */
#define LARGE_ROOM     UINT16_MAX
#define LARGE_PACKETS  128 /* segmented packets on their way at once */
#define MTU_WISH       9216
#define POOL_OVERHEAD  256 /* bytes a buffer: mbuf, pool's header and alignment */

/* Drivers that lose packets without a word: what is lost before rx is unknown. */
static const char *const silent[] = {
	"net_af_packet", "net_af_xdp",      "net_memif",  "net_tap",
	"net_vhost",     "net_virtio_user", "net_virtio",
};

/* The RSS key with which a Toeplitz hash is the same for both directions. */
static const uint8_t symmetric_key[2] = { 0x6d, 0x5a };

#define RSS_WISH (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP)

static bool is_pci(const struct port *p)
{
	struct rte_pci_addr addr;

	return rte_pci_addr_parse(p->name, &addr) == 0;
}

int port_init(struct port *p, const char *device)
{
	char *comma;

	if (device == NULL || device[0] == '\0' || device[0] == ',')
		return -EINVAL;
	p->name = strdup(device);
	if (p->name == NULL)
		return -ENOMEM;
	comma = strchr(p->name, ',');
	p->args = comma != NULL ? comma + 1 : "";
	if (comma != NULL)
		*comma = '\0';
	return 0;
}

/* Buffers and their size; a driver that keeps a file in memory takes them from the same pool. */
struct pool_plan {
	uint64_t buffers;
	uint32_t room;
	uint64_t bytes;
};

static int plan(const struct port *p, const struct weir_ethdev_options *o, struct pool_plan *plan,
		struct weir_err *err)
{
	struct capture_size kept = pcap_args_size(p->args);
	uint64_t half = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
	uint64_t most = o->memory_bytes != 0 ? o->memory_bytes : half;

	if (kept.longest > LARGE_ROOM - RTE_PKTMBUF_HEADROOM)
		return weir_err_set(err, EFBIG,
				    "%s: infinite_rx cannot hold a packet of %u bytes, at most %u",
				    p->name, kept.longest, LARGE_ROOM - RTE_PKTMBUF_HEADROOM);
	plan->buffers = kept.packets + (o->in_flight != 0 ? o->in_flight : IN_FLIGHT) +
			(uint64_t)o->queues * (RX_DESCRIPTORS + WEIR_BURST_MAX + 2 * POOL_CACHE);
	plan->room = (uint32_t)weir_max_u64(DATA_ROOM, kept.longest + RTE_PKTMBUF_HEADROOM);
	plan->bytes = plan->buffers * (plan->room + POOL_OVERHEAD) +
		      (uint64_t)LARGE_PACKETS * (LARGE_ROOM + POOL_OVERHEAD);
	if (plan->bytes > most || plan->buffers > UINT32_MAX)
		return weir_err_set(err, ENOMEM,
				    "%s: %lu packet buffers need %lu MB, allowed are %lu MB%s",
				    p->name, plan->buffers, plan->bytes >> 20, most >> 20,
				    kept.packets != 0 ? ": with infinite_rx the file must fit"
						      : "");
	return 0;
}

static struct rte_mempool *pool_create(const char *kind, uint64_t n, uint32_t cache, uint32_t room,
				       int socket)
{
	static uint32_t serial;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "weir_%s_%u", kind, serial++);
	return rte_pktmbuf_pool_create(name, (uint32_t)n, cache, 0, (uint16_t)room, socket);
}

static int pools_create(struct port *p, const struct pool_plan *plan, int numa,
			struct weir_err *err)
{
	int socket = numa >= 0 ? numa : rte_eth_dev_socket_id(p->id);
	const char *why;

	weir_eal_attempt();
	p->pool = pool_create("rx", plan->buffers, POOL_CACHE, plan->room, socket);
	p->large_pool = pool_create("large", LARGE_PACKETS, 0, LARGE_ROOM, socket);
	why = weir_eal_attempt_end();
	if (p->pool == NULL || p->large_pool == NULL)
		return weir_err_set(err, ENOMEM,
				    "%s: no %lu MB of memory for %lu packet buffers%s%s", p->name,
				    plan->bytes >> 20, plan->buffers, why[0] != '\0' ? ": " : "",
				    why);
	return 0;
}

static int add(struct port *p, struct weir_err *err)
{
	const char *why;
	int rc;

	if (rte_eth_dev_get_port_by_name(p->name, &p->id) == 0)
		return weir_err_set(err, EEXIST, "%s: another source has this device", p->name);
	weir_eal_attempt();
	rc = rte_eal_hotplug_add(is_pci(p) ? "pci" : "vdev", p->name, p->args);
	why = weir_eal_attempt_end();
	if (rc != 0)
		return weir_err_set(err, ENODEV, "%s: %s", p->name,
				    why[0] != '\0' ? why : rte_strerror(-rc));
	p->added = true;
	if (rte_eth_dev_get_port_by_name(p->name, &p->id) != 0)
		return weir_err_set(err, ENODEV, "%s: the device has no port of this name",
				    p->name);
	return 0;
}

static bool is_silent(const char *driver)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(silent); i++)
		if (strcmp(driver, silent[i]) == 0)
			return true;
	return false;
}

/* net_pcap alone sets stamps, and flags them only when it reads a file as it comes. */
static void time_stamps_find(struct port *p, const char *driver)
{
	int bit;

	p->ts_flag = 0;
	if (strcmp(driver, "net_pcap") != 0)
		return;
	p->ts_offset = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, NULL);
	bit = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_RX_TIMESTAMP_NAME, NULL);
	if (p->ts_offset >= 0 && bit >= 0)
		p->ts_flag = RTE_BIT64(bit);
}

/* Only what the port says it does now counts: some take a key and keep their own. */
static bool hash_is_symmetric(const struct port *p)
{
	uint8_t key[UINT8_MAX] = { 0 };
	struct rte_eth_rss_conf rss = { .rss_key = key, .rss_key_len = sizeof(key) };
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(p->id, &info) != 0 || info.hash_key_size == 0 ||
	    rte_eth_dev_rss_hash_conf_get(p->id, &rss) != 0 || rss.rss_hf == 0)
		return false;
	for (uint8_t i = 0; i < info.hash_key_size; i++)
		if (key[i] != symmetric_key[i % 2])
			return false;
	return true;
}

/* Wish for what the port offers, for nothing else. */
static void wish(const struct rte_eth_dev_info *info, uint16_t queues, uint8_t *key,
		 struct rte_eth_conf *conf)
{
	conf->rxmode.offloads = RTE_ETH_RX_OFFLOAD_SCATTER & info->rx_offload_capa;
	if (conf->rxmode.offloads != 0 && info->max_mtu < UINT16_MAX)
		conf->rxmode.mtu = (uint32_t)weir_min_u64(MTU_WISH, info->max_mtu);
	conf->intr_conf.lsc = (*info->dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;

	if (queues == 1 || (info->flow_type_rss_offloads & RSS_WISH) == 0)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & RSS_WISH;
	if (info->hash_key_size == 0)
		return;
	for (uint8_t i = 0; i < info->hash_key_size; i++)
		key[i] = symmetric_key[i % 2];
	conf->rx_adv_conf.rss_conf.rss_key = key;
	conf->rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
}

static int queues_setup(struct port *p, uint16_t queues)
{
	uint16_t rx = RX_DESCRIPTORS, tx = 0;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rx, &tx);

	for (uint16_t q = 0; rc == 0 && q < queues; q++)
		rc = rte_eth_rx_queue_setup(p->id, q, rx, SOCKET_ID_ANY, NULL, p->pool);
	return rc;
}

static int configure(struct port *p, uint16_t queues, struct weir_err *err)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	uint8_t key[UINT8_MAX];
	const char *why;
	int rc;

	rc = rte_eth_dev_info_get(p->id, &info);
	if (rc != 0)
		return weir_err_set(err, -rc, "%s: %s", p->name, rte_strerror(-rc));
	if (queues > info.max_rx_queues)
		return weir_err_set(err, EINVAL, "%s: queues = %u: the device has %u", p->name,
				    queues, info.max_rx_queues);
	p->queues = queues;
	p->tells_missed = !is_silent(info.driver_name);
	time_stamps_find(p, info.driver_name);
	wish(&info, queues, key, &conf);

	weir_eal_attempt();
	rc = rte_eth_dev_configure(p->id, queues, 0, &conf);
	if (rc == 0)
		rc = queues_setup(p, queues);
	why = weir_eal_attempt_end();
	if (rc != 0)
		return weir_err_set(err, -rc, "%s: %s", p->name,
				    why[0] != '\0' ? why : rte_strerror(-rc));
	return 0;
}

void port_stop(struct port *p)
{
	if (p->started)
		rte_eth_dev_stop(p->id);
	p->started = false;
}

/* The port first: it may still hold buffers. */
static void port_remove(struct port *p)
{
	port_stop(p);
	weir_eal_attempt();
	if (p->added)
		rte_eal_hotplug_remove(is_pci(p) ? "pci" : "vdev", p->name);
	weir_eal_attempt_end();
	rte_mempool_free(p->pool);
	rte_mempool_free(p->large_pool);
	p->pool = p->large_pool = NULL;
	p->added = false;
}

int port_open(struct port *p, const struct weir_ethdev_options *o, struct weir_err *err)
{
	struct pool_plan pp = { 0 };
	int rc;

	rc = plan(p, o, &pp, err);
	if (rc == 0)
		rc = weir_eal_start(&(struct weir_eal_options){ .memory_bytes = pp.bytes }, err);
	if (rc == 0)
		rc = add(p, err);
	if (rc == 0)
		rc = pools_create(p, &pp, o->numa, err);
	if (rc == 0)
		rc = configure(p, o->queues, err);
	if (rc != 0)
		port_remove(p);
	return rc;
}

int port_start(struct port *p, struct weir_err *err)
{
	const char *why;
	int rc;

	weir_eal_attempt();
	rc = rte_eth_dev_start(p->id);
	if (rc == 0) {
		/* What these return means nothing on half of the drivers. */
		rte_eth_promiscuous_enable(p->id);
		rte_eth_allmulticast_enable(p->id);
		rte_eth_stats_reset(p->id);
	}
	why = weir_eal_attempt_end();
	if (rc != 0)
		return weir_err_set(err, -rc, "%s: %s", p->name,
				    why[0] != '\0' ? why : rte_strerror(-rc));
	p->started = true;
	p->symmetric = p->queues == 1 || hash_is_symmetric(p);
	return 0;
}

bool port_missed(const struct port *p, uint64_t *packets)
{
	struct rte_eth_stats stats;

	if (!p->tells_missed || rte_eth_stats_get(p->id, &stats) != 0)
		return false;
	*packets = stats.imissed + stats.rx_nombuf;
	return true;
}

void port_close(struct port *p)
{
	port_remove(p);
	free(p->name);
}
