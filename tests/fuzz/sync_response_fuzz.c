/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a SyncResponse, first byte: the dialect. Taken apart or refused; a Config is text that lib/conf reads. */
#include <codec.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct weir_group_conf conf;
	static struct weir_err_list errs;
	enum weir_sync_dialect dialect;
	struct weir_sync_reply r;
	ProtobufCMessage *m;

	if (size == 0)
		return 0;
	dialect = data[0] & 1 ? WEIR_SYNC_TRIDENT : WEIR_SYNC_AGENT;
	m = protobuf_c_message_unpack(dialect == WEIR_SYNC_AGENT
					      ? &agent__sync_response__descriptor
					      : &trident__sync_response__descriptor,
				      NULL, size - 1, data + 1);
	if (m == NULL)
		return 0;
	if (weir_sync_reply_read(dialect, m, &r) == 0) {
		if (r.config != NULL) {
			errs = (struct weir_err_list){ 0 };
			(void)weir_group_conf_parse(r.config, strlen(r.config), "fuzz", &conf,
						    &errs);
			weir_group_conf_free(&conf);
		}
		weir_sync_reply_free(&r);
	}
	protobuf_c_message_free_unpacked(m, NULL);
	return 0;
}
