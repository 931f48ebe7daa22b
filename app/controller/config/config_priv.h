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

/* Both: NULL without memory; free(). */
char *config_user_text(const struct config_source *s);
uint8_t *config_trident_pack(const struct config_source *s, size_t *n);

/* Names below lists of ANY rows, as the newer tree and the older have them: pairs for tree_print(). */
extern const char *const config_names_newer[], *const config_names_older[];

#endif
