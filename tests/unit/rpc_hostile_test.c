/* SPDX-License-Identifier: Apache-2.0 */
/* Messages too large or of another kind, peers that speak rubbish, say nothing, or are stopped. */
#include "rpc_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVER_MAX ((size_t)1 << 20) /* as serve() says */
#define CLIENT_MAX ((size_t)5 << 20) /* unless a peer says otherwise */

/* A Sync whose request has `bytes` bytes. */
static int sync_of(struct weir_rpc_channel *ch, size_t bytes)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct went w = { 0 };
	size_t n = bytes - 5; /* tag of two bytes, length of three */

	rq.host = malloc(n + 1);
	memset(rq.host, 'h', n);
	rq.host[n] = '\0';
	CU_ASSERT_EQUAL(agent__sync_request__get_packed_size(&rq), bytes);
	call(ch, SYNC, &rq.base, 10000, &w);
	free(rq.host);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	return w.status;
}

static void test_the_server_takes_a_request_at_the_limit_and_none_over_it(void)
{
	struct weir_rpc_channel *ch;

	begin_served();
	ch = dial();
	CU_ASSERT_EQUAL(sync_of(ch, SERVER_MAX), WEIR_RPC_OK);
	CU_ASSERT_EQUAL(opened, 1);
	CU_ASSERT_EQUAL(sync_of(ch, SERVER_MAX + 1), WEIR_RPC_RESOURCE_EXHAUSTED);
	CU_ASSERT_EQUAL(opened, 1);
	end();
}

static void test_a_raised_limit_takes_a_larger_answer_while_a_push_goes_on(void)
{
	const size_t head = 2 + 8 + 5; /* status, revision "host-a", tag and length of the data */
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	Agent__SyncResponse news = AGENT__SYNC_RESPONSE__INIT;
	struct weir_rpc_channel *ch;
	struct went push = { 0 };

	begin_served();
	ch = dial();
	call(ch, PUSH, &rq.base, -1, &push);
	CU_ASSERT_TRUE(run_until(&push.messages, 1));
	CU_ASSERT_EQUAL(sync_once(ch, CLIENT_MAX - head).bytes, CLIENT_MAX - head);
	CU_ASSERT_EQUAL(sync_once(ch, CLIENT_MAX - head + 1).status, WEIR_RPC_RESOURCE_EXHAUSTED);
	weir_rpc_channel_receive_max_set(ch, CLIENT_MAX + 1);
	CU_ASSERT_EQUAL(sync_once(ch, CLIENT_MAX - head + 1).status, WEIR_RPC_OK);
	CU_ASSERT_EQUAL(sync_once(ch, CLIENT_MAX - head + 2).status, WEIR_RPC_RESOURCE_EXHAUSTED);
	CU_ASSERT_EQUAL(push.ends, 0);
	CU_ASSERT_TRUE(weir_rpc_stream_send(pushes[0], &news.base));
	CU_ASSERT_TRUE(run_until(&push.messages, 2));
	end();
}

static void test_an_answer_over_its_budget_is_refused(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct went w = { .budget_bytes = 1000 };

	begin_served();
	rq.has_memory_size = true;
	rq.memory_size = 5000;
	call(dial(), SYNC, &rq.base, 10000, &w);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_RESOURCE_EXHAUSTED);
	CU_ASSERT_PTR_NOT_NULL(strstr(w.why, "agent.SyncResponse"));
	CU_ASSERT_PTR_NOT_NULL(strstr(w.why, "1000 bytes of memory"));
	CU_ASSERT_EQUAL(w.messages, 0);
	end();
}

static void test_a_request_over_its_budget_is_refused(void)
{
	uint8_t bytes[5000] = { 0 };
	Agent__NtpRequest rq = AGENT__NTP_REQUEST__INIT;
	struct went w = { 0 };

	begin_served();
	rq.has_request = true;
	rq.request = (ProtobufCBinaryData){ sizeof(bytes), bytes };
	call(dial(), QUERY, &rq.base, 10000, &w);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_RESOURCE_EXHAUSTED);
	CU_ASSERT_EQUAL(opened, 0);
	end();
}

static void test_messages_of_another_kind_are_refused_on_both_ends(void)
{
	Agent__UpgradeRequest text = AGENT__UPGRADE_REQUEST__INIT;
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct went asked = { 0 }, answered = { .answer = &agent__ntp_response__descriptor },
		    pushed = answered;
	char ip[] = "10.0.0.1"; /* field 1, a number in a SyncRequest */
	struct weir_rpc_channel *ch;

	begin_served();
	ch = dial();
	text.ctrl_ip = ip;
	call(ch, SYNC, &text.base, 10000, &asked);
	CU_ASSERT_TRUE(run_until(&asked.ends, 1));
	CU_ASSERT_EQUAL(asked.status, WEIR_RPC_INVALID_ARGUMENT);
	CU_ASSERT_STRING_EQUAL(asked.why, "agent.SyncRequest of 10 bytes: it cannot be decoded");
	CU_ASSERT_EQUAL(opened, 0);
	call(ch, SYNC, &rq.base, 10000, &answered);
	CU_ASSERT_TRUE(run_until(&answered.ends, 1));
	CU_ASSERT_EQUAL(answered.status, WEIR_RPC_INTERNAL); /* the server said OK */
	CU_ASSERT_EQUAL(answered.messages, 0);
	CU_ASSERT_EQUAL(sync_once(ch, 0).status, WEIR_RPC_OK);

	call(ch, PUSH, &rq.base, -1, &pushed); /* revision "": not field 1, and so it is taken */
	CU_ASSERT_TRUE(run_until(&pushed.messages, 1));
	end();
}

static int dial_raw(uint16_t port)
{
	const struct timeval limit = { .tv_sec = 20 };
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* RFC 9113: what a server must not fall over. The last byte of each literal is not sent. */
static const struct {
	const char *bytes;
	size_t n;
} rubbish[] = {
#define ROW(text)                      \
	{                              \
		text, sizeof(text) - 1 \
	}
	ROW(""),
	ROW("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
	ROW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), /* half of a TLS greeting */
	ROW("PRI * HTTP/2.0\r\n"),
	ROW(PREFACE "\xff\xff\xff\x00\x00\x00\x00\x00\x01"), /* DATA of 16 MiB, stream 1 */
	ROW(PREFACE
	    "\0\0\0\x04\0\0\0\0\0\0\0\x04\x01\x04\0\0\0\x01\xff\xff\xff\xff"), /* bad HPACK */
	ROW(PREFACE "\0\0\0\x04\0\0\0\0\0\0\0\x04\x08\0\0\0\0\0\0\0\0\0"),     /* WINDOW_UPDATE 0 */
	ROW(PREFACE "\0\0\0\x04\0\0\0\0\0\0\0\x03\x05\0\0\0\0\0"), /* cut PUSH_PROMISE */
#undef ROW
};

static void test_rubbish_reaches_no_method_and_others_are_served_on(void)
{
	uint8_t noise[4096];
	struct weir_rpc_channel *ch;
	int fds[WEIR_ARRAY_SIZE(rubbish) + 20];

	begin_served();
	ch = dial();
	srandom(7);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(fds); i++) {
		fds[i] = dial_raw(weir_rpc_server_port(server, 0));
		if (i < WEIR_ARRAY_SIZE(rubbish)) {
			(void)send(fds[i], rubbish[i].bytes, rubbish[i].n, MSG_NOSIGNAL);
			continue;
		}
		for (size_t k = 0; k < sizeof(noise); k++)
			noise[k] = (uint8_t)random();
		if (i % 2 == 0)
			(void)send(fds[i], PREFACE, strlen(PREFACE), MSG_NOSIGNAL);
		(void)send(fds[i], noise, sizeof(noise), MSG_NOSIGNAL);
	}
	CU_ASSERT_EQUAL(sync_once(ch, 0).status, WEIR_RPC_OK);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(fds); i++)
		close(fds[i]);
	CU_ASSERT_EQUAL(sync_once(ch, 0).status, WEIR_RPC_OK);
	CU_ASSERT_EQUAL(opened, 2);
	end();
}

/* Accepts, says it, hangs up. */
struct babbler {
	int fd;
	const char *says;
};

static void *babble(void *arg)
{
	const struct babbler *b = arg;
	int fd;

	while ((fd = accept(b->fd, NULL, NULL)) >= 0) {
		(void)send(fd, b->says, strlen(b->says), MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

/* How a call to a server ends that says this, NULL: nothing at all. */
static int call_a_babbler(const char *says)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct babbler b = { socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), says };
	socklen_t len = sizeof(at);
	char target[32];
	struct weir_rpc_peer to = { .target = target, .connect_ms = 300 };
	pthread_t thread;
	struct went w;

	CU_ASSERT_EQUAL_FATAL(bind(b.fd, (struct sockaddr *)&at, sizeof(at)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(b.fd, 16), 0);
	getsockname(b.fd, (struct sockaddr *)&at, &len);
	snprintf(target, sizeof(target), "127.0.0.1:%u", ntohs(at.sin_port));
	if (says != NULL)
		pthread_create(&thread, NULL, babble, &b);
	begin();
	w = sync_once(weir_rpc_channel_open(rpc, &to, NULL), 0);
	end();
	shutdown(b.fd, SHUT_RDWR);
	if (says != NULL)
		pthread_join(thread, NULL);
	close(b.fd);
	return w.status;
}

static void test_a_server_that_babbles_hangs_up_or_is_silent_is_unavailable(void)
{
	uint64_t start = weir_clock_mono_ns();

	CU_ASSERT_EQUAL(call_a_babbler(""), WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_EQUAL(call_a_babbler("HTTP/1.1 400 Bad Request\r\n\r\n"), WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_EQUAL(call_a_babbler("SSH-2.0-OpenSSH_9.2\r\n"), WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_EQUAL(call_a_babbler(NULL), WEIR_RPC_UNAVAILABLE);
	CU_ASSERT(weir_clock_mono_ns() - start < 9 * WEIR_NS_PER_S); /* not its 10 s deadline */
}

/* ---- a peer in a process of its own, which can be stopped ---- */

static pid_t start_self(const char *what, const char *argument, int *out)
{
	int fds[2];
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		execl("/proc/self/exe", "peer", what, argument, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	*out = fds[0];
	return pid;
}

static void end_self(pid_t pid, int out)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(out);
}

static int be_server(void)
{
	begin_served();
	printf("%u\n", weir_rpc_server_port(server, 0));
	fflush(stdout);
	return event_base_dispatch(base);
}

static int be_client(const char *target)
{
	const struct weir_rpc_peer peer = { .target = target };
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct went w = { 0 };

	begin();
	call(weir_rpc_channel_open(rpc, &peer, NULL), PUSH, &rq.base, -1, &w);
	return event_base_dispatch(base);
}

static void test_a_server_that_is_stopped_is_noticed_by_keep_alive(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct weir_rpc_peer peer = { .keepalive_ms = 1000, .keepalive_wait_ms = 500 };
	char port[16] = "", target[32];
	struct went w = { 0 };
	int out;
	pid_t pid = start_self("serve", NULL, &out);

	CU_ASSERT(read(out, port, sizeof(port) - 1) > 0);
	snprintf(target, sizeof(target), "127.0.0.1:%d", atoi(port));
	peer.target = target;
	begin();
	call(weir_rpc_channel_open(rpc, &peer, NULL), PUSH, &rq.base, -1, &w);
	CU_ASSERT_TRUE(run_until(&w.messages, 1));
	run_ms(2500); /* pings are answered, and allowed */
	CU_ASSERT_EQUAL(w.ends, 0);
	kill(pid, SIGSTOP);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(w.why, "keepalive watchdog timeout"));
	end();
	end_self(pid, out);
}

static void test_a_client_that_is_stopped_is_noticed_by_keep_alive(void)
{
	const struct weir_rpc_listen at = { .address = "127.0.0.1:0" };
	const struct weir_rpc_serve conf = {
		.listens = &at,
		.n_listens = 1,
		.methods = methods,
		.n_methods = WEIR_ARRAY_SIZE(methods),
		.keepalive_ms = 300,
		.keepalive_wait_ms = 300,
	};
	char target[32];
	pid_t pid;
	int out;

	begin();
	server = weir_rpc_server_start(rpc, &conf, NULL);
	snprintf(target, sizeof(target), "127.0.0.1:%u", weir_rpc_server_port(server, 0));
	pid = start_self("call", target, &out);
	CU_ASSERT_TRUE(run_until(&n_pushes, 1));
	run_ms(1500);
	CU_ASSERT_EQUAL(closed, 0);
	kill(pid, SIGSTOP);
	CU_ASSERT_TRUE(run_until(&closed, 1));
	CU_ASSERT_EQUAL(cancelled, 1);
	end();
	end_self(pid, out);
}

static void test_a_server_that_is_killed_and_comes_back_is_called_again(void)
{
	Agent__SyncRequest rq = AGENT__SYNC_REQUEST__INIT;
	struct weir_rpc_channel *ch;
	struct went w = { 0 };
	char address[32];
	int status = -1;

	begin_served();
	snprintf(address, sizeof(address), "127.0.0.1:%u", weir_rpc_server_port(server, 0));
	ch = dial();
	call(ch, PUSH, &rq.base, -1, &w);
	CU_ASSERT_TRUE(run_until(&w.messages, 1));
	weir_rpc_server_stop(server, 0, on_gone, NULL);
	CU_ASSERT_TRUE(run_until(&w.ends, 1));
	CU_ASSERT_EQUAL(w.status, WEIR_RPC_UNAVAILABLE);
	CU_ASSERT_TRUE(run_until(&gone, 1));
	CU_ASSERT_EQUAL(sync_once(ch, 0).status, WEIR_RPC_UNAVAILABLE);
	server = serve(NULL, false, address, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server);
	for (int i = 0; i < 50 && status != WEIR_RPC_OK; i++) {
		run_ms(100);
		status = sync_once(ch, 0).status;
	}
	CU_ASSERT_EQUAL(status, WEIR_RPC_OK);
	end();
}

int main(int argc, char **argv)
{
	static CU_TestInfo tests[] = {
		{ "a server that is stopped is noticed by keep-alive",
		  test_a_server_that_is_stopped_is_noticed_by_keep_alive },
		{ "a client that is stopped is noticed by keep-alive",
		  test_a_client_that_is_stopped_is_noticed_by_keep_alive },
		{ "a server that is killed and comes back is called again",
		  test_a_server_that_is_killed_and_comes_back_is_called_again },
		{ "the server takes a request at the limit, and none over it",
		  test_the_server_takes_a_request_at_the_limit_and_none_over_it },
		{ "a raised limit takes a larger answer while a push goes on",
		  test_a_raised_limit_takes_a_larger_answer_while_a_push_goes_on },
		{ "an answer over its budget is refused",
		  test_an_answer_over_its_budget_is_refused },
		{ "a request over its budget is refused",
		  test_a_request_over_its_budget_is_refused },
		{ "messages of another kind are refused on both ends",
		  test_messages_of_another_kind_are_refused_on_both_ends },
		{ "rubbish reaches no method, and others are served on",
		  test_rubbish_reaches_no_method_and_others_are_served_on },
		{ "a server that babbles, hangs up or is silent is unavailable",
		  test_a_server_that_babbles_hangs_up_or_is_silent_is_unavailable },
		CU_TEST_INFO_NULL,
	};

	if (argc > 1)
		return strcmp(argv[1], "serve") == 0 ? be_server() : be_client(argv[2]);
	return weir_test_main("rpc/hostile", tests);
}
