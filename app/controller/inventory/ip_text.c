/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `ip address show` prints, in which DeepFlow's agents report the interfaces of their hosts (control plane, 4.10):
 *
 *   2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 ...
 *       link/ether 02:42:ac:11:00:02 brd ff:ff:ff:ff:ff:ff link-netnsid 0
 *       inet 172.17.0.2/16 brd 172.17.255.255 scope global eth0
 *       inet 10.0.0.1 peer 10.0.0.2/32 scope global ppp0
 *
 * It is text for people: what is not understood is passed over.
 */
#include "inventory_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* The words of a line, as many as are of use. */
#define WORDS 5
struct line {
	char word[WORDS][64];
	unsigned int n;
};

static const char *line_read(const char *p, struct line *l)
{
	*l = (struct line){ 0 };
	while (*p != '\0' && *p != '\n') {
		size_t n;

		p += strspn(p, " \t\r");
		n = strcspn(p, " \t\r\n");
		if (n > 0 && l->n < WORDS)
			snprintf(l->word[l->n++], sizeof(l->word[0]), "%.*s",
				 (int)weir_min_u64(n, sizeof(l->word[0]) - 1), p);
		p += n;
	}
	return *p == '\n' ? p + 1 : p;
}

/* "2:" "eth0@if5:" */
static bool nic_begin(struct inventory_nic *nic, const struct line *l)
{
	unsigned long index;
	char *end;

	if (l->n < 2)
		return false;
	index = strtoul(l->word[0], &end, 10);
	if (end == l->word[0] || strcmp(end, ":") != 0 || index > UINT32_MAX)
		return false;
	nic->index = (uint32_t)index;
	nic->mac = 0;
	nic->addresses = 0;
	snprintf(nic->name, sizeof(nic->name), "%.*s", (int)strcspn(l->word[1], "@:"), l->word[1]);
	return true;
}

static void nic_add(struct inventory_nic *nic, const struct line *l)
{
	const bool is_peer = strcmp(l->word[2], "peer") == 0; /* the length is the other one's */
	struct weir_prefix p;

	if (strcmp(l->word[0], "link/ether") == 0 && !inventory_mac_parse(l->word[1], &nic->mac))
		nic->mac = 0;
	if (strcmp(l->word[0], "inet") != 0 && strcmp(l->word[0], "inet6") != 0)
		return;
	if (nic->addresses < WEIR_ARRAY_SIZE(nic->address) && weir_prefix_parse(l->word[1], &p) &&
	    !(is_peer && strchr(l->word[1], '/') != NULL))
		snprintf(nic->address[nic->addresses++], sizeof(nic->address[0]), "%.50s",
			 l->word[1]);
}

int inventory_ip_text_each(const char *text,
			   int (*each)(void *ctx, const struct inventory_nic *nic), void *ctx)
{
	struct inventory_nic nic = { 0 };
	bool is_one = false;
	int rc = 0;

	while (*text != '\0' && rc == 0) {
		const bool is_head = *text >= '0' && *text <= '9';
		struct line l;

		text = line_read(text, &l);
		if (is_head && is_one)
			rc = each(ctx, &nic);
		if (is_head)
			is_one = nic_begin(&nic, &l);
		else if (is_one && l.n > 1)
			nic_add(&nic, &l);
	}
	return is_one && rc == 0 ? each(ctx, &nic) : rc;
}
