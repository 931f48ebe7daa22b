/* SPDX-License-Identifier: Apache-2.0 */
/* Inside config: a text that was checked, to what either dialect sends. */
#ifndef CONFIG_PRIV_H
#define CONFIG_PRIV_H

#include "config.h"
#include "given.h"
#include "tree.h"

/* What is known of a text. */
struct config_source {
	const char *text;
	size_t len;
	struct tree tree;
	struct given given;
	const struct weir_group_conf *conf; /* what it means */
	const struct config_site *site;
};

/* Where agents find the site: what the text says, else the site. */
struct config_places {
	const char *ingester_ip, *controller_ip; /* "" = none */
	uint32_t ingester_port, controller_port;
};
struct config_places config_places_of(const struct config_source *s);

#define CONFIG_PLACES "global.communication" /* the section they are in */

/* Those of its keys that the text does not have. */
struct config_site_key {
	const char *path;
	char *value; /* as YAML */
	bool there;  /* the key is, without a value */
};
struct config_site_keys {
	struct config_site_key v[4];
	unsigned int n;
	bool failed; /* no memory */
};
void config_site_keys_find(struct config_site_keys *keys, const struct config_source *s);
void config_site_keys_free(struct config_site_keys *keys);
/* NULL: it is none of them. */
const struct config_site_key *config_site_key_of(const struct config_site_keys *keys,
						 const char *path);

/*
 * The text with them. NULL: it cannot be changed so (or no memory), which is seen by reading the result back. free().
 */
char *config_in_place(const struct config_source *s, const struct config_site_keys *keys);

/* Both: NULL without memory; free(). */
char *config_user_text(const struct config_source *s);
uint8_t *config_trident_pack(const struct config_source *s, size_t *n);

/* Warnings of what DeepFlow's agents would refuse. */
void config_deepflow_warn(const struct weir_group_conf *conf, const char *name,
			  struct weir_err_list *errs);

/* Names below lists of ANY rows, as the newer tree and the older have them: pairs for tree_print(). */
extern const char *const config_names_newer[], *const config_names_older[];

#endif
