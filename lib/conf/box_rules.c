/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules between settings of the box configuration: a function each, in a table at the end. They run
 * over a configuration that may have mistakes already, where a wrong value left its default.
 */
#include "conf_priv.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>

#define SHOWN                  "%.80s"
#define PORTS_MAX              64 /* of all taps */

#define mistake_at(r, ...)     weir_conf_mistake_at(&(r)->to, __VA_ARGS__)
#define mistake(r, field, ...) mistake_at(r, field, CONF_WHOLE, __VA_ARGS__)

struct report {
	const struct weir_box_conf *conf;
	struct conf_report to;
};

static bool is_wrong(const struct report *r, const void *field)
{
	return weir_conf_is_wrong(&r->to, field);
}

static bool is_power_of_two(uint32_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

static void rings_are_powers_of_two(const struct report *r)
{
	const struct {
		const char *path;
		const uint32_t *v;
	} rings[] = {
		{ "rings.input_bursts", &r->conf->rings.input_bursts },
		{ "rings.records", &r->conf->rings.records },
		{ "rings.sink_batches", &r->conf->rings.sink_batches },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rings); i++)
		if (!is_power_of_two(*rings[i].v))
			mistake(r, rings[i].v, "%s: %u is not a power of two; did you mean %u",
				rings[i].path, *rings[i].v,
				1U << (31 - __builtin_clz(*rings[i].v)));
}

/* Is `cpu` among the first `n`? */
static bool has_cpu(const struct weir_conf_ints *cpus, uint32_t n, int32_t cpu)
{
	for (uint32_t i = 0; i < n; i++)
		if (cpus->v[i] == cpu)
			return true;
	return false;
}

static void cpus_are_named_once(const struct report *r, const char *path,
				const struct weir_conf_ints *cpus)
{
	for (uint32_t i = 0; i < cpus->n; i++)
		if (has_cpu(cpus, i, cpus->v[i]))
			mistake_at(r, cpus, i, "%s: CPU %d is named twice", path, cpus->v[i]);
}

static void each_worker_has_its_cpu(const struct report *r)
{
	const struct weir_conf_ints *cpus = &r->conf->cores.worker_cpus;
	const uint32_t *workers = &r->conf->cores.workers;

	if (cpus->n > 0 && cpus->n != *workers && !is_wrong(r, workers))
		mistake(r, cpus, "cores.worker_cpus: %u CPUs for %u workers; name one CPU a worker",
			cpus->n, *workers);
	cpus_are_named_once(r, "cores.worker_cpus", cpus);
}

static void control_keeps_off_the_workers_cpus(const struct report *r)
{
	const struct weir_conf_ints *w = &r->conf->cores.worker_cpus;
	const struct weir_conf_ints *c = &r->conf->cores.control_cpus;

	cpus_are_named_once(r, "cores.control_cpus", c);
	for (uint32_t i = 0; i < c->n; i++)
		if (has_cpu(w, w->n, c->v[i]))
			mistake_at(r, c, i, "cores.control_cpus: CPU %d is a worker's", c->v[i]);
}

static void the_control_socket_is_an_absolute_path(const struct report *r)
{
	const char *const *path = &r->conf->control.socket;

	if ((*path)[0] != '\0' && (*path)[0] != '/')
		mistake(r, path,
			"control.socket: " SHOWN " is not an absolute path; did you mean "
			"/run/weir/" SHOWN,
			*path, *path);
}

bool weir_conf_is_listen(const char *text, int64_t port_min)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	int64_t port;
	size_t len;

	if (colon == NULL || !weir_conf_int_parse(colon + 1, &port) || port < port_min ||
	    port > 65535)
		return false;
	len = (size_t)(colon - text);
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (host[0] == '[' && len > 1 && host[len - 1] == ']') {
		host[len - 1] = '\0';
		return inet_pton(AF_INET6, host + 1, &(struct in6_addr){ { { 0 } } }) == 1;
	}
	return inet_pton(AF_INET, host, &(struct in_addr){ 0 }) == 1;
}

static void http_listens_on_an_address(const struct report *r)
{
	const char *const *listen = &r->conf->http.listen;

	if ((*listen)[0] != '\0' && !weir_conf_is_listen(*listen, 1))
		mistake(r, listen,
			"http.listen: " SHOWN " is not ADDRESS:PORT; write 127.0.0.1:9740, "
			"[::1]:9740, or \"\" for none",
			*listen);
}

static void taps_have_names_of_their_own(const struct report *r)
{
	const struct weir_box_tap *taps = r->conf->taps;

	for (uint32_t i = 0; i < r->conf->taps_n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (taps[i].name[0] != '\0' && strcmp(taps[i].name, taps[k].name) == 0)
				mistake(r, &taps[i].name,
					"taps[%u].name: %s is also the name of taps[%u]", i,
					taps[i].name, k);
}

/* A port that was seen, and where. */
struct seen_port {
	struct conf_port port;
	const char *netns; /* of an interface */
	uint32_t tap;
};

struct seen_ports {
	struct seen_port ports[PORTS_MAX];
	uint32_t n; /* may be more than there is room for */
};

static const struct seen_port *seen_before(const struct seen_ports *seen, const struct seen_port *p)
{
	for (uint32_t i = 0; i < seen->n && i < PORTS_MAX; i++) {
		const struct seen_port *s = &seen->ports[i];

		if (s->port.is_interface == p->port.is_interface &&
		    strcmp(s->port.name, p->port.name) == 0 &&
		    (!p->port.is_interface || strcmp(s->netns, p->netns) == 0))
			return s;
	}
	return NULL;
}

static void ports_of_a_tap(const struct report *r, uint32_t tap, const char *list,
			   const struct weir_conf_names *names, struct seen_ports *seen)
{
	for (uint32_t i = 0; i < names->n; i++) {
		struct seen_port p = { .netns = r->conf->taps[tap].netns, .tap = tap };
		const struct seen_port *before;
		struct weir_err err = { 0 };

		if (weir_conf_port_check(names->v[i], &p.port, &err) < 0) {
			mistake_at(r, names, i, "taps[%u].%s: %s", tap, list, err.msg);
			continue;
		}
		before = seen_before(seen, &p);
		if (before != NULL)
			mistake_at(r, names, i,
				   "taps[%u].%s: %s is a port of taps[%u] already; "
				   "a port has one tap",
				   tap, list, p.port.name, before->tap);
		if (seen->n < PORTS_MAX)
			seen->ports[seen->n] = p;
		if (++seen->n == PORTS_MAX + 1)
			mistake_at(r, names, i,
				   "taps[%u].%s: %s is one port too many; all taps "
				   "together have at most %d",
				   tap, list, p.port.name, PORTS_MAX);
	}
}

static void a_port_is_one_and_of_one_tap(const struct report *r)
{
	struct seen_ports seen = { .n = 0 };

	for (uint32_t i = 0; i < r->conf->taps_n; i++) {
		ports_of_a_tap(r, i, "ports", &r->conf->taps[i].ports, &seen);
		ports_of_a_tap(r, i, "ports_b", &r->conf->taps[i].ports_b, &seen);
	}
}

static void a_network_namespace_is_a_path(const struct report *r)
{
	for (uint32_t i = 0; i < r->conf->taps_n; i++) {
		const char *const *netns = &r->conf->taps[i].netns;

		if ((*netns)[0] != '\0' && (*netns)[0] != '/')
			mistake(r, netns,
				"taps[%u].netns: " SHOWN " is not an absolute path; did you "
				"mean /run/netns/" SHOWN,
				i, *netns, *netns);
	}
}

static void sinks_write_to_places_of_their_own(const struct report *r)
{
	const struct weir_box_sink *sinks = r->conf->sinks;

	for (uint32_t i = 0; i < r->conf->sinks_n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (sinks[i].path[0] != '\0' && strcmp(sinks[i].path, sinks[k].path) == 0)
				mistake(r, &sinks[i].path,
					"sinks[%u].path: %s is also the path of sinks[%u]", i,
					sinks[i].path, k);
}

static void there_is_one_store(const struct report *r)
{
	const struct weir_box_sink *sinks = r->conf->sinks;
	uint32_t stores = 0, first = 0;

	for (uint32_t i = 0; i < r->conf->sinks_n; i++) {
		if (sinks[i].type != WEIR_BOX_SINK_STORE)
			continue;
		if (stores++ > 0)
			mistake(r, &sinks[i].type,
				"sinks[%u].type: sinks[%u] is a store already; one is allowed", i,
				first);
		else
			first = i;
	}
}

static void only_a_store_has_limits(const struct report *r)
{
	const struct weir_box_sink *sinks = r->conf->sinks;

	for (uint32_t i = 0; i < r->conf->sinks_n; i++) {
		if (sinks[i].type == WEIR_BOX_SINK_STORE || is_wrong(r, &sinks[i].type))
			continue;
		if (sinks[i].max_mib != 0)
			mistake(r, &sinks[i].max_mib,
				"sinks[%u].max_mib: only a store has a limit; write type = "
				"\"store\", or leave it out",
				i);
		if (sinks[i].max_age != 0)
			mistake(r, &sinks[i].max_age,
				"sinks[%u].max_age: only a store has a limit; write type = "
				"\"store\", or leave it out",
				i);
	}
}

static void only_lines_go_to_standard_output(const struct report *r)
{
	const struct weir_box_sink *sinks = r->conf->sinks;

	for (uint32_t i = 0; i < r->conf->sinks_n; i++)
		if (strcmp(sinks[i].path, "-") == 0 && sinks[i].type != WEIR_BOX_SINK_JSONL &&
		    !is_wrong(r, &sinks[i].type))
			mistake(r, &sinks[i].path,
				"sinks[%u].path: - is standard output, and only for type = "
				"\"jsonl\"; name a directory",
				i);
}

static void a_vlan_has_one_type(const struct report *r)
{
	const struct weir_box_vlan *map = r->conf->vlan_map;
	uint32_t type_of[4097] = { 0 };

	for (uint32_t i = 0; i < r->conf->vlan_map_n; i++) {
		uint32_t *type = &type_of[map[i].vlan];

		if (is_wrong(r, &map[i].vlan) || is_wrong(r, &map[i].type))
			continue;
		if (*type != 0 && *type != map[i].type)
			mistake(r, &map[i].vlan, "vlan_map[%u]: VLAN %u has type %u already", i,
				map[i].vlan, *type);
		*type = map[i].type;
	}
}

static void (*const rules[])(const struct report *r) = {
	rings_are_powers_of_two,
	each_worker_has_its_cpu,
	control_keeps_off_the_workers_cpus,
	the_control_socket_is_an_absolute_path,
	http_listens_on_an_address,
	taps_have_names_of_their_own,
	a_port_is_one_and_of_one_tap,
	a_network_namespace_is_a_path,
	sinks_write_to_places_of_their_own,
	there_is_one_store,
	only_a_store_has_limits,
	only_lines_go_to_standard_output,
	a_vlan_has_one_type,
};

void weir_conf_box_rules(const void *conf, const char *name, struct weir_err_list *errs)
{
	const struct report r = { conf, { &weir_conf_box_kind, conf, name, errs } };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rules); i++)
		rules[i](&r);
	if (weir_conf_rules->box != NULL)
		weir_conf_rules->box(conf, name, errs);
}
