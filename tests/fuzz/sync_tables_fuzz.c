/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a table, first byte: which one, of which dialect. Built, frozen and compiled, or refused with a reason.
 * Or, with 0x40 in it, as two platform data of the size the second byte says, which are compared.
 */
#include <weir_sync.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const uint8_t *data, size_t size)
{
	const size_t first = size > 0 && data[0] < size ? data[0] : 0;
	uint8_t *copy = malloc(size + 1); /* its end is where memory ends */
	const struct weir_sync_bytes was = { copy, first }, is = { copy + first, size - first };
	struct weir_sync_bytes gone, changed;
	int rc;

	memcpy(copy, data, size);
	rc = weir_sync_platform_diff(&was, &is, 4, &gone, &changed);
	if ((rc == 0) != (gone.v != NULL && changed.v != NULL) || gone.n > was.n ||
	    changed.n > is.n || (rc == 0 && was.n - gone.n != is.n - changed.n))
		abort();
	free(gone.v);
	free(changed.v);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct weir_meta_agent self = { .type = WEIR_AGENT_DEDICATED_PHYSICAL_MACHINE };
	struct weir_sync_tables t = { 0 };
	struct weir_sync_part *p;
	struct weir_meta_builder *mb;
	struct weir_policy_builder *pb;
	struct weir_err err = { 0 };

	if (size == 0)
		return 0;
	if (data[0] & 0x40) {
		compare(data + 1, size - 1);
		return 0;
	}
	p = &t.part[data[0] % WEIR_SYNC_TABLES];
	p->dialect = data[0] & 0x80 ? WEIR_SYNC_TRIDENT : WEIR_SYNC_AGENT;
	p->bytes.n = size - 1;
	p->bytes.v = malloc(size);
	memcpy(p->bytes.v, data + 1, size - 1);
	mb = weir_meta_builder_create(&self);
	pb = weir_policy_builder_create();
	if (weir_sync_tables_build(&t, mb, pb, &err) == 0) {
		weir_meta_destroy(weir_meta_freeze(mb, &err));
		weir_policy_destroy(weir_policy_compile(pb, 1 << 20, &err));
	} else if (err.msg[0] == '\0') {
		abort();
	}
	weir_meta_builder_destroy(mb);
	weir_policy_builder_destroy(pb);
	free(p->bytes.v);
	return 0;
}
