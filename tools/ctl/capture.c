/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl capture: packets of a port or tap, as pcapng. The agent filters and writes blocks; here they become a file. */
#include "agent.h"
#include "blocks.h"
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LOOK_MS  500 /* how often the progress is shown, at most */
#define FINISH_S 10  /* for what the agent still sends */

struct capture {
	struct weir_ctl_client *client;
	struct blocks blocks;
	const char *path; /* for messages */
	int fd;
	off_t written;
	bool shows_progress;
	bool has_enough;    /* who reads standard output */
	uint64_t finish_ns; /* when the end was asked for; 0 = not yet */
};

/* Written over, as tcpdump does; but what is no file of its own kind is left alone. */
static int check_target(const char *path, int fd, bool is_link, struct weir_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode)) {
		if (ftruncate(fd, 0) == 0)
			return 0;
		return weir_err_set(err, errno, "%s: %s", path, strerror(errno));
	}
	if (!is_link && (S_ISFIFO(st.st_mode) ||
			 (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))) /* /dev/null */
		return 0;
	return weir_err_set(err, EPERM, "%s: is %s, not a file: captures are not written there",
			    path, is_link ? "a link to something else" : "a device");
}

static int open_file(const char *path, struct weir_err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
	int fd = open(path, flags | O_NOFOLLOW, 0600);
	bool is_link = fd < 0 && errno == ELOOP;

	if (is_link)
		fd = open(path, flags, 0600);
	if (fd < 0)
		return weir_err_set(err, errno, "%s: cannot be written: %s", path, strerror(errno));
	if (check_target(path, fd, is_link, err) != 0) {
		close(fd);
		return -err->code;
	}
	return fd;
}

static int open_target(struct capture *c, const char *path, struct weir_err *err)
{
	bool to_stdout = strcmp(path, "-") == 0;

	c->path = to_stdout ? "standard output" : path;
	c->shows_progress = isatty(STDERR_FILENO);
	c->fd = to_stdout ? STDOUT_FILENO : open_file(path, err);
	return c->fd >= 0 ? 0 : c->fd;
}

/* Of a write that failed after `done` bytes. A pipe has what it has; a file ends with a whole block. */
static int write_failed(struct capture *c, size_t done, struct weir_err *err)
{
	int code = errno;

	if (c->fd == STDOUT_FILENO)
		return weir_err_set(err, code, "%s: %s", c->path, strerror(code));
	if (ftruncate(c->fd, c->written + (off_t)blocks_whole(&c->blocks, done)) != 0)
		return weir_err_set(err, code, "%s: %s; its end is damaged", c->path,
				    strerror(code));
	return weir_err_set(err, code, "%s: %s; it holds what came before", c->path,
			    strerror(code));
}

/* The first `n` bytes of what came, whole blocks. */
static int write_blocks(struct capture *c, size_t n, struct weir_err *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t w = write(c->fd, c->blocks.bytes + done, n - done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && errno == EPIPE) {
			c->has_enough = true;
			return 0;
		}
		if (w < 0)
			return write_failed(c, done, err);
		done += (size_t)w;
	}
	c->written += (off_t)n;
	return 0;
}

static void show_progress(const struct capture *c)
{
	char packets[OUTPUT_CELL_MAX], bytes[OUTPUT_CELL_MAX];

	if (!c->shows_progress)
		return;
	output_count(packets, c->blocks.packets);
	output_count(bytes, c->blocks.captured);
	fprintf(stderr, "\r%s packets, %s bytes \033[K", packets, bytes);
}

/* 1: go on; 0: the end; negative with `err` set. */
static int step(struct capture *c, struct weir_err *err)
{
	size_t room;
	uint8_t *to = blocks_room(&c->blocks, &room);
	int64_t n, whole;

	if (to == NULL)
		return weir_err_set(err, ENOMEM, "capture: no memory");
	n = weir_ctl_client_read(c->client, to, room, LOOK_MS, err);
	if (n == -EAGAIN && c->fd == STDOUT_FILENO)
		c->has_enough = agent_output_is_unread();
	if (n == -EAGAIN || n == -EINTR)
		return 1;
	if (n <= 0)
		return (int)n;
	whole = blocks_added(&c->blocks, (size_t)n, err);
	if (whole < 0)
		return (int)whole;
	if (whole > 0 && write_blocks(c, (size_t)whole, err) != 0)
		return -err->code;
	blocks_drop(&c->blocks, (size_t)whole);
	return 1;
}

/* Ask for the end, once; false when it does not come. */
static bool finish(struct capture *c)
{
	if (c->finish_ns == 0) {
		weir_ctl_client_finish(c->client);
		c->finish_ns = weir_clock_mono_ns();
	}
	return weir_clock_mono_ns() - c->finish_ns < FINISH_S * WEIR_NS_PER_S;
}

static int run(struct capture *c, const volatile sig_atomic_t *stop, struct weir_err *err)
{
	uint64_t shown = 0;
	int rc;

	while ((rc = step(c, err)) > 0) {
		if (c->has_enough)
			return 0;
		if (*stop && !finish(c))
			return weir_err_set(err, ETIMEDOUT, "the agent does not end the capture");
		if (weir_clock_mono_ns() - shown > LOOK_MS * WEIR_NS_PER_MS) {
			show_progress(c);
			shown = weir_clock_mono_ns();
		}
	}
	return rc;
}

static bool is_whole(const struct capture *c)
{
	for (uint32_t i = 0; i < c->blocks.n_interfaces; i++)
		if (!c->blocks.interfaces[i].is_counted)
			return false;
	return c->blocks.n_interfaces > 0 && c->blocks.len == 0;
}

static void print_summary(const struct capture *c)
{
	fprintf(stderr, "%s%" PRIu64 " packet%s captured to %s\n",
		c->shows_progress ? "\r\033[K" : "", c->blocks.packets,
		c->blocks.packets == 1 ? "" : "s", c->path);
	for (uint32_t i = 0; i < c->blocks.n_interfaces; i++) {
		const struct blocks_interface *f = &c->blocks.interfaces[i];

		if (f->is_counted && f->matched != UINT64_MAX && f->dropped != UINT64_MAX)
			fprintf(stderr,
				"%s: %" PRIu64 " matched, %" PRIu64 " dropped for want of room\n",
				f->name, f->matched, f->dropped);
	}
}

/* The filter is the words behind PORT, as with tcpdump; NULL without memory. */
static char *filter_of(const struct ctl *ctl)
{
	size_t room = 1, n = 0;
	char *text;

	for (unsigned int i = 1; i < ctl->n_words; i++)
		room += strlen(ctl->words[i]) + 1;
	text = malloc(room);
	if (text == NULL)
		return NULL;
	text[0] = '\0';
	for (unsigned int i = 1; i < ctl->n_words; i++)
		n += (size_t)snprintf(text + n, room - n, "%s%s", i > 1 ? " " : "", ctl->words[i]);
	return text;
}

/* NAME is a port's, or else a tap's: "port" or "tap"; NULL with `err` set. */
static const char *kind_of(const struct ctl *ctl, struct weir_err *err)
{
	json_t *answer = port_ask(ctl, err), *chosen = NULL;
	const char *kind = NULL;

	if (answer != NULL)
		chosen = port_choose(answer, ctl->name, err);
	if (chosen != NULL)
		kind = strcmp(agent_text(json_array_get(chosen, 0), "name"), ctl->name) == 0
			       ? "port"
			       : "tap";
	json_decref(chosen);
	json_decref(answer);
	return kind;
}

static int begin(struct capture *c, const struct ctl *ctl, struct weir_err *err)
{
	const char *kind = kind_of(ctl, err);
	char *filter;
	json_t *args;

	if (kind == NULL)
		return -err->code;
	filter = filter_of(ctl);
	args = json_pack("{s:s,s:s,s:I,s:I,s:f,s:s}", kind, ctl->name, "filter",
			 filter != NULL ? filter : "", "count", (json_int_t)ctl->count, "snaplen",
			 (json_int_t)(ctl->snaplen > 0 ? ctl->snaplen : WEIR_FRAME_MAX), "seconds",
			 ctl->for_s, "comment", ctl->comment != NULL ? ctl->comment : "");
	free(filter);
	if (args == NULL)
		return weir_err_set(err, EINVAL, "capture: filter or comment is no UTF-8 text");
	c->client = agent_open(ctl, err);
	if (c->client == NULL) {
		json_decref(args);
		return -err->code;
	}
	return weir_ctl_client_begin(c->client, "capture", args, err);
}

static int check_options(const struct ctl *ctl, struct weir_err *err)
{
	if (ctl->write == NULL)
		return weir_err_set(err, EINVAL,
				    "capture: needs -w FILE, or -w - for standard output, as in "
				    "weirctl capture %s -w - | tcpdump -nr -",
				    ctl->name);
	if (strcmp(ctl->write, "-") == 0 && isatty(STDOUT_FILENO))
		return weir_err_set(err, EINVAL,
				    "capture: -w -: a capture is not for a terminal: name a file, "
				    "or pipe it, as in weirctl capture %s -w - | tcpdump -nr -",
				    ctl->name);
	return 0;
}

static enum ctl_exit result(const struct capture *c, int rc, struct weir_err *err)
{
	if (c->has_enough)
		return CTL_OK;
	print_summary(c);
	if (rc != 0)
		return rc == -ECONNRESET || rc == -ETIMEDOUT ? CTL_PARTIAL : CTL_FAILED;
	if (is_whole(c))
		return CTL_OK;
	weir_err_set(err, ECONNRESET,
		     "the agent ended before the capture did; %s holds what came until then",
		     c->path);
	return CTL_PARTIAL;
}

enum ctl_exit ctl_capture(struct ctl *ctl, struct weir_err *err)
{
	const volatile sig_atomic_t *stop = agent_stop_on_signals();
	struct capture c = { .fd = -1 };
	enum ctl_exit code;

	if (check_options(ctl, err) != 0)
		return CTL_USAGE;
	if (begin(&c, ctl, err) != 0)
		code = agent_exit(err);
	else if (open_target(&c, ctl->write, err) != 0)
		code = err->code == EPERM ? CTL_REFUSED : CTL_FAILED;
	else
		code = result(&c, run(&c, stop, err), err);
	if (c.fd > STDERR_FILENO && close(c.fd) != 0 && code == CTL_OK) {
		weir_err_set(err, errno, "%s: %s", c.path, strerror(errno));
		code = CTL_FAILED;
	}
	weir_ctl_client_close(c.client);
	blocks_fini(&c.blocks);
	return code;
}
