/* SPDX-License-Identifier: Apache-2.0 */
/* Routes, bodies, refusals and TLS of the server; the client is Python's, and raw bytes. */
#include "weir_test.h"

#include <weir_http.h>

#include <event2/event.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LARGE ((size_t)8 << 20)

static struct event_base *base;
static struct weir_http_server *plain, *tls;
static pthread_t thread;
static char dir[] = P_tmpdir "/weir-http-XXXXXX";
static atomic_uint taken_over;
static atomic_bool stopped;

/* What came of a request, as text: the client compares it. */
static void echo(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *a)
{
	(void)ctx;
	weir_http_text_printf(a->body, "%s %s", rq->method, rq->route->path);
	for (unsigned int i = 0; i < WEIR_HTTP_PARAMS && rq->params[i] != NULL; i++)
		weir_http_text_printf(a->body, " {%s}", rq->params[i]);
	for (unsigned int i = 0; i < rq->n_queries; i++)
		weir_http_text_printf(a->body, " %s=%s", rq->queries[i].name, rq->queries[i].value);
	weir_http_text_printf(a->body, " [%zu]%s", rq->body_len, rq->body);
	if (weir_http_header(rq, "x-more") != NULL)
		weir_http_text_printf(a->body, " more %s", weir_http_header(rq, "x-more"));
	weir_http_answer_header(a, "X-Said", "a\r\nb");
}

static void who(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *a)
{
	uid_t uid;
	int rc = weir_http_peer_uid(rq, &uid);

	(void)ctx;
	weir_http_text_printf(a->body, rc == 0 ? "%u" : "nobody", rc == 0 ? uid : 0);
}

struct sum {
	size_t n;
	unsigned int pieces, bytes;
};

static void take(void *ctx, struct weir_http_request *rq, const char *bytes, size_t n)
{
	struct sum *s = rq->user != NULL ? rq->user : calloc(1, sizeof(*s));

	(void)ctx;
	rq->user = s;
	s->n += n;
	s->pieces++;
	for (size_t i = 0; i < n; i++)
		s->bytes += (unsigned char)bytes[i];
}

static void took(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *a)
{
	const struct sum *s = rq->user;

	(void)ctx;
	weir_http_text_printf(a->body, "%zu %u %s", s->n, s->bytes,
			      s->pieces > 4 ? "in pieces" : "at once");
}

static void over(void *ctx, struct weir_http_request *rq)
{
	(void)ctx;
	free(rq->user);
	taken_over++;
}

static const struct weir_http_route routes[] = {
	{ .method = "GET", .path = "/", .serve = echo },
	{ .method = "GET", .path = "/things", .serve = echo },
	{ .method = "POST", .path = "/things", .serve = echo, .body_max = 1000 },
	{ .method = "GET", .path = "/things/{name}", .serve = echo },
	{ .method = "DELETE", .path = "/things/{name}", .serve = echo, .body_max = 1000 },
	{ .method = "PUT", .path = "/things/{name}/parts/{part}", .serve = echo, .body_max = 1000 },
	{ .method = "GET", .path = "/who", .serve = who },
	{ .method = "POST",
	  .path = "/large",
	  .serve = took,
	  .body_max = LARGE,
	  .take = take,
	  .over = over },
	{ .method = "POST", .path = "/held", .serve = echo, .body_max = LARGE },
};

static bool admit(void *ctx, const struct weir_http_request *rq, struct weir_http_answer *a)
{
	(void)ctx;
	if (weir_http_header(rq, "X-No") == NULL)
		return true;
	a->status = 401;
	weir_http_answer_header(a, "WWW-Authenticate", "Bearer");
	weir_http_text_printf(a->body, "not you");
	return false;
}

static struct weir_http_server *listen_with(const char *cert, const char *key)
{
	const struct weir_http_server_conf conf = {
		.base = base,
		.listen = "127.0.0.1:0",
		.routes = { routes, WEIR_ARRAY_SIZE(routes) },
		.cert = cert,
		.key = key,
		.requests_max = 500,
		.header_max = 16384,
		.bodies_max = LARGE,
		.admit = admit,
	};
	struct weir_err err = { 0 };
	struct weir_http_server *s = weir_http_server_create(&conf, &err);

	if (s == NULL)
		printf("%s\n", err.msg);
	return s;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (atomic_load(&stopped))
		event_base_loopbreak(arg);
}

static void *loop(void *arg)
{
	static const struct timeval often = { .tv_usec = 50000 };
	struct event *tick = event_new(base, -1, EV_PERSIST, on_tick, base);

	event_add(tick, &often);
	event_base_dispatch(base);
	event_free(tick);
	return arg;
}

static void start(void)
{
	char command[512], cert[64], key[64];

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	snprintf(
		command, sizeof(command),
		"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
		"-subj /CN=first -addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s 2>/dev/null",
		key, cert);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
	base = event_base_new();
	plain = listen_with(NULL, NULL);
	tls = listen_with(cert, key);
	CU_ASSERT_PTR_NOT_NULL_FATAL(plain);
	CU_ASSERT_PTR_NOT_NULL_FATAL(tls);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, loop, NULL), 0);
}

/* Run a script with `port`, `tls_port`, `dir`, and what asks. */
static bool python(const char *script)
{
	static const char prelude[] =
		"import http.client as h, socket, ssl, sys, os, time\n"
		"port, tls_port, dir = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]\n"
		"def ask(m, p, b=None, c=None, **k):\n"
		"  c = c or h.HTTPConnection('127.0.0.1', port)\n"
		"  c.request(m, p, b, k); r = c.getresponse(); t = r.read().decode()\n"
		"  ask.r = r\n"
		"  return r.status, t\n"
		"def raw(bytes):\n"
		"  s = socket.create_connection(('127.0.0.1', port)); s.settimeout(30)\n"
		"  try: s.sendall(bytes)\n"
		"  except OSError: pass\n"
		"  got = b''\n"
		"  while True:\n"
		"    try: piece = s.recv(65536)\n"
		"    except ConnectionResetError: break\n"
		"    if not piece: break\n"
		"    got += piece\n"
		"  return got\n"
		"def status(bytes): return int(raw(bytes).split()[1])\n";
	char path[64], command[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/script.py", dir);
	f = fopen(path, "w");
	fputs(prelude, f);
	fputs(script, f);
	fclose(f);
	snprintf(command, sizeof(command), "timeout 60 python3 %s %u %u %s", path,
		 weir_http_server_port(plain), weir_http_server_port(tls), dir);
	return system(command) == 0;
}

static void test_what_stands_for_a_parameter_is_decoded_once(void)
{
	CU_ASSERT(python(
		"assert ask('GET', '/things') == (200, 'GET /things [0]')\n"
		"assert ask('GET', '/things/') == (200, 'GET /things [0]')\n"
		"assert ask('GET', '/') == (200, 'GET / [0]')\n"
		"assert ask('GET', '/things/a%2Fb%22%0A%3Cp%3E') == (200, 'GET /things/{name} {a/b\"\\n<p>} [0]')\n"
		"assert ask('GET', '/things/%2541/') == (200, 'GET /things/{name} {%41} [0]')\n"
		"assert ask('PUT', '/things/a/parts/b+c') == (200, 'PUT /things/{name}/parts/{part} {a} {b+c} [0]')\n"
		"assert ask('GET', '/th%69ngs') == (200, 'GET /things [0]')\n"
		"assert ask('GET', '/things/..')[1] == 'GET /things/{name} {..} [0]'\n"
		"for p in '/things/%', '/things/%4', '/things/%zz', '/things/a%00b', '/things?a=%00': assert ask('GET', p)[0] == 400, p\n"
		"for p in '/thing', '//things', '/things/a/b', '/things//', '/etc/passwd': assert ask('GET', p)[0] == 404, p\n"));
}

static void test_queries_are_decoded_and_may_come_again(void)
{
	CU_ASSERT(python(
		"assert ask('GET', '/things?name=a&name=b%26c&x=1+2&flag&=v')[1] == 'GET /things name=a name=b&c x=1 2 flag= =v [0]'\n"
		"assert ask('GET', '/things/x/?')[1] == 'GET /things/{name} {x} [0]'\n"
		"assert ask('GET', '/things?' + '&'.join(f'q{i}=1' for i in range(64)))[0] == 200\n"
		"assert ask('GET', '/things?' + '&'.join(f'q{i}=1' for i in range(65)))[0] == 400\n"
		"assert b'name=a b [0]' in raw(b'GET /things?name=a b HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n')\n"));
}

static void test_other_methods_are_told_which_there_are(void)
{
	CU_ASSERT(python(
		"assert ask('PATCH', '/things')[0] == 405 and ask.r.getheader('Allow') == 'GET, HEAD, POST'\n"
		"assert ask('POST', '/things/a', 'body')[0] == 405 and ask.r.getheader('Allow') == 'GET, HEAD, DELETE'\n"
		"assert ask('BREW', '/who')[0] == 405\n"
		"assert ask('HEAD', '/things') == (200, '') and ask.r.getheader('Content-Length') == '16'\n"));
}

/* DeepFlow's ctl sends "null" with GET and DELETE; and keeps its connection. */
static void test_a_connection_serves_one_request_after_the_other(void)
{
	CU_ASSERT(python(
		"c = h.HTTPConnection('127.0.0.1', port)\n"
		"for i in range(3):\n"
		"  assert ask('GET', '/things', 'null', c) == (200, 'GET /things [0]')\n"
		"  s = c.sock\n"
		"  assert ask('DELETE', '/things/a', 'null', c)[1] == 'DELETE /things/{name} {a} [4]null'\n"
		"  assert ask('GET', '/nothing', 'null', c)[0] == 404\n"
		"  assert ask('PATCH', '/things', 'x' * 100000, c)[0] == 405\n"
		"  assert ask('POST', '/things', '{\"a\": 1}', c)[1] == 'POST /things [8]{\"a\": 1}'\n"
		"  assert c.sock is s\n"
		"one = b'GET /things/%d HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'\n"
		"got = raw(b''.join(one % i for i in range(100)) + b'GET /who HTTP/1.0\\r\\n\\r\\n')\n"
		"assert [b'{%d}' % i in got for i in range(100)] == [True] * 100\n"
		"got = raw(one % 1 * 1000)\n"
		"assert got.count(b' 200 OK') == 500 and got.count(b'Connection: close') == 1\n"));
}

static void test_bodies_come_with_a_length_or_in_chunks(void)
{
	CU_ASSERT(python(
		"def chunked(p, chunks, more=b''): return raw(b'POST %s HTTP/1.1\\r\\nConnection: close\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n' % p + chunks + more)\n"
		"assert chunked(b'/things', b'3\\r\\nabc\\r\\n0a;x=y\\r\\n0123456789\\r\\n0\\r\\nTrailer: x\\r\\n\\r\\n').endswith(b'[13]abc0123456789')\n"
		"assert b' 413 ' in chunked(b'/things', b'3e9\\r\\n' + b'x' * 1001)\n"
		"assert b' 413 ' in chunked(b'/things', b'1\\r\\nx\\r\\n' * 1001)\n"
		"for bad in b'x\\r\\n', b'\\r\\n', b'-1\\r\\n', b'3\\r\\nabcd\\r\\n', b'fffffffffffffffff\\r\\n', b'0x3\\r\\nabc',\\\n"
		"    b'3\\nabc\\r\\n0\\r\\n\\r\\n', b'3;x\\nabc\\r\\n0\\r\\n\\r\\n', b'3\\rx\\r\\nabc\\r\\n0\\r\\n\\r\\n', b'3\\r\\nabc\\n0\\r\\n\\r\\n', b'3\\r\\nabc\\r\\n0\\r\\n\\n': assert b' 400 ' in chunked(b'/things', bad), bad\n"
		"assert b' 411 ' in chunked(b'/large', b'0\\r\\n\\r\\n')\n"
		"assert ask('POST', '/things', 'x' * 1000)[0] == 200\n"
		"assert ask('POST', '/things', 'x' * 1001)[0] == 413\n"
		"assert ask('POST', '/things', 'x' * 3000000)[0] == 413\n"
		"assert ask('GET', '/things', 'x' * 5000)[0] == 413\n"));
}

static void test_a_large_body_is_taken_as_it_comes(void)
{
	CU_ASSERT(python(
		"assert ask('POST', '/large', bytes(range(256)) * 32768) == (200, '8388608 %d in pieces' % (127.5 * 256 * 32768))\n"
		"s = socket.create_connection(('127.0.0.1', port)); s.sendall(b'POST /large HTTP/1.1\\r\\nContent-Length: 1000\\r\\n\\r\\nhalf'); time.sleep(.1); s.close()\n"
		"assert ask('POST', '/large', 'x')[1].startswith('1 ')\n"));
	for (unsigned int i = 0; i < 100 && taken_over < 3; i++)
		usleep(50000);
	CU_ASSERT_EQUAL(taken_over, 3);
}

/* RFC 9112, 6.3 and 11.2: what is unclear is refused, and the connection ended. */
static void test_unclear_requests_are_refused(void)
{
	CU_ASSERT(python(
		"for lines in b'Content-Length: 3\\r\\nContent-Length: 3', b'Content-Length: 3\\r\\nTransfer-Encoding: chunked', b'Content-Length: -3', b'Content-Length: +3', b'Content-Length: 3,3',\\\n"
		"    b'Content-Length:', b'Content-Length: 9999999999999999999999', b'Transfer-Encoding: gzip, chunked', b'Transfer-Encoding: chunked\\r\\nTransfer-Encoding: chunked', b'Content-Length : 3',\\\n"
		"    b'A: b\\r\\n folded', b'A: b\\n\\r\\nContent-Length: 3', b': x', b'A\\x00: b', b'A: b\\x01', b'no colon':\n"
		"  got = raw(b'POST /things HTTP/1.1\\r\\n' + lines + b'\\r\\n\\r\\nabcGET /things HTTP/1.1\\r\\n\\r\\n')\n"
		"  assert got.startswith(b'HTTP/1.1 400 ') and got.count(b'HTTP/1.1') <= 2 and b'GET /things' not in got, (lines, got)\n"
		"for line in b'GET', b'GET /', b'GET / HTTP/2.0', b'GET / HTTP/1.11', b'G\\xffT / HTTP/1.1', b'GET /\\x7f HTTP/1.1', b'\\x16\\x03\\x01': assert status(line + b'\\r\\n\\r\\n') == 400, line\n"));
}

static void test_what_is_too_long_is_said_to_be(void)
{
	CU_ASSERT(python(
		"assert status(b'GET /things/' + b'x' * 16000 + b' HTTP/1.0\\r\\n\\r\\n') == 200\n"
		"assert status(b'GET /things/' + b'x' * 17000 + b' HTTP/1.0\\r\\n\\r\\n') == 414\n"
		"assert status(b'GET ' + b'x' * 1000000) == 414\n"
		"assert status(b'GET /things HTTP/1.0\\r\\nA: ' + b'x' * 17000 + b'\\r\\n\\r\\n') == 431\n"
		"assert status(b'GET /things HTTP/1.0\\r\\n' + b'A: b\\r\\n' * 65 + b'\\r\\n') == 431\n"
		"assert status(b'GET /things HTTP/1.0\\r\\n' + b'A: b\\r\\n' * 64 + b'\\r\\n') == 200\n"));
}

static void test_who_is_not_admitted_is_told_before_the_body_is_read(void)
{
	CU_ASSERT(python(
		"assert ask('POST', '/things', 'abc', **{'X-No': '1'}) == (401, 'not you') and ask.r.getheader('WWW-Authenticate') == 'Bearer'\n"
		"assert raw(b'POST /large HTTP/1.1\\r\\nX-No: 1\\r\\nContent-Length: 8000000\\r\\n\\r\\n').startswith(b'HTTP/1.1 401 ')\n"
		"assert raw(b'POST /things HTTP/1.1\\r\\nX-No: 1\\r\\nExpect: 100-continue\\r\\nContent-Length: 3\\r\\n\\r\\n').startswith(b'HTTP/1.1 401 ')\n"
		"s = socket.create_connection(('127.0.0.1', port)); s.sendall(b'POST /things HTTP/1.1\\r\\nExpect: 100-continue\\r\\nContent-Length: 3\\r\\n\\r\\n')\n"
		"assert s.recv(25) == b'HTTP/1.1 100 Continue\\r\\n\\r\\n'\n"
		"s.sendall(b'abc'); assert s.recv(1000).startswith(b'HTTP/1.1 200 OK')\n"));
}

static void test_a_header_of_ours_cannot_be_broken_out_of(void)
{
	CU_ASSERT(python("ask('GET', '/things'); assert ask.r.getheader('X-Said') == 'a??b'\n"));
}

/* Two bodies of 5 MB do not fit into the 8 MiB that all may hold. */
static void test_bodies_have_a_bound_in_sum(void)
{
	CU_ASSERT(python(
		"head = b'POST /held HTTP/1.1\\r\\nContent-Length: 5000000\\r\\n\\r\\n'\n"
		"a = socket.create_connection(('127.0.0.1', port)); a.sendall(head); time.sleep(.2)\n"
		"b = socket.create_connection(('127.0.0.1', port)); b.sendall(head)\n"
		"assert b.recv(1000).startswith(b'HTTP/1.1 503 '); b.close()\n"
		"a.sendall(b'x' * 5000000); assert a.recv(1000).startswith(b'HTTP/1.1 200 '); a.close()\n"
		"assert ask('POST', '/held', 'x' * 5000000)[0] == 200\n"));
}

/* Of one that is closed the kernel says uid 0: it must be nobody's. */
static void test_the_kernel_says_who_has_the_other_end(void)
{
	CU_ASSERT(python("assert ask('GET', '/who') == (200, str(os.getuid()))\n"
			 "if os.getuid() == 0:\n"
			 "  pid = os.fork()\n"
			 "  if pid == 0:\n"
			 "    os.setuid(65534)\n"
			 "    os._exit(0 if ask('GET', '/who')[1] == '65534' else 1)\n"
			 "  assert os.waitpid(pid, 0)[1] == 0\n"));
}

static void test_tls_serves_and_takes_a_renewed_certificate(void)
{
	CU_ASSERT(python(
		"def name():\n"
		"  c = ssl.create_default_context(cafile=dir + '/cert.pem')\n"
		"  s = c.wrap_socket(socket.create_connection(('127.0.0.1', tls_port)), server_hostname='127.0.0.1')\n"
		"  return dict(x[0] for x in s.getpeercert()['subject'])['commonName']\n"
		"c = h.HTTPSConnection('127.0.0.1', tls_port, context=ssl.create_default_context(cafile=dir + '/cert.pem'))\n"
		"assert ask('POST', '/things', 'abc', c) == (200, 'POST /things [3]abc')\n"
		"assert ask('POST', '/large', 'x' * 8000000, c)[1].startswith('8000000 ')\n"
		"assert name() == 'first'\n"
		"got = raw(b'') if False else b''\n"
		"s = socket.create_connection(('127.0.0.1', tls_port)); s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
		"try: got = s.recv(1000)\n"
		"except ConnectionResetError: pass\n"
		"assert b'200' not in got\n"
		"os.system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=second -addext subjectAltName=IP:127.0.0.1 -keyout %s/key.pem -out %s/cert.pem 2>/dev/null' % (dir, dir))\n"
		"for i in range(300):\n"
		"  try:\n"
		"    if name() == 'second': break\n"
		"  except ssl.SSLError: pass\n"
		"  time.sleep(.1)\n"
		"else: sys.exit(1)\n"
		"assert ask('GET', '/things', None, c)[0] == 200\n"));
}

static void test_a_key_of_another_certificate_is_refused(void)
{
	char cert[64], command[256];

	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(command, sizeof(command),
		 "openssl ecparam -genkey -name prime256v1 -out %s/other.pem", dir);
	CU_ASSERT_EQUAL(system(command), 0);
	snprintf(command, sizeof(command), "%s/other.pem", dir);
	CU_ASSERT_PTR_NULL(listen_with(cert, command));
	CU_ASSERT_PTR_NULL(listen_with(cert, NULL));
}

static void test_it_is_known_what_is_loopback(void)
{
	CU_ASSERT(weir_http_is_loopback(":80"));
	CU_ASSERT(weir_http_is_loopback("127.0.0.2:80"));
	CU_ASSERT(weir_http_is_loopback("[::1]:80"));
	CU_ASSERT_FALSE(weir_http_is_loopback("0.0.0.0:80"));
	CU_ASSERT_FALSE(weir_http_is_loopback("[::]:80"));
	CU_ASSERT_FALSE(weir_http_is_loopback("192.0.2.1:80"));
	CU_ASSERT_FALSE(weir_http_is_loopback("nothing"));
}

static void stop(void)
{
	char command[64];

	atomic_store(&stopped, true);
	pthread_join(thread, NULL);
	weir_http_server_destroy(plain);
	weir_http_server_destroy(tls);
	event_base_free(base);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	CU_ASSERT_EQUAL(system(command), 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "(servers are started)", start },
		{ "what stands for a parameter is decoded once",
		  test_what_stands_for_a_parameter_is_decoded_once },
		{ "queries are decoded, and may come again",
		  test_queries_are_decoded_and_may_come_again },
		{ "other methods are told which there are",
		  test_other_methods_are_told_which_there_are },
		{ "a connection serves one request after the other",
		  test_a_connection_serves_one_request_after_the_other },
		{ "bodies come with a length or in chunks",
		  test_bodies_come_with_a_length_or_in_chunks },
		{ "a large body is taken as it comes", test_a_large_body_is_taken_as_it_comes },
		{ "unclear requests are refused", test_unclear_requests_are_refused },
		{ "what is too long is said to be", test_what_is_too_long_is_said_to_be },
		{ "who is not admitted is told before the body is read",
		  test_who_is_not_admitted_is_told_before_the_body_is_read },
		{ "a header of ours cannot be broken out of",
		  test_a_header_of_ours_cannot_be_broken_out_of },
		{ "bodies have a bound in sum", test_bodies_have_a_bound_in_sum },
		{ "the kernel says who has the other end",
		  test_the_kernel_says_who_has_the_other_end },
		{ "TLS serves, and takes a renewed certificate",
		  test_tls_serves_and_takes_a_renewed_certificate },
		{ "a key of another certificate is refused",
		  test_a_key_of_another_certificate_is_refused },
		{ "it is known what is loopback", test_it_is_known_what_is_loopback },
		{ "(servers are stopped)", stop },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("http/api", tests);
}
