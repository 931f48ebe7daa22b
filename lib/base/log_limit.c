/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit of what repeats: a place in the code, for each object, may say so many messages in a
 * window of time. A fixed table of windows; a new one takes the place of one that is over, or else of
 * the oldest.
 */
#include "log_priv.h"

#include <pthread.h>

#define WINDOWS 64

struct window {
	uint64_t place; /* and object; 0 = free */
	uint64_t begin_ns;
	unsigned int said;
	uint64_t left;
	struct log_message last; /* of those left out */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct window windows[WINDOWS];
static unsigned int burst = 10;
static uint64_t window_ns = 10 * WEIR_NS_PER_S;

void weir_log_limit_set(unsigned int n, uint64_t ns)
{
	pthread_mutex_lock(&lock);
	burst = n;
	window_ns = ns;
	pthread_mutex_unlock(&lock);
}

/* A thread may come with a time before that of another, which came first. */
static bool is_over(const struct window *w, uint64_t now_ns)
{
	return now_ns >= w->begin_ns && now_ns - w->begin_ns >= window_ns;
}

/* Free a window, and say what it left out. */
static void end(struct window *w, uint64_t now_ns, struct log_left *left)
{
	left->n = w->left;
	left->ns = now_ns - w->begin_ns;
	if (w->left > 0)
		left->last = w->last;
	w->place = 0;
	w->left = 0;
}

/* The window of a place; else one to be used for it: free, over with nothing left out, the oldest. */
static struct window *find(uint64_t place, uint64_t now_ns)
{
	struct window *best = &windows[0];

	for (size_t i = 0; i < WINDOWS; i++) {
		struct window *w = &windows[i];

		if (w->place == place)
			return w;
		if (w->left == 0 && is_over(w, now_ns))
			w->place = 0;
		if (best->place != 0 && (w->place == 0 || w->begin_ns < best->begin_ns))
			best = w;
	}
	return best;
}

static bool take(struct window *w, uint64_t place, const struct log_message *m, uint64_t now_ns,
		 struct log_left *left)
{
	if (w->place != place || is_over(w, now_ns)) {
		end(w, now_ns, left);
		w->place = place;
		w->begin_ns = now_ns;
		w->said = 0;
	}
	if (w->said < burst) {
		w->said++;
		return true;
	}
	w->left++;
	w->last = *m;
	return false;
}

bool weir_log_limit_take(uint64_t place, const struct log_message *m, uint64_t now_ns,
			 struct log_left *left)
{
	bool may = true;

	left->n = 0;
	pthread_mutex_lock(&lock);
	if (burst > 0)
		may = take(find(place, now_ns), place, m, now_ns, left);
	pthread_mutex_unlock(&lock);
	return may;
}

bool weir_log_limit_over(uint64_t now_ns, bool all, struct log_left *left)
{
	left->n = 0;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WINDOWS && left->n == 0; i++)
		if (windows[i].left > 0 && (all || is_over(&windows[i], now_ns)))
			end(&windows[i], now_ns, left);
	pthread_mutex_unlock(&lock);
	return left->n > 0;
}
