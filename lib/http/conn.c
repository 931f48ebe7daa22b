/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: a head is read, it is decided whether the request may be served, its body is read, it is served, its
 * answer is written; then the next. What is refused is refused before its body is read; a short one is still read over,
 * so that the connection stays of use.
 */
#include "http_priv.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_OVER_MAX \
	((size_t)1 << 20)  /* of a body that is not wanted, for the next request's sake */
#define UNWANTED_MAX 4096  /* of a body where none is taken: DeepFlow's ctl sends "null" */
#define READ_AHEAD   16384 /* behind a head, in memory of a connection */
#define COPIED_MAX   ((size_t)64 << 10) /* larger answers hand their memory over */
#define LINGER_S     2

static uint64_t deadline(uint64_t bytes)
{
	return weir_clock_mono_ns() + (WEIR_HTTP_WAIT_S + bytes / WEIR_HTTP_RATE) * WEIR_NS_PER_S;
}

static bool is_head(const struct conn *c)
{
	return strcmp(c->rq.method, "HEAD") == 0;
}

/* It is over, whatever came of it. */
static void end_request(struct conn *c)
{
	struct weir_http_server *s = c->server;

	if (c->rq.user != NULL && c->rq.route->over != NULL)
		c->rq.route->over(s->conf.ctx, &c->rq);
	weir_http_request_clear(&c->rq);
	weir_http_text_free(&c->body);
	weir_http_text_free(&c->refusal);
	weir_http_text_free(&c->refusal_headers);
	free(c->head);
	c->head = NULL;
	s->held -= c->held;
	s->answering -= c->answering;
	c->held = c->answering = 0;
	c->status = 0;
}

void http_conn_close(struct conn *c)
{
	end_request(c);
	LIST_REMOVE(c, link);
	c->server->counts.clients--;
	http_server_has_room(c->server);
	bufferevent_free(c->bev);
	free(c);
}

/* ------------------------------------------------------------------ answers */

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 417, "Expectation Failed" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "";
}

void weir_http_answer_header(struct weir_http_answer *a, const char *name, const char *value)
{
	if (a->headers == NULL)
		return;
	weir_http_text_printf(a->headers, "%s: ", name);
	for (; *value != '\0'; value++)
		weir_http_text_add(a->headers, *value >= ' ' && *value < 0x7f ? value : "?", 1);
	weir_http_text_add(a->headers, "\r\n", 2);
}

static void add_head(struct conn *c, const struct weir_http_answer *a, size_t n)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	const time_t now = time(NULL);
	struct tm tm;
	char date[40];

	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	evbuffer_add_printf(out,
			    "HTTP/1.%u %d %s\r\nDate: %s\r\nContent-Type: %s\r\n"
			    "Content-Length: %zu\r\n%s",
			    c->parsed.minor, a->status, reason(a->status), date, a->type, n,
			    c->last ? "Connection: close\r\n" : "");
	evbuffer_add(out, a->headers->bytes, a->headers->len);
	evbuffer_add(out, "\r\n", 2);
}

static void free_bytes(const void *bytes, size_t n, void *arg)
{
	(void)n;
	(void)arg;
	free((void *)(uintptr_t)bytes);
}

static void add_body(struct conn *c, struct weir_http_text *body)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	if (body->len <= COPIED_MAX) {
		evbuffer_add(out, body->bytes, body->len);
	} else if (evbuffer_add_reference(out, body->bytes, body->len, free_bytes, NULL) == 0) {
		body->bytes = NULL;
		body->room = 0;
	}
	c->answering = body->len;
	c->server->answering += body->len;
}

/* Never cut short in silence: what goes wrong half way ends the connection. */
static void send_answer(struct conn *c, struct weir_http_answer *a)
{
	struct weir_http_server *s = c->server;
	struct stat st = { 0 };
	size_t n = a->body->len;

	if (a->file >= 0)
		n = fstat(a->file, &st) == 0 ? (size_t)st.st_size : 0;
	c->last |= c->parsed.close ||
		   (s->conf.requests_max > 0 && c->requests >= s->conf.requests_max);
	c->state = CONN_ANSWER;
	c->deadline_ns = deadline(n);
	s->counts.bytes_out += n;
	bufferevent_disable(c->bev, EV_READ);
	add_head(c, a, n);
	if (a->file >= 0 && !is_head(c) && n > 0)
		evbuffer_add_file(bufferevent_get_output(c->bev), a->file, 0, (ev_off_t)n);
	else if (a->file >= 0)
		close(a->file);
	else if (!is_head(c))
		add_body(c, a->body);
}

static struct weir_http_answer answer_to(struct weir_http_text *body,
					 struct weir_http_text *headers)
{
	body->len = headers->len = 0;
	body->failed = headers->failed = false;
	return (struct weir_http_answer){ .status = 200,
					  .type = "text/plain; charset=utf-8",
					  .body = body,
					  .file = -1,
					  .headers = headers };
}

static void default_refuse(const char *why, struct weir_http_answer *answer)
{
	weir_http_text_printf(answer->body, "%s\n", why);
}

static void say_refused(struct conn *c, const char *why, struct weir_http_answer *answer)
{
	const struct weir_http_server_conf *conf = &c->server->conf;

	if (answer->status == 503)
		weir_http_answer_header(answer, "Retry-After", "1");
	if (conf->refuse != NULL)
		conf->refuse(conf->ctx, &c->rq, why, answer);
	else
		default_refuse(why, answer);
}

static void keep_refusal(struct conn *c, const struct weir_http_answer *answer)
{
	c->status = answer->status;
	c->type = answer->type;
	c->server->counts.refused++;
}

/* It is answered when its body has been read over. */
static void refuse(struct conn *c, int status, const char *why, const char *allow)
{
	struct weir_http_answer answer = answer_to(&c->refusal, &c->refusal_headers);

	answer.status = status;
	if (allow != NULL)
		weir_http_answer_header(&answer, "Allow", allow);
	say_refused(c, why, &answer);
	keep_refusal(c, &answer);
}

static void send_refusal(struct conn *c)
{
	struct weir_http_answer answer = { .status = c->status,
					   .type = c->type,
					   .body = &c->refusal,
					   .file = -1,
					   .headers = &c->refusal_headers };

	send_answer(c, &answer);
}

static bool end_body(struct conn *c)
{
	if (c->body.len == 0)
		return true;
	weir_http_text_add(&c->body, "", 1);
	c->rq.body = c->body.bytes;
	c->rq.body_len = c->body.len - 1;
	return !c->body.failed;
}

static void serve(struct conn *c)
{
	struct weir_http_server *s = c->server;
	struct weir_http_answer answer = answer_to(&s->body, &s->headers);

	if (s->answering >= s->conf.answers_max || !end_body(c)) {
		answer.status = 503;
		say_refused(c, "too many answers are under way just now: try again", &answer);
	} else {
		c->rq.route->serve(s->conf.ctx, &c->rq, &answer);
	}
	if (s->body.failed || s->headers.failed) {
		s->body.len = s->headers.len = 0;
		answer.status = 500;
	}
	send_answer(c, &answer);
	if (s->body.room > COPIED_MAX)
		weir_http_text_free(&s->body);
}

/* All of it is there. */
static void finish(struct conn *c)
{
	c->server->counts.requests++;
	if (c->status != 0)
		send_refusal(c);
	else
		serve(c);
}

/* ------------------------------------------------------------------ bodies */

static void take(struct conn *c, const char *bytes, size_t n)
{
	c->server->counts.bytes_in += n;
	if (c->status != 0 || n == 0)
		return;
	if (c->rq.route->take != NULL)
		c->rq.route->take(c->server->conf.ctx, &c->rq, bytes, n);
	else if (c->rq.route->body_max > 0)
		weir_http_text_add(&c->body, bytes, n);
}

/* The rest of it is not read: neither is what comes behind. */
static void give_up(struct conn *c, int status, const char *why)
{
	c->last = true;
	if (c->status == 0)
		refuse(c, status, why, NULL);
	finish(c);
}

/* How much of a piece was used; negative: it is over, one way or the other. */
static ssize_t read_chunks(struct conn *c, const char *bytes, size_t n)
{
	const char *data;
	size_t n_data;
	ssize_t used = http_chunked_take(&c->chunked, bytes, n, &data, &n_data);

	if (used < 0 || n_data > c->left) {
		give_up(c, used < 0 ? 400 : 413,
			used < 0 ? "the chunks of the body are none"
				 : "the body is longer than this page takes");
		return -1;
	}
	c->left -= n_data;
	take(c, data, n_data);
	return used;
}

static void read_body(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_iovec piece;

	while (evbuffer_peek(in, -1, NULL, &piece, 1) > 0 && piece.iov_len > 0) {
		ssize_t used = (ssize_t)weir_min_u64(piece.iov_len, c->left);

		if (c->parsed.chunked)
			used = read_chunks(c, piece.iov_base, piece.iov_len);
		else
			take(c, piece.iov_base, (size_t)used);
		if (used < 0)
			return;
		c->left -= c->parsed.chunked ? 0 : (size_t)used;
		evbuffer_drain(in, (size_t)used);
		if (c->parsed.chunked ? c->chunked.state == CHUNK_OVER : c->left == 0) {
			finish(c);
			return;
		}
	}
}

/* ------------------------------------------------------------------ heads */

static bool has_route(struct conn *c)
{
	char allow[64];
	const char *target = c->parsed.target;

	if (target[0] != '/' && strstr(target, "://") != NULL) /* of a proxy: http://name/path */
		target = strchrnul(strstr(target, "://") + 3, '/');
	switch (weir_http_request_set(&c->rq, &c->server->conf.routes, c->parsed.method, target,
				      allow)) {
	case 0:
		return true;
	case -ENOENT:
		refuse(c, 404, "there is no such page", NULL);
		break;
	case -EPERM:
		refuse(c, 405, "this page is not for this method", allow);
		break;
	case -ENOMEM:
		refuse(c, 503, "no memory: try again", NULL);
		break;
	default:
		refuse(c, 400, "the address cannot be decoded", NULL);
	}
	return false;
}

static size_t body_max(const struct conn *c)
{
	return c->rq.route->body_max > 0 ? c->rq.route->body_max : UNWANTED_MAX;
}

static bool is_admitted(struct conn *c)
{
	struct weir_http_server *s = c->server;
	struct weir_http_answer answer = answer_to(&c->refusal, &c->refusal_headers);

	if (s->conf.admit == NULL || s->conf.admit(s->conf.ctx, &c->rq, &answer))
		return true;
	keep_refusal(c, &answer);
	return false;
}

/* Hold memory for its body, or say that there is none. */
static bool has_room(struct conn *c)
{
	struct weir_http_server *s = c->server;
	const struct weir_http_route *r = c->rq.route;
	const size_t needed = c->parsed.chunked ? body_max(c) : (size_t)c->parsed.length;

	if (c->parsed.length > body_max(c)) {
		refuse(c, 413, "the body is longer than this page takes", NULL);
		return false;
	}
	if (r->take != NULL && c->parsed.chunked) {
		refuse(c, 411, "a body for this page needs its length: Content-Length", NULL);
		return false;
	}
	if (r->take != NULL || r->body_max == 0)
		return true;
	if (needed > s->conf.bodies_max - weir_min_u64(s->held, s->conf.bodies_max)) {
		refuse(c, 503, "too many requests are read just now: try again", NULL);
		return false;
	}
	c->held = needed;
	s->held += needed;
	return true;
}

static void fill_request(struct conn *c)
{
	c->rq.peer = c->peer;
	c->rq.peer_port = c->peer_port;
	c->rq.local = strncmp(c->peer, "127.", 4) == 0 || strcmp(c->peer, "::1") == 0;
	c->rq.tls = c->server->tls != NULL;
	c->rq.fd = bufferevent_getfd(c->bev);
	memcpy(c->rq.headers, c->parsed.headers, sizeof(c->rq.headers));
	c->rq.n_headers = c->parsed.n_headers;
}

/* What follows a head that could be read. */
static void begin_body(struct conn *c)
{
	const bool has_body = c->parsed.chunked || c->parsed.length > 0;
	uint64_t most = READ_OVER_MAX;

	fill_request(c);
	if (has_route(c) && is_admitted(c) && has_room(c))
		most = body_max(c);
	if (!has_body) {
		finish(c);
		return;
	}
	if (c->status != 0 && (c->parsed.expects || c->parsed.length > most)) {
		give_up(c, c->status, "");
		return;
	}
	if (c->parsed.expects)
		evbuffer_add_printf(bufferevent_get_output(c->bev),
				    "HTTP/1.1 100 Continue\r\n\r\n");
	c->chunked = (struct http_chunked){ 0 };
	c->left = c->parsed.chunked ? most : c->parsed.length;
	c->deadline_ns = deadline(c->left);
	c->state = CONN_BODY;
}

/* The empty line, or none yet. */
static size_t find_end(struct evbuffer *in, size_t *end_len)
{
	struct evbuffer_ptr crlf = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	struct evbuffer_ptr lf = evbuffer_search(in, "\n\n", 2, NULL);

	*end_len = crlf.pos >= 0 && (lf.pos < 0 || crlf.pos < lf.pos) ? 4 : 2;
	return (size_t)(*end_len == 4 ? crlf.pos : lf.pos);
}

static void skip_empty_lines(struct evbuffer *in)
{
	for (char first; evbuffer_copyout(in, &first, 1) == 1 && (first == '\r' || first == '\n');)
		evbuffer_drain(in, 1);
}

static void head_too_long(struct conn *c, struct evbuffer *in)
{
	const struct evbuffer_ptr line = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF);
	const bool first = line.pos < 0 || (size_t)line.pos > c->server->conf.header_max;

	c->parsed = (struct http_head){ .minor = 1, .close = true };
	give_up(c, first ? 414 : 431, first ? "the address is too long" : "the header is too long");
}

static void read_head(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len, end_len;
	const char *why;
	int status;

	skip_empty_lines(in);
	len = find_end(in, &end_len);
	if (len == SIZE_MAX || len > c->server->conf.header_max) {
		if (evbuffer_get_length(in) > c->server->conf.header_max)
			head_too_long(c, in);
		return;
	}
	c->head = malloc(len + 1);
	if (c->head == NULL) {
		c->parsed = (struct http_head){ .minor = 1, .close = true };
		give_up(c, 503, "no memory: try again");
		return;
	}
	evbuffer_remove(in, c->head, len);
	c->head[len] = '\0';
	evbuffer_drain(in, end_len);
	status = http_head_parse(c->head, len, &c->parsed, &why);
	if (status != 0) {
		c->parsed.length = 0;
		give_up(c, status, why);
	} else {
		begin_body(c);
	}
}

/* ------------------------------------------------------------------ what comes from the loop */

/* As far as it goes with what is there. */
static void step(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);

	if (c->state == CONN_HEAD)
		read_head(c);
	if (c->state == CONN_BODY)
		read_body(c);
	if (c->state == CONN_LINGER)
		evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	step(arg);
}

static void next_request(struct conn *c)
{
	end_request(c);
	c->requests++;
	c->state = CONN_HEAD;
	c->deadline_ns = deadline(0);
	bufferevent_enable(c->bev, EV_READ);
}

/* Nobody hears an answer whose connection was reset, as one is that is closed with bytes unread. */
static void linger(struct conn *c)
{
	end_request(c);
	c->state = CONN_LINGER;
	c->deadline_ns = weir_clock_mono_ns() + LINGER_S * WEIR_NS_PER_S;
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	bufferevent_enable(c->bev, EV_READ);
	step(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	if (c->state != CONN_ANSWER || evbuffer_get_length(bufferevent_get_output(bev)) > 0)
		return;
	if (c->last) {
		linger(c);
		return;
	}
	next_request(c);
	if (evbuffer_get_length(bufferevent_get_input(bev)) > 0)
		bufferevent_trigger(bev, EV_READ, BEV_OPT_DEFER_CALLBACKS); /* sent along */
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) != 0)
		http_conn_close(arg);
}

static void set_peer(struct conn *c, const struct sockaddr *peer)
{
	const struct sockaddr_in *ip4 = (const void *)peer;
	const struct sockaddr_in6 *ip6 = (const void *)peer;

	c->peer_port = ntohs(ip4->sin_port); /* at the same place in both */
	if (peer->sa_family == AF_INET)
		inet_ntop(AF_INET, &ip4->sin_addr, c->peer, sizeof(c->peer));
	else if (IN6_IS_ADDR_V4MAPPED(&ip6->sin6_addr))
		inet_ntop(AF_INET, &ip6->sin6_addr.s6_addr[12], c->peer, sizeof(c->peer));
	else
		inet_ntop(AF_INET6, &ip6->sin6_addr, c->peer, sizeof(c->peer));
}

void http_conn_open(struct weir_http_server *s, int fd, const struct sockaddr *peer)
{
	const int on = 1;
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->bev = s->tls != NULL ? http_tls_accept(s->tls, s->conf.base, fd)
				: bufferevent_socket_new(s->conf.base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->bev == NULL) {
		close(fd);
		free(c);
		return;
	}
	c->server = s;
	c->requests = 1;
	c->deadline_ns = deadline(0);
	set_peer(c, peer);
	weir_http_request_clear(&c->rq);
	LIST_INSERT_HEAD(&s->conns, c, link);
	s->counts.clients++;
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, s->conf.header_max + READ_AHEAD);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}
