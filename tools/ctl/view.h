/* SPDX-License-Identifier: Apache-2.0 */
/* Flow records on standard output, a row each, in any format. */
#ifndef VIEW_H
#define VIEW_H

#include "ctl.h"

#include <weir_rec.h>

struct view;

/* NULL with `err` set without memory. */
struct view *view_begin(enum output_format format, struct weir_err *err);
void view_add(struct view *v, const struct weir_flow_rec *rec);

/* Show at once what was added: for records that come now and then. */
void view_flush(struct view *v);

/* False: nobody reads on. */
bool view_goes_on(const struct view *v);

/* Write the rest and free it. `code`, or CTL_FAILED with `err` set: that outweighs what was read. */
enum ctl_exit view_end(struct view *v, enum ctl_exit code, struct weir_err *err);

#endif
