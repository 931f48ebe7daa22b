/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl flow watch: flow records as the agent makes them. */
#include "agent.h"
#include "rec_json.h"
#include "view.h"

#include <weir_export.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define LOOK_MS  500
#define READ_MAX (16 * WEIR_JSON_MAX)

struct watch {
	struct weir_ctl_client *client;
	const struct filter *filter;
	struct view *view;
	uint64_t left;
	uint64_t left_out;    /* records that the agent had no room for */
	char bytes[READ_MAX]; /* lines, the last one not whole yet */
	size_t len;
};

static int take_line(struct watch *w, const char *line, size_t len, struct weir_err *err)
{
	json_t *object = json_loadb(line, len, 0, NULL);
	const uint64_t left_out = agent_u64(object, "left_out");
	struct weir_flow_rec rec;
	bool is_record = left_out == 0 && rec_from_json(&rec, object);

	json_decref(object);
	w->left_out += left_out;
	if (left_out > 0)
		return 0;
	if (!is_record)
		return weir_err_set(err, EBADMSG,
				    "flow watch: what the agent sends is no flow record: are agent "
				    "and weirctl of one version?");
	if (w->left > 0 && filter_matches(w->filter, &rec)) {
		view_add(w->view, &rec);
		w->left--;
	}
	return 0;
}

static int take_lines(struct watch *w, struct weir_err *err)
{
	const char *p = w->bytes, *end = w->bytes + w->len, *eol;

	while ((eol = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		if (take_line(w, p, (size_t)(eol - p), err) != 0)
			return -err->code;
		p = eol + 1;
	}
	w->len = (size_t)(end - p);
	memmove(w->bytes, p, w->len);
	if (w->len == sizeof(w->bytes))
		return weir_err_set(err, EBADMSG, "flow watch: a line of the agent does not end");
	return 0;
}

/* 1: go on; 0: the agent ended; negative with `err` set. */
static int step(struct watch *w, struct weir_err *err)
{
	int64_t n = weir_ctl_client_read(w->client, w->bytes + w->len, sizeof(w->bytes) - w->len,
					 LOOK_MS, err);

	if (n == -EAGAIN && agent_output_is_unread())
		w->left = 0;
	if (n == -EAGAIN || n == -EINTR)
		return 1;
	if (n <= 0)
		return (int)n;
	w->len += (size_t)n;
	if (take_lines(w, err) != 0)
		return -err->code;
	view_flush(w->view);
	return 1;
}

static enum ctl_exit run(struct watch *w, const volatile sig_atomic_t *stop, struct weir_err *err)
{
	int rc = 1;

	while (rc > 0 && !*stop && w->left > 0 && view_goes_on(w->view))
		rc = step(w, err);
	if (rc > 0)
		return CTL_OK;
	if (rc == 0)
		weir_err_set(err, ECONNRESET, "flow watch: the agent ended");
	return agent_exit(err);
}

/* Nothing is left out unsaid. */
static void say_left_out(const struct watch *w)
{
	if (w->left_out > 0)
		fprintf(stderr,
			"weirctl: flow watch: %" PRIu64
			" records were left out: they came faster than they were read. The "
			"store and other sinks have them\n",
			w->left_out);
}

enum ctl_exit ctl_flow_watch(struct ctl *ctl, struct weir_err *err)
{
	static struct watch w;
	const volatile sig_atomic_t *stop = agent_stop_on_signals();
	enum ctl_exit code;

	w = (struct watch){ .filter = &ctl->filter,
			    .left = ctl->limit > 0 ? ctl->limit : UINT64_MAX };
	w.client = agent_open(ctl, err);
	if (w.client == NULL || weir_ctl_client_begin(w.client, "watch", NULL, err) != 0) {
		code = agent_exit(err);
	} else {
		w.view = view_begin(ctl->format, err);
		code = w.view != NULL ? view_end(w.view, run(&w, stop, err), err) : CTL_FAILED;
		say_left_out(&w);
	}
	weir_ctl_client_close(w.client);
	return code;
}
