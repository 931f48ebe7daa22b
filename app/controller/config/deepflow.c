/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What weir's agents take and DeepFlow's refuse, with the whole configuration, or read otherwise: a warning, since a site may
 * have agents of either kind.
 */
#include "config_priv.h"
#include "form.h"

/* Rust's regular expressions are those of PCRE2 without what needs a look back: https://docs.rs/regex, "Syntax". */
static const char *not_rust(const char *re)
{
	static const char *const groups[] = { "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?|", "(?(" };
	bool in_class = false; /* [...] */

	for (; *re != '\0'; re++) {
		if (*re == '\\') {
			if (!in_class && re[1] >= '1' && re[1] <= '9')
				return "back references";
			re += re[1] != '\0';
			continue;
		}
		in_class = in_class ? *re != ']' : *re == '[';
		for (size_t i = 0; !in_class && i < WEIR_ARRAY_SIZE(groups); i++)
			if (strncmp(re, groups[i], strlen(groups[i])) == 0)
				return "look-around, atomic and conditional groups";
	}
	return NULL;
}

static void regexes(const struct weir_group_conf *conf, const char *name,
		    struct weir_err_list *errs)
{
	const typeof(conf->inputs.cbpf.af_packet) *af = &conf->inputs.cbpf.af_packet;
	const struct {
		const char *path;
		const char *const *text;
	} rows[] = {
		{ "interface_regex", &af->interface_regex },
		{ "extra_netns_regex", &af->extra_netns_regex },
		{ "inner_interface_regex", &af->inner_interface_regex },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		const char *what = not_rust(*rows[i].text);

		if (what != NULL)
			weir_err_list_add(errs, true, name,
					  weir_group_conf_line(conf, rows[i].text), 0,
					  "inputs.cbpf.af_packet.%s: DeepFlow's agents know no %s "
					  "and refuse the whole configuration; weir's take it",
					  rows[i].path, what);
	}
}

/* No limit; control plane, 3.2, has no such value. */
static void zeroes(const struct weir_group_conf *conf, const char *name, struct weir_err_list *errs)
{
	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		const struct weir_conf_row *row = &weir_group_table.rows[i];

		if (row->flags & WEIR_CONF_ZERO && row->type == WEIR_CONF_U32 &&
		    conf->origin[i].from == WEIR_CONF_FILE &&
		    *(const uint32_t *)((const char *)conf + row->offset) == 0)
			weir_err_list_add(
				errs, true, name, conf->origin[i].line, 0,
				"%s: 0 is no limit to weir's agents only; DeepFlow's take "
				"it as the number",
				row->path);
	}
}

/* Control plane, 3.2: tunnels that are followed and trimmed. */
static void tunnels(const struct weir_group_conf *conf, const char *name,
		    struct weir_err_list *errs)
{
	const typeof(conf->inputs.cbpf.preprocess) *p = &conf->inputs.cbpf.preprocess;
	const struct {
		const char *path, *known;
		const uint64_t *set;
		uint64_t known_bits;
	} rows[] = {
		{ "tunnel_decap_protocols", "1 to 5", &p->tunnel_decap_protocols, 0x3e },
		{ "tunnel_trim_protocols", "VXLAN, ERSPAN and TEB", &p->tunnel_trim_protocols,
		  1 << 1 | 1 << 6 | 1 << 7 },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++)
		if (*rows[i].set & ~rows[i].known_bits)
			weir_err_list_add(errs, true, name, weir_group_conf_line(conf, rows[i].set),
					  0,
					  "inputs.cbpf.preprocess.%s: DeepFlow's agents know %s "
					  "only",
					  rows[i].path, rows[i].known);
}

static void ports(const struct weir_group_conf *conf, const char *name, struct weir_err_list *errs)
{
	for (uint32_t i = 0; i < weir_group_table.n; i++) {
		const struct weir_conf_row *row = &weir_group_table.rows[i];

		if (row->type == WEIR_CONF_PORTS &&
		    form_ports_are_ranges((const char *)conf + row->offset))
			weir_err_list_add(errs, true, name, conf->origin[i].line, 0,
					  "%s: DeepFlow's agents know no ranges, and these are too "
					  "many ports to list; weir's take it",
					  row->path);
	}
}

void config_deepflow_warn(const struct weir_group_conf *conf, const char *name,
			  struct weir_err_list *errs)
{
	regexes(conf, name, errs);
	zeroes(conf, name, errs);
	tunnels(conf, name, errs);
	ports(conf, name, errs);
}
