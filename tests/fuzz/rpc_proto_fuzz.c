/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as each message that comes from a peer: the first byte chooses which. */
#include <weir_rpc.h>

#include <agent.pb-c.h>
#include <stdlib.h>
#include <trident.pb-c.h>

#define BUDGET_BYTES ((size_t)1 << 20)

#define BOTH(name)   &trident__##name##__descriptor, &agent__##name##__descriptor
static const ProtobufCMessageDescriptor *const types[] = {
	BOTH(sync_request),
	BOTH(sync_response),
	BOTH(platform_data),
	BOTH(groups),
	BOTH(flow_acls),
	BOTH(upgrade_request),
	BOTH(upgrade_response),
	BOTH(ntp_request),
	BOTH(ntp_response),
	BOTH(genesis_sync_request),
	BOTH(genesis_sync_response),
	BOTH(kubernetes_apisync_request),
	BOTH(kubernetes_apisync_response),
	BOTH(kubernetes_cluster_idrequest),
	BOTH(kubernetes_cluster_idresponse),
	BOTH(gpidsync_request),
	BOTH(gpidsync_response),
	BOTH(plugin_request),
	BOTH(plugin_response),
	BOTH(remote_exec_request),
	BOTH(remote_exec_response),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCMessageDescriptor *type;
	ProtobufCMessage *m;
	uint8_t *bytes;
	size_t n;

	if (size == 0)
		return 0;
	type = types[data[0] % WEIR_ARRAY_SIZE(types)];
	m = weir_rpc_message_unpack(type, data + 1, size - 1, BUDGET_BYTES, NULL);
	if (m == NULL)
		return 0;
	n = protobuf_c_message_get_packed_size(m);
	bytes = malloc(n + 1);
	if (bytes == NULL || protobuf_c_message_pack(m, bytes) != n)
		abort();
	weir_rpc_message_free(m);
	weir_rpc_message_free(weir_rpc_message_unpack(type, bytes, n, BUDGET_BYTES, NULL));
	free(bytes);
	return 0;
}
