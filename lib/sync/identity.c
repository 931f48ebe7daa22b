/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pair of address and MAC that a controller knows an agent by. Another address or MAC is another
 * agent, so the order in which they are looked for is DeepFlow's.
 */
#include "sync_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

/* Asked for the way when the link that leads to the controller is down. */
#define FAR_AWAY4 "8.8.8.8"
#define FAR_AWAY6 "240c::6666"

bool weir_sync_is_global(uint8_t family, const uint8_t ip[16])
{
	static const uint8_t loopback6[16] = { [15] = 1 }, any[16];

	if (family == AF_INET)
		return ip[0] != 127 && ip[0] < 224 && !(ip[0] == 169 && ip[1] == 254) &&
		       memcmp(ip, any, 4) != 0;
	return memcmp(ip, loopback6, 16) != 0 && memcmp(ip, any, 16) != 0 && ip[0] != 0xff &&
	       !(ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

void weir_sync_address_text(const struct weir_sync_address *a, char *to)
{
	inet_ntop(a->family, a->ip, to, WEIR_SYNC_ADDRESS_MAX);
}

static void mac_text(const struct weir_sync_link *link, char to[18])
{
	const uint8_t *m = link->mac;

	snprintf(to, 18, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

/* The first address of a comma list that others may know. */
static bool first_of_list(const char *list, char ip[WEIR_SYNC_ADDRESS_MAX])
{
	uint8_t bytes[16] = { 0 };

	while (*list != '\0') {
		int family;

		list += strspn(list, " ");
		snprintf(ip, WEIR_SYNC_ADDRESS_MAX, "%.*s", (int)strcspn(list, ", "), list);
		family = strchr(ip, ':') != NULL ? AF_INET6 : AF_INET;
		if (inet_pton(family, ip, bytes) == 1 &&
		    weir_sync_is_global((uint8_t)family, bytes))
			return true;
		list += strcspn(list, ",");
		list += *list == ',';
	}
	return false;
}

static bool first_of_link(const struct weir_sync_links *l, const struct weir_sync_link *link,
			  char ip[WEIR_SYNC_ADDRESS_MAX])
{
	for (uint32_t i = 0; i < l->addresses; i++) {
		const struct weir_sync_address *a = &l->address[i];

		if (a->index != link->index || !weir_sync_is_global(a->family, a->ip))
			continue;
		weir_sync_address_text(a, ip);
		return true;
	}
	return false;
}

static int by_interface(struct weir_sync_identity *id, const struct weir_sync_env *env,
			const struct weir_sync_links *l, struct weir_err *err)
{
	const struct weir_sync_link *link = weir_sync_link_named(l, env->interface);

	if (link == NULL)
		return weir_err_set(err, ENOENT, "CTRL_NETWORK_INTERFACE: there is no interface %s",
				    env->interface);
	if (env->pod_ips[0] != '\0' ? !first_of_list(env->pod_ips, id->ip)
				    : !first_of_link(l, link, id->ip))
		return weir_err_set(err, ENOENT,
				    "CTRL_NETWORK_INTERFACE: %s has no address that others know",
				    env->interface);
	mac_text(link, id->mac);
	return 0;
}

static bool by_node_ip(struct weir_sync_identity *id, const struct weir_sync_env *env,
		       const struct weir_sync_links *l)
{
	const int family = strchr(env->node_ip, ':') != NULL ? AF_INET6 : AF_INET;
	uint8_t ip[16] = { 0 };

	if (inet_pton(family, env->node_ip, ip) != 1)
		return false;
	for (uint32_t i = 0; i < l->addresses; i++) {
		const struct weir_sync_address *a = &l->address[i];
		const struct weir_sync_link *link;

		if (a->family != family || memcmp(a->ip, ip, sizeof(ip)) != 0)
			continue;
		link = weir_sync_link_at(l, a->index);
		if (link == NULL)
			continue;
		snprintf(id->ip, sizeof(id->ip), "%s", env->node_ip);
		mac_text(link, id->mac);
		return true;
	}
	return false;
}

static int by_route(struct weir_sync_identity *id, const struct weir_sync_links *l,
		    const char *towards, struct weir_err *err)
{
	const struct weir_sync_link *link;
	uint32_t index = 0;
	int rc = weir_sync_route(towards, &index, id->ip, err);

	if (rc != 0)
		return rc;
	link = weir_sync_link_at(l, index);
	if (link == NULL)
		return weir_err_set(err, ENOENT, "the interface towards %s is gone", towards);
	mac_text(link, id->mac);
	if (!link->up)
		return weir_err_set(err, ENETDOWN, "%s, the interface towards %s, is down",
				    link->name, towards);
	return 0;
}

int weir_sync_identity_find(struct weir_sync_identity *id, const struct weir_sync_env *env,
			    const struct weir_sync_links *l, const char *towards,
			    struct weir_err *err)
{
	int rc;

	if (env->interface[0] != '\0')
		return by_interface(id, env, l, err);
	if (env->node_ip[0] != '\0' && by_node_ip(id, env, l))
		return 0;
	rc = by_route(id, l, towards, err);
	if (rc == -ENETDOWN)
		rc = by_route(id, l, strchr(towards, ':') != NULL ? FAR_AWAY6 : FAR_AWAY4, err);
	return rc;
}
