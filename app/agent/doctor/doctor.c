/* SPDX-License-Identifier: Apache-2.0 */
/* weir-agent doctor: what this machine can do for weir, what is missing, and the command that mends it. */
#include "doctor.h"

#include <stdarg.h>
#include <unistd.h>

enum { OPT_BOX, OPT_OUTPUT, OPT_ROOT };

static const struct option_row rows[] = {
	[OPT_BOX] = { "config", 'c', "FILE", "box configuration (" BOX_PATH ", if there)" },
	[OPT_OUTPUT] = { "output", 'o', "FORMAT", "text (default) or json" },
	[OPT_ROOT] = { "root", 0, "DIR",
		       "look at files of /proc, /sys and others below DIR, copied from another\n"
		       "machine; then nothing else is tried" },
};

static const struct option_table options = {
	.command = "weir-agent doctor",
	.synopsis = "",
	.purpose =
		"Say what this machine can do, what is missing, and the command that mends it. It changes\n"
		"nothing. Exits with 1 when something is bad for the configured box.",
	.rows = rows,
	.n = WEIR_ARRAY_SIZE(rows),
};

static const struct {
	const char *name;
	void (*run)(struct doctor *d);
} checks[] = {
	{ "kernel", doctor_kernel },
	{ "cpu", doctor_cpu },
	{ "clock", doctor_clock },
	{ "hugepages", doctor_hugepages },
	{ "memlock", doctor_memlock },
	{ "iommu", doctor_iommu },
	{ "nic", doctor_nics },
	{ "port", doctor_ports },
	{ "socket", doctor_sockets },
	{ "bpf", doctor_bpf },
	{ "capability", doctor_capabilities },
	{ "store", doctor_store },
	{ "directory", doctor_directories },
	{ "systemd", doctor_systemd },
	{ "cgroup", doctor_cgroup },
};

static const char *const state_names[] = { "ok", "warn", "bad" };

void doctor_say(struct doctor *d, enum finding_state state, const char *command, const char *fmt,
		...)
{
	struct finding *f;
	va_list ap;

	if (d->n == FINDINGS_MAX) {
		d->left_out++;
		return;
	}
	f = &d->findings[d->n++];
	f->state = state;
	f->check = d->check;
	snprintf(f->command, sizeof(f->command), "%s", command);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

enum finding_state doctor_unless_needed(const struct doctor *d, unsigned int kinds)
{
	return (d->ports & kinds) != 0 ? FINDING_BAD : FINDING_WARN;
}

static void json_string(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			printf("\\u%04x",
			       (unsigned char)*s); /* of a copied tree: may be anything */
		else
			putchar(*s);
	}
	putchar('"');
}

static void print_json(const struct doctor *d, const unsigned int *counts)
{
	printf("{\"version\":\"" WEIR_VERSION "\",\"config\":");
	if (d->conf->box_path != NULL)
		json_string(d->conf->box_path);
	else
		fputs("null", stdout);
	printf(",\"ok\":%u,\"warn\":%u,\"bad\":%u,\"findings\":[", counts[FINDING_OK],
	       counts[FINDING_WARN], counts[FINDING_BAD]);
	for (unsigned int i = 0; i < d->n; i++) {
		const struct finding *f = &d->findings[i];

		printf("%s\n{\"check\":\"%s\",\"state\":\"%s\",\"text\":", i > 0 ? "," : "",
		       f->check, state_names[f->state]);
		json_string(f->text);
		fputs(",\"command\":", stdout);
		if (f->command[0] != '\0')
			json_string(f->command);
		else
			fputs("null", stdout);
		putchar('}');
	}
	puts("]}");
}

static void print_text(const struct doctor *d, const unsigned int *counts)
{
	const char *last = "";

	for (unsigned int i = 0; i < d->n; i++) {
		const struct finding *f = &d->findings[i];

		printf("%-11s%-5s %s\n", strcmp(last, f->check) != 0 ? f->check : "",
		       state_names[f->state], f->text);
		if (f->command[0] != '\0')
			printf("%-17s> %s\n", "", f->command);
		last = f->check;
	}
	if (d->left_out > 0)
		printf("%u more findings found no room\n", d->left_out);
	printf("\n%u ok, %u warn, %u bad for %s\n", counts[FINDING_OK], counts[FINDING_WARN],
	       counts[FINDING_BAD],
	       d->conf->box_path != NULL ? d->conf->box_path : "a box without configuration");
	if (counts[FINDING_WARN] + counts[FINDING_BAD] > 0)
		puts("'>' is what mends it, as root. weir-setup --plan shows in one list what concerns\n"
		     "huge pages, drivers, user and directories; without --plan it does it.");
}

static int examine(struct doctor *d, bool json)
{
	unsigned int counts[3] = { 0 };

	d->ports = d->conf->box.taps_n > 0 ? port_kinds(&d->conf->box)
					   : 0; /* else the agent's choice */
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(checks); i++) {
		d->check = checks[i].name;
		checks[i].run(d);
	}
	for (unsigned int i = 0; i < d->n; i++)
		counts[d->findings[i].state]++;
	(json ? print_json : print_text)(d, counts);
	return counts[FINDING_BAD] > 0 ? WEIR_EXIT_FAILED : WEIR_EXIT_OK;
}

int weir_agent_doctor(int argc, char **argv)
{
	static struct agent_conf conf; /* both are large */
	static struct doctor doctor = { .root = "" };
	const char *box = NULL, *arg;
	bool json = false;
	int opt, operand, rc;

	while ((opt = options_next(&options, argc, argv, &arg, &operand)) != OPTION_END) {
		if (opt == OPTION_HELP)
			return WEIR_EXIT_OK;
		if (opt == OPTION_BAD)
			return WEIR_EXIT_USAGE;
		if (opt == OPT_BOX)
			box = arg;
		else if (opt == OPT_ROOT)
			doctor.root = strcmp(arg, "/") != 0 ? arg : "";
		else if (strcmp(arg, "json") == 0 || strcmp(arg, "text") == 0)
			json = arg[0] == 'j';
		else
			return option_mistake(&options, "--output %s: text or json is needed", arg);
	}
	if (operand < argc)
		return option_mistake(&options, "%s: not expected here", argv[operand]);
	if (access(doctor.root[0] != '\0' ? doctor.root : "/", R_OK | X_OK) != 0)
		return option_mistake(&options, "--root %s: no folder that can be read",
				      doctor.root);
	rc = agent_conf_load(&conf, box, NULL);
	if (rc != 0)
		return rc;
	doctor.live = doctor.root[0] == '\0';
	doctor.conf = &conf;
	rc = examine(&doctor, json);
	agent_conf_free(&conf);
	return rc;
}
