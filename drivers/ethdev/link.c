/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link of a port, by events where its driver has them and else by asking. An interface of the kernel is
 * asked itself: drivers over one say "up" whatever it does.
 */
#define ALLOW_EXPERIMENTAL_API /* of rte_dev.h: events of devices */
#include "port.h"

#include <weir_eal.h>

#include <rte_dev.h>

#include <errno.h>
#include <unistd.h>

static bool interface_is_up(struct port *p)
{
	enum kernel_link link = kernel_link(p->kernel_fd, p->if_index);

	if (link == KERNEL_GONE)
		atomic_store_explicit(&p->link.removed, true, memory_order_relaxed);
	return link == KERNEL_UP;
}

void link_look(struct port *p)
{
	struct link *l = &p->link;
	struct rte_eth_link now = { 0 };
	bool up;

	rte_eth_link_get_nowait(p->id, &now);
	up = p->if_index != 0 ? interface_is_up(p) : now.link_status == RTE_ETH_LINK_UP;

	pthread_mutex_lock(&l->lock);
	l->downs += l->up && !up;
	l->returns += up && !l->up && l->was_up;
	l->was_up |= up;
	l->up = up;
	l->speed_mbps = now.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : now.link_speed;
	pthread_mutex_unlock(&l->lock);
}

static int on_link(uint16_t id, enum rte_eth_event_type type, void *port, void *none)
{
	(void)id;
	(void)type;
	(void)none;
	link_look(port);
	return 0;
}

static int on_removal(uint16_t id, enum rte_eth_event_type type, void *port, void *none)
{
	struct port *p = port;

	(void)id;
	(void)type;
	(void)none;
	atomic_store_explicit(&p->link.removed, true, memory_order_relaxed);
	return 0;
}

static void on_device(const char *name, enum rte_dev_event_type type, void *port)
{
	struct port *p = port;

	(void)name;
	if (type == RTE_DEV_EVENT_REMOVE)
		atomic_store_explicit(&p->link.removed, true, memory_order_relaxed);
}

void link_init(struct port *p)
{
	pthread_mutex_init(&p->link.lock, NULL);
}

void link_watch_devices(void)
{
	static bool watching;

	if (watching)
		return;
	watching = true;
	weir_eal_attempt();
	if (rte_dev_event_monitor_start() == 0)
		rte_dev_hotplug_handle_enable();
	weir_eal_attempt_end();
}

void link_watch(struct port *p)
{
	p->link.watched = true;
	rte_eth_dev_callback_register(p->id, RTE_ETH_EVENT_INTR_LSC, on_link, p);
	rte_eth_dev_callback_register(p->id, RTE_ETH_EVENT_INTR_RMV, on_removal, p);
	rte_dev_event_callback_register(p->name, on_device, p);
}

/* -EAGAIN: it is being called just now, in DPDK's thread. */
void link_unwatch(struct port *p)
{
	if (!p->link.watched)
		return;
	while (rte_eth_dev_callback_unregister(p->id, RTE_ETH_EVENT_INTR_LSC, on_link, p) ==
	       -EAGAIN)
		usleep(100);
	while (rte_eth_dev_callback_unregister(p->id, RTE_ETH_EVENT_INTR_RMV, on_removal, p) ==
	       -EAGAIN)
		usleep(100);
	while (rte_dev_event_callback_unregister(p->name, on_device, p) == -EAGAIN)
		usleep(100);
	p->link.watched = false;
}
