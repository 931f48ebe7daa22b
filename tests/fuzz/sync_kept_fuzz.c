/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the file of the last good configuration: used or refused, and what is used packs to the same again. */
#include <codec.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_sync_kept k, again;
	char *bytes;
	size_t n;

	if (weir_sync_kept_unpack((const char *)data, size, &k) != 0) {
		if (k.config != NULL)
			abort();
		return 0;
	}
	bytes = weir_sync_kept_pack(&k, &n);
	if (bytes == NULL || weir_sync_kept_unpack(bytes, n, &again) != 0)
		abort();
	weir_sync_kept_free(&again);
	weir_sync_kept_free(&k);
	free(bytes);
	return 0;
}
