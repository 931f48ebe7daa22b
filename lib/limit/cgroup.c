/* SPDX-License-Identifier: Apache-2.0 */
/* Control-plane specification, 7.3; kernel documentation: cgroup-v1, cgroup-v2. */
#include <weir_cgroup.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PERIOD_US 100000

static const struct {
	const char *controller;
	const char *v1_file, *v2_file;
} kinds[WEIR_CGROUP_WHATS] = {
	[WEIR_CGROUP_CPU] = { "cpu", "cpu.cfs_quota_us", "cpu.max" },
	[WEIR_CGROUP_MEMORY] = { "memory", "memory.limit_in_bytes", "memory.max" },
};

__attribute__((format(printf, 3, 4))) static int put(const char *dir, const char *file,
						     const char *fmt, ...)
{
	char path[600], text[64];
	va_list ap;
	int fd, n, rc;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = write(fd, text, (size_t)n) == n ? 0 : -errno;
	close(fd);
	return rc;
}

static bool is_there(const char *dir, const char *file)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return access(path, F_OK) == 0;
}

static const char *file_of(const struct weir_cgroup_place *p, enum weir_cgroup_what what)
{
	return p->v2 ? kinds[what].v2_file : kinds[what].v1_file;
}

/* --- where the process is --- */

static bool is_in_list(char *list, const char *controller)
{
	char *save = NULL;

	if (controller[0] == '\0')
		return list[0] == '\0';
	for (const char *w = strtok_r(list, ",", &save); w != NULL; w = strtok_r(NULL, ",", &save))
		if (strcmp(w, controller) == 0)
			return true;
	return false;
}

/* Its group in a hierarchy, from "4:memory:/path" or, version 2, "0::/path". "" = not known. */
static void own_path(const char *root, const char *controller, char *to, size_t size)
{
	char path[512], line[600];
	FILE *f;

	to[0] = '\0';
	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	f = fopen(path, "re");
	while (f != NULL && to[0] == '\0' && fgets(line, sizeof(line), f) != NULL) {
		char *list = strchr(line, ':'), *at = list != NULL ? strchr(list + 1, ':') : NULL;

		if (at == NULL)
			continue;
		*at++ = '\0';
		at[strcspn(at, "\n")] = '\0';
		if (is_in_list(list + 1, controller))
			snprintf(to, size, "%s", at);
	}
	if (f != NULL)
		fclose(f);
}

/* The hierarchy's top, and the process's path in it. False: this kernel has none for it. */
static bool hierarchy(struct weir_cgroup_place *p, enum weir_cgroup_what what, const char *root,
		      char *top, size_t top_size, char *own, size_t own_size)
{
	const char *controller = kinds[what].controller;

	snprintf(top, top_size, "%s/sys/fs/cgroup", root);
	p->v2 = is_there(top, "cgroup.controllers");
	if (!p->v2)
		snprintf(top, top_size, "%s/sys/fs/cgroup/%s", root, controller);
	own_path(root, p->v2 ? "" : controller, own, own_size);
	return is_there(top, "cgroup.procs");
}

/* --- in and out --- */

static int hand_on(struct weir_cgroup_place *p, enum weir_cgroup_what what, const char *from)
{
	const int rc = put(from, "cgroup.subtree_control", "+%s", kinds[what].controller);

	if (rc == 0)
		snprintf(p->handed, sizeof(p->handed), "%s", from);
	return rc;
}

static void hand_back(struct weir_cgroup_place *p, enum weir_cgroup_what what)
{
	if (p->handed[0] != '\0')
		put(p->handed, "cgroup.subtree_control", "-%s", kinds[what].controller);
	p->handed[0] = '\0';
}

/*
 * In version 2 a group that hands on controllers holds no process: the own group's are handed on once we are out, and
 * it takes us back only when they are no more.
 */
static int enter(struct weir_cgroup_place *p, enum weir_cgroup_what what, const char *from)
{
	int rc;

	if (mkdir(p->dir, 0755) != 0 && errno != EEXIST)
		return -errno;
	rc = put(p->dir, "cgroup.procs", "0");
	if (rc == 0 && p->v2 && !is_there(p->dir, file_of(p, what)))
		rc = hand_on(p, what, from);
	if (rc == 0 && !is_there(p->dir, file_of(p, what)))
		rc = -ENOENT;
	if (rc == 0)
		return 0;
	hand_back(p, what);
	put(from, "cgroup.procs", "0");
	rmdir(p->dir);
	return rc;
}

static int make_below(struct weir_cgroup_place *p, enum weir_cgroup_what what, const char *top,
		      const char *own, const char *name)
{
	char from[sizeof(p->out)];
	int rc;

	snprintf(from, sizeof(from), "%.200s%.200s", top, strcmp(own, "/") == 0 ? "" : own);
	snprintf(p->dir, sizeof(p->dir), "%.440s/%.40s.%d", from, name, (int)getpid());
	rc = enter(p, what, from);
	if (rc == 0)
		snprintf(p->out, sizeof(p->out), "%s", from);
	return rc;
}

/* The group of the other limit, where both are in one hierarchy and it was made already. */
static bool take_known(struct weir_cgroup *g, enum weir_cgroup_what what, const char *top)
{
	const struct weir_cgroup_place *other = &g->of[!what];
	struct weir_cgroup_place *p = &g->of[what];

	if (!p->v2 || other->dir[0] == '\0')
		return false;
	memcpy(p->dir, other->dir, sizeof(p->dir));
	if (!is_there(p->dir, file_of(p, what)))
		hand_on(p, what, other->out[0] != '\0' ? other->out : top);
	if (is_there(p->dir, file_of(p, what)))
		return true;
	hand_back(p, what);
	return false;
}

static int place(struct weir_cgroup *g, enum weir_cgroup_what what, const char *root,
		 const char *name, struct weir_err *err)
{
	struct weir_cgroup_place *p = &g->of[what];
	char top[256], own[256];
	int rc = -ENOENT;

	if (!hierarchy(p, what, root, top, sizeof(top), own, sizeof(own)))
		return weir_err_set(err, ENOENT, "%s: no control groups", top);
	if (take_known(g, what, top))
		return 0;
	snprintf(p->dir, sizeof(p->dir), "%s/%s", top, name);
	if (is_there(p->dir, file_of(p, what)))
		rc = put(p->dir, "cgroup.procs", "0");
	if (rc != 0 && own[0] != '\0')
		rc = make_below(p, what, top, own, name);
	if (rc != 0 && strcmp(own, "/") != 0)
		rc = make_below(p, what, top, "/", name);
	if (rc != 0)
		weir_err_set(err, -rc, "control group %s: %s", p->dir, strerror(-rc));
	if (rc != 0)
		p->dir[0] = '\0';
	return rc;
}

static int limit_write(const struct weir_cgroup_place *p, enum weir_cgroup_what what, uint64_t n)
{
	const uint64_t value = what == WEIR_CGROUP_CPU ? n * (PERIOD_US / 1000) : n;

	if (!p->v2 && what == WEIR_CGROUP_CPU)
		put(p->dir, "cpu.cfs_period_us", "%d", PERIOD_US);
	if (p->v2 && what == WEIR_CGROUP_CPU)
		return n == 0 ? put(p->dir, file_of(p, what), "max %d", PERIOD_US)
			      : put(p->dir, file_of(p, what), "%" PRIu64 " %d", value, PERIOD_US);
	if (n == 0)
		return put(p->dir, file_of(p, what), "%s", p->v2 ? "max" : "-1");
	return put(p->dir, file_of(p, what), "%" PRIu64, value);
}

int weir_cgroup_set(struct weir_cgroup *g, enum weir_cgroup_what what, uint64_t limit,
		    const char *root, const char *name, struct weir_err *err)
{
	struct weir_cgroup_place *p = &g->of[what];
	int rc;

	if (limit == p->limit)
		return 0;
	rc = p->dir[0] == '\0' ? place(g, what, root, name, err) : 0;
	if (rc != 0)
		return rc;
	rc = limit_write(p, what, limit);
	if (rc != 0)
		return weir_err_set(err, -rc,
				    "control group %s: %s cannot be set to %" PRIu64 ": %s", p->dir,
				    file_of(p, what), limit, strerror(-rc));
	p->limit = limit;
	return 0;
}

/* One of the lines of cgroup.procs. */
static bool has_us(const char *dir)
{
	char path[600], line[32];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	f = fopen(path, "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strtol(line, NULL, 10) == (long)getpid();
	if (f != NULL)
		fclose(f);
	return found;
}

bool weir_cgroup_holds(const struct weir_cgroup *g)
{
	for (int i = 0; i < WEIR_CGROUP_WHATS; i++)
		if (g->of[i].limit != 0 && !has_us(g->of[i].dir))
			return false;
	return true;
}

void weir_cgroup_leave(struct weir_cgroup *g)
{
	for (int i = 0; i < WEIR_CGROUP_WHATS; i++)
		if (g->of[i].limit != 0)
			limit_write(&g->of[i], (enum weir_cgroup_what)i, 0);
	for (int i = 0; i < WEIR_CGROUP_WHATS; i++)
		hand_back(&g->of[i], (enum weir_cgroup_what)i);
	for (int i = 0; i < WEIR_CGROUP_WHATS; i++) {
		const struct weir_cgroup_place *p = &g->of[i];

		if (p->out[0] == '\0')
			continue;
		put(p->out, "cgroup.procs", "0");
		rmdir(p->dir);
	}
	memset(g, 0, sizeof(*g));
}
