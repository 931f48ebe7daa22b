/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group's configuration, from the text that a person gives to what agents of either dialect are sent. And the
 * controller's own configuration. Pure functions, any thread.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <weir_base.h>
#include <weir_conf.h>

/* What the controller adds to what a person writes; what the text says itself wins. */
struct config_site {
	const char *ingester_ip;   /* "" = none: agents keep their records themselves */
	uint32_t ingester_port;    /* 0 = 30033 */
	const char *controller_ip; /* "proxy_controller_ip"; "" = none */
	uint32_t controller_port;  /* 0 = 30035 */
};

/* Ready to be sent; never changed. */
struct config_compiled {
	uint64_t hash; /* of all that is sent: equal means equal */
	uint8_t *
		user_config; /* agent dialect: YAML of the new tree, as given where it was new, with the keys of the site */
	size_t user_config_len;
	uint8_t *
		trident; /* trident.Config, packed, without what is the agent's own (ids, type, enabled) */
	size_t trident_len;
	uint32_t capture_mode; /* WEIR_CAPTURE_* */
	uint32_t sync_interval_s;
	bool platform_enabled;     /* interfaces of hosts are wanted (workloads) */
	bool pod_cluster_internal; /* interfaces of pods of other clusters are not wanted */
	struct weir_conf_names
		domains;             /* lcuuids to which the inventory is restricted; none = all */
	struct weir_group_conf conf; /* as weir reads it */
};

/*
 * Check and compile. `text` of either style, of either by key; NULL: an empty one. `name`: what messages call it.
 * NULL: mistakes are in `errs`, or (none there) no memory. Blocks for names of hosts in a pcap filter.
 */
struct config_compiled *config_compile(const char *text, size_t len, const char *name,
				       const struct config_site *site, struct weir_err_list *errs);
/* Likewise of a text that was checked when it came: what is expressed in it is not looked up again. Does not block. */
struct config_compiled *config_compile_kept(const char *text, size_t len, const char *name,
					    const struct config_site *site,
					    struct weir_err_list *errs);
void config_compiled_free(struct config_compiled *c); /* NULL is fine */

/* The group that a file names itself (vtap_group_id): 1 and `group`, 0 none, -EINVAL not readable. */
int config_names_group(const char *text, size_t len, char *group, size_t size,
		       struct weir_err *err);

/* The commented examples: the whole template of the new style, and the old one. Static. */
const char *config_template_new(void);
const char *config_template_old(void);

/* Between YAML and JSON, as the routes .../json and .../yaml have it. free(); NULL with `err`. */
char *config_yaml_to_json(const char *text, size_t len, struct weir_err *err);
char *config_json_to_yaml(const char *text, size_t len, struct weir_err *err);

/* ------------------------------------------------------------------ the controller's own: see controller.def */

#endif
