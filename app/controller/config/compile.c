/* SPDX-License-Identifier: Apache-2.0 */
#include "config_priv.h"

#include <weir_pattern.h>

#include <errno.h>
#include <pthread.h>
#include <resolv.h>
#include <stdlib.h>

static void rules_set(void)
{
	static const struct weir_conf_rules rules = { .group = weir_pattern_group_rules };

	weir_conf_rules_set(&rules);
}

/*
 * Names in a pcap filter are looked up while all else waits: a name server that is silent may cost a second, and not ten.
 * For this thread, and anew each time, since servers change.
 */
static void lookups_bound(const char *text, size_t len)
{
	if (memmem(text, len, "bpf", 3) == NULL || res_init() != 0)
		return;
	_res.retrans = 1;
	_res.retry = 1;
}

/* FNV-1a. */
static uint64_t hash_of(uint64_t hash, const uint8_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ v[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* "0" is all of them. */
static struct weir_conf_names domains_of(const struct weir_group_conf *conf)
{
	const struct weir_conf_names *all =
		&conf->inputs.resources.pull_resource_from_controller.domain_filter;

	for (uint32_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i], "0") == 0)
			return (struct weir_conf_names){ 0 };
	return *all;
}

/* What the controller itself goes by. */
static void facts(struct config_compiled *c)
{
	const struct weir_group_conf *conf = &c->conf;

	c->hash = hash_of(UINT64_C(0xcbf29ce484222325), c->user_config, c->user_config_len);
	c->hash = hash_of(c->hash, c->trident, c->trident_len);
	c->capture_mode = conf->inputs.cbpf.common.capture_mode;
	c->sync_interval_s = (uint32_t)(conf->global.communication.proactive_request_interval /
					WEIR_NS_PER_S);
	c->platform_enabled = conf->inputs.resources.workload_resource_sync_enabled ||
			      conf->inputs.resources.private_cloud.hypervisor_resource_enabled;
	c->pod_cluster_internal = conf->inputs.resources.pull_resource_from_controller
					  .only_kubernetes_pod_ip_in_local_cluster;
	c->domains = domains_of(conf);
}

/* Both dialects' texts. 0, -EINVAL with `err`, -ENOMEM. */
static int make(struct config_compiled *c, struct config_source *s, struct weir_err *err)
{
	int rc = tree_read(&s->tree, s->text, s->len, err);

	if (rc == 0)
		rc = given_find(&s->given, &s->tree);
	if (rc == 0) {
		c->user_config = (uint8_t *)config_user_text(s);
		c->trident = config_trident_pack(s, &c->trident_len);
	}
	given_free(&s->given);
	tree_free(&s->tree);
	if (rc == 0 && (c->user_config == NULL || c->trident == NULL))
		rc = -ENOMEM;
	if (rc == 0)
		c->user_config_len = strlen((const char *)c->user_config);
	return rc;
}

typedef int parse_fn(const char *text, size_t len, const char *name, struct weir_group_conf *out,
		     struct weir_err_list *errs);

static struct config_compiled *compile(const char *text, size_t len, const char *name,
				       const struct config_site *site, parse_fn *parse,
				       struct weir_err_list *errs)
{
	struct config_compiled *c = calloc(1, sizeof(*c));
	struct config_source s = { .text = text != NULL ? text : "",
				   .len = text != NULL ? len : 0,
				   .site = site };
	struct weir_err err = { 0 };
	int rc;

	if (c == NULL)
		return NULL;
	rc = parse(s.text, s.len, name, &c->conf, errs);
	if (rc == 0) {
		s.conf = &c->conf;
		rc = make(c, &s, &err);
	}
	if (rc == 0) {
		facts(c);
		config_deepflow_warn(&c->conf, name, errs);
		return c;
	}
	if (rc == -EINVAL && err.code != 0)
		weir_err_list_add(errs, false, name, 0, 0, "%s", err.msg);
	config_compiled_free(c);
	return NULL;
}

struct config_compiled *config_compile(const char *text, size_t len, const char *name,
				       const struct config_site *site, struct weir_err_list *errs)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, rules_set);
	if (text != NULL)
		lookups_bound(text, len);
	return compile(text, len, name, site, weir_group_conf_parse, errs);
}

struct config_compiled *config_compile_kept(const char *text, size_t len, const char *name,
					    const struct config_site *site,
					    struct weir_err_list *errs)
{
	return compile(text, len, name, site, weir_group_conf_parse_kept, errs);
}

void config_compiled_free(struct config_compiled *c)
{
	if (c == NULL)
		return;
	free(c->user_config);
	free(c->trident);
	weir_group_conf_free(&c->conf);
	free(c);
}
