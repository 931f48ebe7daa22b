/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl domain: clouds and clusters that agents are of. Columns: control plane, 6.3. */
#include "agent.h"
#include "api.h"
#include "input.h"
#include "rows.h"
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct rows_column columns[] = {
	{ "NAME", "NAME", ROWS_TEXT, false, NULL },
	{ "ID", "CLUSTER_ID", ROWS_TEXT, false, "" },
	{ "LCUUID", "LCUUID", ROWS_TEXT, false, NULL },
	{ "TYPE", "TYPE", ROWS_TEXT, false, NULL },
	{ "CONTROLLER_IP", "CONTROLLER_IP", ROWS_TEXT, false, "" },
	{ "CREATED_AT", "CREATED_AT", ROWS_TEXT, false, "" },
	{ "SYNCED_AT", "SYNCED_AT", ROWS_TEXT, false, "" },
	{ "ENABLED", "ENABLED", ROWS_TEXT, false, NULL },
	{ "STATE", "STATE", ROWS_TEXT, false, NULL },
	{ "AGENT_WATCH_K8S", "VTAP_NAME", ROWS_TEXT, false, "" },
	{ "ERROR", "ERROR_MSG", ROWS_TEXT, true, "" },
};

/* The domain of this name, given. */
static json_t *find(struct ctl *ctl, const char *name, struct weir_err *err)
{
	return api_find(ctl, api_target("/v2/domains/?name=%s", name), "NAME", name, "domain", err);
}

static void to_words(json_t *row)
{
	words_set(row, "TYPE", words_domain_type);
	words_set(row, "STATE", words_domain_state);
	words_set(row, "ENABLED", words_enabled);
}

enum ctl_exit ctl_domain_list(struct ctl *ctl, struct weir_err *err)
{
	json_t *rows, *row;
	size_t i;

	if (ctl->name != NULL) {
		row = find(ctl, ctl->name, err);
		rows = row != NULL ? json_pack("[o]", row) : NULL;
	} else {
		rows = api_get(ctl, api_target("/v2/domains/"), err);
	}
	json_array_foreach(rows, i, row)
		if (words_are_for(ctl->format))
			to_words(row);
	return api_print(ctl, rows, columns, WEIR_ARRAY_SIZE(columns), err);
}

/* The controller's reply, as DeepFlow's command shows it: JSON, or YAML where that is asked for. */
static enum ctl_exit print_reply(const struct ctl *ctl, json_t *reply, struct weir_err *err)
{
	if (reply == NULL)
		return api_exit(err);
	if (ctl->format == OUTPUT_TABLE || ctl->format == OUTPUT_WIDE) {
		json_dumpf(reply, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
		rows_flush(err);
	} else {
		rows_print_value(ctl->format, reply, err);
	}
	json_decref(reply);
	return err->code == 0 ? CTL_OK : CTL_FAILED;
}

/* The file's keys in capitals, and its type as a number. NULL with `err` set. */
static json_t *domain_of(const struct ctl *ctl, struct weir_err *err)
{
	json_t *given = input_object(ctl, err), *domain = given != NULL ? json_object() : NULL, *v;
	const char *key;
	int type;

	json_object_foreach(given, key, v) {
		char upper[64];
		size_t n = 0;

		for (; key[n] != '\0' && n + 1 < sizeof(upper); n++)
			upper[n] = (char)toupper((unsigned char)key[n]);
		upper[n] = '\0';
		json_object_set(domain, upper, v);
	}
	json_decref(given);
	v = json_object_get(domain, "TYPE");
	if (!json_is_string(v))
		return domain;
	type = words_number(words_domain_type, json_string_value(v));
	if (type >= 0) {
		json_object_set_new(domain, "TYPE", json_integer(type));
		return domain;
	}
	weir_err_set(err, EINVAL,
		     "%.200s: type: %.64s is no type of a domain: kubernetes, agent_sync",
		     input_name(ctl), json_string_value(v));
	json_decref(domain);
	return NULL;
}

enum ctl_exit ctl_domain_create(struct ctl *ctl, struct weir_err *err)
{
	struct api_body body = { .json = domain_of(ctl, err) };

	if (body.json == NULL)
		return input_exit(ctl, err);
	return print_reply(ctl, api_ask(ctl, "POST", api_target("/v1/domains/"), &body, err), err);
}

/* `json` is given; NULL: none. */
static enum ctl_exit change(struct ctl *ctl, const char *method, json_t *json, struct weir_err *err)
{
	const struct api_body body = { .json = json };
	json_t *domain = find(ctl, ctl->name, err), *reply;

	if (domain == NULL) {
		json_decref(json);
		return api_exit(err);
	}
	reply = api_ask(ctl, method, api_target("/v1/domains/%s/", agent_text(domain, "LCUUID")),
			json != NULL ? &body : NULL, err);
	json_decref(domain);
	return print_reply(ctl, reply, err);
}

enum ctl_exit ctl_domain_update(struct ctl *ctl, struct weir_err *err)
{
	json_t *domain = domain_of(ctl, err);

	if (domain == NULL)
		return input_exit(ctl, err);
	return change(ctl, "PATCH", domain, err);
}

enum ctl_exit ctl_domain_delete(struct ctl *ctl, struct weir_err *err)
{
	return change(ctl, "DELETE", NULL, err);
}

/* --- example --- */

static const struct {
	const char *type, *text;
} examples[] = {
	{ "kubernetes", "# a Kubernetes cluster\n"
			"name: kubernetes\n"
			"type: kubernetes\n"
			"# \"d-\" and letters or digits; made up where it is left out\n"
			"#cluster_id: d-AbCdEf0123\n"
			"config:\n"
			"  region_uuid: ffffffff-ffff-ffff-ffff-ffffffffffff\n"
			"  #controller_ip: 127.0.0.1\n"
			"  pod_net_ipv4_cidr_max_mask: 16\n"
			"  pod_net_ipv6_cidr_max_mask: 64\n"
			"  node_port_name_regex: ^(cni|flannel|vxlan.calico|tunl|en[ospx])\n"
			"  # seconds, 1 to 86400\n"
			"  sync_timer: 60\n" },
	{ "agent_sync", "# hosts that report their interfaces themselves\n"
			"name: agent_sync\n"
			"type: agent_sync\n"
			"config:\n"
			"  region_uuid: ffffffff-ffff-ffff-ffff-ffffffffffff\n"
			"  # seconds, 1 to 86400\n"
			"  sync_timer: 60\n" },
};

enum ctl_exit ctl_domain_example(struct ctl *ctl, struct weir_err *err)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(examples); i++) {
		if (strcmp(examples[i].type, ctl->name) == 0) {
			fputs(examples[i].text, stdout);
			return rows_flush(err) == 0 ? CTL_OK : CTL_FAILED;
		}
	}
	weir_err_set(err, ENOENT, "%.64s: there is no example of it: kubernetes, agent_sync",
		     ctl->name);
	return CTL_NOT_FOUND;
}
