/* SPDX-License-Identifier: Apache-2.0 */
#include "found.h"

#include <weir_pattern.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct look {
	struct weir_list *list;
	struct weir_regex *names, *spaces;
	struct weir_err *lacking;
	struct weir_list taken; /* struct stat: namespaces, at first the agent's */
	int rc;                 /* not 0: what there is cannot be known */
};

/* Descriptors or memory are short: not that something is not there. */
static bool is_short(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOMEM || code == ENOBUFS;
}

/* Of the namespace this thread is in. */
static void take_interfaces(struct look *l, const char *netns)
{
	struct if_nameindex *all = if_nameindex();

	if (all == NULL) {
		l->rc = -errno;
		return;
	}
	for (const struct if_nameindex *i = all; i->if_name != NULL; i++) {
		struct found_iface *f;

		if (!weir_regex_matches(l->names, i->if_name))
			continue;
		f = weir_list_add(l->list, sizeof(*f));
		if (f == NULL) {
			l->rc = -ENOMEM;
			break;
		}
		snprintf(f->netns, sizeof(f->netns), "%s", netns);
		snprintf(f->name, sizeof(f->name), "%.15s", i->if_name);
	}
	if_freenameindex(all);
}

/* A namespace may have several names, and one of them may be the agent's: its packets are taken once. */
static bool is_new(struct look *l, int fd)
{
	const struct stat *known = l->taken.items;
	struct stat st, *to;

	if (fstat(fd, &st) != 0)
		return false;
	for (size_t i = 0; i < l->taken.count; i++)
		if (known[i].st_ino == st.st_ino && known[i].st_dev == st.st_dev)
			return false;
	to = weir_list_add(&l->taken, sizeof(*to));
	if (to == NULL) {
		l->rc = -ENOMEM;
		return false;
	}
	*to = st;
	return true;
}

static void enter(struct look *l, const char *netns, int fd)
{
	if (setns(fd, CLONE_NEWNET) == 0) {
		take_interfaces(l, netns);
		return;
	}
	weir_err_set(l->lacking, errno,
		     "network namespace %.60s: %s; its interfaces are not captured%s", netns,
		     strerror(errno),
		     errno == EPERM ? ": CAP_SYS_ADMIN is needed; it is kept from the start where "
				      "the group's file asks for namespaces, or there is a "
				      "controller"
				    : "");
}

static void take_space(struct look *l, const char *netns)
{
	char path[sizeof(NETNS_DIR) + 256];
	int fd;

	snprintf(path, sizeof(path), NETNS_DIR "/%.255s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && is_short(errno))
		l->rc = -errno;
	if (fd < 0)
		return; /* it went meanwhile */
	if (is_new(l, fd))
		enter(l, netns, fd);
	close(fd);
}

/* In the order of names: of several of one namespace it is always the same. It ends in another one, nobody else runs in it. */
static void *look_around(void *arg)
{
	struct look *l = arg;
	struct dirent **all = NULL;
	const int n = scandir(NETNS_DIR, &all, NULL, alphasort);

	if (n < 0 && is_short(errno))
		l->rc = -errno;
	for (int i = 0; i < n; i++) {
		const char *name = all[i]->d_name;

		if (l->rc == 0 && name[0] != '.' && weir_regex_matches(l->spaces, name))
			take_space(l, name);
		free(all[i]);
	}
	free(all);
	return NULL;
}

static int look_with_thread(struct look *l, struct weir_err *err)
{
	struct stat *own = weir_list_add(&l->taken, sizeof(*own));
	pthread_t thread;
	int rc;

	if (own == NULL)
		return weir_err_set(err, ENOMEM, "network namespaces: no memory");
	if (stat("/proc/self/ns/net", own) != 0)
		return weir_err_set(err, errno, "/proc/self/ns/net: %s", strerror(errno));
	rc = pthread_create(&thread, NULL, look_around, l);
	if (rc != 0)
		return weir_err_set(err, rc, "no thread to look at network namespaces: %s",
				    strerror(rc));
	pthread_join(thread, NULL);
	return 0;
}

int found_look(struct weir_list *list, const char *regex, const char *netns_regex,
	       struct weir_err *lacking, struct weir_err *err)
{
	struct look l = { .list = list, .lacking = lacking };
	int rc = 0;

	lacking->code = 0;
	if (regex[0] == '\0')
		return 0;
	l.names = weir_regex_create(regex, err);
	if (l.names == NULL)
		return -err->code;
	take_interfaces(&l, "");
	if (netns_regex[0] != '\0') {
		l.spaces = weir_regex_create(netns_regex, err);
		rc = l.spaces != NULL ? look_with_thread(&l, err) : -err->code;
	}
	weir_regex_destroy(l.names);
	weir_regex_destroy(l.spaces);
	free(l.taken.items);
	if (rc == 0 && l.rc != 0)
		rc = weir_err_set(err, -l.rc,
				  "interfaces cannot be looked at, those that were known stay: %s",
				  strerror(-l.rc));
	return rc;
}
