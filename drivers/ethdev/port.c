/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include "peer.h"

#include <weir_eal.h>

#include <rte_pci.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECT_NS \
	(3 * WEIR_NS_PER_S) /* for what follows a client's connect() until its link is up */

static bool is_pci(const struct port *p)
{
	struct rte_pci_addr addr;

	return rte_pci_addr_parse(p->name, &addr) == 0;
}

static const char *bus_of(const struct port *p)
{
	return is_pci(p) ? "pci" : "vdev";
}

/* One unless its arguments say how many. */
static uint16_t queues_of(const struct port *p)
{
	char value[8];
	int n;

	if (p->driver->queues_arg == NULL ||
	    !arg_get(p->args, p->driver->queues_arg, value, sizeof(value)))
		return 1;
	n = atoi(value);
	return n > 0 && n <= UINT16_MAX ? (uint16_t)n : 1;
}

int port_init(struct port *p, const struct weir_ethdev_options *o)
{
	char *comma;

	p->o = *o;
	p->snaplen = o->snaplen != 0 ? o->snaplen : UINT32_MAX;
	p->kernel_fd = -1;
	link_init(p);
	if (o->device == NULL || o->device[0] == '\0' || o->device[0] == ',')
		return -EINVAL;
	p->name = strdup(o->device);
	if (p->name == NULL)
		return -ENOMEM;
	p->o.device = p->name;
	comma = strchr(p->name, ',');
	if (comma != NULL)
		*comma = '\0';
	p->driver = driver_find(p->name);
	p->args = strdup(comma != NULL ? comma + 1 : "");
	if (p->args == NULL)
		return -ENOMEM;
	if (p->o.queues == 0)
		p->o.queues = queues_of(p);
	return 0;
}

static int add(struct port *p, struct weir_err *err)
{
	const char *why;
	int rc;

	if (is_pci(p))
		link_watch_devices();
	if (p->driver->takes_interface)
		kernel_libraries_quiet();
	weir_eal_attempt();
	rc = rte_eal_hotplug_add(bus_of(p), p->name, p->args);
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

/* Which one a NIC has is known only now. */
static int meet_driver(struct port *p, struct weir_err *err)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(p->id, &info);

	if (rc != 0)
		return weir_err_set(err, -rc, "%s: %s", p->name, rte_strerror(-rc));
	snprintf(p->driver_name, sizeof(p->driver_name), "%s", info.driver_name);
	if (is_pci(p))
		p->driver = driver_find(p->driver_name);
	p->foreign_memory = p->driver->foreign_memory;
	if (p->foreign_memory)
		foreign_begin();
	return 0;
}

/* The port first: it may still hold buffers. */
static void take_down(struct port *p)
{
	link_unwatch(p);
	weir_eal_attempt();
	if (p->added && rte_eal_hotplug_remove(bus_of(p), p->name) != 0 &&
	    rte_eth_dev_is_valid_port(p->id))
		rte_eth_dev_close(p->id);
	weir_eal_attempt_end();
	sockets_close_left(&p->sockets);
	pool_destroy(p);
	p->added = false;
}

static int bring_up(struct port *p, struct weir_err *err)
{
	bool sockets = p->driver->missed == MISSED_SOCKETS;
	struct sockets before;
	int rc;

	if (sockets)
		sockets_find(&before);
	rc = add(p, err);
	if (rc == 0)
		rc = meet_driver(p, err);
	if (rc == 0)
		rc = pool_create(p, err);
	if (rc == 0)
		rc = port_configure(p, err);
	if (sockets) {
		sockets_find(&p->sockets);
		sockets_remove(&p->sockets, &before);
	}
	if (rc != 0)
		take_down(p);
	else
		link_watch(p);
	return rc;
}

/* A queue that was given back just now may be taken for some milliseconds more. */
int port_bring_up(struct port *p, struct weir_err *err)
{
	bool again = p->driver->missed == MISSED_SOCKETS && sockets_are_closing();
	int rc = bring_up(p, err);

	for (int i = 0; i < 10 && rc != 0 && again; i++) {
		usleep(20000);
		if (err != NULL)
			*err = (struct weir_err){ 0 };
		rc = bring_up(p, err);
	}
	return rc;
}

static int start_eal(const struct port *p, struct weir_err *err)
{
	const struct weir_eal_options o = { .memory_bytes = p->pool_bytes, .pinned = is_pci(p) };

	return weir_eal_start(&o, err);
}

static int clear_path(const struct port *p, struct weir_err *err)
{
	char path[200];

	if (!driver_listens(p->driver, p->args, path, sizeof(path)))
		return 0;
	return peer_path_clear(p->name, path, err);
}

/* A driver that takes an interface refuses more queues than that has. */
static void clip_to_interface(struct port *p)
{
	char interface[64];
	uint16_t has;

	if (!p->driver->takes_interface || !arg_get(p->args, "iface", interface, sizeof(interface)))
		return;
	has = kernel_queues(p->kernel_fd, interface);
	if (has >= p->o.queues)
		return;
	weir_log(WEIR_LOG_INFO, "%s: queues = %u: %s has %u, which are used", p->name, p->o.queues,
		 interface, has);
	p->o.queues = has;
}

/* The number of queues as the driver's own argument. */
static int join_queues(struct port *p, struct weir_err *err)
{
	const char *key = p->driver->queues_arg;
	char value[8], *args;

	if (key == NULL || arg_get(p->args, key, value, sizeof(value)))
		return 0;
	clip_to_interface(p);
	if (p->o.queues == 1)
		return 0;
	if (asprintf(&args, "%s%s%s=%u", p->args, p->args[0] != '\0' ? "," : "", key, p->o.queues) <
	    0)
		return weir_err_set(err, ENOMEM, "%s: no memory", p->name);
	free(p->args);
	p->args = args;
	return 0;
}

int port_open(struct port *p, struct weir_err *err)
{
	int rc = pool_plan(p, err);

	if (rc == 0)
		rc = start_eal(p, err);
	if (rc != 0)
		return rc;
	if (rte_eth_dev_get_port_by_name(p->name, &p->id) == 0)
		return weir_err_set(err, EEXIST, "%s: another source has this device", p->name);
	rc = clear_path(p, err);
	if (rc != 0)
		return rc;
	if (p->kernel_fd < 0)
		p->kernel_fd = kernel_open();
	rc = join_queues(p, err);
	if (rc != 0)
		return rc;
	return p->driver->add_blocks ? helper_start(p, err) : port_bring_up(p, err);
}

/*
 * What these return means nothing on half of the drivers. An interface of the kernel gets the flag back that it had: starting
 * a port takes it away.
 */
static void ask_for_all(struct port *p)
{
	weir_eal_attempt();
	if (p->o.promiscuous)
		rte_eth_promiscuous_enable(p->id);
	else if (p->was_promiscuous)
		kernel_set_promiscuous(p->kernel_fd, p->if_index, true);
	rte_eth_allmulticast_enable(p->id);
	rte_eth_stats_reset(p->id);
	weir_eal_attempt_end();
	kernel_tx_dropped(p->kernel_fd, p->if_index, &p->missed_before);
}

static bool is_client(const struct port *p)
{
	char path[200];

	return p->driver->path_arg != NULL &&
	       !driver_listens(p->driver, p->args, path, sizeof(path));
}

int port_go(struct port *p, struct weir_err *err)
{
	const char *why;
	int rc;

	if (!p->added)
		return weir_err_set(err, ENODEV, "%s: it is not open", p->name);
	p->was_promiscuous = kernel_is_promiscuous(p->kernel_fd, p->if_index);
	weir_eal_attempt();
	rc = rte_eth_dev_start(p->id);
	why = weir_eal_attempt_end();
	if (rc != 0)
		return weir_err_set(err, is_client(p) ? ENOTCONN : -rc, "%s: %s", p->name,
				    why[0] != '\0' ? why : rte_strerror(-rc));
	ask_for_all(p);
	p->started = true;
	p->started_ns = weir_clock_mono_ns();
	p->symmetric = port_is_symmetric(p);
	link_look(p);
	atomic_store_explicit(&p->live, true, memory_order_release); /* pairs with ethdev_rx() */
	return 0;
}

int port_start(struct port *p, struct weir_err *err)
{
	return helper_defers_start(p) ? 0 : port_go(p, err);
}

static bool interface_missed(struct port *p)
{
	uint64_t now;

	if (kernel_tx_dropped(p->kernel_fd, p->if_index, &now))
		p->missed = now - p->missed_before;
	return true;
}

static bool ask_missed(struct port *p)
{
	struct rte_eth_stats stats;

	switch (p->driver->missed) {
	case MISSED_SOCKETS:
		return sockets_missed(&p->sockets, &p->missed);
	case MISSED_INTERFACE:
		return interface_missed(p);
	case MISSED_UNKNOWN:
		return false;
	default:
		if (rte_eth_stats_get(p->id, &stats) != 0)
			return false;
		p->missed = stats.imissed + stats.rx_nombuf;
		return true;
	}
}

/* After stop as it was then. */
bool port_missed(struct port *p, uint64_t *packets)
{
	if (atomic_load_explicit(&p->live, memory_order_acquire))
		p->missed_known = ask_missed(p);
	*packets = p->missed;
	return p->missed_known;
}

static void say_what_is_waited_for(const struct port *p, struct weir_err *err)
{
	char path[200] = "";

	if (p->driver->path_arg == NULL)
		return;
	arg_get(p->args, p->driver->path_arg, path, sizeof(path));
	weir_err_set(err, ENOTCONN, "%s: nobody is connected%s%s", p->name,
		     path[0] != '\0' ? " at " : "", path);
}

/*
 * A client that was connected, or should be by now, is lost for good where its driver does not connect
 * again: a link may come and go between two looks at it.
 */
static bool is_lost(const struct port *p)
{
	const struct link *l = &p->link;

	return !l->up && is_client(p) && !p->driver->finds_server_again &&
	       (l->was_up || weir_clock_mono_ns() - p->started_ns > CONNECT_NS);
}

/* The account of the link; true when it was lost for good. */
static bool state_of_link(struct port *p, struct weir_ethdev_state *state)
{
	struct link *l = &p->link;
	bool lost;

	pthread_mutex_lock(&l->lock);
	state->downs = l->downs;
	state->returns = l->returns;
	state->speed_mbps = l->speed_mbps;
	state->link = l->up ? WEIR_ETHDEV_UP : WEIR_ETHDEV_DOWN;
	lost = is_lost(p);
	pthread_mutex_unlock(&l->lock);
	return lost;
}

void port_state(struct port *p, struct weir_ethdev_state *state)
{
	*state = (struct weir_ethdev_state){ .link = WEIR_ETHDEV_DOWN, .queues = p->o.queues };
	if (helper_is_waiting(p, &state->err)) {
		say_what_is_waited_for(p, &state->err);
		return;
	}
	if (state->err.code != 0) {
		state->link = WEIR_ETHDEV_GONE;
		return;
	}
	if (p->started)
		link_look(p);
	memcpy(state->driver, p->driver_name, sizeof(state->driver));
	if (state_of_link(p, state))
		state->link = WEIR_ETHDEV_GONE;
	if (state->link != WEIR_ETHDEV_UP)
		say_what_is_waited_for(p, &state->err);
	if (atomic_load_explicit(&p->link.removed, memory_order_relaxed)) {
		state->link = WEIR_ETHDEV_GONE;
		weir_err_set(&state->err, ENODEV, "%s: the device is no longer there", p->name);
	}
}

void port_stop(struct port *p)
{
	helper_end(p);
	if (!p->started)
		return;
	port_missed(p, &p->missed);
	atomic_store_explicit(&p->live, false, memory_order_relaxed);
	weir_eal_attempt();
	if (p->o.promiscuous && !p->was_promiscuous)
		rte_eth_promiscuous_disable(p->id);
	rte_eth_dev_stop(p->id);
	weir_eal_attempt_end();
	p->started = false;
}

void port_close(struct port *p)
{
	port_stop(p);
	take_down(p);
	if (p->kernel_fd >= 0)
		close(p->kernel_fd);
	pthread_mutex_destroy(&p->link.lock);
	free(p->name);
	free(p->args);
}
