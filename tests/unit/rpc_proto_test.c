/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of both dialects, written by hand: tag (number << 3 | wire type), length, value. And what unpacking
 * takes, keeps and refuses.
 */
#include "weir_test.h"

#include <weir_rpc.h>

#include <agent.pb-c.h>
#include <errno.h>
#include <stdlib.h>
#include <trident.pb-c.h>

/* What both dialects have in common of a request, fields in the order of their numbers. */
#define REQUEST_HEAD                                                                 \
	0x08, 0x80, 0xe2, 0xcf, 0xaa, 0x06, /* 1 boot_time = 1700000000 */           \
		0x10, 0x00,                 /* 2 config_accepted = false */          \
		0x20, 0x02,                 /* 4 state = RUNNING */                  \
		0x2a, 0x08, 'v', '1', ' ', '7', '-', 'a', 'b', 'c', /* 5 revision */ \
		0x30, 0x80, 0x80, 0x80, 0x80, 0x08                  /* 6 exception = 1 << 31 */
#define REQUEST_MIDDLE                                                                           \
	0x48, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,                              \
		0x01,                            /* 9 version_platform_data, all bits */         \
		0x50, 0x00,                      /* 10 version_acls = 0, and said so */          \
		0xaa, 0x01, 0x03, '1', '.', '2', /* 21 ctrl_ip, of three bytes */                \
		0xb2, 0x01, 0x00,                /* 22 host = "" */                              \
		0xba, 0x01, 0x01, 'a', 0xba, 0x01, 0x01, 'b', /* 23 host_ips, two */             \
		0xca, 0x01, 0x02, 'm', 'c',                   /* 25 ctrl_mac */                  \
		0xd2, 0x01, 0x01, 'g',                        /* 26 group asked for */           \
		0xe0, 0x01, 0x02,                             /* 28 identifier = IP */           \
		0x80, 0x02, 0x08,                             /* 32 cpu_num = 8 */               \
		0x88, 0x02, 0x80, 0x80, 0x80, 0x80, 0x20,     /* 33 memory_size = 8 GiB */       \
		0xc8, 0x02, 0x01,                             /* 41 watch policy = WATCH_ONLY */ \
		0xea, 0x02, 0x01, 'd'                         /* 45 kubernetes_cluster_id */

static const uint8_t trident_request[] = { REQUEST_HEAD,   0x40, 0x02, /* 8 tap_mode = ANALYZER */
					   REQUEST_MIDDLE, 0x90, 0x03, 0x05 /* 50 org_id = 5 */ };
static const uint8_t
	agent_request[] = {
		REQUEST_HEAD, REQUEST_MIDDLE, 0xfa,
		0x02,         0x02,           'm',
		'd', /* 47 kubernetes_cluster_md5 */
		0x90,         0x03,           0x80,
		0x80,         0xc0,           0x02 /* 50 current_grpc_buffer_size = 5 MiB */
	};

static const uint8_t trident_response[] = {
	0x08, 0x00,       /* 1 status = SUCCESS */
	0x12, 0x0f,       /* 2 config, 15 bytes */
	0x08, 0x00,       /*   1 enabled = false */
	0xc0, 0x02, 0x07, /*   40 vtap_id = 7 */
	0xc8, 0x02, 0x06, /*   41 trident_type = DEDICATED_PHYSICAL_MACHINE */
	0xf2, 0x1f, 0x04, 'a',  ':',  ' ',  '1', /* 510 local_config */
	0x22, 0x01, 'r',                         /* 4 revision */
	0x30, 0x09,                              /* 6 version_platform_data = 9 */
	0x4a, 0x05, 0x08, 0x03, 0x12, 0x01, 'c', /* 9 containers: pod_id 3, container_id "c" */
	0x52, 0x07, 0x08, 0x01, 0x12, 0x03, 'm',
	'a',  'c',              /* 10 local_segments: id 1, mac */
	0x62, 0x00,             /* 12 platform_data, there and empty */
	0x7a, 0x02, 0x0a, 0x00, /* 15 groups */
	0x82, 0x01, 0x06, 0x08, 0x03, 0x10, 0x01,
	0x18, 0x64,                   /* 16 tap_types: 3, PACKET, VLAN 100 */
	0x9a, 0x01, 0x02, 0x08, 0x2a, /* 19 skip_interface: mac 42 */
};
static const uint8_t agent_response[] = {
	0x08, 0x0a,                                          /* 1 status = CLUSTER_ID_NOT_FOUND */
	0x12, 0x04, 'a',  ':',  ' ',  '1',                   /* 2 user_config */
	0x1a, 0x01, 'r',                                     /* 3 revision */
	0x28, 0x09,                                          /* 5 version_platform_data = 9 */
	0x42, 0x05, 0x08, 0x03, 0x12, 0x01, 'c',             /* 8 containers */
	0x4a, 0x07, 0x08, 0x01, 0x12, 0x03, 'm',  'a',  'c', /* 9 local_segments */
	0x5a, 0x00,                                          /* 11 platform_data, there and empty */
	0x6a, 0x02, 0x0a, 0x00,                              /* 13 groups */
	0x72, 0x06, 0x08, 0x03, 0x10, 0x01, 0x18, 0x64,      /* 14 capture_network_types */
	0x7a, 0x02, 0x08, 0x2a,                              /* 15 skip_interface */
	0xa2, 0x01, 0x07,                                    /* 20 dynamic_config, 7 bytes */
	0x10, 0x01,                                          /*   2 enabled = true */
	0x68, 0x07,                                          /*   13 agent_id = 7 */
	0x80, 0x01, 0x06,                   /*   16 agent_type = DEDICATED_PHYSICAL_MACHINE */
	0xf0, 0x01, 0x01,                   /* 30 only_partial_fields */
	0xf8, 0x01, 0x80, 0x80, 0x80, 0x05, /* 31 new_grpc_buffer_size = 10 MiB */
};

static char v1[] = "v1 7-abc", ip[] = "1.2", empty[] = "", a[] = "a", b[] = "b", mc[] = "mc",
	    g[] = "g", d[] = "d", md[] = "md", r[] = "r", c[] = "c", mac[] = "mac", yaml[] = "a: 1";
static char *two[] = { a, b }, *macs[] = { mac };

static void expect(const ProtobufCMessage *m, const uint8_t *bytes, size_t n)
{
	uint8_t out[512];

	CU_ASSERT_EQUAL_FATAL(protobuf_c_message_get_packed_size(m), n);
	CU_ASSERT_EQUAL(protobuf_c_message_pack(m, out), n);
	CU_ASSERT_EQUAL(memcmp(out, bytes, n), 0);
}

/* The same fields, the same names: but for one or two, the dialects differ in numbers only. */
#define FILL_REQUEST(rq)                                                               \
	do {                                                                           \
		(rq).has_boot_time = (rq).has_config_accepted = (rq).has_state = true; \
		(rq).boot_time = 1700000000;                                           \
		(rq).config_accepted = false;                                          \
		(rq).state = 2;                                                        \
		(rq).revision = v1;                                                    \
		(rq).has_exception = true;                                             \
		(rq).exception = UINT64_C(1) << 31;                                    \
		(rq).has_version_platform_data = (rq).has_version_acls = true;         \
		(rq).version_platform_data = UINT64_MAX;                               \
		(rq).ctrl_ip = ip;                                                     \
		(rq).host = empty;                                                     \
		(rq).n_host_ips = 2;                                                   \
		(rq).host_ips = two;                                                   \
		(rq).ctrl_mac = mc;                                                    \
		(rq).has_agent_unique_identifier = true;                               \
		(rq).agent_unique_identifier = 2;                                      \
		(rq).has_cpu_num = (rq).has_memory_size = true;                        \
		(rq).cpu_num = 8;                                                      \
		(rq).memory_size = UINT64_C(8) << 30;                                  \
		(rq).has_kubernetes_watch_policy = true;                               \
		(rq).kubernetes_watch_policy = 1;                                      \
		(rq).kubernetes_cluster_id = d;                                        \
	} while (0)

static void test_requests_pack_to_the_bytes_of_their_dialect(void)
{
	Trident__SyncRequest old = TRIDENT__SYNC_REQUEST__INIT;
	Agent__SyncRequest new = AGENT__SYNC_REQUEST__INIT;

	FILL_REQUEST(old);
	old.has_tap_mode = true;
	old.tap_mode = TRIDENT__TAP_MODE__ANALYZER;
	old.vtap_group_id_request = g;
	old.has_org_id = true;
	old.org_id = 5;
	expect(&old.base, trident_request, sizeof(trident_request));

	FILL_REQUEST(new);
	new.agent_group_id_request = g;
	new.kubernetes_cluster_md5 = md;
	new.has_current_grpc_buffer_size = true;
	new.current_grpc_buffer_size = 5 << 20;
	expect(&new.base, agent_request, sizeof(agent_request));
}

static void test_an_old_response_unpacks_and_packs_to_the_same_bytes(void)
{
	struct weir_err err = { 0 };
	ProtobufCMessage *m = weir_rpc_message_unpack(&trident__sync_response__descriptor,
						      trident_response, sizeof(trident_response), 0,
						      &err);
	const Trident__SyncResponse *rs = (const Trident__SyncResponse *)m;

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT(rs->has_status && rs->status == TRIDENT__STATUS__SUCCESS);
	CU_ASSERT(rs->config->has_enabled && !rs->config->enabled);
	CU_ASSERT_EQUAL(rs->config->vtap_id, 7);
	CU_ASSERT_EQUAL(rs->config->trident_type,
			TRIDENT__TRIDENT_TYPE__TT_DEDICATED_PHYSICAL_MACHINE);
	CU_ASSERT_EQUAL(rs->config->local_config.len, strlen(yaml));
	CU_ASSERT_EQUAL(memcmp(rs->config->local_config.data, yaml, strlen(yaml)), 0);
	CU_ASSERT(!rs->config->has_sync_interval && rs->config->sync_interval == 60);
	CU_ASSERT_EQUAL(rs->config->global_pps_threshold, 200000);
	CU_ASSERT_STRING_EQUAL(rs->config->log_level, "INFO");
	CU_ASSERT_STRING_EQUAL(rs->revision, r);
	CU_ASSERT_EQUAL(rs->version_platform_data, 9);
	CU_ASSERT(!rs->has_version_acls && rs->version_acls == 0);
	CU_ASSERT_STRING_EQUAL(rs->containers[0]->container_id, c);
	CU_ASSERT_STRING_EQUAL(rs->local_segments[0]->mac[0], macs[0]);
	CU_ASSERT(rs->has_platform_data && rs->platform_data.len == 0);
	CU_ASSERT_FALSE(rs->has_flow_acls);
	CU_ASSERT_EQUAL(rs->groups.len, 2);
	CU_ASSERT_EQUAL(rs->tap_types[0]->vlan, 100);
	CU_ASSERT_EQUAL(rs->skip_interface[0]->mac, 42);
	expect(m, trident_response, sizeof(trident_response));
	weir_rpc_message_free(m);
}

static void test_a_new_response_unpacks_and_packs_to_the_same_bytes(void)
{
	ProtobufCMessage *m = weir_rpc_message_unpack(&agent__sync_response__descriptor,
						      agent_response, sizeof(agent_response), 0,
						      NULL);
	const Agent__SyncResponse *rs = (const Agent__SyncResponse *)m;

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(rs->status, AGENT__STATUS__CLUSTER_ID_NOT_FOUND);
	CU_ASSERT_EQUAL(rs->user_config.len, strlen(yaml));
	CU_ASSERT_EQUAL(memcmp(rs->user_config.data, yaml, strlen(yaml)), 0);
	CU_ASSERT_STRING_EQUAL(rs->revision, r);
	CU_ASSERT_EQUAL(rs->version_platform_data, 9);
	CU_ASSERT_EQUAL(rs->containers[0]->pod_id, 3);
	CU_ASSERT_EQUAL(rs->local_segments[0]->id, 1);
	CU_ASSERT(rs->has_platform_data && rs->platform_data.len == 0);
	CU_ASSERT_EQUAL(rs->groups.len, 2);
	CU_ASSERT_EQUAL(rs->capture_network_types[0]->packet_type, AGENT__PACKET_TYPE__PACKET);
	CU_ASSERT_EQUAL(rs->skip_interface[0]->mac, 42);
	CU_ASSERT(rs->dynamic_config->enabled && rs->dynamic_config->agent_id == 7);
	CU_ASSERT_EQUAL(rs->dynamic_config->agent_type,
			AGENT__AGENT_TYPE__TT_DEDICATED_PHYSICAL_MACHINE);
	CU_ASSERT_TRUE(rs->only_partial_fields);
	CU_ASSERT_EQUAL(rs->new_grpc_buffer_size, 10 << 20);
	expect(m, agent_response, sizeof(agent_response));
	weir_rpc_message_free(m);
}

static void test_what_nobody_knows_is_skipped(void)
{
	static const uint8_t bytes[] = {
		0xfa, 0x3e, 0x02, 'x',  'y',                /* 1007, bytes */
		0xf8, 0x3e, 0xff, 0x01,                     /* 1007, a number */
		0x08, 0x63,                                 /* 1 status = 99 */
		0xf9, 0x3e, 1,    2,    3,   4, 5, 6, 7, 8, /* 1007, 8 bytes */
		0xfd, 0x3e, 1,    2,    3,   4,             /* 1007, 4 bytes */
		0x28, 0x07,                                 /* 5 version_platform_data = 7 */
	};
	ProtobufCMessage *m = weir_rpc_message_unpack(&agent__sync_response__descriptor, bytes,
						      sizeof(bytes), 0, NULL);
	const Agent__SyncResponse *rs = (const Agent__SyncResponse *)m;

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(rs->version_platform_data, 7);
	CU_ASSERT(rs->has_status && (int)rs->status == 99);
	weir_rpc_message_free(m);
}

/* Ended within a field, or not: never a crash, never a byte lost (AddressSanitizer says so). */
static void test_every_cut_is_refused_or_a_message(void)
{
	uint8_t *part;
	unsigned int taken = 0, refused = 0;

	for (size_t n = 0; n <= sizeof(agent_response); n++) {
		struct weir_err err = { 0 };
		ProtobufCMessage *m;

		part = malloc(n + 1);
		memcpy(part, agent_response, n);
		m = weir_rpc_message_unpack(&agent__sync_response__descriptor, part, n, 0, &err);
		taken += m != NULL;
		refused += m == NULL;
		CU_ASSERT_EQUAL(err.code, m != NULL ? 0 : EBADMSG);
		weir_rpc_message_free(m);
		free(part);
	}
	CU_ASSERT_EQUAL(taken, 14); /* nothing, and after each of the 13 fields */
	CU_ASSERT_EQUAL(refused, sizeof(agent_response) + 1 - 14);
}

/* 4 bytes each, 200 of memory: the worst there is. */
static void test_memory_is_bounded_by_the_budget(void)
{
	const size_t n = 100000;
	uint8_t *bytes = malloc(n * 4);
	struct weir_err err = { 0 };
	ProtobufCMessage *m;

	for (size_t i = 0; i < n; i++)
		memcpy(bytes + i * 4, "\x42\x02\x08\x01", 4); /* 8 containers: pod_id 1 */
	m = weir_rpc_message_unpack(&agent__sync_response__descriptor, bytes, n * 4,
				    (size_t)4 << 20, &err);
	CU_ASSERT_PTR_NULL(m);
	CU_ASSERT_EQUAL(err.code, ENOMEM);
	m = weir_rpc_message_unpack(&agent__sync_response__descriptor, bytes, n * 4,
				    (size_t)64 << 20, &err);
	CU_ASSERT_PTR_NOT_NULL(m);
	weir_rpc_message_free(m);
	free(bytes);
}

/* By one byte: below it nothing is taken, from it on all is, and what is held stays within it. */
static void test_the_budget_is_exact(void)
{
	uint8_t bytes[400];
	size_t low = 0, high = 1 << 20;
	struct weir_err err = { 0 };

	for (size_t i = 0; i < sizeof(bytes); i += 4)
		memcpy(bytes + i, "\x42\x02\x08\x01", 4);
	while (high - low > 1) {
		const size_t at = (low + high) / 2;
		ProtobufCMessage *m = weir_rpc_message_unpack(&agent__sync_response__descriptor,
							      bytes, sizeof(bytes), at, &err);

		*(m != NULL ? &high : &low) = at;
		CU_ASSERT_TRUE(m != NULL || err.code == ENOMEM);
		weir_rpc_message_free(m);
	}
	/* 100 containers, the list of them, and the answer itself; then what each block and the decoding take */
	CU_ASSERT_TRUE(high >= sizeof(Agent__SyncResponse) +
				       100 * (sizeof(Agent__Container) + sizeof(void *)));
	CU_ASSERT_TRUE(high <= 100 * 200);
	for (size_t more = 0; more < 5000; more++) {
		ProtobufCMessage *m = weir_rpc_message_unpack(&agent__sync_response__descriptor,
							      bytes, sizeof(bytes), high + more,
							      &err);

		CU_ASSERT_PTR_NOT_NULL(m);
		weir_rpc_message_free(m);
	}
}

static bool is_cyclic(const ProtobufCMessageDescriptor *type,
		      const ProtobufCMessageDescriptor *up[64], unsigned int depth)
{
	for (unsigned int i = 0; i < depth; i++)
		if (up[i] == type)
			return true;
	if (depth == 64)
		return true;
	up[depth] = type;
	for (unsigned int i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
		    is_cyclic(type->fields[i].descriptor, up, depth + 1))
			return true;
	return false;
}

/* The decoder follows messages in messages on the stack, without a limit. */
static void test_no_message_of_a_service_contains_itself(void)
{
	static const ProtobufCServiceDescriptor *const services[] = {
		&trident__synchronizer__descriptor, &agent__synchronizer__descriptor
	};
	static const ProtobufCMessageDescriptor *const inner[] = {
		&trident__platform_data__descriptor, &trident__groups__descriptor,
		&trident__flow_acls__descriptor,     &agent__platform_data__descriptor,
		&agent__groups__descriptor,          &agent__flow_acls__descriptor,
	};
	const ProtobufCMessageDescriptor *up[64];

	for (size_t s = 0; s < WEIR_ARRAY_SIZE(services); s++) {
		CU_ASSERT(services[s]->n_methods >= 10);
		for (unsigned int i = 0; i < services[s]->n_methods; i++) {
			CU_ASSERT_FALSE(is_cyclic(services[s]->methods[i].input, up, 0));
			CU_ASSERT_FALSE(is_cyclic(services[s]->methods[i].output, up, 0));
		}
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(inner); i++)
		CU_ASSERT_FALSE(is_cyclic(inner[i], up, 0));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "requests pack to the bytes of their dialect",
		  test_requests_pack_to_the_bytes_of_their_dialect },
		{ "an old response unpacks, and packs to the same bytes",
		  test_an_old_response_unpacks_and_packs_to_the_same_bytes },
		{ "a new response unpacks, and packs to the same bytes",
		  test_a_new_response_unpacks_and_packs_to_the_same_bytes },
		{ "what nobody knows is skipped", test_what_nobody_knows_is_skipped },
		{ "every cut is refused, or a message", test_every_cut_is_refused_or_a_message },
		{ "memory is bounded by the budget", test_memory_is_bounded_by_the_budget },
		{ "the budget is exact", test_the_budget_is_exact },
		{ "no message of a service contains itself",
		  test_no_message_of_a_service_contains_itself },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("rpc/proto", tests);
}
