/* SPDX-License-Identifier: Apache-2.0 */
/* A text compiled, and read back as agents do. */
#ifndef CONTROLLER_CONFIG_TEST_H
#define CONTROLLER_CONFIG_TEST_H

#include "conf_test.h"

#include <config.h>

#include <trident.pb-c.h>

static const struct config_site nowhere = { "", 0, "", 0 };
static const struct config_site somewhere = { "10.9.8.7", 30333, "10.9.8.6", 30335 };

static inline struct config_compiled *compiled(const char *text, const struct config_site *site)
{
	struct config_compiled *c;

	memset(&errs, 0, sizeof(errs));
	c = config_compile(text, text != NULL ? strlen(text) : 0, "g.yaml", site, &errs);
	if (c == NULL) {
		char *all = said();

		fprintf(stderr, "\n%s", all);
		free(all);
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

/* What weir's agent reads of it, without a warning but for settings that have no effect yet. */
static inline void taken(const char *text, struct weir_group_conf *conf)
{
	memset(&errs, 0, sizeof(errs));
	if (weir_group_conf_take(text, strlen(text), "user_config", conf, &errs) < 0) {
		char *all = said();

		fprintf(stderr, "\n%s\n%s", all, text);
		free(all);
		CU_FAIL_FATAL("an agent does not read it");
	}
	for (uint32_t i = 0; i < errs.n; i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(errs.items[i].msg, "has no effect in this version"));
}

static inline Trident__Config *unpacked(const struct config_compiled *c)
{
	Trident__Config *m = trident__config__unpack(NULL, c->trident_len, c->trident);

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	return m;
}

static inline char *file_text(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 65536);

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT(fread(text, 1, 65535, f) > 0);
	fclose(f);
	return text;
}

#endif
