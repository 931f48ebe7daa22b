/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of a server: contexts made of certificate files, a new one when they change. */
#include "http_priv.h"

#include <weir_cert.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <stdlib.h>

struct http_tls {
	struct weir_cert_watch *watch;
	SSL_CTX *now; /* of new connections; those before hold theirs */
};

/* The first certificate is ours, those behind it its issuers. */
static bool use_certificates(SSL_CTX *ctx, const char *text)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	bool good = bio != NULL;
	X509 *cert;

	for (bool first = true; good && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL;
	     first = false) {
		good = (first ? SSL_CTX_use_certificate(ctx, cert)
			      : SSL_CTX_add1_chain_cert(ctx, cert)) == 1;
		X509_free(cert);
	}
	BIO_free(bio);
	return good;
}

static bool use_key(SSL_CTX *ctx, const char *text)
{
	char no_password[] = "";
	BIO *bio = BIO_new_mem_buf(text, -1);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, no_password) : NULL;
	const bool good = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	BIO_free(bio);
	return good;
}

/* Checked before (lib/cert): what fails here is memory. */
static SSL_CTX *context_of(const struct weir_cert_pem *pem)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	if (use_certificates(ctx, pem->cert) && use_key(ctx, pem->key)) {
		ERR_clear_error();
		return ctx;
	}
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

static void on_changed(void *user)
{
	struct http_tls *tls = user;
	SSL_CTX *next = context_of(weir_cert_watch_pem(tls->watch));

	if (next == NULL)
		return;
	SSL_CTX_free(tls->now);
	tls->now = next;
}

struct http_tls *http_tls_open(struct event_base *base, const char *cert, const char *key,
			       struct weir_err *err)
{
	const struct weir_cert_files files = { .cert = cert, .key = key };
	struct http_tls *tls = calloc(1, sizeof(*tls));

	if (tls == NULL) {
		weir_err_set(err, ENOMEM, "%s: no memory for TLS", cert);
		return NULL;
	}
	tls->watch = weir_cert_watch_open(base, &files, on_changed, tls, err);
	if (tls->watch == NULL) {
		free(tls);
		return NULL;
	}
	tls->now = context_of(weir_cert_watch_pem(tls->watch));
	if (tls->now == NULL) {
		weir_err_set(err, ENOMEM, "%s: OpenSSL does not take it, or has no memory", cert);
		http_tls_close(tls);
		return NULL;
	}
	return tls;
}

void http_tls_close(struct http_tls *tls)
{
	if (tls == NULL)
		return;
	weir_cert_watch_close(tls->watch);
	SSL_CTX_free(tls->now);
	free(tls);
}

struct bufferevent *http_tls_accept(struct http_tls *tls, struct event_base *base, int fd)
{
	SSL *ssl = SSL_new(tls->now);
	struct bufferevent *bev;

	if (ssl == NULL)
		return NULL;
	bev = bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
					     BEV_OPT_CLOSE_ON_FREE); /* and the SSL */
	if (bev == NULL)
		SSL_free(ssl);
	else
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}
