/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose socket is at the other end of a loopback connection: sock_diag(7), an exact look-up of one socket.
 *
 * Of a socket that was closed, or waits for its end, the kernel says uid 0: whoever could send a request and be gone
 * would be root. Those have no inode: they count as nobody's.
 */
#include "http_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in ip4;
	struct sockaddr_in6 ip6;
};

/* ::ffff:127.0.0.1, of a server that listens at [::], is IPv4. */
static void unmap(union address *a)
{
	struct sockaddr_in ip4 = { .sin_family = AF_INET, .sin_port = a->ip6.sin6_port };

	if (a->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->ip6.sin6_addr))
		return;
	memcpy(&ip4.sin_addr, &a->ip6.sin6_addr.s6_addr[12], sizeof(ip4.sin_addr));
	a->ip4 = ip4;
}

static bool is_loopback(const union address *a)
{
	return a->any.sa_family == AF_INET ? ntohl(a->ip4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
					   : IN6_IS_ADDR_LOOPBACK(&a->ip6.sin6_addr);
}

static __be16 put(const union address *a, __be32 to[4])
{
	if (a->any.sa_family == AF_INET6) {
		memcpy(to, &a->ip6.sin6_addr, sizeof(a->ip6.sin6_addr));
		return a->ip6.sin6_port;
	}
	memcpy(to, &a->ip4.sin_addr, sizeof(a->ip4.sin_addr));
	return a->ip4.sin_port;
}

static int is_there(const struct inet_diag_msg *m)
{
	return m->idiag_inode != 0 &&
	       (m->idiag_state == TCP_ESTABLISHED || m->idiag_state == TCP_FIN_WAIT1 ||
		m->idiag_state == TCP_FIN_WAIT2);
}

static int on_answer(const struct nlmsghdr *h, void *arg)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
	uid_t *uid = arg;

	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(h) < sizeof(*m) ||
	    !is_there(m))
		return MNL_CB_STOP;
	*uid = m->idiag_uid;
	return MNL_CB_OK + 1;
}

static int ask(struct mnl_socket *nl, const union address *peer, const union address *own,
	       uid_t *uid)
{
	char buffer[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *q;
	ssize_t n;

	h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	h->nlmsg_flags = NLM_F_REQUEST;
	q = mnl_nlmsg_put_extra_header(h, sizeof(*q));
	q->sdiag_family = (__u8)peer->any.sa_family;
	q->sdiag_protocol = IPPROTO_TCP;
	q->idiag_states = UINT32_MAX;
	q->id.idiag_cookie[0] = q->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	q->id.idiag_sport = put(peer, q->id.idiag_src); /* the peer's own socket: its end first */
	q->id.idiag_dport = put(own, q->id.idiag_dst);
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
	if (n < 0)
		return -errno;
	return mnl_cb_run(buffer, (size_t)n, 0, 0, on_answer, uid) > MNL_CB_OK ? 0 : -ENOENT;
}

int weir_http_peer_uid(const struct weir_http_request *rq, uid_t *uid)
{
	union address peer = { 0 }, own = { 0 };
	socklen_t peer_len = sizeof(peer), own_len = sizeof(own);
	struct mnl_socket *nl;
	int rc;

	if (rq->fd < 0 || getpeername(rq->fd, &peer.any, &peer_len) < 0 ||
	    getsockname(rq->fd, &own.any, &own_len) < 0)
		return -ENOENT;
	unmap(&peer);
	unmap(&own);
	if (!is_loopback(&peer) || !is_loopback(&own))
		return -ENOENT;
	nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (nl == NULL)
		return -errno;
	rc = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : ask(nl, &peer, &own, uid);
	mnl_socket_close(nl);
	return rc;
}
