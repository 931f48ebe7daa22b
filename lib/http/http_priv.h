/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_PRIV_H
#define HTTP_PRIV_H

#include <weir_http.h>

#include <sys/socket.h>

/* listen.c: a descriptor that listens at "ADDRESS:PORT", or negative with `err` set. */
int http_listen(const char *at, struct weir_err *err);

#endif
