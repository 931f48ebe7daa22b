/* SPDX-License-Identifier: Apache-2.0 */
/* The order of --sorted. It depends on what a record says, never on when it came. */
#include <weir_rec.h>

#define ORDER(a, b)                                \
	do {                                       \
		if ((a) != (b))                    \
			return (a) < (b) ? -1 : 1; \
	} while (0)

int weir_flow_rec_compare(const void *va, const void *vb)
{
	const struct weir_flow_rec *a = va, *b = vb;
	int order;

	ORDER(a->start_ns, b->start_ns);
	order = memcmp(a->ip, b->ip, sizeof(a->ip));
	if (order != 0)
		return order;
	ORDER(a->port[0], b->port[0]);
	ORDER(a->port[1], b->port[1]);
	ORDER(a->protocol, b->protocol);
	ORDER(a->capture_nic, b->capture_nic);
	ORDER(a->flow_id, b->flow_id);
	return memcmp(a, b, sizeof(*a));
}
