/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of /proc and /sys, below a root. */
#include "doctor.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static void path_make(const struct doctor *d, char *path, size_t size, const char *fmt, va_list ap)
{
	char below[PATH_MAX];

	vsnprintf(below, sizeof(below), fmt,
		  ap); /* NOLINT(clang-analyzer-valist.Uninitialized): it is */
	snprintf(path, size, "%s%s", d->root, below);
}

#define PATH_OF(d, path, fmt)                              \
	do {                                               \
		va_list ap;                                \
                                                           \
		va_start(ap, fmt);                         \
		path_make(d, path, sizeof(path), fmt, ap); \
		va_end(ap);                                \
	} while (0)

void doctor_path(const struct doctor *d, char *path, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	path_make(d, path, size, fmt, ap);
	va_end(ap);
}

bool doctor_exists(const struct doctor *d, const char *fmt, ...)
{
	char path[PATH_MAX];

	PATH_OF(d, path, fmt);
	return access(path, F_OK) == 0;
}

/* The kernel answers some reads with an error: a link that is down has no speed. */
static bool line_read(const char *path, char *line, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, line, size - 1);
	close(fd);
	if (n < 0)
		return false;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

bool doctor_line(const struct doctor *d, char *line, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];

	PATH_OF(d, path, fmt);
	return line_read(path, line, size);
}

bool doctor_number(const struct doctor *d, long long *out, const char *fmt, ...)
{
	char path[PATH_MAX], line[64], *end;

	PATH_OF(d, path, fmt);
	if (!line_read(path, line, sizeof(line)))
		return false;
	*out = strtoll(line, &end, 0);
	return end != line;
}

bool doctor_link(const struct doctor *d, char *name, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t n;

	PATH_OF(d, path, fmt);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	last = strrchr(target, '/');
	snprintf(name, size, "%s", last != NULL ? last + 1 : target);
	return true;
}

bool doctor_field(const struct doctor *d, const char *path, const char *key, char *value,
		  size_t size)
{
	char full[PATH_MAX], *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *f;

	doctor_path(d, full, sizeof(full), "%s", path);
	f = fopen(full, "re");
	if (f == NULL)
		return false;
	while (!found && getline(&line, &room, f) > 0) {
		char *v = line + strcspn(line, ":\n");
		size_t end = strlen(v);

		if (strncmp(line, key, strlen(key)) != 0 || *v != ':')
			continue;
		while (end > 0 && isspace((unsigned char)v[end - 1]))
			v[--end] = '\0';
		for (v += end > 0; isspace((unsigned char)*v); v++)
			;
		snprintf(value, size, "%s", v);
		found = true;
	}
	free(line);
	fclose(f);
	return found;
}

static int by_name(const void *a, const void *b)
{
	return strverscmp(((const struct doctor_name *)a)->name,
			  ((const struct doctor_name *)b)->name);
}

unsigned int doctor_names(const struct doctor *d, struct doctor_name *names, unsigned int max,
			  const char *prefix, const char *fmt, ...)
{
	const struct dirent *e;
	char path[PATH_MAX];
	unsigned int n = 0;
	DIR *dir;

	PATH_OF(d, path, fmt);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while (n < max && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && strncmp(e->d_name, prefix, strlen(prefix)) == 0 &&
		    strlen(e->d_name) < sizeof(names->name))
			snprintf(names[n++].name, sizeof(names->name), "%.63s", e->d_name);
	closedir(dir);
	qsort(names, n, sizeof(*names), by_name);
	return n;
}

bool doctor_in_list(const char *list, int cpu)
{
	while (isdigit((unsigned char)*list)) {
		char *end;
		long first = strtol(list, &end, 10), last = first;

		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		if (cpu >= first && cpu <= last)
			return true;
		list = *end == ',' ? end + 1 : end;
	}
	return false;
}
