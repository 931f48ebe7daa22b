/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view: everything that workers read and control may change, as one immutable struct behind one
 * pointer. A new one is made beside the old, swapped in, and the old is freed when every reader has
 * passed a quiescent state. What a view holds is the business of lib/pipe.
 */
#ifndef WEIR_VIEW_H
#define WEIR_VIEW_H

#include <weir_base.h>

struct weir_view;
struct weir_views;

/*
 * `readers` threads may read, with ids from 0. `first` is given; views are freed by `view_free`,
 * which accepts NULL. NULL without memory; then `first` is still the caller's. Control thread.
 */
struct weir_views *weir_views_create(unsigned int readers, struct weir_view *first,
				     void (*view_free)(struct weir_view *view));
/* Frees the current view too. No reader may be online. */
void weir_views_destroy(struct weir_views *vs);

/* A reader must be online to read, and offline before it sleeps for long or ends. */
void weir_views_online(struct weir_views *vs, unsigned int reader);
void weir_views_offline(struct weir_views *vs, unsigned int reader);

/* The current view, borrowed until this reader's next quiescent() or offline(). Once a burst. */
const struct weir_view *weir_views_get(struct weir_views *vs);
void weir_views_quiescent(struct weir_views *vs, unsigned int reader);

/*
 * Swap `next` (given) in; returns when nobody can hold the old view any more, which is freed. One
 * thread at a time, and not one that is online itself.
 */
void weir_views_publish(struct weir_views *vs, struct weir_view *next);

#endif
