/* SPDX-License-Identifier: Apache-2.0 */
#include <weir_http_client.h>

#include <curl/curl.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct weir_http_client {
	CURL *curl;
	struct curl_slist *headers; /* of all requests */
	char *base;
	double timeout_s;
	char why[CURL_ERROR_SIZE];
};

/* What the body of an answer goes into. */
struct sink {
	CURL *curl;
	FILE *to, *memory;
	size_t len;
};

/* False without memory. */
static bool header_add(struct curl_slist **list, const char *header)
{
	struct curl_slist *more = curl_slist_append(*list, header);

	if (more != NULL)
		*list = more;
	return more != NULL;
}

static bool headers_make(struct weir_http_client *client, const struct weir_http_client_conf *conf)
{
	char bearer[512];
	bool made = header_add(&client->headers, "Expect:"); /* no waiting for "100 Continue" */

	for (const char *const *h = conf->headers; h != NULL && *h != NULL; h++)
		made = made && header_add(&client->headers, *h);
	if (conf->token == NULL)
		return made;
	if (snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", conf->token) >=
	    (int)sizeof(bearer))
		return false;
	made = made && header_add(&client->headers, bearer);
	explicit_bzero(bearer, sizeof(bearer));
	return made;
}

/* A machine may know no authority at all: it trusts nobody then, and libcurl is not to fail for the missing file. */
static void authorities_set(CURL *curl, const char *ca)
{
	const char *system = curl_version_info(CURLVERSION_NOW)->cainfo;

	if (ca != NULL || (system != NULL && access(system, R_OK) != 0))
		curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
}

static void options_set(CURL *curl, const struct weir_http_client *client, const char *ca)
{
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->why);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* a name may be ".." */
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");   /* a token is for the controller only */
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(client->timeout_s * 1000));
	authorities_set(curl, ca);
}

struct weir_http_client *weir_http_client_create(const struct weir_http_client_conf *conf,
						 struct weir_err *err)
{
	struct weir_http_client *client = calloc(1, sizeof(*client));

	if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(client);
		weir_err_set(err, ENOMEM, "%s: no memory", conf->base);
		return NULL;
	}
	client->timeout_s = conf->timeout_s;
	client->base = strdup(conf->base);
	client->curl = curl_easy_init();
	if (client->base == NULL || client->curl == NULL || !headers_make(client, conf)) {
		weir_http_client_destroy(client);
		weir_err_set(err, EINVAL, "%s: no memory, or a token that is too long", conf->base);
		return NULL;
	}
	options_set(client->curl, client, conf->ca);
	return client;
}

void weir_http_client_destroy(struct weir_http_client *client)
{
	if (client == NULL)
		return;
	curl_easy_cleanup(client->curl);
	curl_slist_free_all(client->headers);
	curl_global_cleanup();
	free(client->base);
	free(client);
}

static size_t take(char *bytes, size_t size, size_t n, void *ctx)
{
	struct sink *sink = ctx;
	long status = 0;

	(void)size; /* 1 */
	curl_easy_getinfo(sink->curl, CURLINFO_RESPONSE_CODE, &status);
	if (sink->to != NULL && status == 200)
		return fwrite(bytes, 1, n, sink->to);
	if (n > WEIR_HTTP_CLIENT_REPLY_MAX - sink->len)
		return 0;
	sink->len += n;
	return fwrite(bytes, 1, n, sink->memory);
}

static int code_of(CURLcode rc, long os, const struct sink *sink)
{
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		return os != 0 ? (int)os : ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return ECONNRESET;
	case CURLE_PEER_FAILED_VERIFICATION:
		return EKEYREJECTED;
	case CURLE_WRITE_ERROR:
		return sink->to != NULL ? EIO : EFBIG;
	case CURLE_READ_ERROR:
		return EIO;
	case CURLE_URL_MALFORMAT:
	case CURLE_SSL_CACERT_BADFILE:
		return EINVAL;
	case CURLE_OUT_OF_MEMORY:
		return ENOMEM;
	default:
		return EPROTO;
	}
}

static void timeout_set(const struct weir_http_client *client, bool carries_file)
{
	long ms = (long)(client->timeout_s * 1000);

	curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, carries_file ? 0L : ms);
	curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_LIMIT, carries_file ? 1L : 0L);
	curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_TIME,
			 carries_file ? (ms + 999) / 1000 : 0L);
}

/* NULL without memory. */
static curl_mime *form_make(CURL *curl, const struct weir_http_client_request *request)
{
	curl_mime *form = curl_mime_init(curl);
	bool made = form != NULL;

	for (size_t i = 0; made && i < request->n_parts; i++) {
		const struct weir_http_client_part *p = &request->parts[i];
		curl_mimepart *part = curl_mime_addpart(form);

		made = part != NULL && curl_mime_name(part, p->name) == CURLE_OK &&
		       (p->value != NULL ? curl_mime_data(part, p->value, CURL_ZERO_TERMINATED)
					 : curl_mime_filedata(part, p->file)) == CURLE_OK;
	}
	if (made)
		return form;
	curl_mime_free(form);
	return NULL;
}

static void body_set(CURL *curl, const struct weir_http_client_request *request, curl_mime *form)
{
	curl_easy_setopt(curl, CURLOPT_MIMEPOST, NULL);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	if (form != NULL) {
		curl_easy_setopt(curl, CURLOPT_MIMEPOST, form);
	} else if (request->type != NULL) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
				 request->body != NULL ? request->body : "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

/* The headers of all requests, and the type of this one's body. NULL without memory. */
static struct curl_slist *headers_of(const struct weir_http_client *client,
				     const struct weir_http_client_request *request)
{
	struct curl_slist *list = NULL;
	char type[128];
	bool made = true;

	for (const struct curl_slist *h = client->headers; h != NULL && made; h = h->next)
		made = header_add(&list, h->data);
	if (request->type != NULL) {
		snprintf(type, sizeof(type), "Content-Type: %s", request->type);
		made = made && header_add(&list, type);
	}
	if (made)
		return list;
	curl_slist_free_all(list);
	return NULL;
}

static int perform(struct weir_http_client *client, struct sink *sink, struct weir_err *err)
{
	CURL *curl = client->curl;
	CURLcode rc;
	long os = 0;

	client->why[0] = '\0';
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink);
	rc = curl_easy_perform(curl);
	if (rc == CURLE_OK)
		return 0;
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os);
	return weir_err_set(err, code_of(rc, os, sink), "%.200s: %.200s", client->base,
			    rc == CURLE_COULDNT_CONNECT && os != 0 ? strerror((int)os)
			    : client->why[0] != '\0'               ? client->why
								   : curl_easy_strerror(rc));
}

/* Everything of the request is set; the answer is asked for and taken. */
static int exchange(struct weir_http_client *client, FILE *to, struct weir_http_client_reply *reply,
		    struct weir_err *err)
{
	struct sink sink = { .curl = client->curl, .to = to };
	long status = 0;
	int rc;

	sink.memory = open_memstream(&reply->body, &reply->len);
	if (sink.memory == NULL)
		return weir_err_set(err, ENOMEM, "%.200s: no memory", client->base);
	rc = perform(client, &sink, err);
	if (fclose(sink.memory) != 0 && rc == 0)
		rc = weir_err_set(err, ENOMEM, "%.200s: no memory", client->base);
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	reply->status = (int)status;
	if (rc == 0)
		return 0;
	free(reply->body);
	reply->body = NULL;
	return rc;
}

int weir_http_client_ask(struct weir_http_client *client,
			 const struct weir_http_client_request *request,
			 struct weir_http_client_reply *reply, struct weir_err *err)
{
	struct curl_slist *headers = headers_of(client, request);
	curl_mime *form = request->n_parts > 0 ? form_make(client->curl, request) : NULL;
	size_t room = strlen(client->base) + strlen(request->target) + 1;
	char *url = malloc(room);
	int rc;

	*reply = (struct weir_http_client_reply){ 0 };
	if (headers == NULL || url == NULL || (request->n_parts > 0 && form == NULL)) {
		rc = weir_err_set(err, ENOMEM, "%.200s: no memory", client->base);
	} else {
		snprintf(url, room, "%s%s", client->base, request->target);
		curl_easy_setopt(client->curl, CURLOPT_URL, url);
		curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
		timeout_set(client, form != NULL || request->to != NULL);
		body_set(client->curl, request, form);
		rc = exchange(client, request->to, reply, err);
		curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
		curl_easy_setopt(client->curl, CURLOPT_MIMEPOST, NULL);
	}
	curl_mime_free(form);
	curl_slist_free_all(headers);
	free(url);
	return rc;
}
