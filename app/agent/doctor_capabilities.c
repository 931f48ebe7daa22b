/* SPDX-License-Identifier: Apache-2.0 */
/* Which features this process may use, from the one table of capabilities. */
#include "doctor.h"

#include <cap-ng.h>

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#define NEEDS_MAX 6

struct need {
	unsigned int capability;
	const char *refused;
};

/* As in the table: each feature is followed by its needs, so a row is one or the other. */
static const struct row {
	unsigned int kind;   /* of a feature, 0 = a need */
	const char *feature; /* NULL = a need */
	struct need need;
} table[] = {
#define FEATURE(kind, name)    { kind, name, { 0, NULL } },
#define NEEDS(capability, why) { 0, NULL, { CAP_##capability, why } },
#include "capabilities.def"
};

static bool locks_all(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}

bool doctor_may(unsigned int capability)
{
	if (capng_get_caps_process() != 0)
		return false;
	if (capng_have_capability(CAPNG_EFFECTIVE, capability) != 0)
		return true;
	if (capability == CAP_BPF)
		return capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) != 0;
	return capability == CAP_IPC_LOCK && locks_all();
}

/* "cap_net_raw" as setcap wants it, or "CAP_NET_RAW" as the kernel's documents have it. */
static void append(char *list, size_t size, const char *between, bool upper,
		   unsigned int capability)
{
	const size_t n = strlen(list);
	const char *name = capng_capability_to_name(capability);

	snprintf(list + n, size - n, "%s%s%s", n > 0 ? between : "", upper ? "CAP_" : "cap_",
		 name != NULL ? name : "?");
	for (char *c = list + n; upper && *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
}

/* What setcap should be told: it replaces the whole set, so what the configured ports need stands in it, too. */
static uint64_t wanted(unsigned int kinds)
{
	uint64_t set = 0;
	bool counts = false;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(table); i++) {
		if (table[i].feature != NULL)
			counts = (table[i].kind & kinds) != 0;
		else if (counts)
			set |= UINT64_C(1) << table[i].need.capability;
	}
	return set;
}

static void setcap(char *command, size_t size, unsigned int kinds)
{
	const uint64_t set = wanted(kinds);
	char list[200] = "", exe[PATH_MAX] = "/usr/sbin/weir-agent";
	const ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n > 0)
		exe[n] = '\0';
	for (unsigned int c = 0; c <= CAP_LAST_CAP; c++)
		if ((set >> c & 1) != 0)
			append(list, sizeof(list), ",", false, c);
	snprintf(command, size, "setcap %s=eip %s", list, exe);
}

static void feature(struct doctor *d, const struct row *f, const struct row *end)
{
	char have[200] = "", missing[200] = "", why[200] = "", command[400];
	const struct row *n;

	for (n = f + 1; n < end && n->feature == NULL; n++) {
		const bool may = doctor_may(n->need.capability);

		append(may ? have : missing, sizeof(have), ", ", true, n->need.capability);
		if (!may && why[0] == '\0')
			snprintf(why, sizeof(why), "%s", n->need.refused);
	}
	if (n == f + 1) {
		doctor_say(d, FINDING_OK, "", "%s: no capability needed", f->feature);
	} else if (missing[0] == '\0') {
		doctor_say(d, FINDING_OK, "", "%s: %s, there", f->feature, have);
	} else {
		setcap(command, sizeof(command), d->ports | f->kind);
		doctor_say(d, doctor_unless_needed(d, f->kind), command,
			   "%s: this process lacks %s (%s)", f->feature, missing, why);
	}
}

static void of_file(struct doctor *d)
{
	const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char list[400] = "";

	if (fd < 0)
		return;
	if (capng_get_caps_fd(fd) == 0)
		for (unsigned int c = 0; c <= CAP_LAST_CAP; c++)
			if (capng_have_capability(CAPNG_PERMITTED, c) != 0)
				append(list, sizeof(list), ", ", true, c);
	close(fd);
	capng_clear(CAPNG_SELECT_BOTH);
	doctor_say(d, FINDING_OK, "", "runs as user %u; file capabilities of the program: %s",
		   geteuid(),
		   list[0] != '\0' ? list : "none (chown removes them: setcap comes after it)");
}

void doctor_capabilities(struct doctor *d)
{
	const struct row *end = table + WEIR_ARRAY_SIZE(table);

	if (!d->live) {
		doctor_say(d, FINDING_OK, "", "not looked at: another machine's");
		return;
	}
	of_file(d);
	for (const struct row *r = table; r < end; r++)
		if (r->feature != NULL)
			feature(d, r, end);
}
