/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate files are looked at every few seconds: what renews them may write them in place, rename
 * over them, or turn a link elsewhere (as Kubernetes does), and stat() sees it all.
 */
#include <weir_cert.h>

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define CHECK_MS 10000

struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct weir_cert_watch {
	char *paths[3]; /* CA, certificate, key; NULL: not named */
	struct stamp stamps[3];
	struct weir_cert_pem pem;
	bool bad; /* those of now, unlike `pem`: looked at each time, as time alone may mend them */
	char said[sizeof(((struct weir_err *)0)->msg)]; /* of it, in the log */
	struct event *timer;
	void (*changed)(void *user);
	void *user;
};

static struct stamp stamp_of(const char *path)
{
	struct stat st;

	if (path == NULL || stat(path, &st) < 0)
		return (struct stamp){ 0 };
	return (struct stamp){ st.st_dev, st.st_ino, st.st_size, st.st_ctim };
}

static bool same(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/*
 * Taken before the files are read: what changes in between is seen the next time. A file's clock ticks slowly, in
 * some file systems once a second: of one that has just changed the stamp proves nothing.
 */
static bool take_stamps(struct weir_cert_watch *w)
{
	time_t fresh = time(NULL) - 2;
	bool differ = false;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(w->paths); i++) {
		struct stamp now = stamp_of(w->paths[i]);

		differ |= !same(&now, &w->stamps[i]);
		if (now.changed.tv_sec >= fresh)
			now.size = -1; /* differs from any */
		w->stamps[i] = now;
	}
	return differ;
}

static int read_all(struct weir_cert_watch *w, struct weir_cert_pem *pem, struct weir_err *err)
{
	const struct weir_cert_files files = { w->paths[0], w->paths[1], w->paths[2], 0 };

	return weir_cert_read(&files, pem, err);
}

static bool equal(const struct weir_cert_pem *a, const struct weir_cert_pem *b)
{
	const char *const texts[][2] = { { a->ca, b->ca },
					 { a->cert, b->cert },
					 { a->key, b->key } };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(texts); i++)
		if (texts[i][0] != NULL && strcmp(texts[i][0], texts[i][1]) != 0)
			return false;
	return true;
}

/* Once, not at every look. */
static void say_bad(struct weir_cert_watch *w, const struct weir_err *err)
{
	if (strcmp(w->said, err->msg) == 0)
		return;
	snprintf(w->said, sizeof(w->said), "%s", err->msg);
	weir_log(WEIR_LOG_WARN, "%s; those read before stay in force", err->msg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct weir_cert_watch *w = arg;
	struct weir_err err = { 0 };
	struct weir_cert_pem pem;

	(void)fd;
	(void)what;
	if (!take_stamps(w) && !w->bad)
		return;
	w->bad = read_all(w, &pem, &err) < 0;
	if (w->bad) {
		say_bad(w, &err);
		return;
	}
	w->said[0] = '\0';
	if (equal(&pem, &w->pem)) {
		weir_cert_pem_free(&pem);
		return;
	}
	weir_cert_pem_free(&w->pem);
	w->pem = pem;
	weir_log(WEIR_LOG_INFO, "%s: changed certificates serve new connections",
		 w->paths[1] != NULL ? w->paths[1] : w->paths[0]);
	w->changed(w->user);
}

static char *copy(const char *text)
{
	return text == NULL ? NULL : strdup(text);
}

static int arm(struct weir_cert_watch *w, struct event_base *base, unsigned int check_ms,
	       struct weir_err *err)
{
	struct timeval every = { check_ms / 1000, (suseconds_t)(check_ms % 1000) * 1000 };

	w->timer = event_new(base, -1, EV_PERSIST, on_timer, w);
	if (w->timer == NULL || event_add(w->timer, &every) < 0)
		return weir_err_set(err, ENOMEM, "certificates: no memory to watch them");
	return 0;
}

struct weir_cert_watch *weir_cert_watch_open(struct event_base *base,
					     const struct weir_cert_files *files,
					     void (*changed)(void *user), void *user,
					     struct weir_err *err)
{
	struct weir_cert_watch *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		weir_err_set(err, ENOMEM, "certificates: no memory to read them");
		return NULL;
	}
	w->changed = changed;
	w->user = user;
	w->paths[0] = copy(files->ca);
	w->paths[1] = copy(files->cert);
	w->paths[2] = copy(files->key);
	if ((files->ca != NULL && w->paths[0] == NULL) ||
	    (files->cert != NULL && w->paths[1] == NULL) ||
	    (files->key != NULL && w->paths[2] == NULL)) {
		weir_err_set(err, ENOMEM, "certificates: no memory for their names");
		weir_cert_watch_close(w);
		return NULL;
	}
	take_stamps(w);
	if (read_all(w, &w->pem, err) == 0 &&
	    arm(w, base, files->check_ms != 0 ? files->check_ms : CHECK_MS, err) == 0)
		return w;
	weir_cert_watch_close(w);
	return NULL;
}

const struct weir_cert_pem *weir_cert_watch_pem(const struct weir_cert_watch *watch)
{
	return &watch->pem;
}

void weir_cert_watch_close(struct weir_cert_watch *watch)
{
	if (watch == NULL)
		return;
	if (watch->timer != NULL)
		event_free(watch->timer);
	weir_cert_pem_free(&watch->pem);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(watch->paths); i++)
		free(watch->paths[i]);
	free(watch);
}
