/* SPDX-License-Identifier: Apache-2.0 */
/* What a controller shows of the machine: as the host sees it, also from within a container. */
#include "sync_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#define RELEASE_BYTES_MAX 65536

/* The value of `key` in a file of KEY=value lines, quotes taken off. */
static bool value_of(const char *text, const char *key, char *to, size_t size)
{
	const size_t len = strlen(key);

	for (const char *line = text; line != NULL && *line != '\0';) {
		if (strncmp(line, key, len) == 0 && line[len] == '=') {
			const char *v = line + len + 1;

			v += *v == '"' || *v == '\'';
			snprintf(to, size, "%.*s", (int)strcspn(v, "\"'\n"), v);
			return true;
		}
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	return false;
}

static bool os_from(const char *path, const char *name, const char *version, char *to, size_t size)
{
	char *text = NULL, a[80], b[64] = "";
	size_t len;
	bool found;

	if (weir_sync_file_read(path, RELEASE_BYTES_MAX, &text, &len) != 0)
		return false;
	found = value_of(text, name, a, sizeof(a));
	if (found) {
		value_of(text, version, b, sizeof(b));
		snprintf(to, size, "%s%s%s", a, b[0] != '\0' ? " " : "", b);
	}
	free(text);
	return found;
}

static void os_read(char *to, size_t size)
{
	static const struct {
		const char *path, *name, *version;
	} from[] = {
		{ "/proc/1/root/etc/os-release", "NAME", "VERSION_ID" },
		{ "/proc/1/root/etc/lsb-release", "DISTRIB_ID", "DISTRIB_RELEASE" },
		{ "/etc/os-release", "NAME", "VERSION_ID" },
		{ "/etc/lsb-release", "DISTRIB_ID", "DISTRIB_RELEASE" },
	};

	to[0] = '\0';
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(from); i++)
		if (os_from(from[i].path, from[i].name, from[i].version, to, size))
			return;
}

void weir_sync_host_read(struct weir_sync_host *h)
{
	const int back = weir_sync_ns_enter("uts");
	struct utsname u;

	memset(h, 0, sizeof(*h));
	if (uname(&u) == 0) {
		snprintf(h->name, sizeof(h->name), "%s", u.nodename);
		snprintf(h->arch, sizeof(h->arch), "%s", u.machine);
		snprintf(h->kernel, sizeof(h->kernel), "%s", u.release);
	}
	weir_sync_ns_leave(back);
	os_read(h->os, sizeof(h->os));
	h->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	h->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}
