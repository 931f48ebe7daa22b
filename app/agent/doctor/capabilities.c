/* SPDX-License-Identifier: Apache-2.0 */
/* Which features this process may use, from the one table of capabilities. */
#include "doctor.h"

#include <cap-ng.h>

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

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

static void append_set(char *list, size_t size, const char *between, bool upper, uint64_t set)
{
	for (unsigned int c = 0; c <= CAP_LAST_CAP; c++)
		if ((set >> c & 1) != 0)
			append(list, size, between, upper, c);
}

/* setcap replaces the whole set, so what all configured ports need stands in it, too. */
static void setcap(char *command, size_t size, unsigned int kinds)
{
	char list[200] = "", exe[PATH_MAX] = "/usr/sbin/weir-agent";
	const ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n > 0)
		exe[n] = '\0';
	append_set(list, sizeof(list), ",", false, capabilities_wanted(kinds));
	snprintf(command, size, "setcap %s=eip %s", list, exe);
}

static void feature(struct doctor *d, const struct capability_row *f)
{
	const uint64_t wanted = capabilities_wanted(f->kind);
	char text[300] = "", command[400];

	if (wanted == 0) {
		doctor_say(d, FINDING_OK, "", "%s: no capability needed", f->feature);
	} else if (!capabilities_lacking(f->kind, text, sizeof(text))) {
		append_set(text, sizeof(text), ", ", true, wanted);
		doctor_say(d, FINDING_OK, "", "%s: %s, there", f->feature, text);
	} else {
		setcap(command, sizeof(command), d->ports | f->kind);
		doctor_say(d, doctor_unless_needed(d, f->kind),
			   f->kind != PORT_PCI_BARE ? command : "", "%s: this process lacks %s",
			   f->feature, text);
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
	const struct capability_row *end, *r = capability_rows(&end);

	if (!d->live) {
		doctor_say(d, FINDING_OK, "", "not looked at: another machine's");
		return;
	}
	of_file(d);
	for (; r < end; r++)
		if (r->feature != NULL && (r->kind != PORT_PCI_BARE || (d->ports & r->kind) != 0))
			feature(d, r);
}
