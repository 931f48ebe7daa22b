/* SPDX-License-Identifier: Apache-2.0 */
/* Ports between processes (memif, vhost, virtio_user), with testpmd on the other side. */
#include "ethdev_peer_test.h"

#include <weir_eal.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

static char ours[200], theirs[200], sock[64];

/* The path of the socket in the place of %s; NULL = nothing. */
static void fill(char *to, size_t size, const char *form)
{
	const char *at = form != NULL ? strstr(form, "%s") : NULL;

	to[0] = '\0';
	if (at != NULL)
		snprintf(to, size, "%.*s%s%s", (int)(at - form), form, sock, at + 2);
}

/* The device strings of both sides. */
static void meet_at(const char *own, const char *other)
{
	static unsigned int serial;

	snprintf(sock, sizeof(sock), P_tmpdir "/weir-peer-%d-%u", getpid(), ++serial);
	unlink(sock);
	fill(ours, sizeof(ours), own);
	fill(theirs, sizeof(theirs), other);
}

static struct weir_source *opened(void)
{
	struct weir_ethdev_options o = { .device = ours, .numa = -1, .promiscuous = true };
	struct weir_err err = { 0 };
	struct weir_source *src = weir_source_ethdev_create(&o, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(src);
	if (src->ops->open(src, &err) != 0)
		fprintf(stderr, "%s\n", err.msg);
	CU_ASSERT_EQUAL_FATAL(err.code, 0);
	return src;
}

static struct weir_source *started(void)
{
	struct weir_source *src = opened();
	struct weir_err err = { 0 };

	if (src->ops->start(src, &err) != 0)
		fprintf(stderr, "%s\n", err.msg);
	CU_ASSERT_EQUAL_FATAL(err.code, 0);
	return src;
}

static void closed(struct weir_source *src)
{
	src->ops->stop(src);
	src->ops->close(src);
	unlink(sock);
}

static struct weir_ethdev_state state_of(struct weir_source *src)
{
	struct weir_ethdev_state s;

	weir_source_ethdev_state(src, &s);
	return s;
}

static uint64_t take(struct weir_source *src)
{
	struct weir_frame f[WEIR_BURST_MAX];
	uint16_t n = src->ops->rx(src, 0, f, WEIR_BURST_MAX);

	src->ops->done(src, f, n);
	return n;
}

static void wait_link(struct weir_source *src, enum weir_ethdev_link link)
{
	const uint64_t end = weir_clock_mono_ns() + WAIT_NS;

	while (state_of(src).link != link && weir_clock_mono_ns() < end)
		usleep(5000);
	if (state_of(src).link != link)
		fprintf(stderr, "link %d: %s\n", state_of(src).link, state_of(src).err.msg);
	CU_ASSERT_EQUAL_FATAL(state_of(src).link, link);
}

/* It sends for a while; what came and what it says it sent are the same. */
static void everything_comes(struct weir_source *src, struct peer *p)
{
	uint64_t got = 0, idle_since, begin = weir_clock_mono_ns(), now = begin;

	peer_tell(p, "clear port stats all");
	peer_tell(p, "start");
	while (now < begin + 200 * WEIR_NS_PER_MS || got < 10000) {
		uint64_t n = take(src);

		got += n;
		now = weir_clock_mono_ns();
		if (now > begin + WAIT_NS)
			break;
		if (n == 0)
			usleep(20);
	}
	peer_tell(p, "stop");
	for (idle_since = now; now < idle_since + 300 * WEIR_NS_PER_MS ||
			       !peer_said(p, "Accumulated forward statistics");) {
		uint64_t n = take(src);

		got += n;
		now = weir_clock_mono_ns();
		if (n > 0)
			idle_since = now;
		if (now > begin + 2 * WAIT_NS)
			break;
	}
	CU_ASSERT(got >= 10000);
	CU_ASSERT_EQUAL(got, peer_number(p, "TX-packets:"));
	if (got != peer_number(p, "TX-packets:"))
		fprintf(stderr, "%s: got %lu\n", ours, got);
}

/* The peer comes, sends, is killed, and another one comes in its place. */
static void check_return(void)
{
	struct weir_source *src = started();
	struct weir_ethdev_state s = state_of(src);
	struct peer p;

	CU_ASSERT_EQUAL(s.link, WEIR_ETHDEV_DOWN);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.err.msg, sock));
	for (unsigned int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(take(src), 0);
		p = peer_start(theirs, "txonly");
		wait_link(src, WEIR_ETHDEV_UP);
		peer_wait(&p, "testpmd>");
		everything_comes(src, &p);
		peer_end(&p, SIGKILL);
		wait_link(src, WEIR_ETHDEV_DOWN);
		s = state_of(src);
		CU_ASSERT_EQUAL(s.downs, i + 1);
		CU_ASSERT_EQUAL(s.returns, i);
	}
	CU_ASSERT_EQUAL(strncmp(ours, s.driver, strlen(s.driver)), 0);
	closed(src);
}

static void test_memif_server(void)
{
	meet_at("net_memif0,role=server,socket-abstract=no,socket=%s",
		"net_memif0,role=client,socket-abstract=no,socket=%s");
	check_return();
}

static void test_vhost_server(void)
{
	meet_at("net_vhost0,iface=%s", "net_virtio_user0,path=%s");
	check_return();
}

static void test_virtio_user_server(void)
{
	meet_at("net_virtio_user0,server=1,path=%s", "net_vhost0,client=1,iface=%s");
	check_return();
}

static void test_a_memif_client_starts_when_there_is_a_server(void)
{
	struct weir_source *src;
	struct weir_err err = { 0 };
	struct peer p;

	meet_at("net_memif0,role=client,socket-abstract=no,socket=%s",
		"net_memif0,role=server,socket-abstract=no,socket=%s");
	src = opened();
	CU_ASSERT_EQUAL(src->ops->start(src, &err), -ENOTCONN);
	CU_ASSERT_EQUAL(take(src), 0);
	p = peer_start(theirs, "txonly");
	peer_wait(&p, "testpmd>");
	CU_ASSERT_EQUAL(src->ops->start(src, &err), 0);
	wait_link(src, WEIR_ETHDEV_UP);
	everything_comes(src, &p);
	peer_end(&p, SIGKILL);
	wait_link(src, WEIR_ETHDEV_GONE);
	closed(src);
}

static void test_a_vhost_client_finds_its_server_when_it_comes(void)
{
	struct weir_source *src;
	struct peer p;

	meet_at("net_vhost0,client=1,iface=%s", "net_virtio_user0,server=1,path=%s");
	src = started();
	for (int i = 0; i < 2; i++) {
		p = peer_start(theirs, "txonly");
		wait_link(src, WEIR_ETHDEV_UP);
		peer_wait(&p, "testpmd>");
		everything_comes(src, &p);
		peer_end(&p, SIGKILL);
		unlink(sock); /* testpmd does not remove it */
		wait_link(src, WEIR_ETHDEV_DOWN);
	}
	closed(src);
}

static void test_a_virtio_user_client_needs_its_server(void)
{
	struct weir_ethdev_options o = { .device = ours, .numa = -1 };
	struct weir_source *src;
	struct weir_err err = { 0 };
	struct peer p;

	meet_at("net_virtio_user0,path=%s", "net_vhost0,iface=%s");
	src = weir_source_ethdev_create(&o, &err);
	CU_ASSERT(src->ops->open(src, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "net_virtio_user0"));
	src->ops->close(src);
	for (int i = 0; i < 2; i++) {
		p = peer_start(theirs, "txonly");
		peer_wait(&p, "testpmd>");
		src = started();
		wait_link(src, WEIR_ETHDEV_UP);
		everything_comes(src, &p);
		peer_end(&p, SIGKILL);
		wait_link(src, WEIR_ETHDEV_GONE);
		closed(src);
	}
}

/* A socket on which somebody listens, who never answers. */
static int listener(bool bound_only)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", sock);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (!bound_only)
		CU_ASSERT_EQUAL_FATAL(listen(fd, 8), 0);
	return fd;
}

static void test_a_server_that_never_answers_is_given_up(void)
{
	struct weir_ethdev_options o = { .device = ours, .numa = -1 };
	struct weir_source *src;
	struct weir_err err = { 0 };
	int fd;

	meet_at("net_virtio_user0,path=%s", "%s");
	fd = listener(false);
	src = weir_source_ethdev_create(&o, &err);
	CU_ASSERT_EQUAL(src->ops->open(src, &err), -ETIMEDOUT);
	src->ops->close(src);
	close(fd);
	unlink(sock);
}

static void test_a_server_without_client_can_be_closed(void)
{
	static const char *const servers[] = {
		"net_virtio_user0,server=1,path=%s", "net_vhost0,iface=%s",
		"net_memif0,role=server,socket-abstract=no,socket=%s"
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(servers); i++) {
		uint64_t begin = weir_clock_mono_ns();

		meet_at(servers[i], "%s");
		closed(started());
		meet_at(servers[i], "%s");
		closed(opened());
		CU_ASSERT(weir_clock_mono_ns() - begin < 3 * WEIR_NS_PER_S);
	}
}

/* Also when its file is gone, and when somebody is connected who says nothing. */
static void test_a_client_that_never_speaks_does_not_hold_up_a_close(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct weir_source *src;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	meet_at("net_virtio_user0,server=1,path=%s", "%s");
	src = started();
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", sock);
	CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	usleep(10000);
	unlink(sock);
	CU_ASSERT_EQUAL(state_of(src).link, WEIR_ETHDEV_DOWN);
	closed(src);
	close(fd);
}

static void test_a_socket_file_of_a_dead_process_is_no_hindrance(void)
{
	static const char *const servers[] = {
		"net_virtio_user0,server=1,path=%s", "net_vhost0,iface=%s",
		"net_memif0,role=server,socket-abstract=no,socket=%s"
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(servers); i++) {
		meet_at(servers[i], "%s");
		close(listener(true));
		closed(started());
	}
}

static void test_what_is_not_ours_is_left_alone(void)
{
	struct weir_ethdev_options o = { .device = ours, .numa = -1 };
	struct weir_source *src;
	struct weir_err err = { 0 };
	int fd;

	meet_at("net_vhost0,iface=%s", "%s");
	fd = listener(false);
	src = weir_source_ethdev_create(&o, &err);
	CU_ASSERT_EQUAL(src->ops->open(src, &err), -EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "listens"));
	CU_ASSERT_EQUAL(access(sock, F_OK), 0);
	close(fd);
	unlink(sock);
	close(open(sock, O_CREAT | O_WRONLY, 0600));
	CU_ASSERT_EQUAL(src->ops->open(src, &err), -EADDRINUSE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "no socket"));
	CU_ASSERT_EQUAL(access(sock, F_OK), 0);
	src->ops->close(src);
	unlink(sock);
}

/* virtio_user forgets some memory when its server goes: DPDK's, not ours, to AddressSanitizer. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:rte_intr_instance_alloc\nleak:librte_net_virtio";
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a memif server: all comes, and again from a new client", test_memif_server },
		{ "a vhost server: all comes, and again from a new client", test_vhost_server },
		{ "a virtio_user server: all comes, and again from a new client",
		  test_virtio_user_server },
		{ "a memif client starts when there is a server",
		  test_a_memif_client_starts_when_there_is_a_server },
		{ "a vhost client finds its server when it comes",
		  test_a_vhost_client_finds_its_server_when_it_comes },
		{ "a virtio_user client needs its server",
		  test_a_virtio_user_client_needs_its_server },
		{ "a server that never answers is given up",
		  test_a_server_that_never_answers_is_given_up },
		{ "a server without client can be closed",
		  test_a_server_without_client_can_be_closed },
		{ "a client that never speaks does not hold up a close",
		  test_a_client_that_never_speaks_does_not_hold_up_a_close },
		{ "a socket file of a dead process is no hindrance",
		  test_a_socket_file_of_a_dead_process_is_no_hindrance },
		{ "what is not ours is left alone", test_what_is_not_ours_is_left_alone },
		CU_TEST_INFO_NULL,
	};
	int failed;

	if (!peer_is_there()) {
		fprintf(stderr, "skipped: no dpdk-testpmd (package dpdk-dev)\n");
		return 77;
	}
	if (getenv("WEIR_TEST_DEBUG") != NULL)
		weir_log_level_set(WEIR_LOG_DEBUG);
	failed = weir_test_main("ethdev/peer", tests);
	weir_eal_stop();
	return failed;
}
