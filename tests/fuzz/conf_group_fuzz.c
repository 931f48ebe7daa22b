/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a group configuration: read or refused with a reason, and nothing is left behind. */
#include <weir_conf.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct weir_group_conf conf;
	static struct weir_err_list errs;
	int rc;

	errs = (struct weir_err_list){ 0 };
	rc = weir_group_conf_parse((const char *)data, size, "fuzz", &conf, &errs);
	if ((rc == 0) != (errs.mistakes == 0))
		abort();
	if (rc < 0 && conf.mem != NULL)
		abort();
	weir_group_conf_free(&conf);
	return 0;
}
