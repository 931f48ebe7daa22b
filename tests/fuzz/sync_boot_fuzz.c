/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as DeepFlow's boot file: read or refused with a reason. */
#include <weir_sync_boot.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct weir_sync_boot boot;
	static struct weir_err_list errs;
	int rc;

	errs = (struct weir_err_list){ 0 };
	rc = weir_sync_boot_parse((const char *)data, size, "fuzz", &boot, &errs);
	if ((rc == 0) != (errs.mistakes == 0))
		abort();
	if (boot.controller_ips.n > WEIR_SYNC_CONTROLLERS_MAX || boot.controller_port > 65535)
		abort();
	return 0;
}
