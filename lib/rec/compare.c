/* SPDX-License-Identifier: Apache-2.0 */
/* The order of --sorted. It depends on what a record says, never on when it came. */
#include <weir_rec.h>

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int order_keys(const struct weir_flow_rec *a, const struct weir_flow_rec *b)
{
	int by = memcmp(a->ip, b->ip, sizeof(a->ip));

	if (by == 0)
		by = order(a->port[0], b->port[0]);
	if (by == 0)
		by = order(a->port[1], b->port[1]);
	if (by == 0)
		by = order(a->protocol, b->protocol);
	if (by == 0)
		by = order(a->capture_nic, b->capture_nic);
	return by;
}

int weir_flow_rec_compare(const void *va, const void *vb)
{
	const struct weir_flow_rec *a = va, *b = vb;
	int by = order(a->start_ns, b->start_ns);

	if (by == 0)
		by = order_keys(a, b);
	if (by == 0)
		by = order(a->flow_id, b->flow_id);
	return by != 0 ? by : memcmp(a, b, sizeof(*a));
}
