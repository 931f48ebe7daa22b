/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the tables, from messages to builders. Both dialects have the same words for most of it and
 * different numbers, which the generated types know; so this is included once for each, which says its
 * types (T), descriptors (D) and the few words that differ.
 */
#include "codec.h"

#include <weir_rpc.h>

#include <errno.h>
#include <stdlib.h>

#define BUDGET_TIMES 64 /* memory a message takes, at most, for a byte received */

static void *unpack(const ProtobufCMessageDescriptor *type, const struct weir_sync_bytes *bytes,
		    const char *what, struct weir_err *err)
{
	struct weir_err why = { 0 };
	void *m = weir_rpc_message_unpack(type, bytes->v, bytes->n,
					  bytes->n * BUDGET_TIMES + (1 << 20), &why);

	if (m == NULL)
		weir_err_set(err, why.code != 0 ? why.code : EBADMSG, "%s: %s", what, why.msg);
	return m;
}

static int interface_row(const T(Interface) * m, struct weir_meta_builder *b)
{
	struct weir_meta_address few[16], *a = few;
	struct weir_meta_interface row = {
		.id = m->id,
		.device_type = m->device_type,
		.if_type = m->if_type,
		.vpc = m->epc_id,
		.region_id = m->region_id,
		.pod_node_id = m->pod_node_id,
		.pod_cluster_id = m->pod_cluster_id,
		.mac = m->mac,
		.is_vip = m->is_vip_interface,
		.address_count = m->n_ip_resources,
	};
	int rc;

	if (m->n_ip_resources > WEIR_ARRAY_SIZE(few))
		a = calloc(m->n_ip_resources, sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_ip_resources; i++)
		a[i] = (struct weir_meta_address){ m->ip_resources[i]->ip,
						   m->ip_resources[i]->masklen,
						   m->ip_resources[i]->subnet_id };
	row.addresses = a;
	rc = weir_meta_add_interface(b, &row);
	if (a != few)
		free(a);
	return rc;
}

static int cidr_row(const T(Cidr) * m, struct weir_meta_builder *b)
{
	const struct weir_meta_cidr row = {
		.prefix = m->prefix,
		.type = m->type,
		.vpc = m->epc_id,
		.subnet_id = CIDR_SUBNET(m),
		.region_id = m->region_id,
		.tunnel_id = m->tunnel_id,
		.is_vip = m->is_vip,
	};

	return weir_meta_add_cidr(b, &row);
}

/* A dropped row is counted by its builder, and the others are taken. */
static int platform(const struct weir_sync_bytes *bytes, struct weir_meta_builder *b,
		    struct weir_err *err)
{
	T(PlatformData) *m = unpack(&D(platform_data), bytes, "platform data", err);
	int rc = 0;

	if (m == NULL)
		return -EBADMSG;
	for (size_t i = 0; i < m->n_interfaces && rc != -ENOMEM; i++)
		rc = interface_row(m->interfaces[i], b);
	for (size_t i = 0; i < m->n_cidrs && rc != -ENOMEM; i++)
		rc = cidr_row(m->cidrs[i], b);
	for (size_t i = 0; i < m->n_peer_connections && rc != -ENOMEM; i++) {
		const T(PeerConnection) *p = m->peer_connections[i];

		rc = weir_meta_add_peer(b, &(struct weir_meta_peer){ p->id, p->local_epc_id,
								     p->remote_epc_id });
	}
	weir_rpc_message_free(&m->base);
	return rc == -ENOMEM ? rc : 0;
}

static int segments(T(Segment) *const *s, size_t n, enum weir_meta_place place,
		    struct weir_meta_builder *b)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc != -ENOMEM; i++)
		rc = weir_meta_add_segment(b, place,
					   &(struct weir_meta_segment){
						   s[i]->id, (const char *const *)s[i]->mac,
						   (const char *const *)s[i]->vmac, s[i]->n_mac,
						   s[i]->n_vmac });
	return rc;
}

static int places(const struct weir_sync_bytes *bytes, struct weir_meta_builder *b,
		  struct weir_err *err)
{
	T(SyncResponse) *m = unpack(&D(sync_response), bytes, "segments", err);
	int rc;

	if (m == NULL)
		return -EBADMSG;
	rc = segments(m->local_segments, m->n_local_segments, WEIR_META_LOCAL, b);
	if (rc != -ENOMEM)
		rc = segments(m->remote_segments, m->n_remote_segments, WEIR_META_REMOTE, b);
	for (size_t i = 0; i < m->N_TAP_TYPES && rc != -ENOMEM; i++) {
		const TAP_TYPE *t = m->TAP_TYPES[i];

		rc = weir_meta_add_tap_type(b, &(struct weir_meta_tap_type){
						       t->tap_type, t->packet_type, t->vlan,
						       t->source_ip, t->tap_port });
	}
	weir_rpc_message_free(&m->base);
	return rc == -ENOMEM ? rc : 0;
}

static int groups(const struct weir_sync_bytes *bytes, struct weir_policy_builder *b,
		  struct weir_err *err)
{
	T(Groups) *m = unpack(&D(groups), bytes, "groups", err);
	int rc = 0;

	if (m == NULL)
		return -EBADMSG;
	for (size_t i = 0; i < m->n_groups && rc != -ENOMEM; i++) {
		const T(Group) *g = m->groups[i];

		rc = weir_policy_add_group(b, &(struct weir_policy_group){
						      g->id, g->epc_id, (const char *const *)g->ips,
						      g->n_ips, (const char *const *)g->ip_ranges,
						      g->n_ip_ranges });
	}
	weir_rpc_message_free(&m->base);
	return rc == -ENOMEM ? rc : 0;
}

static int acl_row(const T(FlowAcl) * m, struct weir_policy_builder *b)
{
	struct weir_policy_action few[8], *a = few;
	const struct weir_policy_acl row = {
		.id = m->id,
		.network_type = ACL_NETWORK(m),
		.protocol = m->protocol,
		.src_ports = m->src_ports,
		.dst_ports = m->dst_ports,
		.src_groups = m->src_group_ids,
		.src_group_count = m->n_src_group_ids,
		.dst_groups = m->dst_group_ids,
		.dst_group_count = m->n_dst_group_ids,
		.action_count = m->n_npb_actions,
	};
	struct weir_policy_acl with;
	int rc;

	if (m->n_npb_actions > WEIR_ARRAY_SIZE(few))
		a = calloc(m->n_npb_actions, sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_npb_actions; i++) {
		const T(NpbAction) *n = m->npb_actions[i];

		a[i] = (struct weir_policy_action){
			.tunnel_type = n->tunnel_type,
			.tunnel_id = n->tunnel_id,
			.tunnel_ip = n->tunnel_ip,
			.side = ACTION_SIDE(n),
			.payload_slice = n->payload_slice,
			.gid = n->npb_acl_group_id,
			.tunnel_ip_id = n->tunnel_ip_id,
			.direction = n->direction,
		};
	}
	with = row;
	with.actions = a;
	rc = weir_policy_add_acl(b, &with);
	if (a != few)
		free(a);
	return rc;
}

static int acls(const struct weir_sync_bytes *bytes, struct weir_policy_builder *b,
		struct weir_err *err)
{
	T(FlowAcls) *m = unpack(&D(flow_acls), bytes, "flow ACLs", err);
	int rc = 0;

	if (m == NULL)
		return -EBADMSG;
	for (size_t i = 0; i < m->n_flow_acl && rc != -ENOMEM; i++)
		rc = acl_row(m->flow_acl[i], b);
	weir_rpc_message_free(&m->base);
	return rc == -ENOMEM ? rc : 0;
}

static int rows(enum weir_sync_table table, const struct weir_sync_bytes *bytes,
		struct weir_meta_builder *meta, struct weir_policy_builder *policy,
		struct weir_err *err)
{
	switch (table) {
	case WEIR_SYNC_PLATFORM:
		return platform(bytes, meta, err);
	case WEIR_SYNC_PLACES:
		return places(bytes, meta, err);
	case WEIR_SYNC_GROUPS:
		return groups(bytes, policy, err);
	case WEIR_SYNC_ACLS:
		return acls(bytes, policy, err);
	default:
		return 0;
	}
}
