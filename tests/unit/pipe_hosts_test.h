/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts that script packets are of, as an inventory: MAC 02:00:00:00:00:NN, 10.1.0.NN. */
#ifndef PIPE_HOSTS_TEST_H
#define PIPE_HOSTS_TEST_H

#include "weir_test.h"

#include <weir_meta.h>

#include <stdio.h>

enum { SERVER = 200, CLIENTS = 100 };

static inline void add_segment(struct weir_meta_builder *b, unsigned int host)
{
	char mac[32];
	const char *const macs[] = { mac };
	const struct weir_meta_segment row = { .id = 1, .macs = macs, .mac_count = 1 };

	snprintf(mac, sizeof(mac), "02:00:00:00:00:%02x", host);
	CU_ASSERT_EQUAL(weir_meta_add_segment(b, WEIR_META_REMOTE, &row), 0);
}

/* Clients in `vpc`, the server in `vpc` + 1; odd clients and, if it is `near`, the server are of a segment. */
static inline struct weir_meta *inventory_near(uint32_t vpc, bool near)
{
	const struct weir_meta_agent self = { .type = WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE,
					      .mode = 2 };
	struct weir_meta_builder *b = weir_meta_builder_create(&self);
	struct weir_meta *m;
	char ip[32];

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	for (uint32_t host = 0; host <= SERVER; host++) {
		const struct weir_meta_address a = { .ip = ip, .masklen = 32 };
		const struct weir_meta_interface itf = { .id = host + 1,
							 .if_type = WEIR_IF_LAN,
							 .vpc = vpc + (host == SERVER),
							 .mac = UINT64_C(0x020000000000) | host,
							 .addresses = &a,
							 .address_count = 1 };

		snprintf(ip, sizeof(ip), "10.1.0.%u", host);
		CU_ASSERT_EQUAL(weir_meta_add_interface(b, &itf), 0);
		if (host == SERVER ? near : host % 2 == 1)
			add_segment(b, host);
	}
	m = weir_meta_freeze(b, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	weir_meta_builder_destroy(b);
	return m;
}

static inline struct weir_meta *inventory(uint32_t vpc)
{
	return inventory_near(vpc, false);
}

#endif
