/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any lines as rows of an inventory and of a policy: taken or dropped, never more; what was taken is
 * frozen and compiled, and can be asked. A line's first two bytes say what it is.
 */
#include <weir_meta.h>
#include <weir_policy.h>

#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rows {
	struct weir_meta_builder *meta;
	struct weir_policy_builder *policy;
};

static void add_meta(struct weir_meta_builder *b, unsigned int kind, uint8_t n, const char *text)
{
	const struct weir_meta_address address = { .ip = text };
	const char *const macs[] = { text };

	switch (kind) {
	case 0:
		weir_meta_add_interface(b, &(struct weir_meta_interface){ .id = n,
									  .if_type = 3 + n % 3,
									  .vpc = n % 8,
									  .mac = n,
									  .region_id = n & 1,
									  .addresses = &address,
									  .address_count = 1 });
		break;
	case 1:
		weir_meta_add_cidr(b, &(struct weir_meta_cidr){ .prefix = text,
								.type = n % 4,
								.vpc = n % 8 - 4,
								.tunnel_id = n / 128 });
		break;
	case 2:
		weir_meta_add_segment(b, n & 1,
				      &(struct weir_meta_segment){ .macs = macs, .mac_count = 1 });
		break;
	case 3:
		weir_meta_add_peer(b, &(struct weir_meta_peer){ .local_vpc = n % 8,
								.remote_vpc = n / 8 % 8 });
		break;
	default:
		weir_meta_add_tap_type(b, &(struct weir_meta_tap_type){ .tap_type = n,
									.packet_type = n % 3,
									.vlan = n,
									.source_ip = text });
	}
}

static void add_policy(struct weir_policy_builder *b, unsigned int kind, uint8_t n,
		       const char *text)
{
	const struct weir_policy_action action = {
		.tunnel_type = n % 6, .tunnel_ip = text, .side = n % 5, .direction = n / 5 % 5
	};
	const int32_t group = n % 8;

	switch (kind) {
	case 5:
		weir_policy_add_group(b, &(struct weir_policy_group){ .id = n % 8,
								      .vpc = n / 8 % 4,
								      .ips = &text,
								      .ip_count = 1 });
		break;
	case 6:
		weir_policy_add_group(b, &(struct weir_policy_group){ .id = n % 8,
								      .ip_ranges = &text,
								      .ip_range_count = 1 });
		break;
	default:
		weir_policy_add_acl(b, &(struct weir_policy_acl){ .id = n,
								  .protocol = n * 2,
								  .network_type = n & 3,
								  .src_ports = text,
								  .dst_ports = n & 1 ? text : "",
								  .src_groups = &group,
								  .src_group_count = n >> 1 & 1,
								  .actions = &action,
								  .action_count = n >> 2 & 1 });
	}
}

static void add_line(const struct rows *r, const uint8_t *line, size_t len)
{
	char text[TEXT_MAX];

	if (len < 2)
		return;
	snprintf(text, sizeof(text), "%.*s", (int)(len - 2 < TEXT_MAX ? len - 2 : TEXT_MAX - 1),
		 (const char *)line + 2);
	if (line[0] % 8 < 5)
		add_meta(r->meta, line[0] % 8, line[1], text);
	else
		add_policy(r->policy, line[0] % 8, line[1], text);
}

static void ask(const struct weir_meta *m, const struct weir_policy *p, const uint8_t *data)
{
	struct weir_meta_query q = { .mac = { data[0], data[1] },
				     .has_ip = true,
				     .is_ipv6 = data[2] & 1,
				     .network_type = 3,
				     .tunnel_id = data[2] >> 7 };
	struct weir_policy_key k = { .is_ipv6 = q.is_ipv6, .protocol = data[3] };
	struct weir_policy_result r;
	struct weir_meta_label label;

	memcpy(&q.ip[0], data, 16);
	memcpy(&q.ip[1], data + 8, 16);
	weir_meta_label_burst(m, &q, &label, 1);
	for (unsigned int end = 0; end < 2; end++) {
		k.ip[end] = q.ip[end];
		k.vpc[end] = label.end[end].l3_vpc;
	}
	if (weir_policy_match(p, &k, &r) != (r.acls > 0) || r.hit_count > WEIR_POLICY_HITS_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct weir_meta_agent agent = { .type = 1, .vpc = 2 };
	struct rows r = { weir_meta_builder_create(&agent), weir_policy_builder_create() };
	const uint8_t *end = data + size;
	struct weir_meta *m = NULL;
	struct weir_policy *p = NULL;

	if (r.meta == NULL || r.policy == NULL || size < 24)
		goto out;
	for (const uint8_t *line = data; line < end;) {
		const uint8_t *next = memchr(line, '\n', (size_t)(end - line));

		add_line(&r, line, (size_t)((next != NULL ? next : end) - line));
		line = next != NULL ? next + 1 : end;
	}
	m = weir_meta_freeze(r.meta, NULL);
	p = weir_policy_compile(r.policy, (size_t)16 << 20, NULL);
	if (m != NULL && p != NULL)
		ask(m, p, data);
out:
	weir_meta_destroy(m);
	weir_policy_destroy(p);
	weir_meta_builder_destroy(r.meta);
	weir_policy_builder_destroy(r.policy);
	return 0;
}
