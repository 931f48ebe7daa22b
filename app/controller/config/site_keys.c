/* SPDX-License-Identifier: Apache-2.0 */
/* Where agents find the site: what a text does not say itself. */
#include "config_priv.h"

#include <stdlib.h>

static bool is_given(const struct config_source *s, const void *field)
{
	return weir_group_conf_from(s->conf, field) == WEIR_CONF_FILE;
}

/* A port goes with its address: the site's is none of a host that the text names. */
static uint32_t port_of(const struct config_source *s, const void *ip, const uint32_t *port,
			uint32_t of_site)
{
	return is_given(s, ip) || is_given(s, port) || of_site == 0 ? *port : of_site;
}

struct config_places config_places_of(const struct config_source *s)
{
	const typeof(s->conf->global.communication) *own = &s->conf->global.communication;

	return (struct config_places){
		.ingester_ip = is_given(s, &own->ingester_ip) ? own->ingester_ip
							      : s->site->ingester_ip,
		.ingester_port = port_of(s, &own->ingester_ip, &own->ingester_port,
					 s->site->ingester_port),
		.controller_ip = is_given(s, &own->proxy_controller_ip) ? own->proxy_controller_ip
									: s->site->controller_ip,
		.controller_port = port_of(s, &own->proxy_controller_ip,
					   &own->proxy_controller_port, s->site->controller_port),
	};
}

static char *quoted(const char *text)
{
	char *to = NULL;
	size_t n;
	FILE *out = open_memstream(&to, &n);

	if (out == NULL)
		return NULL;
	tree_quote(out, text);
	return fclose(out) == 0 ? to : NULL;
}

static char *decimal(uint32_t v)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", v);
	return strdup(text);
}

static void add(struct config_site_keys *keys, const struct config_source *s, const void *field,
		const char *name, char *value)
{
	char path[64];
	struct weir_conf_twist twist;
	const struct weir_conf_row *row;

	if (value == NULL)
		keys->failed = true;
	if (value == NULL || is_given(s, field)) {
		free(value);
		return;
	}
	snprintf(path, sizeof(path), CONFIG_PLACES ".%s", name);
	row = weir_conf_row_at(&weir_group_table, path, &twist);
	keys->v[keys->n++] = (struct config_site_key){
		row->path, value, s->given.rows[row - weir_group_table.rows].newer != NULL
	};
}

/* An empty controller is said too: without it an agent takes itself (127.0.0.1) for a proxy. */
void config_site_keys_find(struct config_site_keys *keys, const struct config_source *s)
{
	const typeof(s->conf->global.communication) *own = &s->conf->global.communication;
	const struct config_places p = config_places_of(s);

	*keys = (struct config_site_keys){ 0 };
	if (p.ingester_ip[0] != '\0') {
		add(keys, s, &own->ingester_ip, "ingester_ip", quoted(p.ingester_ip));
		add(keys, s, &own->ingester_port, "ingester_port", decimal(p.ingester_port));
	}
	add(keys, s, &own->proxy_controller_ip, "proxy_controller_ip", quoted(p.controller_ip));
	add(keys, s, &own->proxy_controller_port, "proxy_controller_port",
	    decimal(p.controller_port));
}

void config_site_keys_free(struct config_site_keys *keys)
{
	for (unsigned int i = 0; i < keys->n; i++)
		free(keys->v[i].value);
}

const struct config_site_key *config_site_key_of(const struct config_site_keys *keys,
						 const char *path)
{
	for (unsigned int i = 0; i < keys->n; i++)
		if (strcmp(keys->v[i].path, path) == 0)
			return &keys->v[i];
	return NULL;
}
