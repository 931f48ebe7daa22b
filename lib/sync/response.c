/* SPDX-License-Identifier: Apache-2.0 */
/* What both dialects' answers have in common. */
#include "codec.h"

#include <stdlib.h>

const char *weir_sync_dialect_name(enum weir_sync_dialect dialect)
{
	return dialect == WEIR_SYNC_AGENT ? "agent" : "trident";
}

uint8_t *weir_sync_pack(const ProtobufCMessage *m, size_t *n)
{
	uint8_t *bytes;

	*n = protobuf_c_message_get_packed_size(m);
	bytes = malloc(*n + 1);
	if (bytes != NULL)
		protobuf_c_message_pack(m, bytes);
	return bytes;
}

void weir_sync_copy(char *to, size_t size, const char *from)
{
	size_t n;

	if (from == NULL)
		from = "";
	n = strnlen(from, size - 1);
	while (n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80)
		n--;
	memcpy(to, from, n);
	to[n] = '\0';
}

int weir_sync_reply_read(enum weir_sync_dialect dialect, const ProtobufCMessage *m,
			 struct weir_sync_reply *to)
{
	int rc;

	memset(to, 0, sizeof(*to));
	to->revision = to->update_url = "";
	rc = dialect == WEIR_SYNC_AGENT
		     ? weir_sync_reply_agent((const Agent__SyncResponse *)m, to)
		     : weir_sync_reply_trident((const Trident__SyncResponse *)m, to);
	if (rc != 0)
		weir_sync_reply_free(to);
	return rc;
}

void weir_sync_reply_table(struct weir_sync_reply *to, enum weir_sync_table v, uint64_t version,
			   bool has, const ProtobufCBinaryData *bytes)
{
	to->version[v] = version;
	to->has_table[v] = has;
	to->table[v] = (struct weir_sync_bytes){ bytes->data, bytes->len };
}

void weir_sync_reply_free(struct weir_sync_reply *r)
{
	free(r->config);
	free(r->places.v);
	r->config = NULL;
	r->places = (struct weir_sync_bytes){ 0 };
}

enum weir_sync_rule weir_sync_version_rule(uint64_t held, uint64_t named, bool has_bytes,
					   bool partial)
{
	if (partial || named == 0 || named == held)
		return WEIR_SYNC_LEAVE;
	return has_bytes ? WEIR_SYNC_REPLACE : WEIR_SYNC_EMPTY;
}
