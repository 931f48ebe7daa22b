/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the configuration of a group that is uploaded: refused with a reason, or sent in a form that an agent reads
 * and that means the same. And as YAML and JSON for the other.
 */
#include <config.h>

#include <jansson.h>

#include <stdlib.h>
#include <trident.pb-c.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct weir_err_list errs;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Below global.communication the site's keys may be other than those of the text. */
static void means_the_same(const struct config_compiled *c)
{
	struct weir_group_conf conf;
	struct weir_conf_plan plan;

	errs = (struct weir_err_list){ 0 };
	must(weir_group_conf_take((const char *)c->user_config, c->user_config_len, "", &conf,
				  &errs) == 0);
	must(weir_group_conf_plan(&plan, &c->conf, &conf) == 0);
	for (uint32_t i = 0; i < plan.n; i++)
		must(plan.changes[i].row->type == WEIR_CONF_ANY ||
		     strstr(plan.changes[i].row->path, "communication.ingester_") != NULL ||
		     strstr(plan.changes[i].row->path, "communication.proxy_") != NULL);
	weir_conf_plan_free(&plan);
	weir_group_conf_free(&conf);
}

static void compile(const char *text, size_t len)
{
	static const struct config_site site = { "10.0.0.1", 1, "10.0.0.2", 2 };
	struct config_compiled *c;
	Trident__Config *m;

	errs = (struct weir_err_list){ 0 };
	c = config_compile(text, len, "fuzz", &site, &errs);
	must((c != NULL) == (errs.mistakes == 0));
	if (c == NULL)
		return;
	m = trident__config__unpack(NULL, c->trident_len, c->trident);
	must(m != NULL);
	trident__config__free_unpacked(m, NULL);
	means_the_same(c);
	config_compiled_free(c);
}

static void convert(const char *text, size_t len)
{
	struct weir_err err = { 0 };
	char *json = config_yaml_to_json(text, len, &err);
	char *yaml = config_json_to_yaml(text, len, &err), *back;
	json_t *a, *b;

	if (json != NULL) {
		a = json_loads(json, JSON_DECODE_ANY, NULL);
		must(a != NULL);
		json_decref(a);
	}
	if (yaml != NULL) {
		back = config_yaml_to_json(yaml, strlen(yaml), &err);
		must(back != NULL);
		a = json_loadb(text, len, 0, NULL);
		b = json_loads(back, 0, NULL);
		must(json_equal(a, b));
		json_decref(a);
		json_decref(b);
		free(back);
	}
	free(json);
	free(yaml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char group[64];

	compile((const char *)data, size);
	convert((const char *)data, size);
	must(config_names_group((const char *)data, size, group, sizeof(group), NULL) <= 1);
	return 0;
}
