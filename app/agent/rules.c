/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of the configurations that need more than lib/conf knows: filters and regular expressions are
 * compiled. And, for `check`, what is right but is not there on this machine now: a warning, since it
 * may come.
 */
#include "agent.h"

#include <weir_filter.h>
#include <weir_pattern.h>

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

#define LINKS_OF_PORTS (1U << WEIR_LINK_ETHER)

/* -- mistakes -- */

static int filter_check(const char *expression, struct weir_err *err)
{
	const struct weir_filter_options o = { .expression = expression, .links = LINKS_OF_PORTS };
	struct weir_filter *f = weir_filter_create(&o, err);

	weir_filter_destroy(f);
	return f != NULL ? 0 : -EINVAL;
}

static void filters_of_taps(const struct weir_box_conf *conf, const char *name,
			    struct weir_err_list *errs)
{
	for (uint32_t i = 0; i < conf->taps_n; i++) {
		const char *const *filter = &conf->taps[i].filter;
		struct weir_err err = { 0 };

		if ((*filter)[0] != '\0' && filter_check(*filter, &err) < 0)
			weir_err_list_add(errs, false, name, weir_box_conf_line(conf, filter), 0,
					  "taps[%u].filter: %s", i, err.msg);
	}
}

const struct weir_conf_rules agent_rules = { .box = filters_of_taps,
					     .group = weir_pattern_group_rules };

/* -- what is not there -- */

/* "eth0, lo": as many as there is room for. */
static void interfaces_list(char *out, size_t size)
{
	struct if_nameindex *all = if_nameindex();
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; all != NULL && all[i].if_name != NULL; i++) {
		if (n + strlen(all[i].if_name) + sizeof(", ...") >= size) {
			snprintf(out + n, size - n, ", ...");
			break;
		}
		n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? ", " : "", all[i].if_name);
	}
	if (all != NULL)
		if_freenameindex(all);
}

/* A port of the kernel, as the configuration's text names it; NULL = it is none. */
static const char *interface_of(const char *text)
{
	if (strncmp(text, "if:", 3) == 0)
		return text + 3;
	return strncmp(text, "net_", 4) == 0 || strpbrk(text, ":,/ ") != NULL ? NULL : text;
}

static void interfaces_are_there(const struct weir_box_conf *conf, const char *name,
				 struct weir_err_list *errs, uint32_t tap,
				 const struct weir_conf_names *ports)
{
	char all[200];

	for (uint32_t i = 0; i < ports->n; i++) {
		const char *interface = interface_of(ports->v[i]);

		if (interface == NULL || if_nametoindex(interface) != 0)
			continue;
		interfaces_list(all, sizeof(all));
		weir_err_list_add(errs, true, name, weir_box_conf_line(conf, ports), 0,
				  "taps[%u]: there is no interface %.40s now; there are %s", tap,
				  interface, all);
	}
}

static void cpus_are_there(const struct weir_box_conf *conf, const char *name,
			   struct weir_err_list *errs, const char *path,
			   const struct weir_conf_ints *cpus)
{
	const long n = sysconf(_SC_NPROCESSORS_CONF);

	for (uint32_t i = 0; i < cpus->n; i++)
		if (cpus->v[i] >= n)
			weir_err_list_add(errs, true, name, weir_box_conf_line(conf, cpus), 0,
					  "%s: there is no CPU %d; there are 0 to %ld", path,
					  cpus->v[i], n - 1);
}

static void machine_rules(const struct weir_box_conf *conf, const char *name,
			  struct weir_err_list *errs)
{
	filters_of_taps(conf, name, errs);
	for (uint32_t i = 0; i < conf->taps_n; i++) {
		if (conf->taps[i].netns[0] != '\0')
			continue;
		interfaces_are_there(conf, name, errs, i, &conf->taps[i].ports);
		interfaces_are_there(conf, name, errs, i, &conf->taps[i].ports_b);
	}
	cpus_are_there(conf, name, errs, "cores.worker_cpus", &conf->cores.worker_cpus);
	cpus_are_there(conf, name, errs, "cores.control_cpus", &conf->cores.control_cpus);
}

const struct weir_conf_rules agent_machine_rules = { .box = machine_rules,
						     .group = weir_pattern_group_rules };
