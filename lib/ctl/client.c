/* SPDX-License-Identifier: Apache-2.0 */
#include <weir_ctl.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_S 5  /* the agent's queue of connections is full */
#define REPLY_S   60 /* it can be busy: a table made anew, say */
#define LINE_MAX  (WEIR_CTL_UNSENT_MAX + 1)
#define READ_MAX  65536

struct weir_ctl_client {
	int fd;
	char *path;
	char *bytes; /* read, and not yet handed out */
	size_t len, room;
};

static int connect_failed(const char *path, struct weir_err *err)
{
	switch (errno) {
	case EACCES:
		return weir_err_set(err, EACCES,
				    "%s: this user may not ask the agent: run it as root, or as a "
				    "member of the socket's group (usermod -aG %s USER)",
				    path, WEIR_CTL_GROUP);
	case EAGAIN:
		return weir_err_set(err, ETIMEDOUT,
				    "%s: the agent takes no connection: it has too many, or hangs",
				    path);
	case ENOENT:
		return weir_err_set(err, ECONNREFUSED,
				    "%s: there is no such socket: is the agent running (systemctl "
				    "start weir-agent), and is this its control.socket (--socket "
				    "PATH)?",
				    path);
	case ECONNREFUSED:
		return weir_err_set(err, ECONNREFUSED,
				    "%s: the agent that made this socket is no more: systemctl "
				    "start weir-agent starts it, journalctl -u weir-agent says why "
				    "it ended",
				    path);
	default:
		return weir_err_set(err, ECONNREFUSED, "%s: cannot connect: %s", path,
				    strerror(errno));
	}
}

static int connect_to(struct weir_ctl_client *c, const char *path, struct weir_err *err)
{
	const struct timeval limit = { .tv_sec = CONNECT_S };
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (path[0] == '\0' || strlen(path) >= sizeof(at.sun_path))
		return weir_err_set(err, EINVAL, "%s: a socket's path has 1 to %zu bytes", path,
				    sizeof(at.sun_path) - 1);
	memcpy(at.sun_path, path, strlen(path) + 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(c->fd, (const struct sockaddr *)&at, sizeof(at)) != 0)
		return connect_failed(path, err);
	return 0;
}

struct weir_ctl_client *weir_ctl_client_open(const char *path, struct weir_err *err)
{
	struct weir_ctl_client *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->path = strdup(path)) == NULL) {
		weir_err_set(err, ENOMEM, "%s: no memory", path);
		free(c);
		return NULL;
	}
	c->fd = -1;
	if (connect_to(c, path, err) != 0) {
		weir_ctl_client_close(c);
		return NULL;
	}
	return c;
}

void weir_ctl_client_close(struct weir_ctl_client *c)
{
	if (c == NULL)
		return;
	if (c->fd >= 0)
		close(c->fd);
	free(c->path);
	free(c->bytes);
	free(c);
}

/*
 * What cannot be sent is no failure yet: an agent that turns somebody away says why, and closes, before
 * it reads anything.
 */
static void send_all(struct weir_ctl_client *c, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return;
		bytes += sent;
		n -= (size_t)sent;
	}
}

static int ask(struct weir_ctl_client *c, const char *command, json_t *args, struct weir_err *err)
{
	json_t *request = json_pack("{s:s,s:o}", "command", command, "args",
				    args != NULL ? args : json_object());
	char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;

	json_decref(request);
	if (text == NULL)
		return weir_err_set(err, EINVAL, "command %s: what it is given is no UTF-8 text",
				    command);
	send_all(c, text, strlen(text));
	send_all(c, "\n", 1);
	free(text);
	return 0;
}

static int make_room(struct weir_ctl_client *c, struct weir_err *err)
{
	size_t room = c->room * 2 > READ_MAX ? c->room * 2 : READ_MAX;
	char *more;

	if (c->room - c->len > 0)
		return 0;
	if (c->len > LINE_MAX)
		return weir_err_set(err, EPROTO,
				    "%s: the reply does not end: this is no weir-agent", c->path);
	more = realloc(c->bytes, room);
	if (more == NULL)
		return weir_err_set(err, ENOMEM, "%s: no memory for the reply", c->path);
	c->bytes = more;
	c->room = room;
	return 0;
}

/* Bytes read, 0 at the end, -EAGAIN, -EINTR, or another with `err` set. */
static int64_t read_some(struct weir_ctl_client *c, char *to, size_t room, int timeout_ms,
			 struct weir_err *err)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	ssize_t n;
	int ready = poll(&p, 1, timeout_ms);

	if (ready == 0)
		return -EAGAIN;
	if (ready < 0)
		return -errno;
	n = recv(c->fd, to, room, 0);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return weir_err_set(err, ECONNRESET, "%s: the agent closed the connection: %s",
				    c->path, strerror(errno));
	return n < 0 ? -errno : n;
}

/* More of a reply; a signal does not end a question. */
static int read_more(struct weir_ctl_client *c, struct weir_err *err)
{
	int64_t n;

	if (make_room(c, err) != 0)
		return -err->code;
	do
		n = read_some(c, c->bytes + c->len, c->room - c->len, REPLY_S * 1000, err);
	while (n == -EINTR);
	if (n == -EAGAIN)
		return weir_err_set(err, ETIMEDOUT,
				    "%s: no answer for %d s: the agent hangs; journalctl -u "
				    "weir-agent may say why",
				    c->path, REPLY_S);
	if (n == 0)
		return weir_err_set(err, ECONNRESET,
				    "%s: the agent closed the connection without an answer: it is "
				    "ending, or no weir-agent",
				    c->path);
	if (n < 0)
		return (int)n;
	c->len += (size_t)n;
	return 0;
}

static void forget(struct weir_ctl_client *c, size_t n)
{
	memmove(c->bytes, c->bytes + n, c->len - n);
	c->len -= n;
}

static int errno_of(json_int_t code)
{
	switch (code) {
	case WEIR_CTL_USAGE:
		return EINVAL;
	case WEIR_CTL_NOT_FOUND:
		return ENOENT;
	case WEIR_CTL_REFUSED:
		return EPERM;
	default:
		return EREMOTEIO;
	}
}

/* `reply` is given. */
static json_t *data_of(struct weir_ctl_client *c, json_t *reply, struct weir_err *err)
{
	const json_t *error = json_object_get(reply, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	json_t *data = NULL;

	if (json_is_true(json_object_get(reply, "ok"))) {
		data = json_object_get(reply, "data");
		data = data != NULL ? json_incref(data) : json_null();
	} else if (message != NULL) {
		weir_err_set(err, errno_of(json_integer_value(json_object_get(error, "code"))),
			     "%s", message);
	} else {
		weir_err_set(err, EPROTO, "%s: what answers there is no weir-agent", c->path);
	}
	json_decref(reply);
	return data;
}

static json_t *read_reply(struct weir_ctl_client *c, struct weir_err *err)
{
	const char *eol;
	json_t *reply;
	size_t len;

	while (c->len == 0 || (eol = memchr(c->bytes, '\n', c->len)) == NULL)
		if (read_more(c, err) != 0)
			return NULL;
	len = (size_t)(eol - c->bytes);
	reply = json_loadb(c->bytes, len, 0, NULL);
	forget(c, len + 1);
	return data_of(c, reply, err);
}

json_t *weir_ctl_client_call(struct weir_ctl_client *c, const char *command, json_t *args,
			     struct weir_err *err)
{
	struct weir_err mine = { 0 };
	json_t *data = NULL;

	if (ask(c, command, args, &mine) == 0)
		data = read_reply(c, &mine);
	if (data == NULL)
		weir_err_set(err, mine.code, "%s", mine.msg);
	return data;
}

int weir_ctl_client_begin(struct weir_ctl_client *c, const char *command, json_t *args,
			  struct weir_err *err)
{
	struct weir_err mine = { 0 };
	json_t *data = weir_ctl_client_call(c, command, args, &mine);

	if (data == NULL)
		return weir_err_set(err, mine.code, "%s", mine.msg);
	json_decref(data);
	return 0;
}

int64_t weir_ctl_client_read(struct weir_ctl_client *c, void *to, size_t room, int timeout_ms,
			     struct weir_err *err)
{
	size_t n = c->len < room ? c->len : room;

	if (n == 0)
		return read_some(c, to, room, timeout_ms, err);
	memcpy(to, c->bytes, n);
	forget(c, n);
	return (int64_t)n;
}

void weir_ctl_client_finish(struct weir_ctl_client *c)
{
	shutdown(c->fd, SHUT_WR);
}
