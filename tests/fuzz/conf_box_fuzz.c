/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a box configuration and as the controller's: read or refused with a reason, and nothing is left behind. */
#include <weir_conf.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 forgets the strings of a text it refuses. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig_yylex\nleak:strbuf_append\n";
}

static void as_controller(const char *text, size_t len)
{
	static struct weir_controller_conf conf;
	static struct weir_err_list errs;
	int rc;

	errs = (struct weir_err_list){ 0 };
	rc = weir_controller_conf_parse(text, len, "fuzz", &conf, &errs);
	if ((rc == 0) != (errs.mistakes == 0) || (rc < 0 && conf.mem != NULL))
		abort();
	weir_controller_conf_free(&conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct weir_box_conf conf;
	static struct weir_err_list errs;
	int rc;

	errs = (struct weir_err_list){ 0 };
	rc = weir_box_conf_parse((const char *)data, size, "fuzz", &conf, &errs);
	if ((rc == 0) != (errs.mistakes == 0))
		abort();
	if (rc < 0 && conf.mem != NULL)
		abort();
	weir_box_conf_free(&conf);
	as_controller((const char *)data, size);
	return 0;
}
