/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a port: what it offers, and nothing else. */
#include "port.h"

#include <weir_eal.h>

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <errno.h>
#include <stdio.h>

#define MTU_WISH 9216

/* The RSS key with which a Toeplitz hash is the same for both directions. */
static const uint8_t symmetric_key[2] = { 0x6d, 0x5a };

#define RSS_WISH (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP)

/* net_pcap alone sets stamps, and flags them only when it reads a file as it comes. */
static void time_stamps_find(struct port *p)
{
	int bit;

	p->ts_flag = 0;
	if (strcmp(p->driver_name, "net_pcap") != 0)
		return;
	p->ts_offset = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, NULL);
	bit = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_RX_TIMESTAMP_NAME, NULL);
	if (p->ts_offset >= 0 && bit >= 0)
		p->ts_flag = RTE_BIT64(bit);
}

/* Some take a key and keep their own. */
bool port_is_symmetric(const struct port *p)
{
	uint8_t key[UINT8_MAX] = { 0 };
	struct rte_eth_rss_conf rss = { .rss_key = key, .rss_key_len = sizeof(key) };
	struct rte_eth_dev_info info;

	if (p->o.queues == 1)
		return true;
	if (rte_eth_dev_info_get(p->id, &info) != 0 || info.hash_key_size == 0 ||
	    rte_eth_dev_rss_hash_conf_get(p->id, &rss) != 0 || rss.rss_hf == 0)
		return false;
	for (uint8_t i = 0; i < info.hash_key_size; i++)
		if (key[i] != symmetric_key[i % 2])
			return false;
	return true;
}

/* Without segments a packet that does not fit into one buffer would be lost. */
static void wish_mtu(const struct port *p, const struct rte_eth_dev_info *info,
		     struct rte_eth_rxmode *rx)
{
	uint64_t wish = p->o.mtu != 0 ? p->o.mtu : MTU_WISH;

	rx->offloads = RTE_ETH_RX_OFFLOAD_SCATTER & info->rx_offload_capa;
	if ((rx->offloads != 0 || p->o.mtu != 0) && info->max_mtu < UINT16_MAX)
		rx->mtu = (uint32_t)weir_max_u64(weir_min_u64(wish, info->max_mtu), info->min_mtu);
}

static void wish_rss(const struct rte_eth_dev_info *info, uint8_t *key, struct rte_eth_conf *conf)
{
	struct rte_eth_rss_conf *rss = &conf->rx_adv_conf.rss_conf;

	rss->rss_hf = info->flow_type_rss_offloads & RSS_WISH;
	if (rss->rss_hf == 0)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	if (info->hash_key_size == 0)
		return;
	for (uint8_t i = 0; i < info->hash_key_size; i++)
		key[i] = symmetric_key[i % 2];
	rss->rss_key = key;
	rss->rss_key_len = info->hash_key_size;
}

static int queues_setup(struct port *p, uint16_t tx_queues)
{
	uint16_t rx = RX_DESCRIPTORS, tx = 0;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rx, &tx);

	for (uint16_t q = 0; rc == 0 && q < p->o.queues; q++)
		rc = rte_eth_rx_queue_setup(p->id, q, rx, SOCKET_ID_ANY, NULL, p->pool);
	for (uint16_t q = 0; rc == 0 && q < tx_queues; q++)
		rc = rte_eth_tx_queue_setup(p->id, q, tx, SOCKET_ID_ANY, NULL);
	return rc;
}

static void clip_queues(struct port *p, const struct rte_eth_dev_info *info)
{
	uint16_t most = info->max_rx_queues;

	if (p->driver->one_queue_as_server && arg_is(p->args, p->driver->server_arg))
		most = 1;
	if (p->o.queues <= most)
		return;
	weir_log(WEIR_LOG_INFO, "%s: queues = %u: the device has %u, which are used", p->name,
		 p->o.queues, most);
	p->o.queues = most;
}

/* Drivers over an interface of the kernel refuse what it would take, or have no such function. */
static void set_mtu(const struct port *p)
{
	int rc;

	if (p->o.mtu == 0)
		return;
	weir_eal_attempt();
	rc = p->if_index != 0 ? kernel_set_mtu(p->kernel_fd, p->if_index, p->o.mtu)
			      : rte_eth_dev_set_mtu(p->id, p->o.mtu);
	weir_eal_attempt_end();
	if (rc != 0)
		weir_log(WEIR_LOG_WARN, "%s: mtu = %u: %s: it stays as it is", p->name, p->o.mtu,
			 strerror(-rc));
}

int port_configure(struct port *p, struct weir_err *err)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	uint16_t tx_queues;
	uint8_t key[UINT8_MAX];
	const char *why;
	int rc;

	rc = rte_eth_dev_info_get(p->id, &info);
	if (rc != 0)
		return weir_err_set(err, -rc, "%s: %s", p->name, rte_strerror(-rc));
	clip_queues(p, &info);
	tx_queues = p->driver->needs_tx ? p->o.queues : 0;
	p->if_index = info.if_index;
	wish_mtu(p, &info, &conf.rxmode);
	if (p->o.queues > 1)
		wish_rss(&info, key, &conf);
	conf.intr_conf.lsc = !p->driver->loses_events &&
			     (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;

	weir_eal_attempt();
	rc = rte_eth_dev_configure(p->id, p->o.queues, tx_queues, &conf);
	if (rc == 0)
		rc = queues_setup(p, tx_queues);
	why = weir_eal_attempt_end();
	if (rc != 0)
		return weir_err_set(err, -rc, "%s: %s", p->name,
				    why[0] != '\0' ? why : rte_strerror(-rc));
	time_stamps_find(p);
	set_mtu(p);
	return 0;
}
