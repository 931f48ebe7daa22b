/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations before any file: the tables' defaults, and the appliance profile over them. */
#include "conf_priv.h"

#include <errno.h>

const struct conf_profile_row weir_conf_profile[] = {
#define PROFILE(path, value) { path, value },
#include "profile.def"
};
const uint32_t weir_conf_profile_n = WEIR_ARRAY_SIZE(weir_conf_profile);

static bool is_item(const struct weir_conf_row *row)
{
	return strchr(row->path, '[') != NULL;
}

int weir_conf_defaults_fill(const struct weir_conf_table *table, void *conf,
			    struct weir_conf_mem **mem)
{
	for (uint32_t i = 0; i < table->n; i++) {
		const struct weir_conf_row *row = &table->rows[i];
		int rc;

		if (is_item(row) || row->type == WEIR_CONF_ANY)
			continue;
		rc = weir_conf_value_parse_text(row, row->dflt, mem, (char *)conf + row->offset,
						NULL);
		assert(rc == 0 || rc == -ENOMEM);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int weir_group_conf_defaults(struct weir_group_conf *out)
{
	int rc;

	memset(out, 0, sizeof(*out));
	out->origin = weir_conf_mem_take(&out->mem, weir_group_table.n * sizeof(*out->origin));
	rc = out->origin == NULL ? -ENOMEM
				 : weir_conf_defaults_fill(&weir_group_table, out, &out->mem);
	if (rc < 0)
		weir_group_conf_free(out);
	return rc;
}

static int profile_apply(struct weir_group_conf *out, const char *path, const char *value)
{
	uint32_t i = 0;

	while (strcmp(weir_group_table.rows[i].path, path) != 0) {
		i++;
		assert(i < weir_group_table.n);
	}
	out->origin[i].from = WEIR_CONF_PROFILE;
	return weir_conf_value_parse_text(&weir_group_table.rows[i], value, &out->mem,
					  (char *)out + weir_group_table.rows[i].offset, NULL);
}

int weir_group_conf_profile(struct weir_group_conf *out)
{
	int rc = weir_group_conf_defaults(out);

	for (uint32_t i = 0; rc == 0 && i < weir_conf_profile_n; i++) {
		rc = profile_apply(out, weir_conf_profile[i].path, weir_conf_profile[i].value);
		assert(rc == 0 || rc == -ENOMEM);
		if (rc < 0)
			weir_group_conf_free(out);
	}
	return rc;
}

void weir_group_conf_free(struct weir_group_conf *conf)
{
	weir_conf_mem_free(&conf->mem);
	memset(conf, 0, sizeof(*conf));
}
