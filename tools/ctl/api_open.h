/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_OPEN_H
#define API_OPEN_H

#include "ctl.h"

#include <weir_http_client.h>

/* The client of a command, made when it is first needed: NULL with `err` set. */
struct weir_http_client *api_client(struct ctl *ctl, struct weir_err *err);

/* After a controller did not answer: what to do is added to what `err` says. */
void api_add_remedy(const struct ctl *ctl, struct weir_err *err);

#endif
