/* SPDX-License-Identifier: Apache-2.0 */
#include "found.h"

#include <weir_filter.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct look {
	struct weir_list *list;
	struct weir_regex *names, *spaces;
	struct weir_err *lacking;
	struct stat own; /* of the agent's namespace */
	bool no_memory;
};

/* Of the namespace this thread is in. */
static void take_interfaces(struct look *l, const char *netns)
{
	struct if_nameindex *all = if_nameindex();

	if (all == NULL) {
		l->no_memory |= errno == ENOBUFS || errno == ENOMEM;
		return;
	}
	for (const struct if_nameindex *i = all; i->if_name != NULL; i++) {
		struct found_iface *f;

		if (!weir_regex_matches(l->names, i->if_name))
			continue;
		f = weir_list_add(l->list, sizeof(*f));
		if (f == NULL) {
			l->no_memory = true;
			break;
		}
		snprintf(f->netns, sizeof(f->netns), "%s", netns);
		snprintf(f->name, sizeof(f->name), "%.15s", i->if_name);
	}
	if_freenameindex(all);
}

static bool is_own(const struct look *l, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == l->own.st_ino && st.st_dev == l->own.st_dev;
}

static void take_space(struct look *l, const char *netns)
{
	char path[sizeof(NETNS_DIR) + 256];
	int fd;

	snprintf(path, sizeof(path), NETNS_DIR "/%.255s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* it went meanwhile */
	if (!is_own(l, fd)) {
		if (setns(fd, CLONE_NEWNET) == 0)
			take_interfaces(l, netns);
		else
			weir_err_set(
				l->lacking, errno,
				"network namespace %.60s: %s; its interfaces are not captured%s",
				netns, strerror(errno),
				errno == EPERM ? ": CAP_SYS_ADMIN is needed; it is kept from the "
						 "start where the group's file asks for "
						 "namespaces, or there is a controller"
					       : "");
	}
	close(fd);
}

/* It ends in another namespace: nobody else is to run in it. */
static void *look_around(void *arg)
{
	struct look *l = arg;
	DIR *d = opendir(NETNS_DIR);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && weir_regex_matches(l->spaces, e->d_name))
			take_space(l, e->d_name);
	if (d != NULL)
		closedir(d);
	return NULL;
}

static int look_with_thread(struct look *l, struct weir_err *err)
{
	pthread_t thread;
	int rc;

	if (stat("/proc/self/ns/net", &l->own) != 0)
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
	if (rc == 0 && l.no_memory)
		rc = weir_err_set(err, ENOMEM, "interfaces: no memory");
	return rc;
}
