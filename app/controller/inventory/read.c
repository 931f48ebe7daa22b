/* SPDX-License-Identifier: Apache-2.0 */
/* A GenesisPlatformData, the same in both dialects, as rows. Spec: control plane, 1.9 and 1.11. */
#include "inventory_priv.h"

#include <weir_rpc.h>

#include <agent.pb-c.h>
#include <errno.h>
#include <stdlib.h>

#define BUDGET_BYTES (64U << 20) /* of memory, while it is unpacked */
#define TEXT_MAX     255         /* a name, a namespace, a device */
#define MAC_MAX      UINT64_C(0xffffffffffff)
#define KEY_MASK     UINT64_C(0xffffffffffff)
#define PRIME        UINT64_C(0x9e3779b97f4a7c15)

/* A report being read. */
struct reading {
	struct weir_list rows, addresses;
	const char *netns; /* of the text that is being read */
	size_t interfaces;
	struct weir_err *err;
};

uint64_t inventory_hash(uint64_t h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t word;

	h = weir_mix(h ^ n, PRIME);
	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = weir_mix(h ^ word, PRIME) + n;
	}
	word = 0;
	if (n > 0)
		memcpy(&word, p, n);
	return weir_mix(h ^ word, PRIME);
}

/* ------------------------------------------------------------------ addresses */

static bool is_in4(uint32_t ip, uint32_t net, unsigned int len)
{
	return (ip ^ net) >> (32 - len) == 0;
}

/* Of this machine, this link or of many: says nothing of who is where. */
static bool is_of_no_host(const struct address *a)
{
	static const union weir_ip loopback6 = { { [15] = 1 } };
	const uint8_t *b = a->ip.b;
	const uint32_t ip = weir_be32(b);

	if (!a->is_ipv6)
		return is_in4(ip, 0, 8) || is_in4(ip, 0x7f000000, 8) ||
		       is_in4(ip, 0xa9fe0000, 16) || ip >= 0xe0000000;
	return (a->ip.q[0] == 0 && (a->ip.q[1] == 0 || a->ip.q[1] == loopback6.q[1])) ||
	       b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

/* Not in a server's local_ip_ranges (control plane, 5.2), nor a provider's own (RFC 6598); IPv6: RFC 4291, 2.5.4. */
static bool is_public(const struct address *a)
{
	const uint32_t ip = weir_be32(a->ip.b);

	if (a->is_ipv6)
		return a->ip.b[0] >> 5 == 1;
	return !is_in4(ip, 0x0a000000, 8) && !is_in4(ip, 0xac100000, 12) &&
	       !is_in4(ip, 0xc0a80000, 16) && !is_in4(ip, 0xa9fe0000, 15) &&
	       !is_in4(ip, 0x64400000, 10);
}

/* "10.0.0.1/24", or without a length: a host's. */
static bool address_read(const char *text, struct address *a)
{
	const size_t n = strcspn(text, "/");
	char ip[46];
	struct weir_prefix host, net;

	if (n >= sizeof(ip))
		return false;
	memcpy(ip, text, n);
	ip[n] = '\0';
	if (!weir_prefix_parse(ip, &host) || !weir_prefix_parse(text, &net))
		return false;
	*a = (struct address){ .ip = host.ip, .len = net.len, .is_ipv6 = host.is_ipv6 };
	return true;
}

/* ------------------------------------------------------------------ interfaces */

static const char *shown(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : "without a name";
}

static int bad(struct reading *rd, const Agent__InterfaceInfo *m, const char *what,
	       const char *value)
{
	return weir_err_set(rd->err, EINVAL, "interface %.64s: %s \"%.64s\"", shown(m->name), what,
			    value);
}

static bool is_short(const char *text)
{
	return text == NULL || strnlen(text, TEXT_MAX + 1) <= TEXT_MAX;
}

static uint64_t text_hash(uint64_t h, const char *text)
{
	return inventory_hash(h, text, text != NULL ? strlen(text) : 0);
}

/* What tells it from others of its machine, for as long as it is there. */
static uint64_t key_of(const Agent__InterfaceInfo *m)
{
	uint64_t h = weir_mix(m->mac ^ (uint64_t)m->netns_id << 32, PRIME) ^ m->tap_index;

	h = text_hash(h, m->name);
	h = text_hash(h, m->netns);
	return text_hash(h, m->device_id);
}

static int row_add(struct reading *rd, uint64_t mac, uint64_t key, uint32_t first, bool is_wan)
{
	struct row *r = weir_list_add(&rd->rows, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	r->at = (uint32_t)rd->rows.count;
	r->mac = mac;
	r->key = key & KEY_MASK;
	r->first = first;
	r->count = (uint32_t)rd->addresses.count - first;
	r->is_wan = is_wan;
	return 0;
}

/* Its addresses of one kind. */
static int addresses_add(struct reading *rd, const Agent__InterfaceInfo *m, bool want_public)
{
	for (size_t i = 0; i < m->n_ip; i++) {
		struct address a, *to;

		if (!address_read(m->ip[i], &a))
			return bad(rd, m, "this is no address:", m->ip[i]);
		if (is_of_no_host(&a) || is_public(&a) != want_public)
			continue;
		if (rd->addresses.count == REPORT_ADDRESSES_MAX)
			return weir_err_set(rd->err, E2BIG, "more than %d addresses",
					    REPORT_ADDRESSES_MAX);
		to = weir_list_add(&rd->addresses, sizeof(*to));
		if (to == NULL)
			return -ENOMEM;
		*to = a;
	}
	return 0;
}

/* Loopback, and where a node keeps the addresses of all services: they are no machine's. */
static bool is_left_out(const Agent__InterfaceInfo *m)
{
	const char *name = m->name != NULL ? m->name : "";

	return strcmp(name, "lo") == 0 || strcmp(name, "kube-ipvs0") == 0 ||
	       m->mac == MAC_MAX; /* everybody's */
}

static int interface_add(struct reading *rd, const Agent__InterfaceInfo *m)
{
	const uint64_t key = key_of(m);
	uint32_t first = (uint32_t)rd->addresses.count;
	int rc;

	if (m->mac > MAC_MAX)
		return weir_err_set(rd->err, EINVAL,
				    "interface %.64s: MAC %#llx is longer than 48 bits",
				    shown(m->name), (unsigned long long)m->mac);
	if (is_left_out(m))
		return 0;
	rc = addresses_add(rd, m, false);
	if (rc == 0 && (m->mac != 0 || rd->addresses.count > first))
		rc = row_add(rd, m->mac, key, first, false);
	first = (uint32_t)rd->addresses.count;
	if (rc == 0)
		rc = addresses_add(rd, m, true);
	if (rc == 0 && rd->addresses.count > first)
		rc = row_add(rd, 0, ~key, first, true);
	return rc;
}

/* Texts are bounded before any of them is shown or looked at. */
static int interface_check(struct reading *rd, const Agent__InterfaceInfo *m)
{
	const char *const texts[] = { m->name, m->netns, m->device_id, m->device_name, m->if_type };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++)
		if (!is_short(texts[i]))
			return weir_err_set(rd->err, E2BIG,
					    "interface %.64s: a text is longer than %d bytes",
					    shown(m->name), TEXT_MAX);
	return interface_add(rd, m);
}

static int interface_take(struct reading *rd, const Agent__InterfaceInfo *m)
{
	if (rd->interfaces++ >= REPORT_INTERFACES_MAX)
		return weir_err_set(rd->err, E2BIG, "more than %d interfaces of one reporter",
				    REPORT_INTERFACES_MAX);
	return interface_check(rd, m);
}

/* From the text of a host's own: they have no index of a tap, but one of their own. */
static int nic_take(void *ctx, const struct inventory_nic *nic)
{
	struct reading *rd = ctx;
	Agent__InterfaceInfo m = AGENT__INTERFACE_INFO__INIT;
	char *ip[WEIR_ARRAY_SIZE(nic->address)];

	for (unsigned int i = 0; i < nic->addresses; i++)
		ip[i] = (char *)(uintptr_t)nic->address[i];
	m.mac = nic->mac;
	m.name = (char *)(uintptr_t)nic->name;
	m.netns = (char *)(uintptr_t)rd->netns;
	m.tap_index = nic->index;
	m.n_ip = nic->addresses;
	m.ip = ip;
	return interface_take(rd, &m);
}

static int interfaces_add(struct reading *rd, const Agent__GenesisPlatformData *m)
{
	int rc = 0;

	if (m->n_raw_ip_addrs != m->n_raw_ip_netns)
		return weir_err_set(rd->err, EINVAL, "texts of %zu namespaces, names of %zu",
				    m->n_raw_ip_addrs, m->n_raw_ip_netns);
	for (size_t i = 0; i < m->n_interfaces && rc == 0; i++)
		rc = interface_take(rd, m->interfaces[i]);
	for (size_t i = 0; i < m->n_raw_ip_addrs && rc == 0; i++) {
		rd->netns = m->raw_ip_netns[i];
		rc = inventory_ip_text_each(m->raw_ip_addrs[i], nic_take, rd);
	}
	return rc;
}

/* ------------------------------------------------------------------ all of it */

static int read_message(struct reading *rd, const Agent__GenesisPlatformData *m,
			const uint64_t *slots, size_t n_slots, struct report *out)
{
	int rc = interfaces_add(rd, m);

	if (rc != 0)
		return rc;
	*out = (struct report){ rd->rows.items, rd->addresses.items, (uint32_t)rd->rows.count,
				(uint32_t)rd->addresses.count };
	return inventory_slots_give(out, slots, n_slots);
}

int inventory_report_read(const uint8_t *bytes, size_t n, const uint64_t *slots, size_t n_slots,
			  struct report *out, struct weir_err *err)
{
	struct reading rd = { .err = err };
	ProtobufCMessage *m;
	int rc;

	*out = (struct report){ 0 };
	if (n > REPORT_BYTES_MAX)
		return weir_err_set(err, E2BIG, "%zu bytes: at most %u of one reporter", n,
				    REPORT_BYTES_MAX);
	m = weir_rpc_message_unpack(&agent__genesis_platform_data__descriptor, bytes, n,
				    BUDGET_BYTES, err);
	if (m == NULL)
		return -EBADMSG;
	rc = read_message(&rd, (const Agent__GenesisPlatformData *)m, slots, n_slots, out);
	weir_rpc_message_free(m);
	if (rc == 0)
		return 0;
	free(rd.rows.items);
	free(rd.addresses.items);
	*out = (struct report){ 0 };
	return rc == -ENOMEM ? weir_err_set(err, ENOMEM, "out of memory") : rc;
}

void inventory_report_free(struct report *r)
{
	free(r->row);
	free(r->address);
	*r = (struct report){ 0 };
}
