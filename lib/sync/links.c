/* SPDX-License-Identifier: Apache-2.0 */
/* rtnetlink(7): links, addresses, and the way to an address. */
#include "sync_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_BYTES 32768
#define TRIES        5       /* a dump is broken off when something changes meanwhile */
#define MOST         1000000 /* links or addresses */

int weir_sync_ns_enter(const char *kind)
{
	char path[2][64];
	struct stat st[2];
	int own, root;

	snprintf(path[0], sizeof(path[0]), "/proc/thread-self/ns/%s", kind);
	snprintf(path[1], sizeof(path[1]), "/proc/1/ns/%s", kind);
	if (stat(path[0], &st[0]) != 0 || stat(path[1], &st[1]) != 0 ||
	    st[0].st_ino == st[1].st_ino)
		return -1;
	own = open(path[0], O_RDONLY | O_CLOEXEC);
	root = open(path[1], O_RDONLY | O_CLOEXEC);
	if (own >= 0 && (root < 0 || setns(root, 0) != 0)) {
		close(own);
		own = -1;
	}
	if (root >= 0)
		close(root);
	return own;
}

void weir_sync_ns_leave(int fd)
{
	if (fd < 0)
		return;
	if (setns(fd, 0) != 0)
		abort(); /* the thread would go on in another namespace than all others */
	close(fd);
}

/* Sockets stay in the namespace they were made in. */
static struct mnl_socket *open_there(void)
{
	const int back = weir_sync_ns_enter("net");
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	weir_sync_ns_leave(back);
	if (s != NULL && mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(s);
		s = NULL;
	}
	return s;
}

/* Send a question and hand each part of the answer to `cb`. Returns 0 or -errno. */
static int ask(struct mnl_socket *s, const struct nlmsghdr *question, mnl_cb_t cb, void *ctx)
{
	char *buf = malloc(ANSWER_BYTES);
	int rc = 1;

	if (buf == NULL)
		return -ENOMEM;
	if (mnl_socket_sendto(s, question, question->nlmsg_len) < 0)
		rc = -1;
	while (rc > 0) {
		const ssize_t n = mnl_socket_recvfrom(s, buf, ANSWER_BYTES);

		rc = n < 0 ? -1
			   : mnl_cb_run(buf, (size_t)n, question->nlmsg_seq,
					mnl_socket_get_portid(s), cb, ctx);
	}
	rc = rc < 0 ? -errno : 0;
	free(buf);
	return rc;
}

static void *one_more(void **array, uint32_t *n, size_t size)
{
	void *more = *array;

	if (*n == MOST) {
		errno = E2BIG;
		return NULL;
	}
	if ((*n & (*n - 1)) == 0) { /* none, or a power of two: full */
		more = realloc(*array, (*n > 0 ? 2 * (size_t)*n : 1) * size);
		if (more == NULL)
			return NULL;
		*array = more;
	}
	more = (char *)more + (size_t)(*n)++ * size;
	memset(more, 0, size);
	return more;
}

static void name_copy(char *to, size_t size, const struct nlattr *a)
{
	snprintf(to, size, "%.*s", (int)mnl_attr_get_payload_len(a),
		 (const char *)mnl_attr_get_payload(a));
}

static int on_link(const struct nlmsghdr *h, void *ctx)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
	struct weir_sync_links *l = ctx;
	struct weir_sync_link *link = one_more((void **)&l->link, &l->links, sizeof(*link));
	struct nlattr *a, *b;

	if (link == NULL)
		return MNL_CB_ERROR;
	link->index = (uint32_t)info->ifi_index;
	link->up = (info->ifi_flags & IFF_UP) != 0;
	mnl_attr_for_each(a, h, sizeof(*info))
	{
		if (mnl_attr_get_type(a) == IFLA_IFNAME)
			name_copy(link->name, sizeof(link->name), a);
		if (mnl_attr_get_type(a) == IFLA_ADDRESS && mnl_attr_get_payload_len(a) == 6) {
			memcpy(link->mac, mnl_attr_get_payload(a), 6);
			link->has_mac = true;
		}
		if (mnl_attr_get_type(a) != IFLA_LINKINFO)
			continue;
		mnl_attr_for_each_nested(b, a) if (mnl_attr_get_type(b) == IFLA_INFO_KIND)
			name_copy(link->kind, sizeof(link->kind), b);
	}
	return MNL_CB_OK;
}

static int on_address(const struct nlmsghdr *h, void *ctx)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(h);
	const size_t len = info->ifa_family == AF_INET ? 4 : 16;
	struct weir_sync_links *l = ctx;
	struct weir_sync_address *address;
	struct nlattr *a, *local = NULL, *other = NULL;

	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return MNL_CB_OK;
	mnl_attr_for_each(a, h, sizeof(*info))
	{
		if (mnl_attr_get_type(a) == IFA_LOCAL)
			local = a;
		if (mnl_attr_get_type(a) == IFA_ADDRESS) /* the peer's, of a point-to-point link */
			other = a;
	}
	a = local != NULL ? local : other;
	if (a == NULL || mnl_attr_get_payload_len(a) != len)
		return MNL_CB_OK;
	address = one_more((void **)&l->address, &l->addresses, sizeof(*address));
	if (address == NULL)
		return MNL_CB_ERROR;
	address->index = info->ifa_index;
	address->family = info->ifa_family;
	address->prefix = info->ifa_prefixlen;
	memcpy(address->ip, mnl_attr_get_payload(a), len);
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *s, uint16_t type, uint32_t seq, mnl_cb_t cb, void *ctx)
{
	char buf[256];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = seq;
	/* The longer of both heads; the rest is zero, which means all. */
	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	return ask(s, h, cb, ctx);
}

int weir_sync_links_read(struct weir_sync_links *l, struct weir_err *err)
{
	struct mnl_socket *s = open_there();
	int rc = s != NULL ? -EINTR : -errno;

	memset(l, 0, sizeof(*l));
	for (uint32_t i = 0; rc == -EINTR && i < TRIES; i++) {
		weir_sync_links_free(l);
		rc = dump(s, RTM_GETLINK, 2 * i + 1, on_link, l);
		if (rc == 0)
			rc = dump(s, RTM_GETADDR, 2 * i + 2, on_address, l);
		if (rc == -EINTR) { /* what is left of a broken dump would be taken for the next */
			mnl_socket_close(s);
			s = open_there();
			rc = s != NULL ? -EINTR : -errno;
		}
	}
	if (s != NULL)
		mnl_socket_close(s);
	return rc == 0 ? 0
		       : weir_err_set(err, -rc, "interfaces cannot be listed: %s", strerror(-rc));
}

void weir_sync_links_free(struct weir_sync_links *l)
{
	free(l->link);
	free(l->address);
	memset(l, 0, sizeof(*l));
}

const struct weir_sync_link *weir_sync_link_named(const struct weir_sync_links *l, const char *name)
{
	for (uint32_t i = 0; i < l->links; i++)
		if (strcmp(l->link[i].name, name) == 0)
			return &l->link[i];
	return NULL;
}

const struct weir_sync_link *weir_sync_link_at(const struct weir_sync_links *l, uint32_t index)
{
	for (uint32_t i = 0; i < l->links; i++)
		if (l->link[i].index == index)
			return &l->link[i];
	return NULL;
}

struct route {
	uint32_t index;
	uint8_t source[16];
	uint16_t source_len;
};

static int on_route(const struct nlmsghdr *h, void *ctx)
{
	struct route *r = ctx;
	struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(struct rtmsg))
	{
		const uint16_t len = mnl_attr_get_payload_len(a);

		if (mnl_attr_get_type(a) == RTA_OIF && len == sizeof(uint32_t))
			r->index = mnl_attr_get_u32(a);
		if (mnl_attr_get_type(a) == RTA_PREFSRC && (len == 4 || len == 16)) {
			memcpy(r->source, mnl_attr_get_payload(a), len);
			r->source_len = len;
		}
	}
	return MNL_CB_STOP;
}

int weir_sync_route(const char *towards, uint32_t *index, char source[WEIR_SYNC_ADDRESS_MAX],
		    struct weir_err *err)
{
	const int family = strchr(towards, ':') != NULL ? AF_INET6 : AF_INET;
	const size_t len = family == AF_INET ? 4 : 16;
	struct route found = { 0 };
	struct mnl_socket *s;
	struct nlmsghdr *h;
	struct rtmsg *rt;
	uint8_t to[16];
	char buf[256];
	int rc;

	if (inet_pton(family, towards, to) != 1)
		return weir_err_set(err, EINVAL, "%s is no address", towards);
	s = open_there();
	if (s == NULL)
		return weir_err_set(err, errno, "routes cannot be asked for: %s", strerror(errno));
	h = mnl_nlmsg_put_header(buf);
	h->nlmsg_type = RTM_GETROUTE;
	h->nlmsg_flags = NLM_F_REQUEST;
	h->nlmsg_seq = 1;
	rt = mnl_nlmsg_put_extra_header(h, sizeof(*rt));
	rt->rtm_family = (unsigned char)family;
	rt->rtm_dst_len = (unsigned char)(len * 8);
	mnl_attr_put(h, RTA_DST, len, to);
	rc = ask(s, h, on_route, &found);
	mnl_socket_close(s);
	if (rc == 0 && (found.source_len != len || found.index == 0))
		rc = -ENETUNREACH;
	if (rc != 0)
		return weir_err_set(err, -rc, "no way to %s: %s", towards, strerror(-rc));
	*index = found.index;
	inet_ntop(family, found.source, source, WEIR_SYNC_ADDRESS_MAX);
	return 0;
}
