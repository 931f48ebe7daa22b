/* SPDX-License-Identifier: Apache-2.0 */
/* Rules between settings of the box configuration: a function each, in a table at the end. */
#include "conf_priv.h"

struct report {
	const struct weir_box_conf *conf;
	const char *name;
	struct weir_err_list *errs;
};

/* The line a setting stands in; 0 = it is a default. */
static uint32_t line_of(const struct report *r, const char *path)
{
	for (uint32_t i = 0; i < weir_box_table.n; i++)
		if (strcmp(weir_box_table.rows[i].path, path) == 0)
			return r->conf->origin[i].line;
	return 0;
}

static bool is_power_of_two(uint32_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

static void rings_are_powers_of_two(const struct report *r)
{
	const struct {
		const char *path;
		uint32_t v;
	} rings[] = {
		{ "rings.input_bursts", r->conf->rings.input_bursts },
		{ "rings.records", r->conf->rings.records },
		{ "rings.sink_batches", r->conf->rings.sink_batches },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rings); i++)
		if (!is_power_of_two(rings[i].v))
			weir_err_list_add(r->errs, false, r->name, line_of(r, rings[i].path), 0,
					  "%s: %u is not a power of two; did you mean %u",
					  rings[i].path, rings[i].v,
					  1U << (31 - __builtin_clz(rings[i].v)));
}

static void each_worker_has_its_cpu(const struct report *r)
{
	const struct weir_conf_ints *cpus = &r->conf->cores.worker_cpus;
	uint32_t line = line_of(r, "cores.worker_cpus");

	if (cpus->n > 0 && cpus->n != r->conf->cores.workers)
		weir_err_list_add(
			r->errs, false, r->name, line, 0,
			"cores.worker_cpus: %u CPUs for %u workers; name one CPU a worker", cpus->n,
			r->conf->cores.workers);
	for (uint32_t i = 0; i < cpus->n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (cpus->v[i] == cpus->v[k])
				weir_err_list_add(r->errs, false, r->name, line, 0,
						  "cores.worker_cpus: CPU %d is named twice",
						  cpus->v[i]);
}

static void control_keeps_off_the_workers_cpus(const struct report *r)
{
	const struct weir_conf_ints *w = &r->conf->cores.worker_cpus;
	const struct weir_conf_ints *c = &r->conf->cores.control_cpus;

	for (uint32_t i = 0; i < c->n; i++)
		for (uint32_t k = 0; k < w->n; k++)
			if (c->v[i] == w->v[k])
				weir_err_list_add(r->errs, false, r->name,
						  line_of(r, "cores.control_cpus"), 0,
						  "cores.control_cpus: CPU %d is a worker's",
						  c->v[i]);
}

static void taps_have_names_of_their_own(const struct report *r)
{
	const struct weir_box_tap *taps = r->conf->taps;

	for (uint32_t i = 0; i < r->conf->taps_n; i++) {
		if (taps[i].name[0] == '\0')
			weir_err_list_add(r->errs, false, r->name, taps[i].line, 0,
					  "taps[%u].name: is empty", i);
		if (taps[i].ports.n == 0)
			weir_err_list_add(r->errs, false, r->name, taps[i].line, 0,
					  "taps[%u].ports: is empty; name at least one port", i);
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(taps[i].name, taps[k].name) == 0)
				weir_err_list_add(r->errs, false, r->name, taps[i].line, 0,
						  "taps[%u].name: %s is also the name of taps[%u]",
						  i, taps[i].name, k);
	}
}

static void sinks_write_to_places_of_their_own(const struct report *r)
{
	const struct weir_box_sink *sinks = r->conf->sinks;

	for (uint32_t i = 0; i < r->conf->sinks_n; i++) {
		if (sinks[i].path[0] == '\0')
			weir_err_list_add(r->errs, false, r->name, sinks[i].line, 0,
					  "sinks[%u].path: is empty", i);
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(sinks[i].path, sinks[k].path) == 0)
				weir_err_list_add(
					r->errs, false, r->name, sinks[i].line, 0,
					"sinks[%u].path: %s is also the path of sinks[%u]", i,
					sinks[i].path, k);
	}
}

static void a_vlan_has_one_type(const struct report *r)
{
	const struct weir_box_vlan *map = r->conf->vlan_map;
	uint32_t type_of[4097] = { 0 };

	for (uint32_t i = 0; i < r->conf->vlan_map_n; i++) {
		uint32_t *type = &type_of[map[i].vlan];

		if (*type != 0 && *type != map[i].type)
			weir_err_list_add(r->errs, false, r->name, map[i].line, 0,
					  "vlan_map[%u]: VLAN %u has type %u already", i,
					  map[i].vlan, *type);
		*type = map[i].type;
	}
}

static void (*const rules[])(const struct report *r) = {
	rings_are_powers_of_two,
	each_worker_has_its_cpu,
	control_keeps_off_the_workers_cpus,
	taps_have_names_of_their_own,
	sinks_write_to_places_of_their_own,
	a_vlan_has_one_type,
};

void weir_conf_box_rules(const struct weir_box_conf *conf, const char *name,
			 struct weir_err_list *errs)
{
	struct report r = { conf, name, errs };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rules); i++)
		rules[i](&r);
}
