/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

const struct word words_agent_state[] = {
	{ 0, "LOST" }, { 1, "NORMAL" }, { 2, "DISABLE" }, { 3, "PENDING" }, { 0, NULL },
};

const struct word words_agent_type[] = {
	{ 1, "KVM" },       { 2, "ESXI" },     { 3, "CHOST_VM" },     { 5, "CHOST_BM" },
	{ 6, "DEDICATED" }, { 7, "K8S_BM" },   { 8, "K8S_VM" },       { 9, "TUN_DECAP" },
	{ 10, "HYPER_V" },  { 11, "HYPER_V" }, { 12, "K8S_SIDECAR" }, { 0, NULL },
};

/* The first of a number's words is the one that is shown. */
const struct word words_capture_mode[] = {
	{ 0, "local" },    { 1, "mirror" }, { 2, "dedicated" },
	{ 2, "analyzer" }, { 3, "decap" },  { 0, NULL },
};

const struct word words_domain_state[] = {
	{ 1, "NORMAL" },
	{ 3, "EXCEPTION" },
	{ 4, "WARN" },
	{ 0, NULL },
};

const struct word words_domain_type[] = {
	{ 1, "openstack" },
	{ 2, "vsphere" },
	{ 4, "tencent" },
	{ 5, "filereader" },
	{ 6, "aws" },
	{ 9, "aliyun" },
	{ 10, "huawei_private" },
	{ 11, "kubernetes" },
	{ 12, "simulation" },
	{ 13, "huawei" },
	{ 14, "qingcloud" },
	{ 15, "qingcloud_private" },
	{ 18, "azure" },
	{ 19, "apsara_stack" },
	{ 20, "tencent_tce" },
	{ 23, "agent_sync" },
	{ 24, "microsoft_acs" },
	{ 25, "baidu_bce" },
	{ 30, "volcengine" },
	{ 0, NULL },
};

const struct word words_enabled[] = { { 0, "DISABLE" }, { 1, "ENABLE" }, { 0, NULL } };

/* Names and values of SyncRequest.exception. */
static const struct {
	const char *name;
	uint64_t bit;
} exceptions[] = {
#define WEIR_EXCEPTION(name, value, once, words)         { #name, value },
#define WEIR_EXCEPTION_OF_CONTROLLER(name, value, words) { #name, value },
#include <exceptions.def>
};

void words_set(json_t *row, const char *key, const struct word *table)
{
	const json_t *v = json_object_get(row, key);
	json_int_t number = json_integer_value(v);

	for (; json_is_integer(v) && table->text != NULL; table++) {
		if (table->number == number) {
			json_object_set_new(row, key, json_string(table->text));
			return;
		}
	}
}

int words_number(const struct word *table, const char *text)
{
	for (; table->text != NULL; table++)
		if (strcasecmp(table->text, text) == 0)
			return table->number;
	return -1;
}

static void put_exception(FILE *to, uint64_t bit)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(exceptions); i++) {
		if (exceptions[i].bit == bit) {
			fputs(exceptions[i].name, to);
			return;
		}
	}
	fprintf(to, "%llu", (unsigned long long)bit);
}

void words_set_exceptions(json_t *row, const char *key)
{
	const json_t *bits = json_object_get(row, key), *bit;
	char *text = NULL;
	size_t len, i;
	FILE *to;

	if (!json_is_array(bits))
		return;
	to = open_memstream(&text, &len);
	if (to == NULL)
		return;
	json_array_foreach(bits, i, bit) {
		fputs(i > 0 ? "," : "", to);
		put_exception(to, (uint64_t)json_integer_value(bit));
	}
	if (fclose(to) == 0)
		json_object_set_new(row, key, json_string(text));
	free(text);
}
